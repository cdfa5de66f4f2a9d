// What every dialog shares.
#include "app/ui/panels/panels.h"

namespace app::ui {

namespace {

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

bool enter_presses_primary() {
    return !ImGui::IsWindowAppearing() && !ImGui::GetIO().WantTextInput &&
           !ImGui::GetIO().NavVisible &&
           (ImGui::IsKeyPressed(ImGuiKey_Enter, false) ||
            ImGui::IsKeyPressed(ImGuiKey_KeypadEnter, false));
}

void end_dialog() {
    ImGui::EndPopup();
    ImGui::PopStyleVar(3);
}

}  // namespace app::ui
