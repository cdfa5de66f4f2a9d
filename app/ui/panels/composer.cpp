// The composer: the text that goes to the model, its sampling, Send or Stop.
#include <imgui_internal.h>

#include <algorithm>

#include "app/ui/panels/panels.h"
#include "app/ui/text/text_field.h"

namespace app::ui {

static bool is_replay(const Panel& p) {
    return p.state.ready() && p.state.model->replayed;
}

float composer_height(const Panel& p) {
    if (is_replay(p)) {
        return replay_card_height(p);
    }
    const float lines = float(std::clamp(line_count(p.view.composer), 1, 8));
    return p.gui.px(68 + 20 * lines);
}

namespace {

/// No wider than `room`.
void draw_preset(Panel& p, float x, float cy, float room) {
    Gui& gui = p.gui;
    const std::string label = one_line(sampling_label(p), 28);
    const TextStyle style{Face::regular, 13, Color::text2};
    const float text_w = std::min(gui.width(style, label), room - gui.px(26));
    const Rect r{x - gui.px(6), cy - gui.px(13), text_w + gui.px(32), gui.px(26)};
    const Hit hit = gui.hit("composer.sampling", r, "button", label);
    gui.tooltip("How tokens are drawn");
    if (hit.hovered) {
        gui.fill(r, Color::hover, 7);
    }
    if (hit.focused) {
        gui.focus_ring(r, 7);
    }
    const float end = gui.text_fit(style, x, cy, text_w, label);
    gui.icon(Icon::chevron_down, end + gui.px(12), cy, 12, Color::text2);
    if (hit.clicked) {
        p.view.menu_sampling = true;
        p.view.presets.anchor_to = "composer.sampling";
    }
}

void submit(Panel& p) {
    const std::string text = typed_text(p.view.composer);
    if (p.state.busy() || !p.state.ready() ||
        text.find_first_not_of(" \t\r\n") == std::string::npos) {
        return;
    }
    p.later([text = text](UiState& s) { s.send(text); });
    p.view.composer.buffer.clear();
    p.view.composer.take_focus = true;
    p.view.inspector_page = false;  // on the start page it may have been asked for
    p.view.scroll_to_bottom = true;
}

}  // namespace

void type_into_composer(Panel& p) {
    ImGuiIO& io = ImGui::GetIO();
    ImVector<ImWchar>& typed = io.InputQueueCharacters;
    // A space works the button that has the focus.
    if (io.WantTextInput || io.KeyCtrl || io.KeyAlt || typed.empty() || typed[0] <= ' ' ||
        ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopupId | ImGuiPopupFlags_AnyPopupLevel)) {
        return;
    }
    FieldText& field = p.view.composer;
    const bool waits = field.caret_to_end;
    if (append_typed(field)) {
        field.take_focus = !waits;
    }
}

void draw_composer(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    if (is_replay(p)) {
        draw_replay_card(p, r);
        return;
    }
    const bool ready = p.state.ready();
    const std::string name = ready ? display_name(*p.state.model) : std::string();
    const std::string hint = !ready                   ? "Open a model to start"
                             : p.state.chat().empty() ? "Say something"
                                                      : "Message " + name;
    const Rect field{r.x + gui.px(16), r.y + gui.px(10), r.w - gui.px(32), r.h - gui.px(58)};
    const bool enter_sends = p.view.config.send_key == SendKey::enter;
    const std::string_view send_note = enter_sends ? "Enter to send" : "Ctrl Enter to send";
    gui.fill(r, Color::card, 12);
    const FieldResult result =
        text_field(gui, "composer.text", field, p.view.composer, hint, enter_sends);
    gui.frame(r, result.focused ? Color::accent : Color::edge, 12, result.focused ? 1.5f : 1);
    const float cy = r.bottom() - gui.px(24);
    if (result.submitted) {
        submit(p);
        p.view.composer.take_focus = true;
    }
    if (result.cancelled && p.state.busy()) {
        p.view.composer.take_focus = true;  // it stopped the answer; the text is still being typed
    }
    if (!ready) {
        return;
    }
    const float left = r.x + gui.px(18);
    if (p.state.busy()) {
        const ButtonOptions stop{Look::outline, Icon::stop, "Esc", "Stop writing",
                                 !p.state.stopping};
        const float w = button_width(gui, "Stop", stop);
        draw_preset(p, left, cy, r.right() - gui.px(20) - w - left);
        if (button_at(gui, "composer.stop", r.right() - gui.px(12) - w, cy, "Stop", stop)) {
            p.state.stop();
        }
        return;
    }
    const bool can = typed_text(p.view.composer).find_first_not_of(" \t\r\n") != std::string::npos;
    const Rect send{r.right() - gui.px(12) - gui.px(34), cy - gui.px(15), gui.px(34), gui.px(30)};
    draw_preset(p, left, cy, send.x - gui.px(8) - left);
    const Hit hit = gui.hit("composer.send", send, "button", "Send", can);
    gui.tooltip(enter_sends ? "Send (Enter)" : "Send (Ctrl Enter)");
    gui.fill(send,
             !can          ? Color::raised
             : hit.hovered ? Color::accent_fill_hover
                           : Color::accent_fill,
             8);
    gui.icon(Icon::arrow_up, send.cx(), send.cy(), 16, can ? Color::on_accent : Color::text3);
    if (hit.focused) {
        gui.focus_ring(send, 8);
    }
    const float note = send.x - gui.px(12) - gui.width(type::kNote, send_note);
    if (note > r.x + gui.px(60) +
                   gui.width({Face::regular, 13, Color::text2}, one_line(sampling_label(p), 28))) {
        gui.text(with(type::kNote, Color::text3), note, cy, send_note);
    }
    if (hit.clicked) {
        submit(p);
    }
}

}  // namespace app::ui
