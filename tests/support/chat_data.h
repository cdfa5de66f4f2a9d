// Chats as the window would store them, for tests of the store.
#pragma once

#include <string>
#include <vector>

#include "app/chats/database.h"
#include "app/chats/history.h"

namespace support {

/// Whether the chats' file is whole: the database, and its search index.
inline bool is_sound(const std::string& path) {
    app::Database db;
    if (!db.open(path, true)) {
        return false;
    }
    app::Statement& check = db.use("PRAGMA integrity_check");
    const bool ok = check.step() && check.text(0) == "ok";
    check.reset();
    return ok && db.exec("INSERT INTO search(search) VALUES('integrity-check')");
}

inline app::StoredChat stored_chat(app::ChatId id, const std::string& title, int64_t use) {
    app::StoredChat chat;
    chat.id = id;
    chat.title = title;
    chat.use = use;
    return chat;
}

inline app::StoredMessage stored_message(app::MessageId id, app::ChatId chat, app::MessageId parent,
                                         model::Role role, const std::string& text) {
    app::StoredMessage m;
    m.id = id;
    m.chat = chat;
    m.parent = parent;
    m.role = role;
    m.text = text;
    return m;
}

/// Token number i of some sequence; different `kind`s differ in every field.
inline app::StoredToken stored_token(uint32_t i, int kind = 0) {
    app::StoredToken t;
    t.token.position = i;
    t.token.id = app::TokenId(7 + i * 3 + uint32_t(kind));
    t.token.text = "␠t" + std::to_string(i + uint32_t(kind));
    t.token.bytes = " t" + std::to_string(i + uint32_t(kind));
    t.token.control = i == 0;
    t.token.logprob = -0.25f * float(i + 1) - float(kind);
    t.token.rank = int32_t(i) - 1;
    t.token.entropy = 0.5f + float(i);
    t.token.top = {{app::TokenId(i), "a", -0.1f}, {app::TokenId(i + 1), "石", -2.5f}};
    t.text_end = i * 3;
    return t;
}

inline std::vector<app::StoredToken> stored_tokens(uint32_t begin, uint32_t end, int kind = 0) {
    std::vector<app::StoredToken> out;
    for (uint32_t i = begin; i < end; ++i) {
        out.push_back(stored_token(i, kind));
    }
    return out;
}

inline bool same_token(const app::StoredToken& a, const app::StoredToken& b) {
    const app::TokenInfo &x = a.token, &y = b.token;
    bool same = x.position == y.position && x.id == y.id && x.text == y.text &&
                x.bytes == y.bytes && x.control == y.control && x.logprob == y.logprob &&
                x.rank == y.rank && x.entropy == y.entropy && x.top.size() == y.top.size() &&
                a.text_end == b.text_end;
    for (size_t i = 0; same && i < x.top.size(); ++i) {
        same = x.top[i].id == y.top[i].id && x.top[i].text == y.top[i].text &&
               x.top[i].logprob == y.top[i].logprob;
    }
    return same;
}

}  // namespace support
