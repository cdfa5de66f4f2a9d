// Actions on chats and their messages.
#include <algorithm>

#include "app/ui/actions.h"
#include "app/ui/text/text_field.h"

namespace app::ui {

namespace {

/// The chat under the pointer in the list, else the open one.
size_t meant_chat(const Panel& p) {
    const bool on_row = p.view.rail_open && p.view.chat_list.under_pointer.has_value();
    return on_row ? *p.view.chat_list.under_pointer : p.state.current_chat;
}
bool on_row(const Panel& p) {
    return p.view.rail_open && p.view.chat_list.under_pointer.has_value();
}

NodeId last_answer(const Panel& p) {
    return p.state.chat().last(model::Role::model);
}
NodeId last_question(const Panel& p) {
    return p.state.chat().last(model::Role::user);
}
/// A text that is only read has no answer.
bool has_answer(const Panel& p) {
    return last_answer(p) != kNoNode && p.state.chat().given_text() == kNoNode;
}
bool can_answer_again(const Panel& p) {
    return has_answer(p) && p.state.computes() && !p.state.busy();
}

/// The chat next to the current one in the list; nothing at its ends.
std::optional<size_t> chat_beside(const Panel& p, int step) {
    const std::vector<size_t> listed = p.state.listed_chats();
    const auto now = std::find(listed.begin(), listed.end(), p.state.current_chat);
    const int64_t at = now == listed.end() ? (step > 0 ? -1 : 0) : now - listed.begin();
    const int64_t wanted = at + step;
    if (wanted < 0 || wanted >= int64_t(listed.size())) {
        return std::nullopt;
    }
    return listed[size_t(wanted)];
}

/// A window that shows a recording shows nothing else.
bool may_start_chat(const Panel& p) {
    return p.state.replay_obstacle().empty();
}

bool has_versions(const Panel& p) {
    return has_answer(p) && !p.state.busy() && p.state.chat().sibling_count(last_answer(p)) > 1;
}

void edit_last(Panel& p) {
    begin_edit(p, last_question(p));
    p.view.messages.reveal = last_question(p);
}

/// What Escape is for, the most pressing first.
bool can_escape(const Panel& p) {
    // In a text field it leaves the field, unless there is something to stop.
    const bool in_field = ImGui::GetIO().WantTextInput && !p.state.busy() && !p.state.loading();
    return !p.gui.escape_used && !in_field &&
           (p.state.loading() || p.state.busy() || p.view.rail_over ||
            !p.view.messages.selection.empty() || p.state.selection.locked ||
            p.state.trouble.has_value());
}

void escape(Panel& p) {
    if (p.state.loading()) {
        p.state.cancel_load();
    } else if (p.state.busy()) {
        p.state.stop();
    } else if (p.view.rail_over) {
        p.view.fold_list_over();
    } else if (!p.view.messages.selection.empty()) {
        p.view.messages.selection.clear();
    } else if (p.state.selection.locked) {
        p.state.go_live();
    } else {
        p.state.trouble.reset();
    }
}

bool has_chat(const Panel& p) {
    return !p.state.chat().empty();
}
bool has_marked(const Panel& p) {
    return !p.view.messages.selection.empty();
}

// Arrows, Page Up, Enter and their like stay with a text field that has the keyboard, whatever is
// held with them; what must work while typing has a letter or a sign.
const Action kActions[] = {
    {"chat.new", "New chat", "Chat", "Ctrl+N", Where::anywhere, may_start_chat,
     [](Panel& p) {
         if (p.state.busy()) {
             p.view.toasts.show("An answer is being written: stop it (Esc) to begin another chat.");
             return;
         }
         p.state.new_chat();
         p.view.fold_list_over();
         p.view.composer.take_focus = true;
     }},
    {"chat.list", "Show or fold the list of chats", "Chat", "Ctrl+B", Where::anywhere, nullptr,
     [](Panel& p) { p.view.rail_open = !p.view.rail_open; }},
    {"chat.search", "Search all chats", "Chat", "Ctrl+F", Where::anywhere, nullptr,
     [](Panel& p) { p.view.rail_open = p.view.chat_list.focus_search = true; }},
    {"chat.previous", "Previous chat in the list", "Chat", "Ctrl+LeftBracket", Where::anywhere,
     [](const Panel& p) { return chat_beside(p, -1).has_value(); },
     [](Panel& p) { p.state.show_chat(*chat_beside(p, -1)); }, true},
    {"chat.next", "Next chat in the list", "Chat", "Ctrl+RightBracket", Where::anywhere,
     [](const Panel& p) { return chat_beside(p, 1).has_value(); },
     [](Panel& p) { p.state.show_chat(*chat_beside(p, 1)); }, true},
    {"chat.rename_row", "Rename the chat under the pointer", "Chat", "F2", Where::anywhere, on_row,
     [](Panel& p) { begin_rename(p, meant_chat(p)); }, false, false},
    {"chat.rename", "Rename this chat", "Chat", "Shift+F2", Where::anywhere, has_chat,
     [](Panel& p) { begin_rename(p, meant_chat(p)); }},
    {"chat.delete", "Delete this chat", "Chat", "Ctrl+Shift+D", Where::anywhere, has_chat,
     [](Panel& p) { delete_with_undo(p, meant_chat(p)); }},
    {"chat.delete_row", "Delete the chat under the pointer", "Chat", "Delete", Where::no_field,
     on_row, [](Panel& p) { delete_with_undo(p, meant_chat(p)); }, false, false},
    {"chat.undelete", "Bring back the chat that was deleted last", "Chat", "Ctrl+Shift+T",
     Where::anywhere,
     [](const Panel& p) { return !p.state.deleted_chats.empty() && !p.state.busy(); },
     bring_back_deleted},
    {"chat.fork", "Go on from the last answer in a new chat", "Chat", "Ctrl+Shift+N",
     Where::anywhere,
     [](const Panel& p) { return has_answer(p) && !p.state.busy() && may_start_chat(p); },
     [](Panel& p) { p.state.fork(last_answer(p)); }},
    {"chat.export", "Save this chat as a file", "Chat", "Ctrl+S", Where::anywhere, has_chat,
     [](Panel& p) { p.view.chat_list.show_export = true; }},
    {"recording.save", "Record the shown answer in a file", "Chat", "Ctrl+Shift+E", Where::anywhere,
     has_answer, [](Panel& p) { p.view.recording.show = true; }},
    {"chat.system", "System prompt of this chat", "Chat", "Ctrl+Shift+Y", Where::anywhere,
     [](const Panel& p) { return !p.state.busy(); },
     [](Panel& p) { p.view.chat_list.show_system = true; }},
    {"branch.tree", "All branches of this chat", "Chat", "Ctrl+Shift+B", Where::anywhere, has_chat,
     [](Panel& p) { p.view.show_branches = true; }},
    {"branch.back", "Back from this branch to where I was", "Chat", "Ctrl+Shift+Z", Where::anywhere,
     [](const Panel& p) { return !p.state.trail.empty(); },
     [](Panel& p) { p.later([](UiState& s) { s.leave_branch(); }); }},
    {"text.read", "Score and inspect a text", "Chat", "Ctrl+T", Where::anywhere, nullptr,
     begin_text},
    {"chat.stop", "Stop, unmark, follow again, close", "Chat", "Escape", Where::anywhere,
     can_escape, escape},

    {"message.write", "Write a message", "Messages", "Ctrl+L", Where::anywhere, nullptr,
     [](Panel& p) { p.view.composer.take_focus = true; }},
    {"message.edit_last", "Edit the last message and send it again", "Messages", "Ctrl+E",
     Where::anywhere,
     [](const Panel& p) {
         return last_question(p) != kNoNode && !p.state.busy() &&
                (p.state.model == nullptr || !p.state.model->replayed);
     },
     edit_last},
    {"answer.again", "Write another answer", "Messages", "Ctrl+R", Where::anywhere,
     can_answer_again,
     [](Panel& p) {
         p.state.regenerate(last_answer(p));
         p.view.scroll_to_bottom = true;
     }},
    {"answer.again_same", "Write the answer again with the same seed", "Messages", "Ctrl+Shift+R",
     Where::anywhere, can_answer_again,
     [](Panel& p) {
         p.state.regenerate(last_answer(p), true);
         p.view.scroll_to_bottom = true;
     }},
    {"answer.continue", "Continue the last answer", "Messages", "Ctrl+J", Where::anywhere,
     [](const Panel& p) {
         return can_answer_again(p) && p.state.continue_obstacle(last_answer(p)).empty();
     },
     [](Panel& p) {
         p.state.continue_answer(last_answer(p));
         p.view.scroll_to_bottom = true;
     }},
    {"answer.previous", "Previous version of the answer", "Messages", "Ctrl+Shift+LeftBracket",
     Where::anywhere, has_versions, [](Panel& p) { p.state.show_sibling(last_answer(p), -1); }},
    {"answer.next", "Next version of the answer", "Messages", "Ctrl+Shift+RightBracket",
     Where::anywhere, has_versions, [](Panel& p) { p.state.show_sibling(last_answer(p), 1); }},
    {"answer.copy", "Copy the last answer", "Messages", "Ctrl+Shift+C", Where::anywhere, has_answer,
     [](Panel& p) { copy_text(p, p.state.chat().at(last_answer(p)).text); }},
    {"text.copy", "Copy the marked text", "Messages", "Ctrl+C", Where::no_field, has_marked,
     [](Panel& p) { copy_marked(p, false); }},
    {"text.copy_markdown", "Copy the marked text as Markdown", "Messages", "Ctrl+Shift+X",
     Where::anywhere, has_marked, [](Panel& p) { copy_marked(p, true); }},
    {"text.mark_all", "Mark the whole message", "Messages", "Ctrl+A", Where::no_field, has_chat,
     [](Panel& p) { mark_message(p); }},
    {"chat.page_up", "Scroll up a page", "Messages", "PageUp", Where::no_field, has_chat,
     [](Panel& p) { p.view.messages.scroll_by = -p.gui.px(400); }, true},
    {"chat.page_down", "Scroll down a page", "Messages", "PageDown", Where::no_field, has_chat,
     [](Panel& p) { p.view.messages.scroll_by = p.gui.px(400); }, true},
    {"chat.top", "Go to the first message", "Messages", "Ctrl+Home", Where::no_field, has_chat,
     [](Panel& p) { p.view.messages.scroll_by = -1e12f; }},
    {"chat.bottom", "Go to the last message", "Messages", "Ctrl+End", Where::no_field, has_chat,
     [](Panel& p) { p.view.scroll_to_bottom = true; }},
};

}  // namespace

std::span<const Action> chat_actions() {
    return kActions;
}

}  // namespace app::ui
