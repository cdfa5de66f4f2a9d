#include "app/ui/state/chat_saver.h"

#include <algorithm>
#include <map>
#include <utility>

namespace app::ui {

namespace {

AnswerFacts facts_of(const Message& m) {
    AnswerFacts f;
    f.model_name = m.model_name;
    f.model_key = m.model_key;
    f.sampling = m.sampling;
    f.finish = m.finish;
    f.stats = m.stats;
    f.error = m.error;
    f.hint = m.hint;
    f.n_prompt = m.n_prompt;
    f.answer_begin = m.answer_begin;
    f.n_dropped_turns = m.n_dropped_turns;
    f.edited = m.edited;
    f.given = m.given;
    f.scored = m.scored;
    if (m.branch) {
        f.branched = true;
        f.branch_position = m.branch->position;
        f.branch_chosen = m.branch->chosen;
        f.branch_instead_of = m.branch->instead_of;
    }
    return f;
}

MessageId stored_or_none(const Conversation& chat, NodeId id) {
    return chat.valid(id) ? chat.at(id).stored : 0;
}

MessageId shown_child(const Conversation& chat, const Message& m) {
    return m.active_child < m.children.size() ? stored_or_none(chat, m.children[m.active_child])
                                              : 0;
}

StoredMessage stored_of(const Conversation& chat, NodeId id) {
    const Message& m = chat.at(id);
    StoredMessage out;
    out.id = m.stored;
    out.parent = stored_or_none(chat, m.parent);
    out.chat = chat.info.stored;
    out.role = m.role;
    out.text = m.text;
    const bool going_on = m.state == AnswerState::prefill || m.state == AnswerState::writing;
    out.state = going_on                         ? StoredState::writing
                : m.state == AnswerState::failed ? StoredState::failed
                                                 : StoredState::complete;
    out.shown = shown_child(chat, m);
    out.facts = facts_of(m);
    return out;
}

/// How many tokens at the beginning of m are those of `before`.
uint32_t n_shared(const Message& m, const Message& before) {
    const size_t most =
        std::min<size_t>({m.tokens.size(), before.tokens.size(), before.saved_tokens});
    size_t n = 0;
    while (n < most && m.tokens[n].id == before.tokens[n].id) {
        ++n;
    }
    return uint32_t(n);
}

}  // namespace

// ---- to the file ----

void ChatSaver::begin(const HistoryStart& start) {
    on_ = start.writable;
    next_chat_ = start.last_chat + 1;
    next_message_ = start.last_message + 1;
    next_use_ = start.last_use + 1;
}

void ChatSaver::end() {
    on_ = false;
    outbox.clear();
}

void ChatSaver::push(HistoryChange change, bool urgent) {
    if (on_) {
        outbox.push_back({++serial_, urgent, std::move(change)});
    }
}

void ChatSaver::used(Conversation& chat) {
    chat.info.use = next_use_++;
    chat.info.used_at = 0;
    chat_changed(chat);
}

void ChatSaver::chat_changed(Conversation& chat) {
    if (!on_ || chat.empty()) {
        return;  // a chat is stored with its first message
    }
    ensure_chat(chat);
    const ChatInfo& info = chat.info;
    StoredChat out;
    out.id = info.stored;
    out.name = info.name;
    out.title = info.title;
    out.system = info.system;
    out.policy = info.policy;
    out.sampling = info.sampling;
    out.use = info.use;
    out.used_at = info.used_at;
    out.shown = stored_or_none(chat, chat.shown_root());
    push(SaveChat{out}, false);
}

void ChatSaver::ensure_chat(Conversation& chat) {
    if (chat.info.stored == 0) {
        chat.info.stored = next_chat_++;
    }
    if (!chat.empty()) {
        const std::string name = std::exchange(chat.info.name, {});
        chat.info.title = chat.title();
        chat.info.name = name;
    }
}

void ChatSaver::message(Conversation& chat, NodeId id, bool urgent) {
    Message& m = chat.at(id);
    if (!on_ || (m.parent != kNoNode && chat.at(m.parent).stored == 0)) {
        return;
    }
    const bool fresh = m.stored == 0;
    if (fresh) {
        if (chat.info.stored == 0) {
            chat_changed(chat);
        }
        m.stored = next_message_++;
    }
    m.saved_text = m.text.size();
    push(SaveMessage{stored_of(chat, id)}, urgent && !fresh);
    if (fresh) {
        push(ShowMessage{chat.info.stored, stored_or_none(chat, m.parent), m.stored}, urgent);
    }
}

void ChatSaver::tokens(Conversation& chat, NodeId id) {
    Message& m = chat.at(id);
    if (!on_ || m.stored == 0 || m.saved_tokens >= m.tokens.size()) {
        return;
    }
    SaveTokens piece;
    piece.message = m.stored;
    piece.text = m.text.substr(std::min(m.saved_text, m.text.size()));
    const NodeId before = chat.answer_before(id);
    if (m.saved_tokens == 0 && before != kNoNode && chat.at(before).stored != 0) {
        piece.n_shared = std::min(n_shared(m, chat.at(before)), uint32_t(m.tokens.size()) - 1);
        piece.base = piece.n_shared > 0 ? chat.at(before).stored : 0;
        m.saved_tokens = piece.n_shared;
    }
    piece.first = m.saved_tokens;
    for (size_t i = m.saved_tokens; i < m.tokens.size(); ++i) {
        piece.tokens.push_back({m.tokens[i], i < m.text_end.size() ? m.text_end[i] : 0});
    }
    m.saved_tokens = uint32_t(m.tokens.size());
    m.saved_text = m.text.size();
    push(std::move(piece), false);
}

void ChatSaver::shown(const Conversation& chat, NodeId id) {
    const Message& m = chat.at(id);
    if (m.stored != 0) {
        push(ShowMessage{chat.info.stored, stored_or_none(chat, m.parent), m.stored}, false);
    }
}

void ChatSaver::copied(const Message& from, const Conversation& chat, NodeId to) {
    const Message& m = chat.at(to);
    if (from.stored != 0 && m.stored != 0) {
        push(CopyTokens{from.stored, m.stored, stored_or_none(chat, chat.answer_before(to))},
             false);
    }
}

void ChatSaver::hidden(const Conversation& chat, bool hide) {
    if (chat.info.stored != 0) {
        push(HideChat{chat.info.stored, hide}, true);
    }
}

LoadedChat loaded_of(const Conversation& chat) {
    LoadedChat out;
    const auto id_of = [](NodeId id) { return MessageId(id) + 1; };  // kNoNode: 0
    out.chat.name = chat.title();
    out.chat.system = chat.info.system;
    out.chat.shown = id_of(chat.shown_root());
    for (NodeId id = 0; id < NodeId(chat.size()); ++id) {
        const Message& m = chat.at(id);
        StoredMessage stored = stored_of(chat, id);
        stored.id = id_of(id);
        stored.parent = id_of(m.parent);
        stored.shown = m.active_child < m.children.size() ? id_of(m.children[m.active_child]) : 0;
        out.messages.push_back(std::move(stored));
    }
    return out;
}

// ---- from the file ----

ChatInfo info_of(const StoredChat& stored) {
    ChatInfo info;
    info.stored = stored.id;
    info.content = ChatContent::stored;
    info.name = stored.name;
    info.title = stored.title;
    info.system = stored.system;
    info.policy = stored.policy;
    info.sampling = stored.sampling;
    info.use = stored.use;
    info.used_at = stored.used_at;
    return info;
}

Message message_of(const StoredMessage& stored) {
    Message m;
    const AnswerFacts& f = stored.facts;
    m.role = stored.role;
    m.text = stored.text;
    m.stored = stored.id;
    m.saved_text = stored.text.size();
    m.stored_tokens = stored.n_tokens;
    if (stored.role != model::Role::model) {
        return m;
    }
    m.state = stored.state == StoredState::failed ? AnswerState::failed : AnswerState::done;
    m.n_prompt = f.n_prompt;
    m.answer_begin = f.answer_begin;
    m.scored = f.scored;
    m.sampling = f.sampling;
    m.finish = f.finish;
    m.stats = f.stats;
    m.error = f.error;
    m.hint = f.hint;
    m.model_name = f.model_name;
    m.model_key = f.model_key;
    m.n_dropped_turns = f.n_dropped_turns;
    m.edited = f.edited;
    m.given = f.given;
    if (f.branched) {
        m.branch = BranchNote{f.branch_position, f.branch_chosen, f.branch_instead_of};
    }
    return m;
}

Conversation conversation_of(const LoadedChat& loaded) {
    Conversation chat;
    chat.info = info_of(loaded.chat);
    chat.info.content = ChatContent::here;
    std::map<MessageId, NodeId> nodes;
    for (const StoredMessage& stored : loaded.messages) {
        const auto parent = nodes.find(stored.parent);
        Message m = message_of(stored);
        nodes[stored.id] =
            chat.insert(parent == nodes.end() ? kNoNode : parent->second, std::move(m));
    }
    // Bottom up, so that what a message shows does not depend on the order they came in.
    for (auto it = loaded.messages.rbegin(); it != loaded.messages.rend(); ++it) {
        const auto shown = nodes.find(it->shown);
        if (shown != nodes.end() && chat.at(shown->second).parent == nodes[it->id]) {
            chat.choose(shown->second);
        }
    }
    if (const auto root = nodes.find(loaded.chat.shown);
        root != nodes.end() && chat.at(root->second).parent == kNoNode) {
        chat.choose(root->second);
    }
    return chat;
}

}  // namespace app::ui
