#include "app/commands/console.h"

#include "gpu/base.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace app {

namespace {

[[noreturn]] void cannot_write(int error) {
    if (error == EPIPE) {
        throw OutputClosed();
    }
    throw base::Error(base::ErrorKind::runtime,
                      fmt::format("the output could not be written: {}",
                                  error == 0 ? "an earlier part is lost" : std::strerror(error)),
                      error == ENOSPC ? "Make room there, or write somewhere else." : "");
}

}  // namespace

void occupy_standard_files() {
    constexpr int kFlags[] = {O_WRONLY, O_RDONLY, O_RDWR};
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
            // The lowest free number, so this one. No /dev/null: nothing better is to be had.
            static_cast<void>(::open("/dev/null", kFlags[fd]));
        }
    }
    // A reader that leaves is told by write(); the handler's way out would skip our cleaning up.
    std::signal(SIGPIPE, SIG_IGN);
}

void tell_text(std::string_view text) noexcept {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
}

void put_text(std::string_view text) {
    errno = 0;
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
        cannot_write(errno);
    }
}

void put_error_text(std::string_view text) {
    errno = 0;
    if (std::fwrite(text.data(), 1, text.size(), stderr) != text.size() ||
        std::fflush(stderr) != 0) {
        cannot_write(errno);
    }
}

void flush_output() {
    errno = 0;
    if (std::fflush(stdout) != 0) {
        cannot_write(errno);
    }
    if (std::ferror(stdout) != 0) {
        cannot_write(0);
    }
}

}  // namespace app
