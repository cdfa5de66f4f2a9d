// The conversation: messages, their branches, their actions, and the marks of the selection in the
// text.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"
#include "app/ui/text_field.h"

namespace app::ui {

namespace {

uint64_t hash_text(std::string_view text) {
    uint64_t h = 1469598103934665603ull;
    for (const char c : text) {
        h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    }
    return h;
}

const TextLayout& layout_of(Panel& p, NodeId id, float width) {
    const Message& m = p.state.chat().at(id);
    LaidMessage& laid = p.view.laid[id];
    const uint64_t key = hash_text(m.text) ^ (uint64_t(width) << 40) ^
                         (uint64_t(p.gui.scale() * 100) << 24) ^ (p.view.dark() ? 1u : 2u);
    if (laid.key != key) {
        laid.key = key;
        laid.layout.build(
            p.gui, m.role == model::Role::user ? plain_blocks(m.text) : parse_markdown(m.text),
            width);
    }
    return laid.layout;
}

/// Bytes of the answer's text that this token wrote.
bool token_range(const Message& m, uint32_t position, uint32_t& begin, uint32_t& end) {
    if (position < m.answer_begin || position >= m.text_end.size()) {
        return false;
    }
    begin = position == m.answer_begin ? 0 : m.text_end[position - 1];
    end = m.text_end[position];
    return end > begin;
}

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
        if (p.state.selection.locked) {
            mark_drawn(gui, placed(r));
        }
    }
    if (p.view.hovered_position && *p.view.hovered_position != p.state.selection.position) {
        for (const Rect& r : rects(*p.view.hovered_position)) {
            gui.frame(placed(r), Color::text3, 4, 1.5f);
        }
    }
}

/// Pointing at a word points at its token; a click selects it.
void hit_text(Panel& p, NodeId id, const TextLayout& layout, float x, float y) {
    const Message& m = p.state.chat().at(id);
    const Hit hit = p.gui.hit("chat.text." + std::to_string(id),
                              {x, y, layout.width(), std::max(layout.height(), 1.0f)}, "text",
                              one_line(m.text, 60), true, true);
    if (!hit.hovered) {
        return;
    }
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const auto byte = layout.byte_at(p.gui, mouse.x - x, mouse.y - y);
    if (!byte) {
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
    if (hit.clicked) {
        p.state.selection.branch = id;
        p.state.select_position(position);
        p.view.inspector = true;
    }
}

void copy_text(Panel& p, const std::string& text) {
    ImGui::SetClipboardText(text.c_str());
    p.view.say("Copied");
}

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

/// As many of the figures as fit, the most telling first.
std::string speed_line(const Gui& gui, const Message& m, float room) {
    std::string out;
    bool full = false;
    const auto add = [&](const std::string& part) {
        const std::string longer = out.empty() ? part : out + "  ·  " + part;
        full = full || gui.width(type::kNote, longer) > room;
        out = full ? out : longer;
    };
    const Stats& s = m.stats;
    if (s.predicted_n > 0) {
        add(fmt::format("{} tokens", thousands(s.predicted_n)));
    }
    if (m.finish == FinishReason::stopped) {
        add("stopped");
    } else if (m.finish == FinishReason::context_full) {
        add("the context is full");
    } else if (m.finish == FinishReason::length) {
        add("length limit");
    }
    if (s.predicted_ms > 0 && s.predicted_n > 1) {
        add(fmt::format("{:.1f} t/s", double(s.predicted_n) * 1000 / s.predicted_ms));
    }
    if (s.first_token_ms > 0) {
        add("first token " + duration(s.first_token_ms));
    }
    if (s.gb_per_s > 0) {
        add(fmt::format("{:.1f} GB/s", s.gb_per_s));
    }
    return out;
}

float draw_user(Panel& p, NodeId id, float x, float y, float column) {
    Gui& gui = p.gui;
    const Message& m = p.state.chat().at(id);
    const std::string base = "chat." + std::to_string(id);
    gui.text(with(type::kTitle, Color::text2), x, y + gui.px(12), "You");
    draw_pager(p, id, x + column, y + gui.px(12));
    y += gui.px(28);
    if (p.view.editing == id) {
        const float lines = float(std::clamp(line_count(p.view.edit_field), 1, 10));
        const Rect card{x, y, column, gui.px(68) + lines * gui.px(20)};
        gui.card(card, gui.theme().dark ? Color::card : Color::bg, Color::accent, 10);
        const Rect field{x + gui.px(14), y + gui.px(10), column - gui.px(28), card.h - gui.px(56)};
        const FieldResult result =
            text_field(gui, base + ".edit_text", field, p.view.edit_field, "");
        Rect taken;
        const float cy = card.bottom() - gui.px(24);
        ButtonOptions send{
            Look::primary, Icon::none, {}, "The old version stays, on the pager", !p.state.busy()};
        const float send_w = button_width(gui, "Send again", send);
        const bool go = button_at(gui, base + ".resend", card.right() - gui.px(12) - send_w, cy,
                                  "Send again", send, &taken) ||
                        result.submitted;
        const ButtonOptions quiet{Look::quiet, Icon::none, {}, {}, true};
        const float cancel_w = button_width(gui, "Cancel", quiet);
        const bool cancel =
            button_at(gui, base + ".cancel", taken.x - gui.px(8) - cancel_w, cy, "Cancel", quiet) ||
            result.cancelled;
        if (go) {
            p.later([id, text = typed_text(p.view.edit_field)](UiState& s) {
                s.edit_and_resend(id, text);
            });
        }
        p.gui.escape_used = p.gui.escape_used || result.cancelled;
        if (go || cancel) {
            p.view.editing = kNoNode;
        }
        return card.bottom() + gui.px(20);
    }
    const TextLayout& layout = layout_of(p, id, column - gui.px(28));
    const Rect card{x, y, column, layout.height() + gui.px(18)};
    const Hit hit = gui.hit(base, card, "message", one_line(m.text, 60), true, true);
    gui.fill(card, gui.theme().dark ? Color::card : Color::hover, 10);
    layout.draw(gui, card.x + gui.px(14), card.y + gui.px(9));
    const bool near = hit.hovered || gui.clip().contains(card.right(), card.cy());
    if (near && !p.state.busy()) {
        const float cy = card.bottom() + gui.px(14);
        if (icon_button(gui, base + ".copy", card.right() - gui.px(42), cy, Icon::copy, "Copy",
                        true, 24)) {
            copy_text(p, m.text);
        }
        if (icon_button(gui, base + ".edit", card.right() - gui.px(12), cy, Icon::pencil,
                        "Edit and send again", true, 24)) {
            p.view.editing = id;
            set_text(p.view.edit_field, m.text);
            p.view.edit_field.take_focus = p.view.edit_field.caret_to_end = true;
        }
    }
    return card.bottom() + gui.px(30);
}

float draw_failure(Panel& p, const Message& m, NodeId id, float x, float y, float column) {
    Gui& gui = p.gui;
    const TextStyle message{Face::medium, 13, Color::text};
    const float w = column - gui.px(52);
    const float h1 = gui.paragraph(message, 0, 0, w, 19, m.error, true);
    const float h2 = m.hint.empty() ? 0 : gui.paragraph(type::kNote, 0, 0, w, 18, m.hint, true);
    const Rect card{x, y, column, h1 + h2 + gui.px(64)};
    gui.card(card, Color::card, Color::edge, 10);
    gui.fill({card.x, card.y + gui.px(10), gui.px(3), card.h - gui.px(20)}, Color::error, 1.5f);
    gui.icon(Icon::warning, card.x + gui.px(24), card.y + gui.px(22), 16, Color::error);
    gui.paragraph(message, card.x + gui.px(42), card.y + gui.px(12), w, 19, m.error);
    gui.paragraph(type::kNote, card.x + gui.px(42), card.y + gui.px(14) + h1, w, 18, m.hint);
    Rect taken;
    const std::string base = "chat." + std::to_string(id);
    const float cy = card.bottom() - gui.px(24);
    if (button_at(gui, base + ".retry", card.x + gui.px(42), cy, "Try again",
                  {Look::outline, Icon::refresh, {}, {}, p.state.ready() && !p.state.busy()},
                  &taken)) {
        p.later([id](UiState& s) { s.regenerate(id); });
    }
    if (button_at(gui, base + ".copy_error", taken.right() + gui.px(8), cy, "Copy",
                  {Look::outline, Icon::copy})) {
        copy_text(p, m.error + "\n" + m.hint);
    }
    return card.bottom() + gui.px(12);
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

void draw_answer_actions(Panel& p, NodeId id, float x, float y, float column) {
    Gui& gui = p.gui;
    const Message& m = p.state.chat().at(id);
    const float cy = y + gui.px(12);
    const bool done = m.state == AnswerState::done || m.state == AnswerState::failed;
    const float room = column - (done ? gui.px(64) : 0);
    gui.text_fit(type::kNote, x, cy, room, speed_line(gui, m, room));
    if (!done || p.state.busy()) {
        return;
    }
    const std::string base = "chat." + std::to_string(id);
    if (icon_button(gui, base + ".copy", x + column - gui.px(42), cy, Icon::copy, "Copy the answer",
                    !m.text.empty(), 24)) {
        copy_text(p, m.text);
    }
    if (icon_button(gui, base + ".regenerate", x + column - gui.px(12), cy, Icon::refresh,
                    "Write another answer; this one stays", p.state.ready(), 24)) {
        p.later([id](UiState& s) { s.regenerate(id); });
    }
}

float draw_answer(Panel& p, NodeId id, float x, float y, float column) {
    Gui& gui = p.gui;
    draw_answer_head(p, id, x, y, column);
    y += gui.px(28);
    const Message& m = p.state.chat().at(id);
    const TextLayout& layout = layout_of(p, id, column);
    if (!m.text.empty()) {
        hit_text(p, id, layout, x, y);
        layout.draw(gui, x, y);
        if (p.view.inspector && p.state.selection.branch == id) {
            draw_text_marks(p, m, layout, x, y);
        }
        for (size_t i = 0; i < layout.cards().size(); ++i) {
            const CodeCard& card = layout.cards()[i];
            const float cy = y + card.y + gui.px(19), right = x + column - gui.px(14);
            const std::string code_id = fmt::format("chat.{}.code.{}", id, i);
            if (icon_button(gui, code_id, right - gui.px(6), cy, Icon::copy, "Copy the code", true,
                            24)) {
                copy_text(p, card.text);
            }
            gui.text_right(type::kNote, right - gui.px(22), cy, one_line(card.language, 16));
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
        y = draw_failure(p, m, id, x, y, column);
    }
    draw_answer_actions(p, id, x, y, column);
    return y + gui.px(38);
}

}  // namespace

void draw_chat(Panel& p, const Rect& r, float column) {
    Gui& gui = p.gui;
    ImGui::SetCursorScreenPos({r.x, r.y});
    ImGui::BeginChild("chat", {r.w, r.h}, 0, ImGuiWindowFlags_NoBackground);
    gui.scrolls = true;
    const float scroll = ImGui::GetScrollY();
    const float x = std::round(r.x + (r.w - column) / 2);
    float y = r.y - scroll + gui.px(12);
    const float top = y;
    for (const NodeId id : p.state.chat().path()) {
        y = p.state.chat().at(id).role == model::Role::user ? draw_user(p, id, x, y, column)
                                                            : draw_answer(p, id, x, y, column);
        y = std::round(y);
    }
    ImGui::SetCursorScreenPos({r.x, top});
    ImGui::Dummy({1, y - top});
    const float max_scroll = ImGui::GetScrollMaxY();
    if (p.view.scroll_to_bottom || (p.view.chat_at_bottom && p.state.busy())) {
        ImGui::SetScrollHereY(1.0f);
        p.view.scroll_to_bottom = false;
    }
    p.view.chat_at_bottom = scroll >= max_scroll - gui.px(40);
    gui.scrolls = false;
    ImGui::EndChild();
}

}  // namespace app::ui
