// The user's wishes about chats: new, open, rename, delete, fork, search; and the chats' file.
#include <algorithm>
#include <map>
#include <utility>

#include "app/chats/chat_export.h"
#include "app/ui/state/ui_state.h"
#include "app/ui/widgets/format.h"

namespace app::ui {

void UiState::show_sibling(NodeId id, int step) {
    const NodeId now = chat().show_sibling(id, step);
    file.saver.shown(chat(), now);
    if (chat().at(now).role == model::Role::model) {
        selection.branch = now;
    } else {
        selection.branch = chat().last(model::Role::model);
    }
    const Message* m = selected();
    const uint32_t last = m != nullptr && !m->tokens.empty() ? uint32_t(m->tokens.size()) - 1 : 0;
    selection.after_last = false;
    selection.position = selection.locked ? std::min(selection.position, last) : last;
    selection.query = selection.position > 0 ? selection.position - 1 : 0;
    // What is locked stays looked at, where the other branch has it.
    if (!selection.locked || (selection.key && *selection.key > selection.query)) {
        selection.key.reset();
    }
    forget_row_answers();
    restore_wanted_ = true;
}

void UiState::new_chat() {
    if (busy() || (chat().empty() && chat().info.content == ChatContent::here)) {
        return;
    }
    const auto empty = std::find_if(chats.begin(), chats.end(), [](const Conversation& c) {
        return c.empty() && c.info.content == ChatContent::here && !c.info.deleted;
    });
    if (empty == chats.end()) {
        chats.emplace_back();
        show_chat(chats.size() - 1);
    } else {
        show_chat(size_t(empty - chats.begin()));
        chat().info.system.clear();
    }
}

void UiState::show_chat(size_t index) {
    if (index >= chats.size() || index == current_chat || chats[index].info.deleted) {
        return;
    }
    current_chat = index;
    if (chat().info.content == ChatContent::stored) {
        chat().info.content = ChatContent::coming;
        file.questions.emplace_back(AskChat{chat().info.stored});
    }
    show_loaded_chat();
}

void UiState::show_loaded_chat() {
    selection.branch = chat().last(model::Role::model);
    selection.locked = false;
    selection.key.reset();
    forget_row_answers();
    follow();
    restore_wanted_ = true;
}

void UiState::fork(NodeId message) {
    if (busy() || !chat().valid(message)) {
        return;
    }
    const Conversation& from = chat();
    std::vector<NodeId> path;
    for (NodeId id = message; id != kNoNode; id = from.at(id).parent) {
        path.insert(path.begin(), id);
    }
    Conversation copy;
    copy.info.name = one_line(from.title(), 60) + " (copy)";
    copy.info.system = from.info.system;
    copy.info.policy = from.info.policy;
    copy.info.sampling = from.info.sampling;
    NodeId parent = kNoNode;
    for (const NodeId id : path) {
        Message m = from.at(id);
        m.stored = 0;
        m.request = 0;
        m.tokens_asked = false;
        parent = copy.insert(parent, std::move(m));
    }
    const size_t source = current_chat;
    chats.push_back(std::move(copy));
    Conversation& fresh = chats.back();
    file.saver.used(fresh);
    for (size_t i = 0; i < path.size(); ++i) {
        file.saver.message(fresh, NodeId(i), false);
        file.saver.copied(chats[source].at(path[i]), fresh, NodeId(i));
    }
    show_chat(chats.size() - 1);
}

void UiState::rename_chat(size_t index, const std::string& name) {
    if (index >= chats.size()) {
        return;
    }
    Conversation& c = chats[index];
    c.info.name = one_line(trimmed(name), 200);
    file.saver.chat_changed(c);
}

void UiState::set_system(const std::string& text) {
    if (!busy() && text != chat().info.system) {
        chat().info.system = text;
        file.saver.chat_changed(chat());
    }
}

void UiState::delete_chat(size_t index) {
    if (index >= chats.size() || chats[index].info.deleted) {
        return;
    }
    if (busy() && generating_chat_ == index) {
        stop();
    }
    chats[index].info.deleted = true;
    deleted_chats.push_back(index);
    deleted_at_.reset();
    file.saver.hidden(chats[index], true);
    std::erase_if(file.search.hits, [&](const SearchHit& hit) {
        return hit.chat == chats[index].info.stored && hit.chat != 0;
    });
    if (context_question && context_question->chat == index) {
        context_question.reset();
    }
    if (index != current_chat) {
        return;
    }
    const std::vector<size_t> left = listed_chats();
    if (!left.empty()) {
        show_chat(left.front());
    } else {
        chats.emplace_back();
        show_chat(chats.size() - 1);
    }
}

void UiState::undelete_chat(size_t index) {
    if (std::erase(deleted_chats, index) != 0) {
        chats[index].info.deleted = false;
        file.saver.hidden(chats[index], false);
        if (!trimmed(file.search.words).empty() && file.readable && file.saver.on()) {
            file.search.waiting = true;
            file.search.again_after = file.saver.last_serial();
        }
        show_chat(index);
    }
}

void UiState::forget_deleted(double now) {
    if (deleted_chats.empty()) {
        return;
    }
    if (!deleted_at_) {
        deleted_at_ = now;
    } else if (now - *deleted_at_ >= kDeletedSeconds && !busy()) {
        purge_deleted();
    }
}

void UiState::purge_deleted() {
    if (!deleted_chats.empty()) {
        deleted_chats.clear();
        file.saver.purge();
    }
}

std::vector<size_t> UiState::listed_chats() const {
    std::vector<size_t> out;
    for (size_t i = 0; i < chats.size(); ++i) {
        const Conversation& c = chats[i];
        if (!c.info.deleted && (!c.empty() || c.info.content != ChatContent::here)) {
            out.push_back(i);
        }
    }
    std::stable_sort(out.begin(), out.end(),
                     [&](size_t a, size_t b) { return chats[a].info.use > chats[b].info.use; });
    return out;
}

// ---- the file ----

void UiState::start_history(const HistoryStart& start) {
    file.readable = start.readable;
    if (!start.writable) {
        file.problem = start.problem;
    }
    file.saver.begin(start);
    for (const StoredChat& stored : start.chats) {
        chats.emplace_back().info = info_of(stored);
    }
}

/// Messages that were written while nothing could be saved.
void UiState::save_unsaved(Conversation& c) {
    const auto unsaved = [&](NodeId id) { return c.at(id).stored == 0; };
    std::vector<NodeId> fresh;
    for (NodeId id = 0; id < NodeId(c.size()); ++id) {
        if (unsaved(id)) {
            fresh.push_back(id);
        }
    }
    if (fresh.empty() || c.info.deleted) {
        return;
    }
    file.saver.used(c);
    for (const NodeId id : fresh) {
        file.saver.message(c, id, false);
        file.saver.tokens(c, id);
    }
    for (NodeId id = 0; id < NodeId(c.size()); ++id) {
        if (c.at(id).children.size() > 1) {
            file.saver.shown(c, c.at(id).children[c.at(id).active_child]);
        }
    }
    file.saver.shown(c, c.shown_root());
}

void UiState::take_over_history(const HistoryStart& start) {
    file.problem.reset();
    file.readable = start.readable;
    file.saver.begin(start);
    std::map<ChatId, const StoredChat*> there;
    for (const StoredChat& stored : start.chats) {
        there[stored.id] = &stored;
    }
    for (Conversation& c : chats) {
        const auto known = there.find(c.info.stored);
        if (known == there.end() && c.info.stored != 0) {
            // The other window has deleted it: what is open here is kept as a chat of its own.
            c.info.deleted = c.info.deleted || c.info.content != ChatContent::here;
            c.info.stored = 0;
            for (NodeId id = 0; id < NodeId(c.size()); ++id) {
                Message& m = c.at(id);
                m.stored = 0;
                m.saved_tokens = m.stored_tokens = 0;
                m.saved_text = 0;
            }
        } else if (known != there.end()) {
            if (c.info.content == ChatContent::stored) {
                c.info = info_of(*known->second);
            }
            there.erase(known);
        }
    }
    for (const auto& [id, stored] : there) {
        chats.emplace_back().info = info_of(*stored);
    }
    for (Conversation& c : chats) {
        save_unsaved(c);
    }
}

void UiState::apply_history(const HistoryAnswer& answer) {
    if (const auto* read = std::get_if<ChatRead>(&answer)) {
        const auto it = std::find_if(chats.begin(), chats.end(), [&](const Conversation& c) {
            return c.info.stored == read->id && c.info.content == ChatContent::coming;
        });
        if (it == chats.end()) {
            return;
        }
        if (!read->ok) {
            it->info.content = ChatContent::unreadable;
            return;
        }
        const ChatInfo now = it->info;  // it may have been renamed meanwhile
        *it = conversation_of(read->loaded);
        it->info.name = now.name;
        it->info.sampling = now.sampling ? now.sampling : it->info.sampling;
        it->info.deleted = now.deleted;
        if (size_t(it - chats.begin()) == current_chat) {
            show_loaded_chat();
            open_hit(SearchHit{.chat = read->id, .message = std::exchange(file.reveal_later, 0)});
        }
    } else if (const auto* read_tokens = std::get_if<TokensRead>(&answer)) {
        for (Conversation& c : chats) {
            const NodeId id = c.info.stored == read_tokens->asked.chat
                                  ? c.find_stored(read_tokens->asked.message)
                                  : kNoNode;
            if (id == kNoNode || !c.at(id).tokens.empty()) {
                continue;
            }
            Message& m = c.at(id);
            m.stored_tokens = 0;
            for (const StoredToken& t :
                 read_tokens->ok ? read_tokens->tokens : std::vector<StoredToken>{}) {
                m.tokens.push_back(t.token);
                m.text_end.push_back(t.text_end);
            }
            m.saved_tokens = uint32_t(m.tokens.size());
            follow();
            restore_wanted_ = restore_wanted_ || selected() == &m;
        }
    } else if (const auto* found = std::get_if<SearchRead>(&answer)) {
        if (found->serial == file.search.serial) {
            file.search.waiting = file.search.again_after.has_value();
            file.search.hits = found->hits;
            file.search.ms = found->ms;
        }
    }
}

void UiState::note_saved(uint64_t serial, const std::optional<HistoryProblem>& problem) {
    if (file.saver.on()) {
        file.problem = problem;
        if (problem && !problem->can_retry) {
            file.saver.end();
        }
    }
    const std::optional<uint64_t> again = file.search.again_after;
    if (again && (serial >= *again || file.problem)) {
        search_chats(std::exchange(file.search.words, {}));
    }
    // What cannot be saved is said in the window; it does not keep anybody from chatting.
    if (file.held && (serial >= file.held->second || file.problem)) {
        outbox.push_back(std::move(file.held->first));
        file.held.reset();
    }
}

/// The tokens of the answer looked at, from the file.
void UiState::ask_tokens() {
    const Message* m = selected();
    if (m == nullptr || m->stored_tokens == 0 || m->tokens_asked || !m->tokens.empty()) {
        return;
    }
    chat().at(selection.branch).tokens_asked = true;
    file.questions.emplace_back(AskTokens{chat().info.stored, m->stored});
}

void UiState::search_chats(const std::string& words) {
    if (words == file.search.words) {
        return;
    }
    file.search.words = words;
    file.search.again_after.reset();
    ++file.search.serial;
    if (trimmed(words).empty()) {
        file.search.hits.clear();
        file.search.waiting = false;
    } else if (file.readable) {
        file.search.waiting = true;
        file.questions.emplace_back(AskSearch{file.search.serial, words});
    }
}

void UiState::export_chat(const std::string& path, bool as_json) {
    const LoadedChat whole = loaded_of(chat());
    file.exports.emplace_back(path, as_json ? chat_json(whole) : chat_markdown(whole));
}

void UiState::import_chat(const LoadedChat& from) {
    if (from.messages.empty()) {
        return;
    }
    Conversation fresh = conversation_of(from);
    fresh.info.stored = 0;
    for (NodeId id = 0; id < NodeId(fresh.size()); ++id) {
        fresh.at(id).stored = 0;
        fresh.at(id).stored_tokens = 0;
    }
    chats.push_back(std::move(fresh));
    Conversation& added = chats.back();
    file.saver.used(added);
    for (NodeId id = 0; id < NodeId(added.size()); ++id) {
        file.saver.message(added, id, false);
    }
    for (NodeId id = 0; id < NodeId(added.size()); ++id) {
        if (added.at(id).children.size() > 1) {
            file.saver.shown(added, added.at(id).children[added.at(id).active_child]);
        }
    }
    file.saver.shown(added, added.shown_root());
    show_chat(chats.size() - 1);
}

void UiState::open_hit(const SearchHit& hit) {
    const auto it = std::find_if(chats.begin(), chats.end(), [&](const Conversation& c) {
        return c.info.stored == hit.chat && hit.chat != 0 && !c.info.deleted;
    });
    if (it == chats.end() || hit.message == 0) {
        return;
    }
    show_chat(size_t(it - chats.begin()));
    if (chat().info.content != ChatContent::here) {
        file.reveal_later = hit.message;
        return;
    }
    const NodeId node = chat().find_stored(hit.message);
    if (node == kNoNode) {
        return;
    }
    chat().show(node);
    file.reveal = node;
    selection.branch =
        chat().at(node).role == model::Role::model ? node : chat().last(model::Role::model);
    selection.key.reset();
    forget_row_answers();
    follow();
    restore_wanted_ = true;
}

}  // namespace app::ui
