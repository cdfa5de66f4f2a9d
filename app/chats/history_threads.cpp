#include "app/chats/history_threads.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace app {

namespace {

constexpr std::chrono::milliseconds kRetryInterval{2000};
constexpr size_t kMaxPending = 100000;  // while a full disk gets no room

/// A piece that goes on where the one before it ended joins it: one block a commit, not one a
/// token.
bool join(HistoryChange& before, HistoryChange& next) {
    auto* a = std::get_if<SaveTokens>(&before);
    auto* b = std::get_if<SaveTokens>(&next);
    if (a == nullptr || b == nullptr || a->message != b->message || b->base != 0) {
        return false;
    }
    if (!a->tokens.empty() && !b->tokens.empty() && b->first != a->first + a->tokens.size()) {
        return false;
    }
    a->first = a->tokens.empty() ? b->first : a->first;
    a->text += b->text;
    std::move(b->tokens.begin(), b->tokens.end(), std::back_inserter(a->tokens));
    return true;
}

}  // namespace

HistoryThreads::HistoryThreads(const std::string& path, std::function<void()> wake)
    : path_(path), wake_(std::move(wake)) {
    writer_ = std::jthread([this] { write_all(); });
}

HistoryThreads::~HistoryThreads() {
    items_.close();
    answers_.close();
    const std::lock_guard lock(questions_mutex_);
    closing_ = true;
    if (reading_ != nullptr) {
        reading_->interrupt();
    }
    asked_.notify_all();
}

HistoryStart HistoryThreads::wait_open(std::chrono::milliseconds longest) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, longest, [&] { return start_.has_value(); })) {
        HistoryStart none;
        none.problem = {"The disk with the chats does not answer: '" + path_ + "'.",
                        "Chatting works; what is written now is kept until the window closes.",
                        false};
        return none;
    }
    if (start_->readable && !reader_.joinable()) {
        reader_ = std::jthread([this] { read_all(); });
    }
    return *start_;
}

// ---- writing ----

bool HistoryThreads::write(uint64_t serial, bool urgent, HistoryChange change) {
    return items_.try_push({serial, urgent, std::move(change)});
}

std::optional<HistoryProblem> HistoryThreads::problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
}

void HistoryThreads::set_problem(std::optional<HistoryProblem> problem) {
    {
        const std::lock_guard lock(mutex_);
        problem_ = std::move(problem);
    }
    if (wake_) {
        wake_();
    }
}

std::optional<HistoryStart> HistoryThreads::taken_over() {
    const std::lock_guard lock(mutex_);
    return std::exchange(taken_over_, std::nullopt);
}

HistoryStart HistoryThreads::open_store() {
    HistoryStart start;
    store_ = HistoryStore::open(path_, start.problem);
    start.readable = store_ != nullptr;
    start.writable = start.readable && store_->writable();
    if (start.writable) {
        store_->finish_interrupted();
    }
    if (start.readable) {
        start.chats = store_->chats();
        std::tie(start.last_chat, start.last_message) = store_->last_ids();
        start.last_use = store_->last_use();
    }
    given_up_ = !start.writable;
    taken_ = start.problem.taken;
    next_try_ = Clock::now() + kRetryInterval;
    return start;
}

void HistoryThreads::try_to_take_over() {
    if (HistoryStore::is_taken(path_)) {
        next_try_ = Clock::now() + kRetryInterval;
        return;
    }
    HistoryStart start = open_store();
    if (!start.writable) {
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        taken_over_ = std::move(start);
    }
    if (wake_) {
        wake_();
    }
}

/// Waits for the next item, no longer than something is due; false: there will be none any more.
bool HistoryThreads::next_item(std::optional<Item>& item) {
    if (pending_.empty() && !taken_) {
        item = items_.pop();
        return item.has_value();
    }
    const auto left = (pending_.empty() ? next_try_ : due_) - Clock::now();
    item = items_.pop_for(
        std::max(std::chrono::milliseconds(0), std::chrono::ceil<std::chrono::milliseconds>(left)));
    return item.has_value() || !items_.closed();
}

void HistoryThreads::write_all() {
    HistoryStart start = open_store();
    {
        const std::lock_guard lock(mutex_);
        start_ = std::move(start);
        changed_.notify_all();
    }
    if (!given_up_) {
        pending_.emplace_back(
            PurgeHidden{});  // what the last session deleted and did not bring back
        due_ = Clock::now() + kCommitInterval;
    }
    bool open = true;
    while (open) {
        std::optional<Item> item;
        open = next_item(item);
        take(std::move(item));
        if (taken_ && Clock::now() >= next_try_) {
            try_to_take_over();
        }
        if (!pending_.empty() && Clock::now() >= due_) {
            commit();
        }
    }
    take(items_.try_pop());  // what came just before the end
    if (!pending_.empty()) {
        commit();
    }
}

/// Puts it, and whatever else is there, with what waits for the next commit.
void HistoryThreads::take(std::optional<Item> item) {
    while (item) {
        pending_serial_ = item->serial;
        urgent_ = urgent_ || item->urgent;
        if (!given_up_) {
            if (pending_.empty()) {
                due_ = Clock::now() + kCommitInterval;
            }
            if (pending_.empty() || !join(pending_.back(), item->change)) {
                pending_.push_back(std::move(item->change));
            }
        }
        item = items_.try_pop();
    }
    if (urgent_ && !problem()) {
        due_ = Clock::now();
    }
}

void HistoryThreads::commit() {
    const bool urgent = std::exchange(urgent_, false);
    if (store_->apply(pending_)) {
        pending_.clear();
        saved_ = pending_serial_;
        if (problem()) {
            set_problem(std::nullopt);
        } else if (urgent && wake_) {
            wake_();
        }
        return;
    }
    HistoryProblem why = store_->problem();
    if (!why.can_retry || pending_.size() > kMaxPending) {
        why.can_retry = false;
        given_up_ = true;  // after a failed sync nobody knows what the disk holds
        pending_.clear();
    }
    due_ = Clock::now() + kRetryInterval;
    set_problem(why);
}

// ---- reading ----

void HistoryThreads::ask(HistoryQuestion question) {
    const std::lock_guard lock(questions_mutex_);
    if (std::holds_alternative<AskSearch>(question)) {
        std::erase_if(questions_,
                      [](const auto& q) { return std::holds_alternative<AskSearch>(q); });
        if (reading_ != nullptr) {
            reading_->interrupt();
        }
    }
    questions_.push_back(std::move(question));
    asked_.notify_all();
}

void HistoryThreads::read_all() {
    const std::unique_ptr<HistoryStore> store = HistoryStore::open_reader(path_);
    while (true) {
        HistoryQuestion question;
        {
            std::unique_lock lock(questions_mutex_);
            asked_.wait(lock, [&] { return closing_ || !questions_.empty(); });
            if (closing_) {
                return;
            }
            question = std::move(questions_.front());
            questions_.pop_front();
            reading_ = std::holds_alternative<AskSearch>(question) ? store.get() : nullptr;
        }
        answer(store.get(), question);
        {
            const std::lock_guard lock(questions_mutex_);
            reading_ = nullptr;
        }
        if (wake_) {
            wake_();
        }
    }
}

void HistoryThreads::answer(HistoryStore* store, const HistoryQuestion& question) {
    if (const auto* chat = std::get_if<AskChat>(&question)) {
        ChatRead read{chat->chat, false, {}};
        read.ok = store != nullptr && store->load(chat->chat, read.loaded);
        answers_.push(std::move(read));
    } else if (const auto* tokens = std::get_if<AskTokens>(&question)) {
        TokensRead read{*tokens, false, {}};
        read.ok = store != nullptr && store->load_tokens(tokens->message, read.tokens);
        answers_.push(std::move(read));
    } else if (const auto* search = std::get_if<AskSearch>(&question)) {
        const auto begun = Clock::now();
        SearchRead read{search->serial, {}, 0};
        if (store != nullptr) {
            read.hits = store->search(search->words, kMaxHits);
        }
        read.ms = std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
        answers_.push(std::move(read));
    }
}

}  // namespace app
