// The toast at the bottom of the window. A window of its own, so that its button lies over the
// panes.
#include <algorithm>
#include <cmath>

#include <imgui_internal.h>

#include "app/ui/panels/panels.h"

namespace app::ui {

namespace {

constexpr ImGuiWindowFlags kOnTop =
    ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings |
    ImGuiWindowFlags_NoBackground | ImGuiWindowFlags_NoFocusOnAppearing;

/// Text and buttons; true when the toast is done with.
void draw_contents(Panel& p, const Toast& toast, const Rect& box, float text_w) {
    Gui& gui = p.gui;
    gui.card(box, Color::raised, Color::edge, 10);
    gui.text_fit(type::kControl, box.x + gui.px(16), box.cy(), text_w, toast.text);
    if (!toast.action) {
        return;
    }
    const std::string label = toast.action->label;
    const float w = button_width(gui, label, {Look::toggle_on});
    const Rect at{box.right() - gui.px(44) - w, box.cy() - gui.px(14), w, gui.px(28)};
    if (button(gui, "toast.action", at, label, {Look::toggle_on})) {
        run_toast_action(p);
        return;
    }
    if (icon_button(gui, "toast.close", box.right() - gui.px(22), box.cy(), Icon::close,
                    "Close this notice", true, 24)) {
        p.view.toasts.dismiss();
    }
}

}  // namespace

bool run_toast_action(Panel& p) {
    if (const auto action = p.view.toasts.take_action()) {
        p.later(action->run);
        return true;
    }
    return false;
}

void draw_toast(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const Toast* toast = p.view.toasts.current(ImGui::GetTime(), p.view.toast_hovered);
    p.view.toast_hovered = false;
    if (toast == nullptr) {
        return;
    }
    const float buttons =
        toast->action ? button_width(gui, toast->action->label, {}) + gui.px(52) : 0;
    const float most = r.w - gui.px(16);
    const float text_w =
        std::min(gui.width(type::kControl, toast->text) + 1, most - gui.px(32) - buttons);
    const float w = std::round(text_w + gui.px(32) + buttons);
    const float h = std::round(gui.px(toast->action ? 40 : 34));
    // It comes up from below within 160 ms, easing out.
    const double age = ImGui::GetTime() - p.view.toasts.shown_since();
    const bool moves = !p.view.config.reduced_motion && age < 0.16;
    const float left = moves ? float(1 - age / 0.16) : 0;
    p.view.moving = p.view.moving || moves;
    const Rect box{std::round(r.cx() - w / 2),
                   std::round(r.bottom() - gui.px(134) - h + gui.px(16) * left * left * left), w,
                   h};
    ImGui::SetNextWindowPos({box.x, box.y});
    ImGui::SetNextWindowSize({box.w, box.h});
    const ImGuiWindowFlags flags = toast->action ? kOnTop : kOnTop | ImGuiWindowFlags_NoInputs;
    if (ImGui::Begin("toast", nullptr, flags)) {
        ImGui::BringWindowToDisplayFront(ImGui::GetCurrentWindow());
        draw_contents(p, *toast, box, text_w);
        p.view.toast_hovered = toast->action && ImGui::IsWindowHovered();
    }
    ImGui::End();
}

}  // namespace app::ui
