// First run and empty chat: what is open, where to start, how to bring another model.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "app/starters.h"
#include "app/ui/panels/panels.h"
#include "app/ui/text/text_field.h"

namespace app::ui {

namespace {

void draw_ready_card(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    gui.fill(r, gui.theme().dark ? Color::card : Color::hover, 10);
    const ImVec2 c{r.x + gui.px(32), r.cy()};
    gui.draw()->AddCircleFilled(c, gui.px(14), gui.color(Color::accent_bg));
    gui.draw()->AddCircle(c, gui.px(14), gui.color(Color::accent), 0, gui.px(1.5f));
    gui.icon(Icon::check, c.x, c.y, 14, Color::accent, 1.8f);
    const ModelInfo& m = *p.state.model;
    const float x = r.x + gui.px(60), w = r.right() - x - gui.px(12);
    gui.text_fit({Face::semibold, 14, Color::text}, x, r.y + gui.px(22), w,
                 display_name(m) + " is ready");
    std::string facts = fmt::format("{} architecture, {} parameters, {} layers × {} heads, {}",
                                    architecture_name(m), parameter_count(m.n_params), m.n_layers,
                                    m.n_heads, file_size(m.file_bytes));
    gui.text_fit({Face::regular, 13, Color::text2}, x, r.y + gui.px(43), w, facts);
}

void draw_starters(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    if (r.h < gui.px(26 + 76)) {
        return;  // no room for a single row of them
    }
    gui.text(with(type::kTitle, Color::text2), r.x, r.y + gui.px(9), "Try one");
    const float note = gui.width(type::kNote, "each opens with the inspector beside it");
    if (note + gui.px(90) < r.w) {
        gui.text_right(with(type::kNote, Color::text3), r.right(), r.y + gui.px(9),
                       "each opens with the inspector beside it");
    }
    const float gap = gui.px(12), w = std::floor((r.w - gap) / 2);
    const float h = std::clamp(std::floor((r.h - gui.px(26) - gap) / 2), gui.px(76), gui.px(106));
    for (size_t i = 0; i < kStarters.size(); ++i) {
        const Rect card{std::round(r.x + float(i % 2) * (w + gap)),
                        std::round(r.y + gui.px(26) + float(i / 2) * (h + gap)), w, h};
        if (card.bottom() > r.bottom() + 1) {
            break;
        }
        const std::string obstacle = p.state.replay_obstacle();
        const bool can = obstacle.empty();
        const Hit hit =
            gui.hit("welcome.try." + std::to_string(i), card, "button", kStarters[i].prompt, can);
        gui.tooltip(obstacle);
        if (hit.hovered && can) {
            gui.fill(card, Color::hover, 10);
        }
        gui.frame(card, Color::edge, 10);
        if (hit.focused) {
            gui.focus_ring(card, 10);
        }
        gui.paragraph({Face::regular, 14, can ? Color::text : Color::text3}, card.x + gui.px(16),
                      card.y + gui.px(14), card.w - gui.px(32), 21, kStarters[i].card);
        const float foot = card.bottom() - gui.px(22);
        if (h > gui.px(88)) {
            gui.text(type::kNote, card.x + gui.px(16), foot, kStarters[i].note);
            gui.icon(Icon::chevron_right, card.right() - gui.px(20), foot, 14, Color::text3);
        }
        if (hit.clicked) {
            p.view.inspector = true;
            p.view.inspector_page = false;
            p.view.scroll_to_bottom = true;
            p.later([i](UiState& s) { s.send_starter(kStarters[i]); });
        }
    }
}

void draw_dashes(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const float dash = gui.px(6), gap = gui.px(5), radius = gui.px(12),
                w = std::max(1.0f, gui.px(1.5f));
    const ImU32 c = gui.color(Color::drop_edge);
    ImDrawList* draw = gui.draw();
    for (float x = r.x + radius; x < r.right() - radius; x += dash + gap) {
        const float end = std::min(x + dash, r.right() - radius);
        draw->AddLine({x, r.y}, {end, r.y}, c, w);
        draw->AddLine({x, r.bottom()}, {end, r.bottom()}, c, w);
    }
    for (float y = r.y + radius; y < r.bottom() - radius; y += dash + gap) {
        const float end = std::min(y + dash, r.bottom() - radius);
        draw->AddLine({r.x, y}, {r.x, end}, c, w);
        draw->AddLine({r.right(), y}, {r.right(), end}, c, w);
    }
    const float pi = 3.14159265f;
    const struct {
        float x, y, from;
    } corners[] = {{r.x + radius, r.y + radius, pi},
                   {r.right() - radius, r.y + radius, 1.5f * pi},
                   {r.right() - radius, r.bottom() - radius, 0},
                   {r.x + radius, r.bottom() - radius, 0.5f * pi}};
    for (const auto& k : corners) {
        draw->PathArcTo({k.x, k.y}, radius, k.from, k.from + pi / 2);
        draw->PathStroke(c, 0, w);
    }
}

void draw_drop_area(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    draw_dashes(p, r);
    gui.icon(Icon::arrow_down, r.cx(), r.y + gui.px(30), 16, Color::text2);
    gui.text_centred({Face::medium, 14, Color::text}, r.cx(), r.y + gui.px(58),
                     "Drop a model anywhere in this window");
    gui.text_centred(type::kNote, r.cx(), r.y + gui.px(80),
                     "GGUF or safetensors folder, opened in place, never copied");
    const ButtonOptions open{Look::outline, Icon::folder, "Ctrl O"};
    const float w = button_width(gui, "Open a model…", open);
    if (button_at(gui, "welcome.open", r.cx() - w / 2, r.y + gui.px(110), "Open a model…", open)) {
        p.view.show_open = true;
    }
}

float draw_recent(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const std::vector<std::string>& recent = p.view.config.recent;
    if (recent.empty() || r.h < gui.px(74)) {
        return 0;
    }
    gui.text(with(type::kTitle, Color::text2), r.x, r.y + gui.px(9), "Opened before");
    float y = r.y + gui.px(26);
    for (size_t i = 0; i < recent.size() && y + gui.px(48) <= r.bottom(); ++i) {
        const Rect row{r.x, y, r.w, gui.px(46)};
        gui.fill(row, gui.theme().dark ? Color::card : Color::hover, 10);
        gui.gem(row.x + gui.px(24), row.cy(), 18);
        const ButtonOptions open{Look::outline};
        const float w = button_width(gui, "Open", open);
        const float right = row.right() - gui.px(10) - w;
        const std::string name = std::filesystem::path(recent[i]).filename().string();
        const float x = gui.text_fit({Face::medium, 14, Color::text}, row.x + gui.px(44), row.cy(),
                                     right - row.x - gui.px(56), name);
        const std::string folder = std::filesystem::path(recent[i]).parent_path().string();
        if (right - x > gui.px(60)) {
            gui.text_fit(type::kNote, x + gui.px(10), row.cy(), right - x - gui.px(22), folder);
        }
        const bool is_open = p.state.model && p.state.model->path == recent[i];
        if (button_at(gui, "welcome.recent." + std::to_string(i), right, row.cy(), "Open",
                      {Look::outline, Icon::none, {}, recent[i], !is_open && !p.state.loading()})) {
            p.later([path = std::string(recent[i]), device = p.view.device,
                     n = p.state.n_ctx](UiState& s) { s.open_model(path, device, n); });
        }
        y += gui.px(54);
    }
    return y - r.y;
}

void draw_found(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const LibraryFacts& facts = p.view.models.facts();
    const std::vector<ModelsView::Row>& rows = p.view.models.rows(p.view.device);
    const float row_h = gui.px(50);
    if (p.view.models.library == nullptr || r.h < gui.px(26) + row_h) {
        return;
    }
    gui.text(with(type::kTitle, Color::text2), r.x, r.y + gui.px(9), "Found on this computer");
    gui.text_right(type::kNote, r.right(), r.y + gui.px(9), facts.searching ? "looking…" : "");
    const auto room = size_t((r.h - gui.px(26)) / row_h);
    float y = r.y + gui.px(26);
    const bool all = rows.size() <= room;
    for (size_t i = 0; i < std::min(rows.size(), all ? room : room - 1); ++i, y += row_h) {
        draw_model_row(p, "welcome.found." + std::to_string(i),
                       {r.x, std::round(y), r.w, std::round(row_h - gui.px(6))}, rows[i]);
    }
    if (!all && link(gui, "welcome.more", r.x, y + gui.px(14),
                     fmt::format("{} more…", rows.size() - (room - 1)))) {
        p.view.show_open = true;
    }
    if (rows.empty() && !facts.searching) {
        gui.text_fit(type::kNote, r.x, y + gui.px(10), r.w,
                     "No models of Hugging Face, Ollama, LM Studio or llama.cpp.");
    }
}

void draw_foot(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    gui.hline(r.x, r.y, r.w);
    const float cy = r.y + gui.px(24);
    const std::string_view privacy =
        p.state.file.problem || !p.state.file.readable
            ? "No telemetry, no network. Chats live in memory and end with the window."
            : "No telemetry, no network. Chats stay on this machine.";
    const float w = gui.width(type::kNote, privacy) + gui.px(22);
    float room = r.w;
    if (r.w > w + gui.px(260)) {
        const float x = gui.text_right(type::kNote, r.right(), cy, privacy);
        gui.icon(Icon::lock, x - gui.px(13), cy, 13, Color::text2);
        room = r.w - w - gui.px(30);
    }
    if (const ModelInfo* m = p.state.model.get()) {
        gui.icon(Icon::chip, r.x + gui.px(8), cy, 13, Color::text2);
        std::string device = "Running on " + m->device_name;
        device += m->device_driver.empty() ? "" : ", " + m->device_driver;
        gui.text_fit(type::kNote, r.x + gui.px(24), cy, room - gui.px(24), device);
    }
}

void draw_left(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    gui.gem(r.x + gui.px(22), r.y + gui.px(22), 46);
    gui.text(type::kDisplay, r.x + gui.px(58), r.y + gui.px(22), "Lapidary");
    gui.text_fit(with(type::kBody, Color::text2), r.x, r.y + gui.px(68), r.w,
                 "Chat with Gemma, and see what happens inside.");
    float y = r.y + gui.px(106);
    if (p.state.ready()) {
        draw_ready_card(p, {r.x, y, r.w, gui.px(64)});
        y += gui.px(80);
    }
    const float composer = composer_height(p) + gui.px(22);
    draw_composer(p, {r.x, std::round(y), r.w, std::round(composer)});
    y += composer + gui.px(26);
    if (p.state.ready()) {
        if (p.state.model->base_model) {
            gui.icon(Icon::info, r.x + gui.px(7), y - gui.px(12), 13, Color::text3);
            gui.text_fit(type::kNote, r.x + gui.px(20), y - gui.px(12), r.w - gui.px(20),
                         "Base model, asked in a Question / Answer frame");
            y += gui.px(12);
        }
        draw_starters(p, {r.x, y, r.w, r.bottom() - y});
    }
}

}  // namespace

void draw_welcome(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const bool two = r.w > gui.px(980);
    const float width = std::min(r.w - gui.px(48), gui.px(two ? 1072 : 568));
    const float x = std::round(r.x + (r.w - width) / 2);
    const float foot = gui.px(48);
    const float content_h = gui.px(600);
    const float y =
        std::round(r.y + std::clamp((r.h - foot - content_h) / 2, gui.px(12), gui.px(120)));
    const float bottom = r.bottom() - foot - gui.px(8);
    const float left = two ? gui.px(568) : width;
    draw_left(p, {x, y, left, bottom - y});
    if (two) {
        const Rect right{x + gui.px(616), y + gui.px(106), width - gui.px(616),
                         bottom - y - gui.px(106)};
        draw_drop_area(p, {right.x, right.y, right.w, gui.px(144)});
        const float recent = draw_recent(
            p, {right.x, right.y + gui.px(168), right.w, right.bottom() - right.y - gui.px(168)});
        const float top = right.y + gui.px(168) + (recent > 0 ? recent + gui.px(14) : 0);
        draw_found(p, {right.x, top, right.w, right.bottom() - top});
    }
    if (r.h > gui.px(420)) {
        draw_foot(p, {x, r.bottom() - foot, width, foot});
    }
}

namespace {

/// The bar where the end is known, else what is made so far and why it takes time.
void draw_load_amount(Panel& p, const LoadStatus& load, const Rect& track) {
    Gui& gui = p.gui;
    const float cy = track.bottom() + gui.px(20);
    const std::string_view stage = load.cancelled       ? "cancelling"
                                   : load.stage.empty() ? "starting"
                                                        : std::string_view(load.stage);
    if (load.total > 0) {
        gui.fill(track, Color::bar_track, 3);
        const double share = std::min(double(load.done) / double(load.total), 1.0);
        if (share > 0) {
            gui.fill({track.x, track.y, std::max(gui.px(6), track.w * float(share)), track.h},
                     Color::accent, 3);
        }
        const bool bytes = load.total > 100000;
        const std::string amount = bytes ? file_size(load.done) + " / " + file_size(load.total)
                                         : fmt::format("{} / {}", load.done, load.total);
        gui.number(type::kToken, track.right(), cy, "loading.done", double(load.done), amount);
    } else if (load.done > 0) {
        gui.text_centred(type::kNote, track.cx(), track.y,
                         "Compiled once for this device; the next start takes a moment.");
        gui.number(type::kToken, track.right(), cy, "loading.done", double(load.done),
                   fmt::format("{} kernels so far", load.done));
    }
    gui.text(type::kNote, track.x, cy, stage);
}

}  // namespace

void draw_loading(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const LoadStatus& load = *p.state.load;
    const float w = std::min(gui.px(440), r.w - gui.px(48));
    const Rect box{std::round(r.cx() - w / 2), std::round(r.y + r.h * 0.36f), w, gui.px(150)};
    gui.gem(box.cx(), box.y - gui.px(40), 52);
    const std::string name =
        load.path.empty() ? "Lapidary demo" : std::filesystem::path(load.path).filename().string();
    const TextStyle title{Face::semibold, 16, Color::text};
    const std::string text = "Opening " + one_line(name, 44);
    gui.text_centred(title, box.cx(), box.y + gui.px(16), text);
    const Rect track{box.x, box.y + gui.px(46), box.w, gui.px(6)};
    draw_load_amount(p, load, track);
    const float cy = track.bottom() + gui.px(20);
    const ButtonOptions cancel{Look::outline, Icon::none, "Esc", {}, !load.cancelled};
    const float bw = button_width(gui, "Cancel", cancel);
    if (button_at(gui, "loading.cancel", box.cx() - bw / 2, cy + gui.px(44), "Cancel", cancel)) {
        p.state.cancel_load();
    }
}

}  // namespace app::ui
