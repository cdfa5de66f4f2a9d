// Nothing of Lapidary opens a network socket: a whole session of the window, and every command,
// under a trace of the system calls.
#include "tests/support/catch.h"
#include "tests/support/model_writer.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace {

std::string path_of(const char* program) {
    for (const char* folder : {"/usr/bin/", "/usr/local/bin/", "/bin/"}) {
        if (std::filesystem::exists(std::string(folder) + program)) {
            return std::string(folder) + program;
        }
    }
    return {};
}

struct Traced {
    int exit_code = -1;
    std::string err, calls;  // of every thread and child: socket, connect, bind, sendto
};

Traced trace(std::vector<std::string> command,
             std::vector<std::pair<std::string, std::string>> environment = {}) {
    const support::TempDir dir;
    const std::string file = (dir.path() / "calls").string();
    std::vector<std::string> arguments = {"-f", "-qq", "-e", "trace=socket,connect,bind,sendto",
                                          "-o", file};
    arguments.insert(arguments.end(), command.begin(), command.end());
    environment.emplace_back("HOME", dir.path().string());
    environment.emplace_back("XDG_CONFIG_HOME", "");
    environment.emplace_back("XDG_DATA_HOME", "");
    environment.emplace_back("XDG_STATE_HOME", "");
    const support::ProgramResult result =
        support::run_program(path_of("strace"), {.arguments = std::move(arguments),
                                                 .standard_input = "",
                                                 .environment = std::move(environment),
                                                 .interrupt = {}});
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    return {result.exit_code, result.err, text.str()};
}

void require_tracer() {
    if (path_of("strace").empty()) {
        SKIP("strace is not installed (package strace)");
    }
    // It works here, and it sees what it must see: bash opens a connection on request.
    const Traced control = trace({"/bin/bash", "-c", "true </dev/tcp/127.0.0.1/9"});
    if (control.calls.find("AF_INET") == std::string::npos) {
        SKIP("strace cannot trace here: " << control.err);
    }
}

void check_offline(const Traced& traced) {
    INFO(traced.err << traced.calls);
    CHECK(traced.exit_code == 0);
    CHECK(traced.calls.find("AF_INET") == std::string::npos);
    CHECK(traced.calls.find("AF_NETLINK") == std::string::npos);
    CHECK(traced.calls.find("AF_PACKET") == std::string::npos);
}

/// Every part of the window: a chat, an answer, all tabs, a branch's panel, menus, dialogs, another
/// model, and the end.
std::string session_script(const std::string& folder) {
    const std::string model = folder + "/tiny.gguf";
    write_gguf(support::make_tiny({}), model);
    const std::string script = folder + "/session.script";
    std::ofstream(script) << "timeout 240\nwait ready\nsend Hello\nwait idle\n"
                          << "tab 2\nwait idle\ntab 3\nwait idle\ntab 4\nwait idle\ntab 1\n"
                          << "key F1\nwait frames 4\nkey Escape\nwait frames 4\n"
                          << "click top.model\nwait frames 4\nkey Escape\nwait frames 4\n"
                          << "click top.device\nwait frames 4\nkey Escape\nwait frames 4\n"
                          << "key Ctrl+O\nwait frames 4\nkey Escape\nwait frames 4\n"
                          << "key Ctrl+N\nwait frames 4\n"
                          << "open " << model << "\nwait ready\nwait idle\n"
                          << "shot " << folder << "/end.png\n";
    return script;
}

}  // namespace

TEST_CASE("commands open no network socket") {
    require_tracer();
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"run", "--chat", "-p", "Hello", "-n", "4"}, {"models"}, {"devices"}, {"info"}}) {
        std::vector<std::string> command = {LAPIDARY_PROGRAM};
        command.insert(command.end(), words.begin(), words.end());
        check_offline(trace(command));
    }
}

TEST_CASE("a session of the window off the screen opens no network socket") {
    require_tracer();
    const support::TempDir dir;
    const Traced traced = trace({LAPIDARY_PROGRAM, "--script", session_script(dir.path().string()),
                                 "--offscreen", "1280x800"});
    if (traced.err.find("--script") != std::string::npos && traced.exit_code == 2) {
        SKIP("the program is built without the window");
    }
    check_offline(traced);
    CHECK(std::filesystem::exists(dir.path() / "end.png"));
}

TEST_CASE("a session in a real window opens no network socket, only the display's own") {
    require_tracer();
    const std::string server = path_of("xvfb-run");
    if (server.empty()) {
        SKIP("there is no Xvfb here (package xvfb)");
    }
    const support::TempDir dir;
    const std::string script = session_script(dir.path().string());
    // The display server itself is not traced: only what it runs is.
    const std::string calls = (dir.path() / "calls").string();
    const support::ProgramResult result = support::run_program(
        server, {.arguments = {"-a", "-s", "-screen 0 1280x800x24 -nolisten tcp", path_of("strace"),
                               "-f", "-qq", "-e", "trace=socket,connect,bind,sendto", "-o", calls,
                               LAPIDARY_PROGRAM, "--script", script},
                 .standard_input = "",
                 .environment = {{"HOME", dir.path().string()}, {"XDG_STATE_HOME", ""}},
                 .interrupt = {}});
    if (result.err.find("Xvfb failed") != std::string::npos) {
        SKIP("Xvfb does not start here: " << result.err);
    }
    std::stringstream text;
    text << std::ifstream(calls).rdbuf();
    check_offline({result.exit_code, result.err, text.str()});
    CHECK(text.str().find("AF_UNIX") != std::string::npos);  // the display's: the trace works
}
