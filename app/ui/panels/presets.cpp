// The menu of the sampler: what is drawn with now, named presets, the model's own.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"
#include "app/ui/text/text_field.h"

namespace app::ui {

std::string sampling_label(const Panel& p) {
    const model::SamplingParams& now = p.state.sampling;
    if (p.state.ready() && same_sampling(now, p.state.model->sampling)) {
        return defaults_name(*p.state.model);
    }
    const Preset* preset = matching_preset(p.view.config.presets, now);
    return preset != nullptr ? preset->name : "Changed sampling";
}

namespace {

void delete_preset(Panel& p, size_t index) {
    std::vector<Preset>& presets = p.view.config.presets;
    const Preset gone = presets[index];
    presets.erase(presets.begin() + int64_t(index));
    p.view.say("Preset “" + one_line(gone.name, 30) + "” deleted",
               {"Undo", [&presets, gone, index](UiState&) {
                    const size_t at = std::min(index, presets.size());
                    presets.insert(presets.begin() + int64_t(at), gone);
                }});
}

void draw_rename(Panel& p, size_t index, const Rect& r) {
    PresetsView& v = p.view.presets;
    if (line_field(p.gui, fmt::format("preset.{}.name", index), r, v.new_name, "Name", p.gui.px(10),
                   std::exchange(v.focus, false))) {
        if (rename_preset(p.view.config.presets, index, v.new_name)) {
            v.renaming.reset();
        } else {
            p.view.say("Another preset has this name");
        }
    }
}

void draw_preset_row(Panel& p, size_t index) {
    Gui& gui = p.gui;
    PresetsView& v = p.view.presets;
    const Preset& preset = p.view.config.presets[index];
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const Rect r{at.x, at.y, ImGui::GetContentRegionAvail().x, std::round(gui.px(32))};
    const std::string id = fmt::format("preset.{}", index);
    if (v.renaming == index) {
        draw_rename(p, index, r);
    } else {
        const bool current = same_sampling(preset.sampling, p.state.sampling);
        const Hit hit = gui.hit(id, {r.x, r.y, r.w - gui.px(60), r.h}, "menu item", preset.name);
        if (hit.hovered || hit.focused) {
            gui.fill(r, Color::hover, 6);
        }
        if (current) {
            gui.icon(Icon::check, r.x + gui.px(17), r.cy(), 13, Color::accent);
        }
        gui.text_fit(type::kControl, r.x + gui.px(34), r.cy(), r.w - gui.px(98), preset.name);
        if (hit.clicked) {
            p.state.sampling = preset.sampling;
        }
        if (icon_button(gui, id + ".rename", r.right() - gui.px(44), r.cy(), Icon::pencil, "Rename",
                        true, 24)) {
            v.renaming = index;
            v.new_name = preset.name;
            v.focus = true;
        }
        if (icon_button(gui, id + ".delete", r.right() - gui.px(16), r.cy(), Icon::trash, "Delete",
                        true, 24)) {
            v.renaming.reset();
            delete_preset(p, index);
        }
    }
    ImGui::SetCursorScreenPos(at);
    ImGui::Dummy({r.w, r.h});
}

void draw_save(Panel& p) {
    Gui& gui = p.gui;
    PresetsView& v = p.view.presets;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const Rect r{at.x + gui.px(4), at.y + gui.px(4), ImGui::GetContentRegionAvail().x - gui.px(8),
                 std::round(gui.px(30))};
    const ButtonOptions options{
        Look::outline, Icon::none, {}, "Keep the values under this name", !trimmed(v.name).empty()};
    const float w = button_width(gui, "Save", options);
    bool save = line_field(gui, "preset.save_name", {r.x, r.y, r.w - w - gui.px(8), r.h}, v.name,
                           "Save these values as", gui.px(10));
    save |= button(gui, "preset.save", {r.right() - w, r.y + gui.px(1), w, gui.px(28)}, "Save",
                   options);
    if (save && save_preset(p.view.config.presets, v.name, p.state.sampling)) {
        v.name.clear();
    }
    ImGui::SetCursorScreenPos(at);
    ImGui::Dummy({r.w, r.h + gui.px(8)});
}

void draw_json(Panel& p) {
    if (menu_item(p.gui, "preset.copy", "Copy as JSON", {}, false, Icon::copy)) {
        copy_text(p, preset_to_json({sampling_label(p), p.state.sampling, {}}));
    }
    if (menu_item(p.gui, "preset.paste", "Paste a preset", "JSON")) {
        const char* text = ImGui::GetClipboardText();
        std::string problem;
        const auto preset = preset_from_json(text == nullptr ? "" : text, problem);
        if (preset) {
            save_preset(p.view.config.presets, preset->name, preset->sampling);
            p.state.sampling = preset->sampling;
            p.view.say("Preset “" + one_line(preset->name, 30) + "” is here now");
        } else {
            p.view.say(one_line(problem, 120));
        }
    }
}

}  // namespace

void draw_sampling_menu(Panel& p) {
    Gui& gui = p.gui;
    if (std::exchange(p.view.menu_sampling, false)) {
        ImGui::OpenPopup("sampling");
        p.view.presets.renaming.reset();
        const Widget* w = gui.registry().find(p.view.presets.anchor_to);
        const ImVec2 size = ImGui::GetIO().DisplaySize;
        p.view.menu_anchor = w != nullptr ? Rect{w->rect.x, w->rect.y - gui.px(6), 0, 0}
                                          : Rect{size.x / 3, size.y * 0.7f, 0, 0};
    }
    const float width = gui.px(320);
    if (!begin_menu_above(gui, "sampling", p.view.menu_anchor.x, p.view.menu_anchor.y, width)) {
        return;
    }
    const model::SamplingParams& s = p.state.sampling;
    menu_note(gui, fmt::format("temperature {}, top-k {}, top-p {}, min-p {}, repeat {}",
                               fixed(double(s.temperature), 2), s.top_k, fixed(double(s.top_p), 2),
                               fixed(double(s.min_p), 2), fixed(double(s.repeat_penalty), 2)));
    // The menu may stand open while the model goes.
    if (p.state.ready() &&
        menu_item(gui, "sampling.reset", defaults_name(*p.state.model), "the model's own",
                  same_sampling(s, p.state.model->sampling))) {
        p.state.reset_sampling();
    }
    for (size_t i = 0; i < p.view.config.presets.size(); ++i) {
        draw_preset_row(p, i);
    }
    menu_separator(gui);
    draw_save(p);
    draw_json(p);
    if (menu_item(gui, "sampling.system", "System prompt…", {}, !p.state.chat().info.system.empty(),
                  Icon::none, !p.state.busy())) {
        p.view.chat_list.show_system = true;
    }
    if (menu_item(gui, "sampling.show", "Show the sampler", {}, false, Icon::panel)) {
        p.view.show_inspector(true);
        p.view.tab = Tab::overview;
    }
    end_menu(gui);
}

}  // namespace app::ui
