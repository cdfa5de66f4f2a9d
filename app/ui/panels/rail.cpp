// The rail at the left: gem, new chat, chats, settings; opens to the list of chats.
#include "app/ui/panels/panels.h"

namespace app::ui {

namespace {

void draw_rail_foot(Panel& p, const Rect& r, float cx) {
    Gui& gui = p.gui;
    if (icon_button(gui, "rail.shortcuts", cx, r.bottom() - gui.px(64), Icon::keyboard,
                    "Keyboard shortcuts (F1)", true, 32)) {
        p.view.show_shortcuts = true;
    }
    if (icon_button(gui, "rail.settings", cx, r.bottom() - gui.px(24), Icon::gear,
                    "Theme and text size", true, 32)) {
        p.view.menu_settings = true;
        p.view.menu_anchor = {r.right() + gui.px(4), r.bottom() - gui.px(270), 0, 0};
    }
}

void draw_chat_list(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    const float x = r.x + gui.px(12), w = r.w - gui.px(24);
    Rect top{x, r.y + gui.px(52), w, gui.px(32)};
    const Hit fresh =
        gui.hit("rail.new", top, "button", "New chat", !p.state.busy() && !p.state.chat().empty());
    gui.card(top, fresh.hovered ? Color::hover : Color::card, Color::edge, 7);
    gui.icon(Icon::plus, top.x + gui.px(18), top.cy(), 14, Color::text);
    gui.text(type::kControl, top.x + gui.px(32), top.cy(), "New chat");
    key_cap(gui, top.right() - gui.px(8) - key_cap_width(gui, "Ctrl N"), top.cy(), "Ctrl N");
    if (fresh.clicked) {
        p.later([](UiState& s) { s.new_chat(); });
    }
    gui.text(with(type::kNote, Color::text2), x + gui.px(8), r.y + gui.px(106), "This session");
    float y = r.y + gui.px(122);
    for (size_t i = 0; i < p.state.chats.size(); ++i) {
        const Conversation& c = p.state.chats[i];
        if (c.empty() || y + gui.px(34) > r.bottom() - gui.px(150)) {
            continue;
        }
        const Rect row{x, y, w, gui.px(30)};
        const bool current = i == p.state.current_chat;
        const Hit hit = gui.hit("rail.chat." + std::to_string(i), row, "list item", c.title());
        if (current || hit.hovered) {
            gui.fill(row, current ? Color::list_selection : Color::hover, 7);
        }
        gui.text_fit(with(type::kControl, current ? Color::text : Color::text2), row.x + gui.px(10),
                     row.cy(), row.w - gui.px(20), c.title());
        if (hit.clicked) {
            p.later([i](UiState& s) { s.show_chat(i); });
        }
        y += gui.px(34);
    }
    gui.paragraph(with(type::kNote, Color::text3), x + gui.px(8), r.bottom() - gui.px(130),
                  w - gui.px(16), 17, "Chats are kept in memory only and end with the window.");
}

}  // namespace

void draw_rail(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    gui.fill(r, Color::rail);
    gui.vline(r.right() - gui.whole(1), r.y, r.h);
    const float cx = r.x + gui.px(24);
    gui.gem(cx + (p.view.rail_open ? gui.px(4) : 0), r.y + gui.px(24), 24);
    if (p.view.rail_open) {
        gui.text({Face::semibold, 15, Color::text}, r.x + gui.px(48), r.y + gui.px(24), "Lapidary");
        if (icon_button(gui, "rail.fold", r.right() - gui.px(26), r.y + gui.px(24), Icon::sidebar,
                        "Fold the list (Ctrl B)")) {
            p.view.rail_open = false;
        }
        draw_chat_list(p, r);
        draw_rail_foot(p, r, cx + gui.px(4));
        return;
    }
    const bool can_new = !p.state.busy() && !p.state.chat().empty();
    if (icon_button(gui, "rail.new", cx, r.y + gui.px(72), Icon::plus, "New chat (Ctrl N)", can_new,
                    32)) {
        p.later([](UiState& s) { s.new_chat(); });
    }
    if (icon_button(gui, "rail.chats", cx, r.y + gui.px(112), Icon::chat,
                    "Chats of this session (Ctrl B)", true, 32, !p.state.chat().empty())) {
        p.view.rail_open = true;
    }
    draw_rail_foot(p, r, cx);
}

}  // namespace app::ui
