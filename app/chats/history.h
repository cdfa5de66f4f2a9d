// Chats as a message tree in SQLite: what is stored, and the file itself. Used from one thread at a
// time; app/chats/history_threads.h puts it behind two threads for the window. Nothing here throws:
// faults of the disk are values.
// long file: the whole contract of the chats' file, to be read in one go
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "app/chats/database.h"
#include "app/engine/messages.h"

namespace app {

using ChatId = int64_t;     // 0: none
using MessageId = int64_t;  // 0: none; siblings and chats are in the order of their ids

/// What is done when a chat has outgrown the model's context. Chosen by the user, per chat.
enum class ContextPolicy : uint8_t { ask, drop_oldest, stop };

struct StoredChat {
    ChatId id = 0;
    std::string name;    // given by the user; empty: none
    std::string title;   // from the first message
    std::string system;  // system prompt
    ContextPolicy policy = ContextPolicy::ask;
    int64_t use = 0;      // grows with every use of any chat: the order of the list, free of clocks
    int64_t used_at = 0;  // seconds since 1970, for the list's headings; set when it is saved
    MessageId shown = 0;  // of the first messages, the visible one
    std::optional<model::SamplingParams> sampling;  // what this chat draws with
};
/// Kept as JSON: fields can come without a new schema.
std::string to_json(const model::SamplingParams& sampling);
std::optional<model::SamplingParams> sampling_params(std::string_view json);

enum class StoredState : uint8_t { complete, writing, failed };

/// How an answer came to be. Kept as JSON: fields can come without a new schema.
struct AnswerFacts {
    std::string model_name, model_key;  // key: ids mean the same only where it is equal
    model::SamplingParams sampling;     // with the seed
    std::optional<FinishReason> finish;
    Stats stats;
    std::string error, hint;
    uint32_t n_prompt = 0, answer_begin = 0;
    uint32_t n_dropped_turns = 0;  // oldest turns that the model was not shown
    bool edited = false;           // written by the user, not by a model
    bool given = false;            // a text to be looked into, not an answer
    bool scored = false;           // its prompt tokens carry probabilities
    bool branched = false;
    uint32_t branch_position = 0;
    std::string branch_chosen, branch_instead_of;
};
std::string to_json(const AnswerFacts& facts);
/// Fields that are missing or of another type keep their defaults.
AnswerFacts answer_facts(std::string_view json);

struct StoredMessage {
    MessageId id = 0, parent = 0;
    ChatId chat = 0;
    model::Role role = model::Role::user;
    std::string text;
    StoredState state = StoredState::complete;
    MessageId shown = 0;    // of its children, the visible one
    uint32_t n_tokens = 0;  // that can be loaded
    AnswerFacts facts;
};

/// An answer's sequence: prompt and answer. text_end: bytes of the text that are there with it.
struct StoredToken {
    TokenInfo token;
    uint32_t text_end = 0;
};
/// One block of tokens as bytes, and back; false for bytes that are not such a block.
std::vector<std::byte> pack_tokens(std::span<const StoredToken> tokens);
bool unpack_tokens(std::span<const std::byte> bytes, std::vector<StoredToken>& tokens);

// ---- changes; all of a transaction, or none of them ----

/// Inserts or updates.
struct SaveChat {
    StoredChat chat;
};
/// Inserts or updates; tokens stay.
struct SaveMessage {
    StoredMessage message;
};
/// A piece of an answer. Tokens from `first` on are replaced by these. The first n_shared tokens
/// are those of message `base` (an earlier answer of the chat), so that a long chat's prompt is
/// stored once.
struct SaveTokens {
    MessageId message = 0;
    std::string text;  // appended to the message's text, while that is being written
    uint32_t first = 0;
    std::vector<StoredToken> tokens;
    MessageId base = 0;
    uint32_t n_shared = 0;
};
/// Parent 0: first messages.
struct ShowMessage {
    ChatId chat = 0;
    MessageId parent = 0, shown = 0;
};
/// `base`: what stands for from's.
struct CopyTokens {
    MessageId from = 0, to = 0, base = 0;
};
/// Deleted, until PurgeHidden, which cannot be undone.
struct HideChat {
    ChatId chat = 0;
    bool hidden = true;
};
struct PurgeHidden {};

using HistoryChange =
    std::variant<SaveChat, SaveMessage, SaveTokens, ShowMessage, CopyTokens, HideChat, PurgeHidden>;

// ---- answers ----

struct LoadedChat {
    StoredChat chat;
    std::vector<StoredMessage> messages;  // parents before children
};
struct SearchHit {
    ChatId chat = 0;
    MessageId message = 0;
    model::Role role = model::Role::user;
    std::string chat_title;
    std::string snippet;                               // one line
    std::vector<std::pair<uint32_t, uint32_t>> marks;  // bytes [begin, end) of it that were found
    /// The branch it lies in: which version, from 1, of how many, at each branching from the first
    /// message down to this one.
    std::vector<std::pair<uint32_t, uint32_t>> versions;
};

/// Why chats are not saved, as the window says it.
struct HistoryProblem {
    std::string message, hint;
    bool can_retry = false;  // a full disk may get room; a broken file does not mend
    bool taken = false;      // by another window: until that one ends
};

class HistoryStore {
public:
    /// $XDG_DATA_HOME/lapidary/chats.sqlite; empty when there is no home.
    static std::string default_path();

    /// Opens the file, makes it (0600, its folder 0700), or brings it to this schema after a copy
    /// into backups/. A file that is damaged, of another program, or of a newer schema is left as
    /// it is: nullptr, and `problem` says so. When another process has it open: read-only, and
    /// `problem` says so.
    static std::unique_ptr<HistoryStore> open(const std::string& path, HistoryProblem& problem);
    /// Whether another process, or another store of this one, writes the file.
    static bool is_taken(const std::string& path);
    /// The same file once more, to read beside it.
    static std::unique_ptr<HistoryStore> open_reader(const std::string& path);
    /// With other steps of the schema; for tests of upgrades.
    static std::unique_ptr<HistoryStore> open_with(const std::string& path,
                                                   std::span<const char* const> steps,
                                                   HistoryProblem& problem);
    ~HistoryStore();

    bool writable() const { return writable_; }
    const std::string& path() const { return path_; }

    /// One transaction, on the disk when this returns true. False: nothing has changed, and
    /// problem() says why.
    bool apply(std::span<const HistoryChange> changes);
    HistoryProblem problem() const;

    /// Newest use first; hidden ones are left out.
    std::vector<StoredChat> chats();
    bool load(ChatId id, LoadedChat& out);
    /// The whole sequence of an answer; false when it cannot be read.
    bool load_tokens(MessageId id, std::vector<StoredToken>& out);
    /// Newest first. Words by their beginnings, all of them; scripts without spaces by substring.
    std::vector<SearchHit> search(std::string_view words, size_t limit);
    /// The highest ids in use: new ones count on from here.
    std::pair<ChatId, MessageId> last_ids();
    int64_t last_use();
    /// Answers that were being written when the program ended are complete as far as they are.
    bool finish_interrupted();
    /// As on a disk that has no more room; for tests.
    void set_max_pages(int64_t n);
    /// Ends a search that is running, from another thread.
    void interrupt() { db_.interrupt(); }

private:
    HistoryStore() = default;
    void change(const SaveChat& c);
    void change(const SaveMessage& c);
    void change(const SaveTokens& c);
    void change(const ShowMessage& c);
    void change(const CopyTokens& c);
    void change(const HideChat& c);
    void change(const PurgeHidden& c);
    void forget_words(MessageId message);
    void put_block(MessageId message, uint32_t first, std::span<const StoredToken> tokens);
    void cut_tokens(MessageId message, uint32_t first);
    uint32_t token_end(MessageId message);
    StoredChat chat_of_row(const Statement& row) const;
    std::vector<SearchHit> search_index(std::string_view words, size_t limit);
    void find_versions(std::vector<SearchHit>& hits);
    std::vector<SearchHit> search_text(std::string_view part, size_t limit);

    std::string path_;
    Database db_;
    int lock_ = -1;  // file descriptor of the lock; -1: none
    bool writable_ = false;
    bool log_has_purged_ = false;  // somebody read it when it was to be emptied
    bool has_sampling_ = true;     // a file of schema 1 that cannot be written stays as it is
};

}  // namespace app
