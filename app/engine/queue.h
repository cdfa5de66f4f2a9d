// Queue: bounded, blocking, many producers, one consumer. What both threads talk through.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace app {

template <class T>
class Queue {
public:
    explicit Queue(size_t capacity) : capacity_(capacity) {}

    /// Wait for room, then append. False when the queue was closed.
    bool push(T value) {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return closed_ || items_.size() < capacity_; });
        return append(std::move(value));
    }

    /// Append if there is room now.
    bool try_push(T value) {
        const std::lock_guard lock(mutex_);
        return items_.size() < capacity_ && append(std::move(value));
    }

    std::optional<T> try_pop() {
        const std::lock_guard lock(mutex_);
        return take();
    }

    /// Wait for an item; nothing when the queue is closed and empty.
    std::optional<T> pop() {
        std::unique_lock lock(mutex_);
        filled_.wait(lock, [&] { return closed_ || !items_.empty(); });
        return take();
    }

    std::optional<T> pop_for(std::chrono::milliseconds timeout) {
        std::unique_lock lock(mutex_);
        filled_.wait_for(lock, timeout, [&] { return closed_ || !items_.empty(); });
        return take();
    }

    /// Wake everybody; push fails from now on, pop drains what is left.
    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        room_.notify_all();
        filled_.notify_all();
    }

    bool closed() const {
        const std::lock_guard lock(mutex_);
        return closed_;
    }

    size_t size() const {
        const std::lock_guard lock(mutex_);
        return items_.size();
    }

private:
    bool append(T&& value) {
        if (closed_) {
            return false;
        }
        items_.push_back(std::move(value));
        filled_.notify_one();
        return true;
    }

    std::optional<T> take() {
        if (items_.empty()) {
            return std::nullopt;
        }
        std::optional<T> value(std::move(items_.front()));
        items_.pop_front();
        room_.notify_one();
        return value;
    }

    mutable std::mutex mutex_;
    std::condition_variable room_, filled_;
    std::deque<T> items_;
    const size_t capacity_;
    bool closed_ = false;
};

}  // namespace app
