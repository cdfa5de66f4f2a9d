#include "app/engine/link_thread.h"

#include <utility>

namespace app {

LinkThread::LinkThread(std::unique_ptr<EngineLink> link, std::function<void()> wake)
    : link_(std::move(link)),
      wake_(std::move(wake)),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

bool LinkThread::send(Command command) {
    const std::lock_guard lock(mutex_);
    if (const auto* const inspect = std::get_if<Inspect>(&command)) {
        std::erase_if(commands_, [&](const Command& waiting) {
            const auto* const older = std::get_if<Inspect>(&waiting);
            return older != nullptr && replaces(*inspect, *older);
        });
    }
    commands_.push_back(std::move(command));
    asked_.notify_one();
    return true;
}

std::optional<Event> LinkThread::poll() {
    const std::lock_guard lock(mutex_);
    if (events_.empty()) {
        return std::nullopt;
    }
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
}

void LinkThread::work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (asked_.wait(lock, stop, [&] { return !commands_.empty(); })) {
        Command command = std::move(commands_.front());
        commands_.pop_front();
        lock.unlock();
        link_->send(std::move(command));
        std::deque<Event> came;
        while (std::optional<Event> event = link_->poll()) {
            came.push_back(std::move(*event));
        }
        lock.lock();
        const bool first = events_.empty() && !came.empty();
        events_.insert(events_.end(), std::make_move_iterator(came.begin()),
                       std::make_move_iterator(came.end()));
        if (first) {
            lock.unlock();
            wake_();
            lock.lock();
        }
        if (stop.stop_requested()) {
            return;
        }
    }
}

}  // namespace app
