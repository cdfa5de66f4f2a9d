// EndSignals: SIGTERM, SIGINT and SIGHUP as a wish that the window's loop looks at, so that chats
// are saved and a load is given up in order.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace app::ui {

class EndSignals {
public:
    /// Before any other thread starts: those inherit that the signals do not interrupt them. One
    /// that is ignored here (nohup) stays ignored. `wake` is called from another thread. A second
    /// signal ends the program at once.
    explicit EndSignals(std::function<void()> wake);
    ~EndSignals();
    EndSignals(const EndSignals&) = delete;
    EndSignals& operator=(const EndSignals&) = delete;

    /// The signal that came; 0: none.
    int came() const { return came_; }
    /// 128 and the signal that came, else `otherwise`.
    int exit_code(int otherwise) const;

private:
    void wait(const std::function<void()>& wake);

    std::atomic<int> came_{0};
    int signals_ = -1, over_ = -1;  // descriptors
    std::thread thread_;
};

}  // namespace app::ui
