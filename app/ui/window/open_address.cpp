#include "app/ui/window/open_address.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <thread>

extern char** environ;

namespace app::ui {

namespace {

/// The number of the error; 0: it runs.
int start(const char* program, std::string name, std::string argument) {
    std::array<char*, 3> arguments{name.data(), argument.data(), nullptr};
    // The window blocks the signals that end it (EndSignals); others must not inherit that.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    pid_t child = 0;
    const int failed =
        posix_spawnp(&child, program, nullptr, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    if (failed == 0) {
        // Somebody has to take note of its end; the window does not wait for it.
        std::thread([child] {
            int status = 0;
            waitpid(child, &status, 0);
        }).detach();
    }
    return failed;
}

}  // namespace

bool can_open_address(std::string_view address) {
    constexpr std::array<std::string_view, 3> kKinds{"http://", "https://", "mailto:"};
    const bool known = std::any_of(kKinds.begin(), kKinds.end(), [&](std::string_view kind) {
        return address.size() > kind.size() && address.compare(0, kind.size(), kind) == 0;
    });
    return known && std::none_of(address.begin(), address.end(),
                                 [](unsigned char c) { return c <= 0x20 || c == 0x7F; });
}

bool open_address(const std::string& address) {
    return can_open_address(address) && start("xdg-open", "xdg-open", address) == 0;
}

std::string open_window(const std::string& path) {
    std::error_code error;
    const std::filesystem::path whole = std::filesystem::absolute(path, error);  // no option
    const int failed = error ? error.value() : start("/proc/self/exe", "lapidary", whole.string());
    return failed == 0
               ? std::string()
               : "it could not be started: " + std::generic_category().message(failed) + ".";
}

}  // namespace app::ui
