#include "app/commands/interrupt.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

namespace app {

namespace {

// What a signal handler may touch, hence global.
std::atomic<bool> stop_asked{false};
std::atomic<int> end_asked{0};  // the signal that asked
std::atomic<int> wake_up{-1};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

int pipe_ends[2] = {-1, -1};

void on_signal(int signal_number) {
    const int error = errno;
    if (signal_number == SIGINT) {
        stop_asked.store(true);
    } else {
        end_asked.store(signal_number);
        std::signal(signal_number, SIG_DFL);
    }
    // A flag alone is missed by a read that begins just after it was looked at.
    static_cast<void>(::write(wake_up.load(), "", 1) == 1);
    errno = error;
}

}  // namespace

void install_interrupt() {
    if (pipe_ends[0] < 0 && ::pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) == 0) {
        wake_up.store(pipe_ends[1]);
    }
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    struct sigaction before {};
    sigaction(SIGHUP, nullptr, &before);
    if (before.sa_handler != SIG_IGN) {  // nohup: it is to go on
        sigaction(SIGHUP, &action, nullptr);
    }
}

bool interrupted() {
    return stop_asked.load() || asked_to_end();
}
bool asked_to_end() {
    return end_asked.load() != 0;
}
int interrupt_descriptor() {
    return pipe_ends[0];
}
int interrupted_exit_code() {
    return 128 + (asked_to_end() ? end_asked.load() : SIGINT);
}

void clear_interrupt() {
    stop_asked.store(false);
    char ignored[64];
    while (::read(pipe_ends[0], ignored, sizeof(ignored)) > 0) {
    }
}

}  // namespace app
