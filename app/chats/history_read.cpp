// What is read from the chats' file: the list, a chat, an answer's tokens, searches.
#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "app/chats/history.h"

namespace app {

namespace {

constexpr int kMaxBases = 100000;  // answers before an answer; a circle in a damaged file ends here
constexpr char kMarkBegin = '\x01', kMarkEnd = '\x02';

model::Role role_of(int64_t value) {
    return value == int64_t(model::Role::model)    ? model::Role::model
           : value == int64_t(model::Role::system) ? model::Role::system
                                                   : model::Role::user;
}

/// Scripts that put no spaces between words: Thai to Tibetan, CJK, kana, Hangul.
bool without_spaces(std::string_view text) {
    for (size_t i = 0; i + 2 < text.size(); ++i) {
        const auto a = uint8_t(text[i]), b = uint8_t(text[i + 1]);
        const bool south_east = a == 0xE0 && b >= 0xB8 && b <= 0xBD;
        const bool khmer_and_burmese = a == 0xE1 && (b == 0x80 || b == 0x81 || b == 0x9E);
        const bool east = (a >= 0xE3 && a <= 0xED) || (a == 0xF0 && b >= 0xA0);
        if (south_east || khmer_and_burmese || east) {
            return true;
        }
    }
    return false;
}

std::string without_marks(std::string_view text) {
    std::string out(text);
    std::erase_if(out, [](char c) { return c == kMarkBegin || c == kMarkEnd; });
    return out;
}

/// "red boat" -> "red"* "boat"*: every word a string of FTS5, so that nothing in it is syntax.
std::string match_expression(std::string_view words) {
    std::string out;
    for (size_t i = 0; i < words.size();) {
        const size_t begin = words.find_first_not_of(" \t\r\n", i);
        if (begin == std::string_view::npos) {
            break;
        }
        const size_t end = std::min(words.find_first_of(" \t\r\n", begin), words.size());
        std::string word;
        for (const char c : words.substr(begin, end - begin)) {
            word += c == '"' ? std::string("\"\"") : c == '\0' ? std::string() : std::string(1, c);
        }
        out += fmt::format("{}\"{}\" *", out.empty() ? "" : " ", word);
        i = end;
    }
    return out;
}

/// One line, with its marks taken out and noted.
void set_snippet(SearchHit& hit, std::string_view marked) {
    for (const char c : marked) {
        if (c == kMarkBegin) {
            hit.marks.emplace_back(uint32_t(hit.snippet.size()), uint32_t(hit.snippet.size()));
        } else if (c == kMarkEnd) {
            if (!hit.marks.empty()) {
                hit.marks.back().second = uint32_t(hit.snippet.size());
            }
        } else if (c == '\n' || c == '\r' || c == '\t') {
            hit.snippet += ' ';
        } else {
            hit.snippet += c;
        }
    }
}

size_t character_before(std::string_view text, size_t at) {
    while (at > 0 && (uint8_t(text[at]) & 0xC0) == 0x80) {
        --at;
    }
    return at;
}

/// Some characters about the place where `part` stands.
std::string cut_around(const std::string& text, std::string_view part) {
    const size_t at = std::min(text.find(part), text.size());
    const size_t begin = at > 60 ? character_before(text, at - 60) : 0;
    const size_t end = text.size() - at > part.size() + 90
                           ? character_before(text, at + part.size() + 90)
                           : text.size();
    std::string out = begin > 0 ? "…" : "";
    out += without_marks(std::string_view(text).substr(begin, at - begin));
    if (at < text.size()) {
        out += kMarkBegin + std::string(part) + kMarkEnd;
        out +=
            without_marks(std::string_view(text).substr(at + part.size(), end - at - part.size()));
    }
    return out + (end < text.size() ? "…" : "");
}

}  // namespace

StoredChat HistoryStore::chat_of_row(const Statement& row) const {
    StoredChat chat;
    chat.id = row.integer(0);
    chat.name = row.text(1);
    chat.title = row.text(2);
    chat.system = row.text(3);
    chat.policy = ContextPolicy(std::clamp<int64_t>(row.integer(4), 0, 2));
    chat.use = row.integer(5);
    chat.used_at = row.integer(6);
    chat.shown = row.integer(7);
    chat.sampling = sampling_params(row.text(8));
    return chat;
}

std::vector<StoredChat> HistoryStore::chats() {
    db_.forgive();
    std::vector<StoredChat> out;
    Statement& s =
        db_.use(has_sampling_ ? "SELECT id, name, title, system, policy, use, used_at, shown, "
                                "sampling FROM chats WHERE NOT hidden ORDER BY use DESC"
                              : "SELECT id, name, title, system, policy, use, used_at, shown, "
                                "'' FROM chats WHERE NOT hidden ORDER BY use DESC");
    while (s.step()) {
        out.push_back(chat_of_row(s));
    }
    s.reset();
    return out;
}

bool HistoryStore::load(ChatId id, LoadedChat& out) {
    db_.forgive();
    Statement& c =
        db_.use(has_sampling_ ? "SELECT id, name, title, system, policy, use, used_at, shown, "
                                "sampling FROM chats WHERE id = ?1"
                              : "SELECT id, name, title, system, policy, use, used_at, shown, "
                                "'' FROM chats WHERE id = ?1");
    c.bind(1, id);
    if (!c.step()) {
        c.reset();
        return false;
    }
    out.chat = chat_of_row(c);
    c.reset();
    Statement& s = db_.use(
        "SELECT m.id, coalesce(m.parent, 0), m.role, m.text, m.state, m.shown, m.facts, "
        "(SELECT t.first + t.n FROM tokens t WHERE t.message = m.id ORDER BY t.first DESC LIMIT 1) "
        "FROM messages m WHERE m.chat = ?1 ORDER BY m.id");
    s.bind(1, id);
    while (s.step()) {
        StoredMessage m;
        m.chat = id;
        m.id = s.integer(0);
        m.parent = s.integer(1);
        m.role = role_of(s.integer(2));
        m.text = s.text(3);
        m.state = StoredState(std::clamp<int64_t>(s.integer(4), 0, 2));
        m.shown = s.integer(5);
        m.facts = m.role == model::Role::model ? answer_facts(s.text(6)) : AnswerFacts{};
        m.n_tokens = uint32_t(std::clamp<int64_t>(s.integer(7), 0, INT32_MAX));
        out.messages.push_back(std::move(m));
    }
    s.reset();
    return !db_.failed();
}

bool HistoryStore::load_tokens(MessageId id, std::vector<StoredToken>& out) {
    db_.forgive();
    // From the answer back to the first one it shares tokens with; then forwards.
    std::vector<std::pair<MessageId, uint32_t>> chain;  // message, how many of its tokens count
    uint32_t wanted = UINT32_MAX;
    for (MessageId at = id; at != 0 && wanted > 0 && chain.size() < kMaxBases;) {
        chain.emplace_back(at, wanted);
        Statement& s =
            db_.use("SELECT coalesce(token_base, 0), n_base FROM messages WHERE id = ?1");
        s.bind(1, at);
        const bool found = s.step();
        at = found ? s.integer(0) : 0;
        wanted = std::min(wanted, found ? uint32_t(s.integer(1)) : 0);
        s.reset();
    }
    out.clear();
    for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
        Statement& s = db_.use("SELECT first, data FROM tokens WHERE message = ?1 ORDER BY first");
        s.bind(1, it->first);
        while (s.step()) {
            const auto first = size_t(s.integer(0));
            if (first > out.size() || !(out.resize(first), unpack_tokens(s.bytes(1), out))) {
                s.reset();
                return false;
            }
        }
        s.reset();
        // What follows shares only so much of it.
        if (std::next(it) != chain.rend() || it->second != UINT32_MAX) {
            out.resize(std::min<size_t>(out.size(), it->second));
        }
    }
    for (size_t i = 0; i < out.size(); ++i) {
        out[i].token.position = uint32_t(i);
    }
    return !db_.failed() && !out.empty();
}

std::vector<SearchHit> HistoryStore::search(std::string_view words, size_t limit) {
    db_.forgive();
    const std::string clean = without_marks(words);
    std::vector<SearchHit> hits =
        without_spaces(clean) ? search_text(clean, limit) : search_index(clean, limit);
    find_versions(hits);
    return hits;
}

namespace {

/// Who answers whom in one chat; the first messages stand below 0.
struct ReplyTree {
    std::unordered_map<MessageId, MessageId> parents;
    std::unordered_map<MessageId, std::vector<MessageId>> children;  // the oldest first
};

void set_versions(SearchHit& hit, const ReplyTree& tree) {
    MessageId at = hit.message;
    for (size_t step = 0; at != 0 && step < tree.parents.size(); ++step) {  // a file may have rings
        const auto above = tree.parents.find(at);
        if (above == tree.parents.end()) {
            break;
        }
        const std::vector<MessageId>& all = tree.children.at(above->second);
        if (all.size() > 1) {
            const auto place = std::find(all.begin(), all.end(), at) - all.begin();
            hit.versions.emplace_back(uint32_t(place) + 1, uint32_t(all.size()));
        }
        at = above->second;
    }
    std::reverse(hit.versions.begin(), hit.versions.end());
}

}  // namespace

/// Branches often share the words that were found: without this their hits look alike.
void HistoryStore::find_versions(std::vector<SearchHit>& hits) {
    std::unordered_map<ChatId, ReplyTree> trees;
    for (SearchHit& hit : hits) {
        const auto [it, is_new] = trees.try_emplace(hit.chat);
        ReplyTree& tree = it->second;
        if (is_new) {
            Statement& s =
                db_.use("SELECT id, coalesce(parent, 0) FROM messages WHERE chat = ?1 ORDER BY id");
            s.bind(1, hit.chat);
            while (s.step()) {
                tree.parents[s.integer(0)] = s.integer(1);
                tree.children[s.integer(1)].push_back(s.integer(0));
            }
            s.reset();
        }
        set_versions(hit, tree);
    }
}

std::vector<SearchHit> HistoryStore::search_index(std::string_view words, size_t limit) {
    std::vector<SearchHit> hits;
    const std::string expression = match_expression(words);
    if (expression.empty()) {
        return hits;
    }
    Statement& s = db_.use(
        "SELECT m.id, m.chat, m.role, iif(c.name != '', c.name, c.title), "
        "snippet(search, 0, char(1), char(2), '…', 14) FROM search "
        "JOIN messages m ON m.id = search.rowid JOIN chats c ON c.id = m.chat "
        "WHERE search MATCH ?1 AND NOT c.hidden ORDER BY search.rowid DESC LIMIT ?2");
    s.bind(1, expression).bind(2, int64_t(limit));
    while (s.step()) {
        SearchHit hit{.chat = s.integer(1),
                      .message = s.integer(0),
                      .role = role_of(s.integer(2)),
                      .chat_title = s.text(3)};
        set_snippet(hit, s.text(4));
        hits.push_back(std::move(hit));
    }
    s.reset();
    return hits;
}

std::vector<SearchHit> HistoryStore::search_text(std::string_view part, size_t limit) {
    std::vector<SearchHit> hits;
    Statement& s = db_.use(
        "SELECT m.id, m.chat, m.role, iif(c.name != '', c.name, c.title), m.text FROM messages m "
        "JOIN chats c ON c.id = m.chat WHERE instr(m.text, ?1) > 0 AND m.found AND NOT c.hidden "
        "ORDER BY m.id DESC LIMIT ?2");
    s.bind(1, part).bind(2, int64_t(limit));
    while (s.step()) {
        SearchHit hit{.chat = s.integer(1),
                      .message = s.integer(0),
                      .role = role_of(s.integer(2)),
                      .chat_title = s.text(3)};
        set_snippet(hit, cut_around(s.text(4), part));
        hits.push_back(std::move(hit));
    }
    s.reset();
    return hits;
}

std::pair<ChatId, MessageId> HistoryStore::last_ids() {
    db_.forgive();
    return {db_.value("SELECT max(id) FROM chats"), db_.value("SELECT max(id) FROM messages")};
}

int64_t HistoryStore::last_use() {
    return db_.value("SELECT max(use) FROM chats");
}

}  // namespace app
