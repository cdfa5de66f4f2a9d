// What changes in the chats' file.
#include "app/chats/history.h"

#include <algorithm>
#include <ctime>
#include <string>

namespace app {

bool HistoryStore::apply(std::span<const HistoryChange> changes) {
    db_.forgive();
    Transaction work(db_);
    bool purged = false;
    for (const HistoryChange& c : changes) {
        std::visit([this](const auto& what) { change(what); }, c);
        purged = purged || std::holds_alternative<PurgeHidden>(c);
    }
    if (!work.commit()) {
        return false;
    }
    if (purged) {  // what was deleted is to be gone, also from the search index and the log
        db_.exec("INSERT INTO search(search) VALUES('optimize')");
        log_has_purged_ = true;
    }
    if (log_has_purged_) {  // emptied after the next change, where somebody reads it now
        log_has_purged_ = db_.value("PRAGMA wal_checkpoint(TRUNCATE)", 1) != 0;
        db_.forgive();
    }
    return true;
}

void HistoryStore::change(const SaveChat& c) {
    db_.use(
           "INSERT INTO chats(id, name, title, system, policy, use, used_at, shown, sampling) "
           "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT(id) DO UPDATE SET name = ?2, "
           "title = ?3, system = ?4, policy = ?5, use = ?6, used_at = ?7, shown = ?8, "
           "sampling = ?9")
        .bind(1, c.chat.id)
        .bind(2, c.chat.name)
        .bind(3, c.chat.title)
        .bind(4, c.chat.system)
        .bind(5, int64_t(c.chat.policy))
        .bind(6, c.chat.use)
        .bind(7, c.chat.used_at != 0 ? c.chat.used_at : int64_t(std::time(nullptr)))
        .bind(8, c.chat.shown)
        .bind(9, c.chat.sampling ? to_json(*c.chat.sampling) : std::string())
        .run();
}

void HistoryStore::change(const SaveMessage& c) {
    const StoredMessage& m = c.message;
    // An answer that grows is found once it is there: its words are indexed once.
    const bool found = m.state != StoredState::writing;
    forget_words(m.id);
    Statement& s = db_.use(
        "INSERT INTO messages(id, chat, parent, role, text, state, shown, facts, found) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT(id) DO UPDATE SET "
        "text = ?5, state = ?6, shown = ?7, facts = ?8, found = ?9");
    s.bind(1, m.id).bind(2, m.chat).bind(4, int64_t(m.role)).bind(5, m.text);
    if (m.parent != 0) {
        s.bind(3, m.parent);
    }
    s.bind(6, int64_t(m.state)).bind(7, m.shown).bind(9, int64_t(found));
    s.bind(8, m.role == model::Role::model ? to_json(m.facts) : std::string("{}")).run();
    if (found) {
        db_.use("INSERT INTO search(rowid, text) VALUES(?1, ?2)")
            .bind(1, m.id)
            .bind(2, m.text)
            .run();
    }
}

/// The search index has to be told the very text that it knows.
void HistoryStore::forget_words(MessageId message) {
    db_.use(
           "INSERT INTO search(search, rowid, text) "
           "SELECT 'delete', id, text FROM messages WHERE id = ?1 AND found")
        .bind(1, message)
        .run();
}

void HistoryStore::change(const SaveTokens& c) {
    if (!c.text.empty()) {
        db_.use("UPDATE messages SET text = text || ?2 WHERE id = ?1 AND NOT found")
            .bind(1, c.message)
            .bind(2, c.text)
            .run();
    }
    if (c.tokens.empty()) {
        return;
    }
    if (c.base != 0 && c.first == c.n_shared) {
        db_.use("UPDATE messages SET token_base = ?2, n_base = ?3 WHERE id = ?1")
            .bind(1, c.message)
            .bind(2, c.base)
            .bind(3, int64_t(c.n_shared))
            .run();
    }
    if (c.first < token_end(c.message)) {
        cut_tokens(c.message, c.first);
    }
    put_block(c.message, c.first, c.tokens);
}

uint32_t HistoryStore::token_end(MessageId message) {
    Statement& s =
        db_.use("SELECT first + n FROM tokens WHERE message = ?1 ORDER BY first DESC LIMIT 1");
    s.bind(1, message);
    const uint32_t end = s.step() ? uint32_t(s.integer(0)) : 0;
    s.reset();
    return end;
}

void HistoryStore::put_block(MessageId message, uint32_t first,
                             std::span<const StoredToken> tokens) {
    const std::vector<std::byte> bytes = pack_tokens(tokens);
    db_.use("INSERT INTO tokens(message, first, n, data) VALUES(?1, ?2, ?3, ?4)")
        .bind(1, message)
        .bind(2, int64_t(first))
        .bind(3, int64_t(tokens.size()))
        .bind(4, std::span<const std::byte>(bytes))
        .run();
}

/// What stands from `first` on goes; the block that reaches across it keeps its beginning.
void HistoryStore::cut_tokens(MessageId message, uint32_t first) {
    db_.use("DELETE FROM tokens WHERE message = ?1 AND first >= ?2")
        .bind(1, message)
        .bind(2, int64_t(first))
        .run();
    Statement& s = db_.use("SELECT first, data FROM tokens WHERE message = ?1 AND first + n > ?2");
    s.bind(1, message).bind(2, int64_t(first));
    if (!s.step()) {
        s.reset();
        return;
    }
    const auto begin = uint32_t(s.integer(0));
    std::vector<StoredToken> tokens;
    unpack_tokens(s.bytes(1), tokens);
    s.reset();
    tokens.resize(std::min<size_t>(tokens.size(), first - begin));
    db_.use("DELETE FROM tokens WHERE message = ?1 AND first = ?2")
        .bind(1, message)
        .bind(2, int64_t(begin))
        .run();
    put_block(message, begin, tokens);
}

void HistoryStore::change(const ShowMessage& c) {
    Statement& s = c.parent == 0 ? db_.use("UPDATE chats SET shown = ?2 WHERE id = ?1")
                                 : db_.use("UPDATE messages SET shown = ?2 WHERE id = ?1");
    s.bind(1, c.parent == 0 ? c.chat : c.parent).bind(2, c.shown).run();
}

void HistoryStore::change(const CopyTokens& c) {
    db_.use(
           "INSERT OR REPLACE INTO tokens SELECT ?2, first, n, data FROM tokens "
           "WHERE message = ?1")
        .bind(1, c.from)
        .bind(2, c.to)
        .run();
    Statement& s = db_.use(
        "UPDATE messages SET token_base = ?3, n_base = "
        "(SELECT n_base FROM messages WHERE id = ?1) WHERE id = ?2");
    s.bind(1, c.from).bind(2, c.to);
    if (c.base != 0) {
        s.bind(3, c.base);
    }
    s.run();
}

void HistoryStore::change(const HideChat& c) {
    db_.use("UPDATE chats SET hidden = ?2 WHERE id = ?1")
        .bind(1, c.chat)
        .bind(2, int64_t(c.hidden))
        .run();
}

void HistoryStore::change(const PurgeHidden&) {
    // All at once, by chat: a cascade from parent to child would be as deep as the chat is long.
    db_.exec(
        "INSERT INTO search(search, rowid, text) SELECT 'delete', id, text FROM messages "
        "WHERE found AND chat IN (SELECT id FROM chats WHERE hidden)");
    db_.exec("DELETE FROM messages WHERE chat IN (SELECT id FROM chats WHERE hidden)");
    db_.exec("DELETE FROM chats WHERE hidden");
}

void HistoryStore::set_max_pages(int64_t n) {
    db_.exec("PRAGMA max_page_count=" + std::to_string(n));
}

bool HistoryStore::finish_interrupted() {
    db_.forgive();
    Transaction work(db_);
    db_.use("INSERT INTO search(rowid, text) SELECT id, text FROM messages WHERE state = ?1")
        .bind(1, int64_t(StoredState::writing))
        .run();
    db_.use(
           "UPDATE messages SET state = ?1, found = 1, "
           "facts = json_set(facts, '$.finish', 'stopped') WHERE state = ?2")
        .bind(1, int64_t(StoredState::complete))
        .bind(2, int64_t(StoredState::writing))
        .run();
    return work.commit();
}

}  // namespace app
