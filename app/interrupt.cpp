#include "app/interrupt.h"

#include <atomic>
#include <csignal>

namespace app {

namespace {

// The one thing a signal handler may touch, hence global.
std::atomic<bool> asked{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) {
    asked.store(true);
}

}  // namespace

void install_interrupt() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() {
    return asked.load();
}
void clear_interrupt() {
    asked.store(false);
}

}  // namespace app
