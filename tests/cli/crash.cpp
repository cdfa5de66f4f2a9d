// A start after a load that killed the program: safe mode.
#include "tests/support/catch.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

namespace fs = std::filesystem;

namespace {

/// Starts the window (on a display of its own) and kills it as soon as a load has begun. False: no
/// load was seen to begin.
bool kill_while_loading(const std::string& home, int signal) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::setenv("HOME", home.c_str(), 1);
        ::unsetenv("XDG_STATE_HOME");
        ::setpgid(0, 0);
        ::execl("/usr/bin/xvfb-run", "xvfb-run", "-a", LAPIDARY_PROGRAM, nullptr);
        ::_exit(127);
    }
    const fs::path state = fs::path(home) / ".local/state/lapidary";
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    pid_t loading = 0;
    while (loading == 0 && std::chrono::steady_clock::now() < end) {
        std::error_code error;
        for (fs::directory_iterator it(state, error), none; !error && it != none;
             it.increment(error)) {
            const std::string name = it->path().filename().string();
            if (name.starts_with("loading-") && name.ends_with(".json")) {
                loading = pid_t(std::stol(name.substr(8)));
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (loading != 0) {
        ::kill(loading, signal);
    } else {
        ::kill(-child, SIGTERM);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return loading != 0;
}

bool marker_left(const std::string& home) {
    std::error_code error;
    for (fs::directory_iterator it(fs::path(home) / ".local/state/lapidary", error), none;
         !error && it != none; it.increment(error)) {
        if (it->path().filename().string().starts_with("loading-")) {
            return true;
        }
    }
    return false;
}

}  // namespace

TEST_CASE("a load that killed the program is not tried again by itself") {
    if (!fs::exists("/usr/bin/xvfb-run")) {
        SKIP("there is no Xvfb here (package xvfb)");
    }
    const support::TempDir dir;
    const std::string home = dir.path().string();
    // The kill may come after the short load of the shipped model has ended.
    bool left = false;
    for (int attempt = 0; attempt < 10 && !left; ++attempt) {
        REQUIRE(kill_while_loading(home, SIGKILL));
        left = marker_left(home);
    }
    REQUIRE(left);

    const std::string script = home + "/safe.script";
    std::ofstream(script) << "wait frames 60\nexpect Open it again\nexpect This is safe mode\n"
                          << "refute is ready\nclick trouble.offer.0\nwait ready\nwait frames 4\n"
                          << "refute This is safe mode\n";
    const support::ProgramResult safe = support::run_program(
        "/usr/bin/xvfb-run", {.arguments = {"-a", LAPIDARY_PROGRAM, "--script", script},
                              .standard_input = "",
                              .environment = {{"HOME", home}, {"XDG_STATE_HOME", ""}},
                              .interrupt = {}});
    INFO(safe.err);
    CHECK(safe.exit_code == 0);
    CHECK_FALSE(marker_left(home));  // the user has decided: the next start is an ordinary one
}

TEST_CASE("a window that is asked to end while it opens a model leaves no marker") {
    if (!fs::exists("/usr/bin/xvfb-run")) {
        SKIP("there is no Xvfb here (package xvfb)");
    }
    const support::TempDir dir;
    const std::string home = dir.path().string();
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        INFO("signal " << signal);
        REQUIRE(kill_while_loading(home, signal));
        CHECK_FALSE(marker_left(home));
    }
}
