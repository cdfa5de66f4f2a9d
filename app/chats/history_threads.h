// HistoryThreads: the chats' file behind two threads, so that the window waits for no disk. One
// writes what it is given, in order; the other reads beside it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "app/chats/history.h"
#include "app/engine/queue.h"

namespace app {

/// What is there when the window starts.
struct HistoryStart {
    bool readable = false, writable = false;
    HistoryProblem problem;  // why not writable
    std::vector<StoredChat> chats;
    ChatId last_chat = 0;
    MessageId last_message = 0;
    int64_t last_use = 0;
};

// ---- questions, and their answers ----

struct AskChat {
    ChatId chat = 0;
};
struct AskTokens {
    ChatId chat = 0;
    MessageId message = 0;
};
/// The newest one wins; older ones that have not been answered are dropped.
struct AskSearch {
    uint64_t serial = 0;
    std::string words;
};
using HistoryQuestion = std::variant<AskChat, AskTokens, AskSearch>;

struct ChatRead {
    ChatId id = 0;
    bool ok = false;
    LoadedChat loaded;
};
struct TokensRead {
    AskTokens asked;
    bool ok = false;
    std::vector<StoredToken> tokens;
};
struct SearchRead {
    uint64_t serial = 0;
    std::vector<SearchHit> hits;
    double ms = 0;
};
using HistoryAnswer = std::variant<ChatRead, TokensRead, SearchRead>;

class HistoryThreads {
public:
    static constexpr size_t kMaxHits = 100;
    static constexpr std::chrono::milliseconds kCommitInterval{400};

    /// Opens `path` in the writing thread. `wake` is called, from either thread, when something
    /// can be looked at.
    HistoryThreads(const std::string& path, std::function<void()> wake);
    /// Writes what it was given, then ends.
    ~HistoryThreads();
    HistoryThreads(const HistoryThreads&) = delete;
    HistoryThreads& operator=(const HistoryThreads&) = delete;

    /// What opening it gave; a disk that does not answer in that time counts as none.
    HistoryStart wait_open(std::chrono::milliseconds longest);

    /// Once, after another window that had the file has ended: what is in it now. From here on it
    /// is written.
    std::optional<HistoryStart> taken_over();

    /// Written within kCommitInterval and a commit; an urgent one, with all before it, at once.
    /// `serial` grows. False: there is no room now. Never waits.
    bool write(uint64_t serial, bool urgent, HistoryChange change);
    /// The next write, by this thread, will find room.
    bool has_room() const { return items_.size() < kMaxItems; }
    /// Everything up to this serial is on the disk.
    uint64_t saved() const { return saved_; }
    /// Why nothing is saved at the moment, or for good; none: all is well.
    std::optional<HistoryProblem> problem() const;

    void ask(HistoryQuestion question);
    std::optional<HistoryAnswer> poll() { return answers_.try_pop(); }

private:
    struct Item {
        uint64_t serial = 0;
        bool urgent = false;
        HistoryChange change;
    };
    using Clock = std::chrono::steady_clock;

    void write_all();
    HistoryStart open_store();
    bool next_item(std::optional<Item>& item);
    void try_to_take_over();
    void take(std::optional<Item> item);
    void commit();
    void set_problem(std::optional<HistoryProblem> problem);
    void read_all();
    void answer(HistoryStore* store, const HistoryQuestion& question);

    const std::string path_;
    const std::function<void()> wake_;

    static constexpr size_t kMaxItems = 4096;
    Queue<Item> items_{kMaxItems};
    std::atomic<uint64_t> saved_{0};
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<HistoryStart> start_, taken_over_;
    std::optional<HistoryProblem> problem_;

    // The writing thread's own.
    std::unique_ptr<HistoryStore> store_;
    std::vector<HistoryChange> pending_;
    uint64_t pending_serial_ = 0;
    bool urgent_ = false, given_up_ = false, taken_ = false;  // taken_: by another window
    Clock::time_point due_{}, next_try_{};

    std::mutex questions_mutex_;
    std::condition_variable asked_;
    std::deque<HistoryQuestion> questions_;
    bool closing_ = false;
    HistoryStore* reading_ = nullptr;  // while a search runs
    Queue<HistoryAnswer> answers_{256};

    std::jthread writer_, reader_;  // last: joined first
};

}  // namespace app
