// What can be done with a message: copy, edit, write again, continue, a chat of its own; and what
// is asked when a chat has outgrown the model's context.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"
#include "app/ui/state/cut_message.h"
#include "app/ui/text/text_field.h"

namespace app::ui {

void begin_edit(Panel& p, NodeId id) {
    p.view.editing = MessageAt{p.state.current_chat, id};
    set_text(p.view.edit_field, p.state.chat().at(id).text);
    p.view.edit_field.take_focus = p.view.edit_field.caret_to_end = true;
}

bool is_edited(const Panel& p, NodeId id) {
    return p.view.editing == MessageAt{p.state.current_chat, id};
}

namespace {

/// The card closes once the state has taken the text; until then the text stays.
void hand_in_edit(Panel& p) {
    View& view = p.view;
    p.later([&view, at = *view.editing, text = typed_text(view.edit_field)](UiState& s) {
        if (s.current_chat != at.chat) {
            return;
        }
        const bool user = s.chat().at(at.node).role == model::Role::user;
        if (user ? s.edit_and_resend(at.node, text) : s.edit_answer(at.node, text)) {
            view.editing.reset();
        }
    });
}

}  // namespace

float draw_edit_card(Panel& p, NodeId id, float x, float y, float column) {
    Gui& gui = p.gui;
    const bool user = p.state.chat().at(id).role == model::Role::user;
    const std::string base = "chat." + std::to_string(id);
    const float lines = float(std::clamp(line_count(p.view.edit_field), 1, user ? 10 : 20));
    const Rect card{x, y, column, gui.px(68) + lines * gui.px(20)};
    gui.card(card, gui.theme().dark ? Color::card : Color::bg, Color::accent, 10);
    const Rect field{x + gui.px(14), y + gui.px(10), column - gui.px(28), card.h - gui.px(56)};
    const FieldResult result = text_field(gui, base + ".edit_text", field, p.view.edit_field, "");
    Rect taken;
    const float cy = card.bottom() - gui.px(24);
    const std::string_view label = user ? "Send again" : "Keep as another version";
    const std::string obstacle = p.state.edit_obstacle(id);
    const bool typed = !trimmed(typed_text(p.view.edit_field)).empty();
    ButtonOptions send{Look::primary};
    send.tooltip = obstacle.empty() ? std::string_view("The old version stays, on the pager")
                                    : std::string_view(obstacle);
    send.enabled = obstacle.empty() && typed;
    const float send_w = button_width(gui, label, send);
    const bool go = button_at(gui, base + ".resend", card.right() - gui.px(12) - send_w, cy, label,
                              send, &taken) ||
                    result.submitted;
    const ButtonOptions quiet{Look::quiet, Icon::none, {}, {}, true};
    const float cancel_w = button_width(gui, "Cancel", quiet);
    const bool cancel =
        button_at(gui, base + ".cancel", taken.x - gui.px(8) - cancel_w, cy, "Cancel", quiet) ||
        result.cancelled;
    if (go && !obstacle.empty()) {
        p.view.say((user ? "Not sent: " : "Not kept: ") + obstacle);
    } else if (go && typed) {
        hand_in_edit(p);
    }
    p.view.edit_field.take_focus |= go;  // Enter left the field, and the card may stay
    p.gui.escape_used = p.gui.escape_used || result.cancelled;
    if (cancel) {
        p.view.editing.reset();
    }
    return card.bottom();
}

namespace {

void open_message_menu(Panel& p, NodeId id, float x, float y) {
    p.view.messages.open_menu = true;
    p.view.messages.menu_node = id;
    p.view.messages.menu_link.clear();
    p.view.menu_anchor = {x, y, 0, 0};
}

}  // namespace

void draw_user_actions(Panel& p, NodeId id, const Rect& card) {
    Gui& gui = p.gui;
    const Message& m = p.state.chat().at(id);
    const std::string base = "chat." + std::to_string(id);
    const float cy = card.bottom() + gui.px(14);
    float x = card.right() - gui.px(12);
    const std::string obstacle = p.state.replay_obstacle();
    const auto action = [&](const char* name, Icon icon, std::string_view tooltip,
                            bool enabled = true) {
        const bool clicked = icon_button(gui, base + name, x, cy, icon, tooltip, enabled, 24);
        x -= gui.px(30);
        return clicked;
    };
    if (action(".more", Icon::more, "More")) {
        open_message_menu(p, id, card.right() - gui.px(24), cy + gui.px(12));
    }
    if (action(".edit", Icon::pencil,
               obstacle.empty() ? std::string_view("Edit and send again") : obstacle,
               obstacle.empty())) {
        begin_edit(p, id);
    }
    if (action(".copy", Icon::copy, "Copy")) {
        copy_text(p, m.text);
    }
    if (m.children.empty() && p.state.computes() &&
        action(".answer", Icon::refresh, "Answer this message")) {
        p.later([id](UiState& s) { s.answer(id); });
    }
}

namespace {

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
    // The strip's number: also while the answer is written, and with what a branch has taken over.
    const size_t n = m.answer_tokens();
    if (n > 0 || s.predicted_n > 0) {
        const uint64_t shown = n > 0 ? n : s.predicted_n;  // 0: not read from the file yet
        add(fmt::format("{} {}", thousands(shown), shown == 1 ? "token" : "tokens"));
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
    if (s.predicted_n > 0) {
        add(fmt::format("seed {}", m.sampling.seed));
    }
    return out;
}

/// Offered where an answer did not come to its own end.
bool offers_continue(const Panel& p, NodeId id) {
    const Message& m = p.state.chat().at(id);
    return m.role == model::Role::model && p.state.continue_obstacle(id).empty();
}

/// Where the user chose to stop, an answer that met the full context asks anew on request.
bool may_ask_again(const Panel& p, NodeId id) {
    const Message& m = p.state.chat().at(id);
    const bool met = m.state == AnswerState::failed || m.finish == FinishReason::context_full;
    return met && p.state.chat().info.policy == ContextPolicy::stop && !p.state.busy() &&
           m.children.empty();
}

void ask_again(Panel& p, NodeId id) {
    p.later([id](UiState& s) {
        s.chat().info.policy = ContextPolicy::ask;
        s.file.saver.chat_changed(s.chat());
        const bool begun = s.chat().at(id).finish == FinishReason::context_full;
        s.context_question = ContextQuestion{s.current_chat, id, begun};
    });
}

}  // namespace

float draw_failure(Panel& p, NodeId id, float x, float y, float column) {
    Gui& gui = p.gui;
    const Message& m = p.state.chat().at(id);
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
                  {Look::outline, Icon::refresh, {}, {}, p.state.computes() && !p.state.busy()},
                  &taken)) {
        p.later([id](UiState& s) { s.regenerate(id); });
    }
    if (button_at(gui, base + ".copy_error", taken.right() + gui.px(8), cy, "Copy",
                  {Look::outline, Icon::copy}, &taken)) {
        copy_text(p, m.error + "\n" + m.hint);
    }
    if (may_ask_again(p, id) && button_at(gui, base + ".context", taken.right() + gui.px(8), cy,
                                          "Full context…", {Look::outline})) {
        ask_again(p, id);
    }
    return card.bottom() + gui.px(12);
}

void draw_answer_actions(Panel& p, NodeId id, float x, float y, float column) {
    Gui& gui = p.gui;
    const Message& m = p.state.chat().at(id);
    const float cy = y + gui.px(12);
    const bool done = m.state == AnswerState::done || m.state == AnswerState::failed;
    const std::string base = "chat." + std::to_string(id);
    float room = column - (done ? gui.px(126) : 0);
    const bool going_on = done && offers_continue(p, id);
    if (going_on) {
        const ButtonOptions options{Look::outline,
                                    Icon::chevron_right,
                                    {},
                                    "Write on from the last token, with the same seed",
                                    true,
                                    24};
        const float w = button_width(gui, "Continue", options);
        if (button_at(gui, base + ".continue", x, cy, "Continue", options)) {
            p.later([id](UiState& s) { s.continue_answer(id); });
            p.view.scroll_to_bottom = true;
        }
        x += w + gui.px(12);
        room -= w + gui.px(12);
    }
    gui.text_fit(type::kNote, x, cy, room, speed_line(gui, m, room));
    if (!done || p.state.busy()) {
        return;
    }
    float at = x + room + gui.px(114);
    const auto action = [&](const char* name, Icon icon, std::string_view tooltip, bool enabled) {
        const bool clicked = icon_button(gui, base + name, at, cy, icon, tooltip, enabled, 24);
        at -= gui.px(30);
        return clicked;
    };
    if (action(".more", Icon::more, "More", true)) {
        open_message_menu(p, id, at + gui.px(18), cy + gui.px(12));
    }
    if (action(".edit", Icon::pencil, "Edit; the model's wording stays", !m.text.empty())) {
        begin_edit(p, id);
    }
    const std::string obstacle = p.state.replay_obstacle();
    if (action(
            ".regenerate", Icon::refresh,
            obstacle.empty() ? std::string_view("Write another answer; this one stays") : obstacle,
            p.state.computes())) {
        p.later([id](UiState& s) { s.regenerate(id); });
    }
    if (action(".copy", Icon::copy, "Copy the answer", !m.text.empty())) {
        copy_text(p, m.text);
    }
}

void message_menu_items(Panel& p, NodeId id) {
    Gui& gui = p.gui;
    if (!p.state.chat().valid(id)) {
        return;
    }
    const Message& m = p.state.chat().at(id);
    const bool free = !p.state.busy(), replayed = !p.state.replay_obstacle().empty();
    const bool can_edit = free && !m.text.empty() && (m.role == model::Role::model || !replayed);
    menu_separator(gui);
    if (menu_item(gui, "message.edit", "Edit", {}, false, Icon::pencil, can_edit)) {
        begin_edit(p, id);
    }
    if (m.role == model::Role::model) {
        if (offers_continue(p, id) &&
            menu_item(gui, "message.continue", "Continue", {}, false, Icon::chevron_right)) {
            p.later([id](UiState& s) { s.continue_answer(id); });
        }
        if (may_ask_again(p, id) && menu_item(gui, "message.context", "Full context…")) {
            ask_again(p, id);
        }
        const bool drawn = m.stats.predicted_n > 0;
        if (drawn && menu_item(gui, "message.same_seed", "Again with the same seed",
                               std::to_string(m.sampling.seed), false, Icon::refresh,
                               free && p.state.computes())) {
            p.later([id](UiState& s) { s.regenerate(id, true); });
        }
        if (drawn && menu_item(gui, "message.copy_seed", "Copy the seed")) {
            copy_text(p, std::to_string(m.sampling.seed));
        }
        if (id == p.state.selection.branch &&
            menu_item(gui, "message.record", "Record this answer…", "Ctrl Shift E", false,
                      Icon::none, p.state.recording_obstacle().empty())) {
            p.view.recording.show = true;
        }
    }
    if (menu_item(gui, "message.fork", "New chat from here", {}, false, Icon::branch,
                  free && !replayed)) {
        p.later([id](UiState& s) { s.fork(id); });
    }
}

// ---- above messages ----

namespace {

/// The first message that the model was shown for the newest answer; kNoNode: it saw all.
NodeId first_seen(const UiState& state) {
    const NodeId answer = state.chat().last(model::Role::model);
    const uint32_t n = state.chat().valid(answer) ? state.chat().at(answer).n_dropped_turns : 0;
    const std::vector<NodeId> path = state.chat().path();
    return n > 0 && n < path.size() ? path[n] : kNoNode;
}

float draw_system_card(Panel& p, float x, float y, float column) {
    Gui& gui = p.gui;
    const std::string& text = p.state.chat().info.system;
    gui.text(with(type::kTitle, Color::text2), x, y + gui.px(12), "System prompt");
    const float label = gui.width(type::kTitle, "System prompt");
    gui.text_fit(type::kNote, x + label + gui.px(10), y + gui.px(12), column - label - gui.px(50),
                 "goes before your first message");
    if (icon_button(gui, "chat.system", x + column - gui.px(12), y + gui.px(12), Icon::pencil,
                    "Change the system prompt", !p.state.busy(), 24)) {
        p.view.chat_list.show_system = true;
    }
    const std::string shown = one_line(text, 600);
    const float h = gui.paragraph(type::kNote, 0, 0, column - gui.px(28), 18, shown, true);
    const Rect card{x, y + gui.px(28), column, h + gui.px(20)};
    gui.card(card, Color::bg, Color::edge, 10);
    gui.paragraph(type::kNote, card.x + gui.px(14), card.y + gui.px(10), column - gui.px(28), 18,
                  shown);
    return card.bottom() + gui.px(20);
}

float draw_dropped_mark(Panel& p, float x, float y, float column) {
    Gui& gui = p.gui;
    const std::string text = "The model no longer sees the messages above: the context is full";
    const float cy = y + gui.px(10);
    const float w = std::min(gui.width(type::kNote, text), column - gui.px(40));
    const float left = x + (column - w) / 2;
    gui.hline(x, cy, left - x - gui.px(10), Color::row);
    gui.text_fit(with(type::kNote, Color::row_text), left, cy, w + 1, text);
    gui.hline(left + w + gui.px(10), cy, x + column - left - w - gui.px(10), Color::row);
    gui.registry().add("chat.dropped", {{x, y, column, gui.px(20)}, {}, "note", text, true});
    return y + gui.px(32);
}

/// That the answer below is no answer to the whole message above it.
float draw_cut_mark(Panel& p, NodeId id, float x, float y, float column) {
    const std::optional<CutMessage> cut = cut_message(p.state.chat(), id);
    if (!cut) {
        return y;
    }
    Gui& gui = p.gui;
    const std::string words = cut_words(*cut, p.state.chat().at(id).branch->chosen);
    const float h = gui.paragraph(with(type::kNote, Color::row_text), x, y, column, 18, words);
    gui.registry().add("chat." + std::to_string(id) + ".cut",
                       {{x, y, column, h}, {}, "note", words, true});
    return y + h + gui.px(12);
}

}  // namespace

float draw_above_message(Panel& p, NodeId id, float x, float y, float column) {
    if (p.state.chat().at(id).parent == kNoNode && !p.state.chat().info.system.empty()) {
        y = draw_system_card(p, x, y, column);
    }
    if (id == first_seen(p.state)) {
        y = draw_dropped_mark(p, x, y, column);
    }
    return draw_cut_mark(p, id, x, y, column);
}

// ---- a chat that has outgrown the context ----

namespace {

/// The question's sentences, in as many lines as they need; returns their height. dry: only that.
float question_words(const Panel& p, float x, float y, float w, bool dry) {
    const Gui& gui = p.gui;
    const uint32_t n_ctx = p.state.ready() ? p.state.model->n_ctx : 0;
    const float title = gui.paragraph(
        {Face::semibold, 14, Color::text}, x, y, w, 20,
        fmt::format("This chat no longer fits into the model's {} tokens.", thousands(n_ctx)), dry);
    return title + gui.px(4) +
           gui.paragraph(type::kNote, x, y + title + gui.px(4), w, 18,
                         "Your choice holds for this chat; the messages stay where they are.", dry);
}

float question_width(const Gui& gui, float card) {
    return card - gui.px(56);
}

}  // namespace

float context_question_height(const Panel& p, float w) {
    const auto& question = p.state.context_question;
    const bool here = question && question->chat == p.state.current_chat;
    return here ? p.gui.px(76) + question_words(p, 0, 0, question_width(p.gui, w), true) : 0;
}

void draw_context_question(Panel& p, const Rect& r) {
    Gui& gui = p.gui;
    gui.card(r, Color::card, Color::edge, 12);
    gui.icon(Icon::warning, r.x + gui.px(22), r.y + gui.px(24), 16, Color::row_text);
    const float x = r.x + gui.px(40);
    question_words(p, x, r.y + gui.px(14), question_width(gui, r.w), false);
    Rect taken{x - gui.px(8), 0, 0, 0};
    const float cy = r.bottom() - gui.px(28);
    const auto choice = [&](const char* id, const char* label, Look look, const char* tooltip,
                            ContextChoice chosen) {
        const ButtonOptions options{look, Icon::none, {}, tooltip, !p.state.busy()};
        if (button_at(gui, id, taken.right() + gui.px(8), cy, label, options, &taken)) {
            p.later([chosen](UiState& s) { s.choose_context(chosen); });
        }
    };
    choice("context.drop", "Leave out the oldest", Look::primary,
           "The model goes on without the first messages; a line marks where it begins to see",
           ContextChoice::drop_oldest);
    choice("context.stop", "Stop here", Look::outline,
           "Nothing more is written in this chat until you choose otherwise", ContextChoice::stop);
    choice("context.new", "New chat", Look::outline, "Ask the last message again in a new chat",
           ContextChoice::new_chat);
}

// ---- the system prompt ----

void draw_system_dialog(Panel& p) {
    Gui& gui = p.gui;
    ChatListView& v = p.view.chat_list;
    if (std::exchange(v.show_system, false)) {
        ImGui::OpenPopup("system prompt");
        set_text(v.system, p.state.chat().info.system);
        v.system.take_focus = v.system.caret_to_end = v.system.in_dialog = true;
    }
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    ImGui::SetNextWindowPos({size.x / 2, size.y * 0.4f}, ImGuiCond_Always, {0.5f, 0.5f});
    ImGui::SetNextWindowSize(
        {std::min(gui.px(600), size.x - gui.px(16)), std::min(gui.px(330), size.y - gui.px(16))});
    if (!begin_dialog(gui, "system prompt")) {
        return;
    }
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const ImVec2 room = ImGui::GetContentRegionAvail();
    gui.text({Face::semibold, 16, Color::text}, at.x, at.y + gui.px(10), "System prompt");
    gui.text_fit(type::kNote, at.x, at.y + gui.px(38), room.x,
                 "Gemma has no system role: this text goes before your first message.");
    const Rect card{at.x, std::round(at.y + gui.px(56)), room.x, room.y - gui.px(108)};
    gui.card(card, Color::card, Color::edge, 8);
    text_field(gui, "system.text", card.inset(gui.px(12), gui.px(8)), v.system,
               "You are a geologist. Answer in one sentence.");
    const float cy = at.y + room.y - gui.px(16);
    const ButtonOptions primary{Look::primary}, quiet{Look::quiet};
    Rect taken;
    const float save_w = button_width(gui, "Keep", primary);
    const bool save =
        button_at(gui, "system.keep", at.x + room.x - save_w, cy, "Keep", primary, &taken) ||
        enter_presses_primary();
    const float cancel_w = button_width(gui, "Cancel", quiet);
    const bool cancel =
        button_at(gui, "system.cancel", taken.x - gui.px(8) - cancel_w, cy, "Cancel", quiet) ||
        ImGui::IsKeyPressed(ImGuiKey_Escape);
    if (save) {
        p.later([text = typed_text(v.system)](UiState& s) { s.set_system(text); });
    }
    if (save || cancel) {
        ImGui::CloseCurrentPopup();
    }
    end_dialog();
}

}  // namespace app::ui
