// The text of a message on the screen: marking it with the pointer, its links, the buttons of its
// code and tables.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"

namespace app::ui {

MessageText& message_text(Panel& p, NodeId id, float width, float wide) {
    const Message& m = p.state.chat().at(id);
    MessageShape shape;
    shape.width = width;
    shape.wide = wide;
    shape.markdown = m.role != model::Role::user && !m.given;
    shape.growing = m.state == AnswerState::writing || m.state == AnswerState::prefill;
    MessageText& text = p.view.messages.text(id);
    text.update(p.gui, m.text, shape);
    return text;
}

namespace {

/// Held at the edge of the pane, the text moves along.
void scroll_at_edges(Panel& p) {
    const Rect pane = p.gui.clip();
    const float y = ImGui::GetIO().MousePos.y;
    const float over = y < pane.y ? y - pane.y : y > pane.bottom() ? y - pane.bottom() : 0;
    if (over != 0) {
        p.view.messages.scroll_by = std::clamp(over, -p.gui.px(40), p.gui.px(40)) * 0.5f;
        p.view.moving = true;
    }
}

/// True while the button marks text, so that it does not also choose a token.
void mark_with_pointer(Panel& p, NodeId id, const TextLayout& layout, float x, float y,
                       const Hit& hit) {
    MessageView& v = p.view.messages;
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const auto place = [&] { return layout.text_at(p.gui, mouse.x - x, mouse.y - y); };
    if (ImGui::IsItemActivated() && ImGui::IsMouseDown(ImGuiMouseButton_Left)) {
        v.dragging = true;
        v.moved = false;
        v.looked_at = id;
        v.selection.press(id, layout.text(), place(),
                          ImGui::GetMouseClickedCount(ImGuiMouseButton_Left));
    }
    if (!v.dragging || v.selection.node() != id) {
        return;
    }
    if (hit.held) {
        v.moved = v.moved || ImGui::IsMouseDragging(ImGuiMouseButton_Left);
        if (v.moved) {
            v.selection.drag(layout.text(), place());
            scroll_at_edges(p);
        }
    } else if (!ImGui::IsMouseDown(ImGuiMouseButton_Left)) {
        v.dragging = false;
    }
}

/// The token under the pointer is pointed at everywhere; a click that marks nothing selects it.
void point_at_token(Panel& p, NodeId id, const TextLayout& layout, float x, float y, bool clicked) {
    const Message& m = p.state.chat().at(id);
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const auto byte = layout.byte_at(p.gui, mouse.x - x, mouse.y - y);
    if (!byte || m.role == model::Role::user) {
        return;
    }
    const auto it = std::upper_bound(
        m.text_end.begin() + std::min<int64_t>(m.answer_begin, int64_t(m.text_end.size())),
        m.text_end.end(), *byte);
    const auto position = uint32_t(it - m.text_end.begin());
    if (position >= m.tokens.size()) {
        return;
    }
    if (p.view.inspector && p.state.selection.branch == id) {
        p.view.next_hovered_position = position;
    }
    if (clicked && p.view.inspector) {
        p.state.selection.branch = id;
        p.state.select_position(position);
    }
}

void draw_card_buttons(Panel& p, NodeId id, const TextLayout& layout, float x, float y) {
    Gui& gui = p.gui;
    for (size_t i = 0; i < layout.cards().size(); ++i) {
        const CodeCard& card = layout.cards()[i];
        const float cy = y + card.y + gui.px(23), right = x + card.x + card.width - gui.px(14);
        if (icon_button(gui, fmt::format("chat.{}.code.{}", id, i), right - gui.px(6), cy,
                        Icon::copy, "Copy the code", true, 24)) {
            copy_text(p, card.text);
        }
        gui.text_right(type::kNote, right - gui.px(22), cy, one_line(card.language, 16));
    }
    for (size_t i = 0; i < layout.tables().size(); ++i) {
        const TableBox& table = layout.tables()[i];
        const Rect r{x + table.x, y + table.y, table.width, table.height};
        const bool near = r.contains(ImGui::GetIO().MousePos.x, ImGui::GetIO().MousePos.y);
        const Rect at{r.right() - gui.px(26), r.y + gui.px(6), gui.px(24), gui.px(24)};
        if (near) {
            gui.fill(at, Color::raised, 6);
        }
        if (icon_button(gui, fmt::format("chat.{}.table.{}", id, i), at.cx(), at.cy(),
                        near ? Icon::copy : Icon::none, "Copy the table, cells between tabs", true,
                        24)) {
            copy_text(p, table.text);
        }
    }
}

/// Sideways over a table that is wider than its place: by Shift and the wheel, or a sideways wheel.
void scroll_tables(Panel& p, TextLayout& layout, float x, float y) {
    const ImGuiIO& io = ImGui::GetIO();
    const float wheel = io.MouseWheelH != 0 ? io.MouseWheelH : io.KeyShift ? io.MouseWheel : 0;
    for (TableBox& table : layout.tables()) {
        const Rect r{x + table.x, y + table.y, table.width, table.height};
        if (wheel != 0 && table.most() > 0 && r.contains(io.MousePos.x, io.MousePos.y)) {
            table.scroll = std::clamp(table.scroll - wheel * p.gui.px(60), 0.0f, table.most());
        }
    }
}

void use_link(Panel& p, const std::string& link, bool clicked) {
    ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
    p.gui.tooltip(link);
    if (clicked) {
        p.view.messages.asked_link = link;
        p.view.messages.open_link = true;
    }
}

}  // namespace

void draw_message_text(Panel& p, NodeId id, MessageText& text, float x, float y) {
    Gui& gui = p.gui;
    MessageView& v = p.view.messages;
    TextLayout& layout = text.layout();
    float w = layout.width();
    for (const CodeCard& card : layout.cards()) {
        w = std::max(w, card.x + card.width);
    }
    for (const TableBox& table : layout.tables()) {
        w = std::max(w, table.x + table.width);
    }
    const std::string& words = p.state.chat().at(id).text;
    const Hit hit =
        gui.hit("chat.text." + std::to_string(id), {x, y, w, std::max(layout.height(), 1.0f)},
                "text", one_line(std::string_view(words).substr(0, 240), 60), true, true);
    mark_with_pointer(p, id, layout, x, y, hit);
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    if (hit.hovered) {
        scroll_tables(p, layout, x, y);
        ImGui::SetMouseCursor(ImGuiMouseCursor_TextInput);
        const int link = layout.link_at(mouse.x - x, mouse.y - y);
        const bool click =
            hit.clicked && !v.moved && ImGui::GetMouseClickedCount(ImGuiMouseButton_Left) < 2;
        if (link >= 0) {
            use_link(p, layout.links()[size_t(link)], click);
        } else {
            point_at_token(p, id, layout, x, y, click);
        }
        if (ImGui::IsMouseClicked(ImGuiMouseButton_Right)) {
            v.menu_node = v.looked_at = id;
            v.menu_link = link >= 0 ? layout.links()[size_t(link)] : std::string();
            v.open_menu = true;
            p.view.menu_anchor = {mouse.x, mouse.y, 0, 0};
        }
    }
    layout.draw(gui, x, y, v.selection.node() == id ? v.selection.range() : TextRange{});
    draw_card_buttons(p, id, layout, x, y);
}

void copy_text(Panel& p, const std::string& text) {
    ImGui::SetClipboardText(text.c_str());
    p.view.say("Copied");
}

bool copy_marked(Panel& p, bool markdown) {
    const std::string text = p.view.messages.marked(markdown);
    if (!text.empty()) {
        copy_text(p, text);
    }
    return !text.empty();
}

bool mark_message(Panel& p) {
    MessageView& v = p.view.messages;
    const NodeId id = v.looked_at != kNoNode && p.state.chat().valid(v.looked_at)
                          ? v.looked_at
                          : p.state.chat().last(model::Role::model);
    const MessageText* text = id == kNoNode ? nullptr : v.laid(id);
    if (text != nullptr) {
        v.selection.select_all(id, text->layout().text());
    }
    return text != nullptr;
}

}  // namespace app::ui
