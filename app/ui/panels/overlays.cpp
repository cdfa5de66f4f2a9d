// What lies over the panes: dialogs, shortcuts.
#include <algorithm>
#include <array>
#include <cmath>

#include "app/ui/panels/panels.h"

namespace app::ui {

namespace {

struct Shortcut {
    std::string_view keys, what;
};
constexpr std::array<Shortcut, 28> kShortcuts = {{
    {"Enter", "send the message"},
    {"Shift Enter", "new line"},
    {"Esc", "stop, follow again, close"},
    {"Ctrl N", "new chat"},
    {"Ctrl B", "list of chats"},
    {"Ctrl F", "search all chats"},
    {"Ctrl [ ]", "previous, next chat"},
    {"Shift F2", "rename the chat"},
    {"Ctrl S", "save the chat as a file"},
    {"Ctrl Shift D", "delete the chat"},
    {"Ctrl O", "open a model"},
    {"Ctrl R", "write another answer"},
    {"Ctrl Shift C", "copy the last answer"},
    {"F2", "show or hide the inspector"},
    {"E", "export a view to a file"},
    {"1 2 3 4", "inspector tabs"},
    {"← →", "previous, next token"},
    {"Home End", "first, last token"},
    {"↑ ↓", "layer"},
    {"[ ]", "head"},
    {"B", "branch with the opened token"},
    {"G", "BOS: raw, gutter, renormalised"},
    {"+ − 0", "zoom the matrix, show it whole"},
    {"/", "find a token in the vocabulary"},
    {"Ctrl + Ctrl − Ctrl 0", "text size"},
    {"Tab", "next control"},
    {"F1", "this list"},
    {"Ctrl Q", "quit"},
}};

constexpr ImGuiWindowFlags kDialog = ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoResize |
                                     ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings;

}  // namespace

bool begin_dialog(Gui& gui, const char* name) {
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {gui.px(24), gui.px(20)});
    ImGui::PushStyleVar(ImGuiStyleVar_PopupRounding, gui.px(12));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, gui.px(12));
    const bool open = ImGui::BeginPopupModal(name, nullptr, kDialog);
    if (!open) {
        ImGui::PopStyleVar(3);
    }
    return open;
}

void end_dialog() {
    ImGui::EndPopup();
    ImGui::PopStyleVar(3);
}

void draw_shortcuts(Panel& p) {
    Gui& gui = p.gui;
    if (p.view.show_shortcuts) {
        ImGui::OpenPopup("shortcuts");
        p.view.show_shortcuts = false;
    }
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    const float row = gui.px(28);
    const float wanted_h = gui.px(72) + row * float((kShortcuts.size() + 1) / 2);
    const ImVec2 dialog{std::min(gui.px(760), size.x - gui.px(16)),
                        std::min(wanted_h + gui.px(40), size.y - gui.px(16))};
    ImGui::SetNextWindowPos({size.x / 2, size.y / 2}, ImGuiCond_Always, {0.5f, 0.5f});
    ImGui::SetNextWindowSize(dialog);
    if (begin_dialog(gui, "shortcuts")) {
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float w = ImGui::GetContentRegionAvail().x;
        gui.scrolls = true;
        gui.text({Face::semibold, 16, Color::text}, at.x, at.y + gui.px(10), "Keyboard shortcuts");
        const bool two = w > gui.px(560);
        const size_t per = two ? (kShortcuts.size() + 1) / 2 : kShortcuts.size();
        float bottom = at.y;
        for (size_t i = 0; i < kShortcuts.size(); ++i) {
            const float x = at.x + float(i / per) * (w / 2 + gui.px(8));
            const float cy = at.y + gui.px(50) + float(i % per) * row;
            key_cap(gui, x, cy, kShortcuts[i].keys);
            const float text_x = x + gui.px(two ? 128 : 140);
            gui.text_fit(type::kNote, text_x, cy,
                         (two ? x + w / 2 - gui.px(16) : at.x + w) - text_x, kShortcuts[i].what);
            bottom = std::max(bottom, cy + row / 2);
        }
        ImGui::SetCursorScreenPos(at);
        ImGui::Dummy({1, bottom - at.y});
        if (icon_button(gui, "shortcuts.close", at.x + w - gui.px(12), at.y + gui.px(10),
                        Icon::close, "Close (Esc)") ||
            ImGui::IsKeyPressed(ImGuiKey_Escape) || ImGui::IsKeyPressed(ImGuiKey_F1, false)) {
            ImGui::CloseCurrentPopup();
        }
        gui.scrolls = false;
        end_dialog();
    }
}

}  // namespace app::ui
