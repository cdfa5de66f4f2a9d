// The command palette: every action by its name.
#include <algorithm>
#include <cmath>
#include <utility>

#include "app/ui/actions.h"
#include "app/ui/text/text_field.h"
#include "app/ui/widgets/keys.h"

namespace app::ui {

namespace {

/// Those that can be run before those that cannot.
std::vector<const Action*> listed(const Panel& p) {
    std::vector<const Action*> found = search_actions(p.view.palette.query);
    std::stable_partition(found.begin(), found.end(),
                          [&](const Action* a) { return is_enabled(p, *a); });
    return found;
}

bool draw_row(Panel& p, const Action& action, const Rect& r, bool chosen) {
    Gui& gui = p.gui;
    const bool can = is_enabled(p, action);
    const Hit hit = gui.hit("palette." + std::string(action.id), r, "list item", action.title, can);
    if (chosen || hit.hovered) {
        gui.fill(r, chosen ? Color::list_selection : Color::hover, 7);
    }
    const std::string keys = chord_face(chord_names(action.keys).front());
    const float caps = key_cap_width(gui, keys);
    const Color color = can ? Color::text : Color::text3;
    const float x = gui.text_fit(with(type::kControl, color), r.x + gui.px(12), r.cy(),
                                 r.w - caps - gui.px(120), action.title);
    gui.text_fit(with(type::kNote, Color::text3), x + gui.px(10), r.cy(),
                 r.right() - caps - gui.px(24) - x, action.group);
    key_cap(gui, r.right() - gui.px(10) - caps, r.cy(), keys, color);
    return hit.clicked;
}

/// The action that was chosen; null: none yet.
const Action* draw_list(Panel& p, const std::vector<const Action*>& found, const Rect& r) {
    Gui& gui = p.gui;
    PaletteView& v = p.view.palette;
    const int n = int(found.size());
    const auto step = [&](ImGuiKey key, int by) {
        if (n > 0 && ImGui::IsKeyPressed(key)) {
            v.chosen = (v.chosen + by + n) % n;
        }
    };
    step(ImGuiKey_DownArrow, 1);
    step(ImGuiKey_UpArrow, -1);
    v.chosen = std::clamp(v.chosen, 0, std::max(n - 1, 0));
    ImGui::SetCursorScreenPos({r.x, r.y});
    ImGui::BeginChild("palette list", {r.w, r.h}, 0, ImGuiWindowFlags_NoBackground);
    gui.scrolls = true;
    const float row = std::round(gui.px(34));
    const float top = r.y - ImGui::GetScrollY();
    const Action* chosen = nullptr;
    for (int i = 0; i < n; ++i) {
        const Rect at{r.x, top + float(i) * row, r.w - gui.px(10), row};
        if (draw_row(p, *found[size_t(i)], at, i == v.chosen)) {
            chosen = found[size_t(i)];
        }
    }
    const float over = float(v.chosen + 1) * row - ImGui::GetScrollY() - r.h;
    const float under = ImGui::GetScrollY() - float(v.chosen) * row;
    if (over > 0 || under > 0) {
        ImGui::SetScrollY(ImGui::GetScrollY() + (over > 0 ? over : -under));
    }
    if (n == 0) {
        gui.text(type::kNote, r.x + gui.px(12), r.y + gui.px(20), "No command has these words");
    }
    ImGui::SetCursorScreenPos({r.x, top});
    ImGui::Dummy({1, float(n) * row});
    gui.scrolls = false;
    ImGui::EndChild();
    return chosen;
}

}  // namespace

void draw_palette(Panel& p) {
    Gui& gui = p.gui;
    PaletteView& v = p.view.palette;
    if (std::exchange(v.open, false)) {
        ImGui::OpenPopup("palette");
        v.query.clear();
        v.chosen = 0;
        v.focus = true;
    }
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    ImGui::SetNextWindowPos({size.x / 2, std::min(gui.px(80), size.y * 0.1f)}, ImGuiCond_Always,
                            {0.5f, 0});
    ImGui::SetNextWindowSize(
        {std::min(gui.px(600), size.x - gui.px(16)), std::min(gui.px(456), size.y - gui.px(32))});
    if (!begin_dialog(gui, "palette")) {
        return;
    }
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const ImVec2 room = ImGui::GetContentRegionAvail();
    const Rect field{at.x, at.y, room.x, std::round(gui.px(36))};
    const std::string before = v.query;
    const bool entered = line_field(gui, "palette.query", field, v.query, "Find a command",
                                    gui.px(36), std::exchange(v.focus, false));
    gui.icon(Icon::search, field.x + gui.px(20), field.cy(), 14, Color::text2);
    v.chosen = v.query == before ? v.chosen : 0;
    const std::vector<const Action*> found = listed(p);
    const float top = field.bottom() + gui.px(10);
    const Action* chosen = draw_list(p, found, {at.x, top, room.x, at.y + room.y - top});
    if (entered && !found.empty()) {
        chosen = found[size_t(v.chosen)];
    }
    const bool run = chosen != nullptr && is_enabled(p, *chosen);
    if (run || ImGui::IsKeyPressed(ImGuiKey_Escape)) {
        ImGui::CloseCurrentPopup();
    }
    end_dialog();
    if (run) {  // it may open a dialog of its own, which must not hang below this one
        run_action(p, *chosen);
    }
}

}  // namespace app::ui
