// The conversation: messages, their branches, their actions, and the marks of the selection in the
// text.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"

namespace app::ui {

namespace {

/// Bytes of the answer's text that this token wrote.
bool token_range(const Message& m, uint32_t position, uint32_t& begin, uint32_t& end) {
    if (position < m.answer_begin || position >= m.text_end.size()) {
        return false;
    }
    begin = position == m.answer_begin ? 0 : m.text_end[position - 1];
    end = m.text_end[position];
    return end > begin;
}

}  // namespace

void draw_text_marks(Panel& p, const Message& m, const TextLayout& layout, float x, float y) {
    Gui& gui = p.gui;
    const auto rects = [&](uint32_t position) {
        uint32_t begin = 0, end = 0;
        return token_range(m, position, begin, end) ? layout.find(gui, begin, end)
                                                    : std::vector<Rect>{};
    };
    const auto placed = [&](const Rect& r) {
        return Rect{std::round(x + r.x - gui.px(2)), std::round(y + r.y + gui.px(1)),
                    std::round(std::max(r.w, gui.px(6)) + gui.px(4)), r.h - gui.px(2)};
    };
    const RowLinks links = selected_links(p, 0.7f, 24);
    const float strongest = links.links.empty() ? 1 : std::max(links.links.front().weight, 1e-9f);
    for (const RowLinks::Link& link : links.links) {
        for (const Rect& r : rects(link.key)) {
            const float thick = gui.px(1.2f + 2.2f * link.weight / strongest);
            gui.fill({x + r.x, y + r.bottom() - gui.px(3), r.w, thick}, Color::row);
        }
    }
    if (const auto key = effective_key(p, links);
        key && (p.state.selection.key || p.view.hovered_cell)) {
        for (const Rect& r : rects(*key)) {
            gui.fill(placed(r), Color::key_bg, 4, 0.6f);
            mark_key(gui, placed(r), 1.5f);
        }
    }
    for (const Rect& r : rects(p.state.selection.position)) {
        if (p.state.selection.locked && !p.state.selection.after_last) {
            mark_drawn(gui, placed(r));
        }
    }
    if (p.view.hovered_position && *p.view.hovered_position != p.state.selection.position) {
        for (const Rect& r : rects(*p.view.hovered_position)) {
            gui.frame(placed(r), Color::text3, 4, 1.5f);
        }
    }
}

namespace {

/// "‹ 1 / 2 ›"
void draw_pager(Panel& p, NodeId id, float right, float cy) {
    Gui& gui = p.gui;
    const size_t n = p.state.chat().sibling_count(id), i = p.state.chat().sibling_index(id);
    if (n < 2) {
        return;
    }
    const std::string base = "chat." + std::to_string(id);
    const bool can = !p.state.busy();
    if (icon_button(gui, base + ".next", right - gui.px(8), cy, Icon::chevron_right, "Next version",
                    can && i + 1 < n, 24)) {
        p.later([id](UiState& s) { s.show_sibling(id, 1); });
    }
    const std::string text = fmt::format("{} / {}", i + 1, n);
    const float x = gui.text_right(type::kToken, right - gui.px(22), cy, text);
    if (icon_button(gui, base + ".previous", x - gui.px(14), cy, Icon::chevron_left,
                    "Previous version", can && i > 0, 24)) {
        p.later([id](UiState& s) { s.show_sibling(id, -1); });
    }
}

float draw_user(Panel& p, NodeId id, float x, float y, float column) {
    Gui& gui = p.gui;
    const Message& m = p.state.chat().at(id);
    const std::string base = "chat." + std::to_string(id);
    gui.text(with(type::kTitle, Color::text2), x, y + gui.px(12), "You");
    draw_pager(p, id, x + column, y + gui.px(12));
    y += gui.px(28);
    if (is_edited(p, id)) {
        return draw_edit_card(p, id, x, y, column) + gui.px(20);
    }
    const float inner = column - gui.px(28);
    MessageText& text = message_text(p, id, inner, inner);
    const TextLayout& layout = text.layout();
    const Rect card{x, y, column, layout.height() + gui.px(18)};
    const Hit hit = gui.hit(base, card, "message", one_line(m.text, 60), true, true);
    gui.fill(card, gui.theme().dark ? Color::card : Color::hover, 10);
    draw_message_text(p, id, text, card.x + gui.px(14), card.y + gui.px(9));
    const bool near = hit.hovered || gui.clip().contains(card.right(), card.cy());
    if (near && !p.state.busy()) {
        draw_user_actions(p, id, card);
    }
    return card.bottom() + gui.px(30);
}

void draw_answer_head(Panel& p, NodeId id, float x, float y, float column) {
    Gui& gui = p.gui;
    const Message& m = p.state.chat().at(id);
    const float cy = y + gui.px(12);
    const std::string name =
        m.model_name.empty() ? "Gemma"
        : p.state.model && p.state.model->shipped && p.state.model->name == m.model_name
            ? "Lapidary demo"
            : one_line(m.model_name, 28);
    float at = gui.text(with(type::kTitle, Color::text2), x, cy, name);
    const bool writing = m.state == AnswerState::writing || m.state == AnswerState::prefill;
    if (writing) {
        const std::string what =
            p.state.stopping                  ? "stopping"
            : m.state == AnswerState::writing ? "writing"
            : m.prefill_total > 0 ? fmt::format("reading {} / {}", m.prefill_done, m.prefill_total)
                                  : "reading";
        gui.draw()->AddCircleFilled({at + gui.px(14), cy}, gui.px(3.5f), gui.color(Color::accent));
        at = gui.text(type::kNote, at + gui.px(23), cy, what);
    }
    if (m.edited) {
        gui.icon(Icon::pencil, at + gui.px(18), cy, 12, Color::text2);
        at = gui.text(type::kNote, at + gui.px(29), cy, "edited by you");
    }
    if (m.branch) {
        gui.icon(Icon::branch, at + gui.px(18), cy, 13, Color::text2);
        const BranchNote& b = *m.branch;
        const float room = x + column - at - gui.px(29 + 84);
        std::string note = fmt::format("branched at position {}: {} instead of {}", b.position,
                                       b.chosen, b.instead_of);
        if (gui.width(type::kNote, note) > room) {
            note = fmt::format("{}: {} instead of {}", b.position, b.chosen, b.instead_of);
        }
        gui.text_fit(type::kNote, at + gui.px(29), cy, room, note);
    }
    draw_pager(p, id, x + column, cy);
}

float draw_answer(Panel& p, NodeId id, float x, float y, float column, float wide) {
    Gui& gui = p.gui;
    draw_answer_head(p, id, x, y, column);
    y += gui.px(28);
    const Message& m = p.state.chat().at(id);
    if (is_edited(p, id)) {
        return draw_edit_card(p, id, x, y, column) + gui.px(20);
    }
    MessageText& text = message_text(p, id, column, wide);
    const TextLayout& layout = text.layout();
    if (!m.text.empty()) {
        draw_message_text(p, id, text, x, y);
        if (p.view.inspector && p.state.selection.branch == id) {
            draw_text_marks(p, m, layout, x, y);
        }
    }
    if (m.state == AnswerState::writing || (m.state == AnswerState::prefill && m.branch)) {
        float cx = 0, cy = 0, line = gui.px(24);
        layout.end(cx, cy, line);
        gui.fill({x + cx + gui.px(2), y + cy + gui.px(3), gui.whole(2),
                  std::max(line, gui.px(24)) - gui.px(6)},
                 Color::accent);
    }
    y += std::max(layout.height(), m.state == AnswerState::writing ? gui.px(24) : 0.0f) + gui.px(8);
    if (m.state == AnswerState::failed) {
        y = draw_failure(p, id, x, y, column);
    }
    draw_answer_actions(p, id, x, y, column);
    return y + gui.px(38);
}

/// A guess at the height of a message nobody has seen yet, from the length of its text.
float guess_height(const Panel& p, NodeId id, float column) {
    const Message& m = p.state.chat().at(id);
    const float letters = std::max(column / p.gui.px(8), 1.0f);
    const float lines = std::ceil(float(m.text.size()) / letters) + 0.5f;
    return p.gui.px(74) + lines * p.gui.px(24);
}

/// Keeps what is known of the messages that are still there.
void follow_path(Panel& p, float column) {
    MessageView& v = p.view.messages;
    std::vector<NodeId> path = p.state.chat().path();
    if (v.column != column || v.scale != p.gui.scale() || v.chat != p.state.current_chat) {
        v.heights.clear();
        v.path.clear();
        v.around.clear();
        v.column = column;
        v.scale = p.gui.scale();
        if (v.chat != p.state.current_chat) {
            v.selection.clear();
            v.looked_at = kNoNode;
        }
        v.chat = p.state.current_chat;
    }
    const auto differs = std::mismatch(path.begin(), path.end(), v.path.begin(), v.path.end());
    v.heights.shrink(size_t(differs.first - path.begin()));
    for (size_t i = v.heights.size(); i < path.size(); ++i) {
        v.heights.push(guess_height(p, path[i], column));
    }
    v.path = std::move(path);
}

struct Columns {
    float x, column, wide;
};

float draw_message(Panel& p, NodeId id, float y, const Columns& c) {
    y = draw_above_message(p, id, c.x, y, c.column);
    const bool user = p.state.chat().at(id).role == model::Role::user;
    if (p.state.chat().at(id).given) {
        return std::round(draw_given_text(p, id, c.x, y, c.column));
    }
    return std::round(user ? draw_user(p, id, c.x, y, c.column)
                           : draw_answer(p, id, c.x, y, c.column, c.wide));
}

/// Lays out the messages that will be seen, before the first is drawn: one whose guess was wrong
/// moves what stands below it, and the view with it when it lies above the upper edge.
void settle_heights(Panel& p, double& scroll, float height, const Columns& c) {
    MessageView& v = p.view.messages;
    for (size_t i = v.heights.at(scroll); i < v.path.size() && v.heights.top(i) < scroll + height;
         ++i) {
        const NodeId id = v.path[i];
        const bool user = p.state.chat().at(id).role == model::Role::user;
        const float inner = user ? c.column - p.gui.px(28) : c.column;
        const MessageText& text = message_text(p, id, inner, user ? inner : c.wide);
        const auto around = v.around.find(id);
        const float rest = around != v.around.end() ? around->second : p.gui.px(user ? 76 : 74);
        const float h = std::round(text.layout().height() + rest);
        const bool first = !v.heights.measured(i);
        if (first && v.heights.top(i) < scroll) {
            scroll += double(h) - double(v.heights.height(i));
        }
        if (first) {
            v.heights.set(i, h, true);
        }
    }
}

/// Where the view is to be, from what was asked of it.
double wanted_scroll(Panel& p, double pad, float height) {
    MessageView& v = p.view.messages;
    double scroll = ImGui::GetScrollY() + double(std::exchange(v.scroll_by, 0.0f));
    if (p.state.file.reveal) {
        v.reveal = std::exchange(p.state.file.reveal, std::nullopt);
    }
    if (v.reveal) {
        const auto it = std::find(v.path.begin(), v.path.end(), *v.reveal);
        if (it != v.path.end()) {
            scroll = v.heights.top(size_t(it - v.path.begin()));
        }
        v.reveal.reset();
        p.view.chat_at_bottom = false;
    }
    if (p.view.scroll_to_bottom || (p.view.chat_at_bottom && p.state.busy())) {
        scroll = 1e12;
    }
    return std::clamp(scroll, 0.0, std::max(0.0, v.heights.total() + pad - double(height)));
}

}  // namespace

void draw_chat(Panel& p, const Rect& r, float column) {
    Gui& gui = p.gui;
    MessageView& v = p.view.messages;
    const double pad = gui.px(12);
    follow_path(p, column);
    ImGui::SetCursorScreenPos({r.x, r.y});
    ImGui::SetNextWindowContentSize({0, float(v.heights.total() + pad)});
    ImGui::BeginChild("chat", {r.w, r.h}, 0, ImGuiWindowFlags_NoBackground);
    gui.scrolls = true;
    gui.registry().add("chat.pane", {r, r, "pane", "Chat", true});
    v.forget_unseen();
    const float x = std::round(r.x + (r.w - column) / 2);
    const Columns c{x, column, std::max(column, std::min(gui.px(720), r.right() - gui.px(20) - x))};
    double scroll = wanted_scroll(p, pad, r.h);
    settle_heights(p, scroll, r.h, c);
    const bool to_bottom = p.view.scroll_to_bottom || (p.view.chat_at_bottom && p.state.busy());
    const double most = std::max(0.0, v.heights.total() + pad - double(r.h));
    scroll = std::round(to_bottom ? most : std::clamp(scroll, 0.0, most));
    v.n_drawn = 0;
    for (size_t i = v.heights.at(scroll - pad); i < v.path.size(); ++i) {
        const float y = std::round(float(double(r.y) - scroll + pad + v.heights.top(i)));
        if (y > r.bottom()) {
            break;
        }
        const float h = draw_message(p, v.path[i], y, c) - y;
        v.heights.set(i, h, true);
        if (const MessageText* text = v.laid(v.path[i])) {
            v.around[v.path[i]] = h - text->layout().height();
        }
        ++v.n_drawn;
    }
    if (scroll != double(ImGui::GetScrollY())) {
        ImGui::SetScrollY(float(scroll));
    }
    // A taller answer is below the edge only once its height is known: the next frame follows it.
    const double end = std::max(0.0, v.heights.total() + pad - double(r.h));
    p.view.scroll_to_bottom = to_bottom && end > scroll + 0.5;
    p.view.moving = p.view.moving || p.view.scroll_to_bottom;
    p.view.chat_at_bottom = scroll >= end - double(gui.px(40));
    gui.scrolls = false;
    ImGui::EndChild();
}

}  // namespace app::ui
