#include "app/ui/window/end_signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

namespace app::ui {

namespace {

/// A signal that is blocked comes even where it is ignored, hence only the others.
sigset_t heeded() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        struct sigaction now {};
        if (sigaction(signal, nullptr, &now) == 0 && now.sa_handler != SIG_IGN) {
            sigaddset(&set, signal);
        }
    }
    return set;
}

}  // namespace

EndSignals::EndSignals(std::function<void()> wake) {
    const sigset_t set = heeded();
    signals_ = signalfd(-1, &set, SFD_CLOEXEC);
    over_ = eventfd(0, EFD_CLOEXEC);
    if (signals_ < 0 || over_ < 0) {
        return;  // no descriptors left: they end the program as they always did
    }
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    thread_ = std::thread([this, wake = std::move(wake)] { this->wait(wake); });
}

EndSignals::~EndSignals() {
    if (thread_.joinable()) {
        const uint64_t one = 1;
        static_cast<void>(::write(over_, &one, sizeof one) == sizeof one);
        thread_.join();
    }
    for (const int fd : {signals_, over_}) {
        if (fd >= 0) {
            ::close(fd);
        }
    }
}

int EndSignals::exit_code(int otherwise) const {
    const int signal = came_;
    return signal == 0 ? otherwise : 128 + signal;
}

void EndSignals::wait(const std::function<void()>& wake) {
    std::array<pollfd, 2> fds = {{{over_, POLLIN, 0}, {signals_, POLLIN, 0}}};
    while (fds[0].revents == 0) {
        signalfd_siginfo info{};
        if (::poll(fds.data(), fds.size(), -1) > 0 && fds[1].revents != 0 &&
            ::read(signals_, &info, sizeof info) == sizeof info) {
            came_ = int(info.ssi_signo);
            fds[1].fd = -1;
            // Where the orderly end hangs, the next one ends it: taken by this thread.
            const sigset_t set = heeded();
            pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
            wake();
        }
    }
}

}  // namespace app::ui
