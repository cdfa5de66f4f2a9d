// The menu of a message's text, and the question before a link is opened.
#include <algorithm>
#include <utility>

#include "app/ui/panels/panels.h"
#include "app/ui/window/open_address.h"

namespace app::ui {

namespace {

void copy_whole(Panel& p, NodeId id, bool markdown) {
    const MessageText* text = p.view.messages.laid(id);
    if (text != nullptr) {
        copy_text(p, markdown ? text->source() : text->layout().text());
    }
}

void message_menu(Panel& p) {
    Gui& gui = p.gui;
    MessageView& v = p.view.messages;
    if (std::exchange(v.open_menu, false)) {
        ImGui::OpenPopup("message");
    }
    if (!begin_menu(gui, "message", p.view.menu_anchor.x, p.view.menu_anchor.y, gui.px(250))) {
        return;
    }
    const bool marked = v.selection.node() == v.menu_node && !v.selection.empty();
    if (menu_item(gui, "message.copy", marked ? "Copy" : "Copy the message", marked ? "Ctrl C" : "",
                  false, Icon::copy)) {
        marked ? void(copy_marked(p, false)) : copy_whole(p, v.menu_node, false);
    }
    if (menu_item(gui, "message.copy_markdown", "Copy as Markdown")) {
        marked ? void(copy_marked(p, true)) : copy_whole(p, v.menu_node, true);
    }
    if (menu_item(gui, "message.select_all", "Mark the whole message", "Ctrl A")) {
        v.looked_at = v.menu_node;
        mark_message(p);
    }
    message_menu_items(p, v.menu_node);
    if (!v.menu_link.empty()) {
        menu_separator(gui);
        if (menu_item(gui, "message.copy_link", "Copy the address", {}, false, Icon::copy)) {
            copy_text(p, v.menu_link);
        }
        if (menu_item(gui, "message.open_link", "Open the address…")) {
            v.asked_link = v.menu_link;
            v.open_link = true;
        }
    }
    end_menu(gui);
}

void link_question(Panel& p) {
    Gui& gui = p.gui;
    MessageView& v = p.view.messages;
    if (std::exchange(v.open_link, false)) {
        ImGui::OpenPopup("link");
    }
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    const float w = std::min(gui.px(520), size.x - gui.px(16));
    const std::string shown = one_line(v.asked_link, 600);
    const TextStyle address{Face::mono, 13, Color::text};
    const float lines = gui.paragraph(address, 0, 0, w - gui.px(76), 20, shown, true);
    ImGui::SetNextWindowPos({size.x / 2, size.y * 0.4f}, ImGuiCond_Always, {0.5f, 0.5f});
    ImGui::SetNextWindowSize({w, lines + gui.px(164)});
    if (!begin_dialog(gui, "link")) {
        return;
    }
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float room = ImGui::GetContentRegionAvail().x;
    const bool can = can_open_address(v.asked_link) && v.open_address != nullptr;
    gui.text({Face::semibold, 16, Color::text}, at.x, at.y + gui.px(10), "Open this address?");
    const Rect box{at.x, at.y + gui.px(30), room, lines + gui.px(16)};
    gui.card(box, Color::card, Color::edge, 8);
    gui.paragraph(address, box.x + gui.px(12), box.y + gui.px(8), room - gui.px(24), 20, shown);
    gui.text_fit(type::kNote, at.x, box.bottom() + gui.px(16), room,
                 can ? "The model wrote it. It opens in your browser, outside of Lapidary."
                     : "Only addresses of the web and of mail are opened from here.");
    const float cy = box.bottom() + gui.px(54);
    float right = at.x + room;
    Rect taken;
    const auto right_button = [&](const char* id, const char* label, const ButtonOptions& options) {
        const float width = button_width(gui, label, options);
        right -= width + gui.px(8);
        return button_at(gui, id, right + gui.px(8), cy, label, options, &taken);
    };
    bool close = false;
    if (right_button("link.open", "Open", {Look::primary, Icon::none, {}, {}, can})) {
        close = true;
        if (!v.open_address(v.asked_link)) {
            p.view.say("No program was found that opens it");
        }
    }
    if (right_button("link.copy", "Copy the address", {Look::outline, Icon::copy})) {
        copy_text(p, v.asked_link);
        close = true;
    }
    close |= right_button("link.cancel", "Cancel", {Look::quiet}) ||
             ImGui::IsKeyPressed(ImGuiKey_Escape);
    if (close) {
        ImGui::CloseCurrentPopup();
    }
    end_dialog();
}

}  // namespace

void draw_message_menus(Panel& p) {
    message_menu(p);
    link_question(p);
}

}  // namespace app::ui
