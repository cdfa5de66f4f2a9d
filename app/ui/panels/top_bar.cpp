// The top bar: title, model, device, context meter, Inspector toggle; and the menus that hang on
// it.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"

namespace app::ui {

std::string display_name(const ModelInfo& model) {
    if (model.shipped) {
        return "Lapidary demo";
    }
    return model.name.empty() ? "Gemma" : one_line(model.name, 40);
}

std::string architecture_name(const ModelInfo& model) {
    const std::string_view a = model.architecture;
    return a == "gemma3" || a == "gemma3_text" ? "Gemma 3"
           : a == "gemma2"                     ? "Gemma 2"
           : a == "gemma"                      ? "Gemma 1"
                                               : one_line(a, 24);
}

std::string defaults_name(const ModelInfo& model) {
    return architecture_name(model) + " defaults";
}

namespace {

std::string short_device(const ModelInfo& m) {
    if (m.device_is_cpu) {
        return "CPU (llvmpipe)";
    }
    // "AMD Radeon RX 7600 (RADV NAVI33)": what stands in brackets is the driver's.
    return one_line(m.device_name.substr(0, m.device_name.find(" (")), 32);
}

constexpr float kTrack = 72;

std::string context_text(const Panel& p) {
    return thousands(p.state.context_used()) + " / " + thousands(p.state.model->n_ctx);
}

/// Room for the meter and the space left of it, with or without its label.
float meter_width(const Panel& p, bool label) {
    const Gui& gui = p.gui;
    return gui.width(type::kToken, context_text(p)) + gui.px(kTrack + 10 + 24) +
           (label ? gui.width(type::kNote, "Context") + gui.px(12) : 0);
}

void draw_context_meter(Panel& p, float right, float cy, bool with_label) {
    Gui& gui = p.gui;
    const size_t used = p.state.context_used();
    const uint32_t n_ctx = p.state.model->n_ctx;
    const std::string text = context_text(p);
    const float share = n_ctx == 0 ? 0 : std::min(1.0f, float(used) / float(n_ctx));
    const bool nearly = share >= 0.8f;
    gui.registry().bind("top.context", double(used), text);
    const float x = gui.text_right(with(type::kToken, nearly ? Color::row_text : Color::text2),
                                   right, cy, text);
    const Rect track{x - gui.px(kTrack + 10), cy - gui.px(3), gui.px(kTrack), gui.px(6)};
    gui.fill(track, Color::edge, 3);
    if (used > 0) {
        gui.fill({track.x, track.y, std::max(gui.px(3), track.w * share), track.h},
                 nearly ? Color::row : Color::accent, 3);
    }
    const float label =
        with_label ? gui.text_right(type::kNote, track.x - gui.px(12), cy, "Context") : track.x;
    const Rect meter{label - gui.px(6), cy - gui.px(13), right - label + gui.px(12), gui.px(26)};
    const Hit hit = gui.hit("top.context", meter, "button", "Context");
    gui.tooltip(
        fmt::format("Tokens in the model's context of {}. Click: its cache of keys and "
                    "values, layer by layer",
                    thousands(n_ctx)));
    if (hit.hovered || hit.focused) {
        gui.frame(meter, hit.focused ? Color::accent : Color::edge, 7);
    }
    if (hit.clicked) {
        p.view.attention.menu_cache = true;
        p.view.attention.cache_anchor = {meter.x, meter.bottom() + gui.px(4), 0, 0};
    }
}

}  // namespace

namespace {

/// What stands left of the Inspector toggle; returns where the chips must end.
float draw_tools(Panel& p, const Rect& toggle, float cy) {
    Gui& gui = p.gui;
    const float right = toggle.x - gui.px(24);
    if (!p.view.inspector_on() || p.state.chat().empty()) {
        return right;
    }
    if (p.view.narrow && p.state.busy()) {  // the composer, where Stop is otherwise, has given way
        const ButtonOptions stop{
            Look::outline, Icon::stop, {}, "Stop writing (Esc)", !p.state.stopping};
        const float x = toggle.x - gui.px(8) - button_width(gui, "Stop", stop);
        if (button_at(gui, "top.stop", x, cy, "Stop", stop)) {
            p.state.stop();
        }
        return x - gui.px(8);
    }
    if (icon_button(gui, "top.export", toggle.x - gui.px(22), cy, Icon::arrow_down,
                    "Export a view to a file (E)")) {
        p.view.exporting.show = true;
    }
    return right - gui.px(28);
}

/// Model and device from x on, and the context meter where there is room for it.
void draw_chips(Panel& p, const ModelInfo& m, float x, float right, const Rect& line) {
    Gui& gui = p.gui;
    const ChipOptions model_chip{Icon::none, false, true, gui.px(300)};
    const ChipOptions device_chip{Icon::chip, !m.device_warning.empty(), true, gui.px(300)};
    const std::string name = display_name(m);
    const std::string device = short_device(m);
    const std::string layers = fmt::format("{0}/{0} layers", m.n_layers);
    float wm = chip_width(gui, name, m.quant, model_chip);
    float wd = chip_width(gui, device, layers, device_chip);
    const float free = right - (x + wm + gui.px(8) + wd);
    const bool with_label = meter_width(p, true) < free;
    const bool with_meter = meter_width(p, false) < free;
    const float room = right - x - gui.px(8);
    if (wm + wd > room) {
        wm = std::min(wm, room / 2);
        wd = std::min(wd, room - wm);
    }
    if (chip(gui, "top.model", {x, line.y, wm, line.h}, name, m.quant, model_chip,
             "Model: open another, or see what this one is")) {
        p.view.menu_model = true;
        p.view.menu_anchor = {x, line.bottom() + gui.px(4), 0, 0};
    }
    x += wm + gui.px(8);
    if (chip(gui, "top.device", {x, line.y, wd, line.h}, device, layers, device_chip,
             m.device_warning.empty() ? m.device_why : m.device_warning)) {
        p.view.menu_device = true;
        p.view.menu_anchor = {x, line.bottom() + gui.px(4), 0, 0};
    }
    if (with_meter && !p.state.chat().empty()) {
        draw_context_meter(p, right, line.cy(), with_label);
    }
}

}  // namespace

void draw_top_bar(Panel& p, const Rect& r, float chips_x) {
    Gui& gui = p.gui;
    gui.fill(r, Color::bg);
    gui.hline(r.x, r.bottom() - gui.whole(1), r.w);
    const float cy = std::round(r.y + gui.px(24));
    ButtonOptions toggle{p.view.inspector_on() ? Look::toggle_on : Look::outline, Icon::panel, "F2",
                         "Show or hide what happens inside"};
    const float w = button_width(gui, "Inspector", toggle);
    const Rect place{std::round(r.right() - gui.px(16) - w), std::round(cy - gui.px(14)), w,
                     gui.px(28)};
    if (button(gui, "top.inspector", place, "Inspector", toggle)) {
        p.view.show_inspector(!p.view.inspector_on());
    }
    const float right = draw_tools(p, place, cy);
    if (p.state.model != nullptr) {
        draw_chips(p, *p.state.model, chips_x + gui.px(16), right, place);
    }
    const bool replayed = !p.state.replay_obstacle().empty();
    const std::string title = (replayed ? "Recording: " : "") + p.state.chat().title();
    const float title_x = r.x + gui.px(20);
    if (chips_x - title_x > gui.px(120)) {
        gui.text_fit({Face::semibold, 14, Color::text}, title_x, cy, chips_x - title_x - gui.px(8),
                     title);
    }
}

namespace {

void open_when(bool& wanted, const char* name) {
    if (wanted) {
        ImGui::OpenPopup(name);
        wanted = false;
    }
}

}  // namespace

void draw_menus(Panel& p) {
    open_when(p.view.menu_model, "model");
    open_when(p.view.menu_device, "device");
    open_when(p.view.attention.menu_cache, "cache");
    draw_model_menu(p);
    draw_device_menu(p);
    draw_cache_menu(p);
    draw_sampling_menu(p);
    draw_coloring_menu(p);
}

}  // namespace app::ui
