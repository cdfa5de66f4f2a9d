// The rail at the left: gem, new chat, chats, settings; opens to the list of chats.
#include "app/ui/actions.h"

namespace app::ui {

namespace {

void draw_rail_foot(Panel& p, const Rect& r, float cx) {
    Gui& gui = p.gui;
    if (icon_button(gui, "rail.shortcuts", cx, r.bottom() - gui.px(64), Icon::keyboard,
                    "Keyboard shortcuts (F1)", true, 32)) {
        p.view.show_shortcuts = true;
    }
    if (icon_button(gui, "rail.settings", cx, r.bottom() - gui.px(24), Icon::gear,
                    "Settings (" + action_keys("window.settings") + ")", true, 32)) {
        p.view.settings.open = true;
    }
}

void draw_folded(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const float cx = r.x + gui.px(24);
    gui.fill(r, Color::rail);
    gui.vline(r.right() - gui.whole(1), r.y, r.h);
    gui.gem(cx, r.y + gui.px(24), 24);
    const std::string no_chat = p.state.replay_obstacle();
    const bool can_new = !p.state.busy() && !p.state.chat().empty() && no_chat.empty();
    if (icon_button(gui, "rail.new", cx, r.y + gui.px(72), Icon::plus,
                    no_chat.empty() ? "New chat (Ctrl N)" : no_chat, can_new, 32)) {
        p.later([](UiState& s) { s.new_chat(); });
    }
    if (icon_button(gui, "rail.chats", cx, r.y + gui.px(112), Icon::chat, "Chats (Ctrl B)", true,
                    32, !p.state.chat().empty())) {
        p.view.rail_open = true;
    }
    if (icon_button(gui, "rail.search", cx, r.y + gui.px(152), Icon::search,
                    "Search all chats (Ctrl F)", true, 32)) {
        p.view.rail_open = p.view.chat_list.focus_search = true;
    }
    const std::string no_text = p.state.text_obstacle();
    if (icon_button(gui, "rail.text", cx, r.y + gui.px(192), Icon::lines,
                    no_text.empty() ? "Score and inspect a text (" + action_keys("text.read") + ")"
                                    : no_text,
                    no_text.empty(), 32)) {
        begin_text(p);
    }
    draw_rail_foot(p, r, cx);
}

void draw_opened(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const float cx = r.x + gui.px(28), cy = r.y + gui.px(24);
    gui.fill(r, Color::rail);
    gui.vline(r.right() - gui.whole(1), r.y, r.h);
    gui.gem(cx, cy, 24);
    gui.text({Face::semibold, 15, Color::text}, r.x + gui.px(48), cy, "Lapidary");
    if (icon_button(gui, "rail.fold", r.right() - gui.px(26), cy, Icon::sidebar,
                    "Fold the list (Ctrl B)")) {
        p.view.rail_open = false;
    }
    draw_chat_list(p, r);
    draw_rail_foot(p, r, cx);
}

/// A window of its own: it lies on what the panes have drawn, and what it hides cannot be clicked.
void draw_over(Panel& p, const Rect& r) {
    ImGui::SetCursorScreenPos({r.x, r.y});
    ImGui::BeginChild("rail", {r.w, r.h}, 0,
                      ImGuiWindowFlags_NoBackground | ImGuiWindowFlags_NoScrollbar |
                          ImGuiWindowFlags_NoScrollWithMouse);
    draw_opened(p, r);
    ImGui::EndChild();
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const bool popup =
        ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopupId | ImGuiPopupFlags_AnyPopupLevel);
    if (ImGui::IsMouseClicked(ImGuiMouseButton_Left) && !r.contains(mouse.x, mouse.y) && !popup) {
        p.view.rail_open = false;
    }
}

}  // namespace

void draw_rail(Panel& p, const Rect& r) {
    p.view.rail_over ? draw_over(p, r) : p.view.rail_open ? draw_opened(p, r) : draw_folded(p, r);
}

}  // namespace app::ui
