// LinkThread: lets an EngineLink that works inside send() do its work on a thread of its own, so
// that no frame waits for it.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "app/engine/engine.h"

namespace app {

class LinkThread : public EngineLink {
public:
    /// `wake` is called from the thread when an event is there after there was none.
    LinkThread(std::unique_ptr<EngineLink> link, std::function<void()> wake);
    /// Commands that have not begun are not worked on any more.
    ~LinkThread() override = default;

    /// An Inspect takes the place of one that waits and that it replaces (Engine's rule).
    bool send(Command command) override;
    std::optional<Event> poll() override;

private:
    void work(const std::stop_token& stop);

    const std::unique_ptr<EngineLink> link_;  // of the thread alone
    const std::function<void()> wake_;
    std::mutex mutex_;
    std::condition_variable_any asked_;
    std::deque<Command> commands_;
    std::deque<Event> events_;
    std::jthread thread_;  // last: it ends first
};

}  // namespace app
