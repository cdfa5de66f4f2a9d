// The settings page: every setting in one table, with a search over their words.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"
#include "app/ui/text/text_field.h"

namespace app::ui {

namespace {

struct Setting {
    std::string_view id, title, description;
    std::string_view words;  // that it is found by, beside these two
    bool advanced;
    /// Right end and middle of the row.
    void (*draw)(Panel& p, float right, float cy);
};

/// One of several; the labels are the ids' ends.
template <size_t N>
int choose(Panel& p, std::string_view id, float right, float cy,
           const std::array<std::string_view, N>& labels, int current) {
    return segmented(p.gui, id, right, cy, labels, current);
}

void on_off(Panel& p, std::string_view id, float right, float cy, bool& value) {
    constexpr std::array<std::string_view, 2> kLabels{"Off", "On"};
    const int chosen = choose(p, id, right, cy, kLabels, value ? 1 : 0);
    value = chosen < 0 ? value : chosen == 1;
}

void draw_theme(Panel& p, float right, float cy) {
    constexpr std::array<std::string_view, 3> kLabels{"Dark", "Light", "System"};
    const int chosen = choose(p, "settings.theme", right, cy, kLabels, int(p.view.config.theme));
    p.view.config.theme = chosen < 0 ? p.view.config.theme : ThemeMode(chosen);
}

void draw_contrast(Panel& p, float right, float cy) {
    on_off(p, "settings.contrast", right, cy, p.view.config.high_contrast);
}

void draw_motion(Panel& p, float right, float cy) {
    on_off(p, "settings.motion", right, cy, p.view.config.reduced_motion);
}

void draw_scale(Panel& p, float right, float cy) {
    Gui& gui = p.gui;
    int& percent = p.view.config.scale_percent;
    const auto step = [&](const char* id, Icon icon, const char* tooltip, float x, int by) {
        const int wanted = std::clamp(percent + by, Config::kMinScale, Config::kMaxScale);
        if (icon_button(gui, id, x, cy, icon, tooltip, wanted != percent, 28)) {
            percent = wanted;
        }
    };
    step("settings.larger", Icon::plus, "Larger (Ctrl +)", right - gui.px(14), 25);
    gui.number(type::kToken, right - gui.px(38), cy, "settings.scale", percent,
               fmt::format("{} %", percent));
    step("settings.smaller", Icon::minus, "Smaller (Ctrl −)", right - gui.px(100), -25);
}

void draw_send(Panel& p, float right, float cy) {
    constexpr std::array<std::string_view, 2> kLabels{"Enter", "Ctrl Enter"};
    const int chosen = choose(p, "settings.send", right, cy, kLabels, int(p.view.config.send_key));
    p.view.config.send_key = chosen < 0 ? p.view.config.send_key : SendKey(chosen);
}

void draw_recent(Panel& p, float right, float cy) {
    Config& config = p.view.config;
    const ButtonOptions options{Look::outline, Icon::trash, {}, {}, !config.recent.empty()};
    const std::string label = fmt::format("Forget {}", config.recent.size());
    const float w = button_width(p.gui, label, options);
    if (button_at(p.gui, "settings.forget", right - w, cy, label, options)) {
        const std::vector<std::string> gone = std::exchange(config.recent, {});
        const std::string last = std::exchange(config.last_model, {});
        p.view.say("The list of models is empty", {"Undo", [&config, gone, last](UiState&) {
                                                       config.recent = gone;
                                                       config.last_model = last;
                                                   }});
    }
}

void draw_file(Panel& p, float right, float cy) {
    const ButtonOptions options{Look::outline, Icon::copy};
    const float w = button_width(p.gui, "Copy the path", options);
    if (button_at(p.gui, "settings.file", right - w, cy, "Copy the path", options)) {
        copy_text(p, ConfigFile::default_path());
    }
}

void draw_fonts(Panel& p, float right, float cy) {
    const std::vector<std::string> fonts = p.gui.fonts().fallbacks();
    std::string names = fonts.empty() ? "none so far" : std::string();
    for (const std::string& path : fonts) {
        names += (names.empty() ? "" : ", ") + path.substr(path.find_last_of('/') + 1);
    }
    p.gui.text_right(type::kNote, right, cy, one_line(names, 40));
}

/// A parameter of the sampler that the inspector has no slider for.
void draw_parameter(Panel& p, float right, float cy, std::string_view name, SliderOptions options) {
    Gui& gui = p.gui;
    if (!p.state.ready()) {
        gui.text_right(with(type::kNote, Color::text3), right, cy, "no model");
        return;
    }
    const model::SamplingField& field = model::sampling_field(name);
    options.standard = model::field_value(p.state.model->sampling, field);
    double value = model::field_value(p.state.sampling, field);
    const Rect track{right - gui.px(200), cy - gui.px(12), gui.px(130), gui.px(24)};
    if (slider(gui, "settings." + std::string(name), track, right - gui.px(10), value, options)) {
        model::set_field(p.state.sampling, field, value);
    }
}

constexpr std::array<Setting, 11> kSettings{{
    {"theme", "Theme", "Dark, light, or as the desktop has it", "colour color appearance", false,
     draw_theme},
    {"contrast", "High contrast", "Stronger text and edges, in either theme", "access vision",
     false, draw_contrast},
    {"scale", "Text size", "From 75 to 250 %; everything grows with it", "font zoom scale larger",
     false, draw_scale},
    {"motion", "Reduced motion", "Nothing slides or grows by itself", "animation access", false,
     draw_motion},
    {"send", "Send with", "The other key makes a new line", "enter keyboard message composer",
     false, draw_send},
    {"presence", "Presence penalty", "Makes tokens that were there already less likely",
     "sampling repeat", true,
     [](Panel& p, float right, float cy) {
         draw_parameter(p, right, cy, "presence_penalty", {-2, 2});
     }},
    {"frequency", "Frequency penalty", "The same, more for each time a token was there",
     "sampling repeat", true,
     [](Panel& p, float right, float cy) {
         draw_parameter(p, right, cy, "frequency_penalty", {-2, 2});
     }},
    {"last_n", "Penalties look back", "Tokens that the penalties count", "sampling repeat last",
     true,
     [](Panel& p, float right, float cy) {
         SliderOptions options{0, 1024};
         options.step = 1;
         options.digits = 0;
         draw_parameter(p, right, cy, "repeat_last_n", options);
     }},
    {"recent", "Models opened before", "The list in the menu of models", "recent history privacy",
     true, draw_recent},
    {"file", "Settings file", "Where all of this is kept, as JSON", "config path folder", true,
     draw_file},
    {"fonts", "Fonts for other scripts", "Opened because a text needed them", "emoji cjk unicode",
     true, draw_fonts},
}};

bool matches(const Setting& setting, std::string_view query) {
    while (!query.empty()) {
        const size_t space = std::min(query.find(' '), query.size());
        const std::string_view word = query.substr(0, space);
        if (!word.empty() && !contains_folded(setting.title, word) &&
            !contains_folded(setting.description, word) && !contains_folded(setting.words, word)) {
            return false;
        }
        query.remove_prefix(std::min(space + 1, query.size()));
    }
    return true;
}

void draw_rows(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    ImGui::SetCursorScreenPos({r.x, r.y});
    ImGui::BeginChild("settings list", {r.w, r.h}, 0, ImGuiWindowFlags_NoBackground);
    gui.scrolls = true;
    const bool narrow = r.w < gui.px(480);
    const float row = std::round(gui.px(narrow ? 88 : 58));
    float y = r.y - ImGui::GetScrollY();
    const float top = y, right = r.right() - gui.px(14);
    const std::string& query = p.view.settings.query;
    for (const Setting& setting : kSettings) {
        // A search looks through all of them.
        const bool shown =
            query.empty() ? !setting.advanced || p.view.config.advanced : matches(setting, query);
        if (!shown) {
            continue;
        }
        const float room = narrow ? right - r.x : right - r.x - gui.px(250);
        gui.text_fit(type::kControl, r.x, y + gui.px(20), room, setting.title);
        gui.text_fit(type::kNote, r.x, y + gui.px(39), room, setting.description);
        setting.draw(p, right, y + gui.px(narrow ? 66 : 29));
        gui.hline(r.x, y + row - gui.whole(1), right - r.x);
        y += row;
    }
    if (y == top) {
        gui.text(type::kNote, r.x, y + gui.px(20), "No setting has these words");
        y += row;
    }
    ImGui::SetCursorScreenPos({r.x, top});
    ImGui::Dummy({1, y - top});
    gui.scrolls = false;
    ImGui::EndChild();
}

}  // namespace

void draw_settings(Panel& p) {
    Gui& gui = p.gui;
    SettingsView& v = p.view.settings;
    if (std::exchange(v.open, false)) {
        ImGui::OpenPopup("settings");
        v.query.clear();
        v.focus = true;
    }
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    ImGui::SetNextWindowPos({size.x / 2, size.y / 2}, ImGuiCond_Always, {0.5f, 0.5f});
    ImGui::SetNextWindowSize(
        {std::min(gui.px(640), size.x - gui.px(16)), std::min(gui.px(560), size.y - gui.px(16))});
    if (!begin_dialog(gui, "settings")) {
        return;
    }
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const ImVec2 room = ImGui::GetContentRegionAvail();
    gui.text({Face::semibold, 16, Color::text}, at.x, at.y + gui.px(10), "Settings");
    const Rect field{at.x, std::round(at.y + gui.px(34)), room.x - gui.px(170),
                     std::round(gui.px(32))};
    line_field(gui, "settings.query", field, v.query, "Find a setting", gui.px(32),
               std::exchange(v.focus, false));
    gui.icon(Icon::search, field.x + gui.px(17), field.cy(), 13, Color::text2);
    constexpr std::array<std::string_view, 2> kLevels{"Simple", "All"};
    const int level = segmented(gui, "settings.level", at.x + room.x, field.cy(), kLevels,
                                p.view.config.advanced ? 1 : 0);
    p.view.config.advanced = level < 0 ? p.view.config.advanced : level == 1;
    const float top = field.bottom() + gui.px(10);
    draw_rows(p, {at.x, top, room.x + gui.px(14), at.y + room.y - top});
    if (icon_button(gui, "settings.close", at.x + room.x - gui.px(12), at.y + gui.px(10),
                    Icon::close, "Close (Esc)") ||
        ImGui::IsKeyPressed(ImGuiKey_Escape)) {
        ImGui::CloseCurrentPopup();
    }
    end_dialog();
}

}  // namespace app::ui
