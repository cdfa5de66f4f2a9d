// An error across the top of the pane: what happened, what would work, what to copy for a report.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"

namespace app::ui {

namespace {

constexpr float kOffer = 34;  // height of one offer

void open_offer(Panel& p, const Alternative& offer) {
    if (!offer.device.empty()) {
        p.view.device = offer.device;
    }
    p.later([offer](UiState& s) {
        s.open_model(offer.path, offer.device, offer.n_ctx, {.anyway = offer.anyway});
    });
}

/// One line each: what can be opened is a button, the rest is advice.
void draw_offers(Panel& p, float x, float y, float w) {
    Gui& gui = p.gui;
    const std::vector<Alternative>& offers = p.state.trouble->offers;
    for (size_t i = 0; i < offers.size(); ++i, y += gui.px(kOffer)) {
        const float cy = std::round(y + gui.px(kOffer / 2));
        if (!offers[i].can_open) {
            gui.icon(Icon::info, x + gui.px(14), cy, 14, Color::text2);
            gui.text_fit(with(type::kControl, Color::text2), x + gui.px(28), cy, w - gui.px(28),
                         offers[i].text);
            continue;
        }
        const ButtonOptions look{i == 0 ? Look::primary : Look::outline};
        const float wide = std::min(button_width(gui, offers[i].text, look), w);
        const Rect place{x, std::round(cy - gui.px(14)), wide, gui.px(28)};
        if (button(gui, fmt::format("trouble.offer.{}", i), place, offers[i].text, look)) {
            open_offer(p, offers[i]);
        }
    }
}

void draw_actions(Panel& p, float x, float cy) {
    Gui& gui = p.gui;
    const Trouble& t = *p.state.trouble;
    Rect taken{0, 0, 0, 0};
    button_at(gui, "trouble.copy", x, cy, "Copy", {Look::outline, Icon::copy}, &taken);
    if (ImGui::IsItemClicked() || ImGui::IsItemActivated()) {
        ImGui::SetClipboardText((t.message + "\n" + t.hint).c_str());
        p.view.say("Copied");
    }
    if (!p.state.ready() && !p.state.loading() && t.offers.empty() &&
        button_at(gui, "trouble.shipped", taken.right() + gui.px(8), cy, "Open the shipped model",
                  {Look::outline}, &taken)) {
        p.later([device = p.view.device, n = p.state.n_ctx](UiState& s) {
            s.open_model({}, device, n);
        });
        return;
    }
    if (button_at(gui, "trouble.open", taken.right() + gui.px(8), cy, "Open a model…",
                  {Look::outline, Icon::folder}, &taken)) {
        p.view.show_open = true;
    }
    if (p.view.models.library != nullptr &&
        button_at(gui, "trouble.diagnostics", taken.right() + gui.px(8), cy, "Copy diagnostics",
                  {Look::outline,
                   Icon::info,
                   {},
                   "Versions, devices, limits and the log's end; "
                   "no text of any chat"})) {
        copy_diagnostics(p);
    }
}

}  // namespace

void copy_diagnostics(Panel& p) {
    if (p.view.models.library == nullptr) {
        return;
    }
    std::string in_use;
    if (const ModelInfo* m = p.state.model.get()) {
        in_use = fmt::format("Model {} ({}, {}), context {}, on {} ({})\n", m->path, m->format,
                             m->quant, m->n_ctx, m->device_name, m->device_driver);
    }
    if (p.state.trouble) {
        in_use += "Shown: " + p.state.trouble->message + "\n";
    }
    p.view.models.wants_diagnostics = true;
    p.view.models.library->diagnose(in_use);
}

float draw_trouble(Panel& p, const Rect& r) {
    if (!p.state.trouble) {
        return 0;
    }
    Gui& gui = p.gui;
    const Trouble& t = *p.state.trouble;
    const float w = std::min(r.w - gui.px(32), gui.px(720));
    const TextStyle message{Face::medium, 14, Color::text};
    const float text_w = w - gui.px(64);
    const float h1 = gui.paragraph(message, 0, 0, text_w, 20, t.message, true);
    const float h2 =
        t.hint.empty() ? 0 : gui.paragraph(type::kNote, 0, 0, text_w, 18, t.hint, true);
    const float offers =
        gui.px(kOffer) * float(t.offers.size()) + (t.offers.empty() ? 0 : gui.px(8));
    const Rect card{std::round(r.cx() - w / 2), r.y + gui.px(12), w,
                    std::round(h1 + h2 + offers + gui.px(70))};
    gui.card(card, Color::card, Color::edge, 10);
    gui.fill({card.x, card.y + gui.px(10), gui.px(3), card.h - gui.px(20)}, Color::error, 1.5f);
    gui.icon(Icon::warning, card.x + gui.px(26), card.y + gui.px(24), 16, Color::error);
    const float x = card.x + gui.px(46);
    gui.paragraph(message, x, card.y + gui.px(14), text_w, 20, t.message);
    gui.paragraph(type::kNote, x, card.y + gui.px(18) + h1, text_w, 18, t.hint);
    draw_offers(p, x, card.y + gui.px(26) + h1 + h2, text_w);
    draw_actions(p, x, card.bottom() - gui.px(26));
    const float height = card.bottom() - r.y + gui.px(8);
    if (icon_button(gui, "trouble.close", card.right() - gui.px(22), card.y + gui.px(22),
                    Icon::close, "Close this message")) {
        p.state.trouble.reset();
    }
    return height;
}

}  // namespace app::ui
