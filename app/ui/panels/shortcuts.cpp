// The list of all keys, on F1: the table of actions, by group.
#include <algorithm>
#include <cmath>

#include "app/ui/actions.h"
#include "app/ui/widgets/keys.h"

namespace app::ui {

namespace {

struct Row {
    std::string title;                // of a group where there are no keys
    std::vector<std::string> chords;  // as they are shown
};

/// What is not an action: keys of the text fields and of the focus.
void add_field_rows(const Panel& p, std::vector<Row>& rows) {
    const bool enter = p.view.config.send_key == SendKey::enter;
    rows.push_back({"While typing", {}});
    rows.push_back({"Send the message", {enter ? "Enter" : "Ctrl Enter"}});
    rows.push_back({"New line", {enter ? "Shift Enter" : "Enter"}});
    rows.push_back({"Next control, previous control", {"Tab", "Shift Tab"}});
    rows.push_back({"Press the control", {"Space"}});
}

std::vector<Row> all_rows(const Panel& p) {
    std::vector<Row> rows;
    std::string_view group;
    for (const Action& action : actions()) {
        if (action.group != group) {
            group = action.group;
            rows.push_back({std::string(group), {}});
        }
        Row row{std::string(action.title), {}};
        for (const std::string& chord : chord_names(action.keys)) {
            const std::string face = chord_face(chord);
            if (std::find(row.chords.begin(), row.chords.end(), face) == row.chords.end() &&
                chord.find("Keypad") == std::string::npos && row.chords.size() < 2) {
                row.chords.push_back(face);
            }
        }
        rows.push_back(std::move(row));
    }
    add_field_rows(p, rows);
    return rows;
}

void draw_row(const Gui& gui, const Row& row, float x, float cy, float w) {
    if (row.chords.empty()) {
        gui.text(with(type::kTitle, Color::text2), x, cy + gui.px(4), row.title);
        return;
    }
    float at = x;
    for (const std::string& chord : row.chords) {
        at = key_cap(gui, at, cy, chord) + gui.px(6);
    }
    const float text_x = std::max(at + gui.px(6), x + gui.px(128));
    gui.text_fit(with(type::kNote, Color::text), text_x, cy, x + w - text_x, row.title);
}

}  // namespace

void draw_shortcuts(Panel& p) {
    Gui& gui = p.gui;
    if (p.view.show_shortcuts) {
        ImGui::OpenPopup("shortcuts");
        p.view.show_shortcuts = false;
    }
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    ImGui::SetNextWindowPos({size.x / 2, size.y / 2}, ImGuiCond_Always, {0.5f, 0.5f});
    ImGui::SetNextWindowSize(
        {std::min(gui.px(860), size.x - gui.px(16)), std::min(gui.px(760), size.y - gui.px(16))});
    if (!begin_dialog(gui, "shortcuts")) {
        return;
    }
    const std::vector<Row> rows = all_rows(p);
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float w = ImGui::GetContentRegionAvail().x, line = gui.px(28);
    gui.scrolls = true;
    gui.text({Face::semibold, 16, Color::text}, at.x, at.y + gui.px(10), "Keyboard shortcuts");
    const bool two = w > gui.px(640);
    const float column = two ? (w - gui.px(24)) / 2 : w;
    // A group is not torn apart: the second column begins with the first that starts past half.
    size_t second = two ? rows.size() : rows.size() + 1;
    for (size_t i = rows.size() / 2; two && i < rows.size(); ++i) {
        if (rows[i].chords.empty()) {
            second = i;
            break;
        }
    }
    float bottom = at.y;
    for (size_t i = 0; i < rows.size(); ++i) {
        const bool right = i >= second;
        const float x = at.x + (right ? column + gui.px(24) : 0);
        const float cy = at.y + gui.px(50) + float(right ? i - second : i) * line;
        draw_row(gui, rows[i], x, cy, column);
        bottom = std::max(bottom, cy + line / 2);
    }
    ImGui::SetCursorScreenPos(at);
    ImGui::Dummy({1, bottom - at.y});
    if (icon_button(gui, "shortcuts.close", at.x + w - gui.px(12), at.y + gui.px(10), Icon::close,
                    "Close (Esc)") ||
        ImGui::IsKeyPressed(ImGuiKey_Escape) || ImGui::IsKeyPressed(ImGuiKey_F1, false)) {
        ImGui::CloseCurrentPopup();
    }
    gui.scrolls = false;
    end_dialog();
}

}  // namespace app::ui
