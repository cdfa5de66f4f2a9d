// Where answers go: files that may be replaced, pipes and disks that take nothing more.
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace fs = std::filesystem;
using support::ProgramResult;

namespace {

const std::string kTiny = "tests/golden/tiny-gemma3.gguf";

ProgramResult run(std::vector<std::string> arguments, std::string standard_input = "") {
    return support::run_program(LAPIDARY_PROGRAM, {.arguments = std::move(arguments),
                                                   .standard_input = std::move(standard_input),
                                                   .environment = {},
                                                   .interrupt = {}});
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

size_t n_files(const fs::path& folder) {
    return size_t(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

// It was renamed onto whatever lay there: a FIFO, a device, a link, the model itself.
TEST_CASE("trace replaces files only, never what it reads") {
    const support::TempDir folder;
    const auto at = [&](const char* name) { return (folder.path() / name).string(); };
    fs::copy_file(kTiny, at("m.gguf"));
    fs::create_hard_link(at("m.gguf"), at("hard.npz"));
    fs::create_symlink("m.gguf", at("link.npz"));
    fs::create_symlink("circle", at("circle"));
    fs::create_directory(at("folder"));
    REQUIRE(::mkfifo(at("fifo").c_str(), 0600) == 0);
    std::ofstream(at("text")) << "a";
    const size_t n_before = n_files(folder.path());
    const auto refused = [&](const std::string& target) {
        const ProgramResult result =
            run({"trace", "-m", at("m.gguf"), "-f", at("text"), "-o", target});
        INFO(target << ": " << result.err);
        CHECK(result.exit_code == 2);
        CHECK(result.out.empty());
        CHECK_FALSE(contains(result.err, "MiB"));  // before the work
        return result.err;
    };
    CHECK(contains(refused(at("m.gguf")), "read from"));
    CHECK(contains(refused(at("hard.npz")), "read from"));
    CHECK(contains(refused(at("link.npz")), "read from"));
    CHECK(contains(refused(at("text")), "read from"));
    CHECK(contains(refused(at("fifo")), "a pipe"));
    CHECK(contains(refused(at("folder")), "a folder"));
    CHECK(contains(refused(at("circle")), "circle"));
    CHECK(contains(refused("-"), "-o is '-'"));
    CHECK(contains(refused(""), "-o is ''"));
    CHECK(n_files(folder.path()) == n_before);
    CHECK(read_file(at("m.gguf")) == read_file(kTiny));
    CHECK(fs::is_fifo(at("fifo")));
}

TEST_CASE("trace writes through a link and past a stranger's .tmp") {
    const support::TempDir folder;
    const auto at = [&](const char* name) { return (folder.path() / name).string(); };
    std::ofstream(at("old.npz")) << "old";
    std::ofstream(at("precious")) << "precious";
    fs::create_symlink("old.npz", at("link.npz"));
    fs::create_symlink("new.npz", at("dangling.npz"));
    fs::create_symlink("precious", at("old.npz.tmp"));
    for (const char* name : {"link.npz", "dangling.npz"}) {
        const ProgramResult result = run({"trace", "-m", kTiny, "--tokens", "2,3", "-o", at(name)});
        INFO(result.err);
        CHECK(result.exit_code == 0);
        CHECK(fs::is_symlink(at(name)));
        CHECK(read_file(at(name)).substr(0, 2) == "PK");
    }
    CHECK(fs::is_regular_file(fs::symlink_status(at("new.npz"))));
    CHECK(read_file(at("precious")) == "precious");
    CHECK(n_files(folder.path()) == 6);
}

TEST_CASE("chat saves files only") {
    const support::TempDir folder;
    const std::string model = (folder.path() / "m.gguf").string();
    const std::string fifo = (folder.path() / "fifo").string();
    fs::copy_file(kTiny, model);
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    const ProgramResult result = run({"chat", "-m", model}, "/save " + fifo + "\n/save " + model +
                                                                "\n/save -\n/save /nowhere/x\n");
    INFO(result.err);
    CHECK(result.exit_code == 0);
    CHECK(contains(result.err, "a pipe"));
    CHECK(contains(result.err, "read from"));
    CHECK(contains(result.err, "/save is '-'"));
    CHECK(contains(result.err, "cannot be written"));
    CHECK(fs::is_fifo(fifo));
    CHECK(read_file(model) == read_file(kTiny));
}

namespace {

/// Through a shell, which can close and redirect.
ProgramResult shell(const std::string& command) {
    return support::run_program("/bin/sh",
                                {.arguments = {"-c", "P='" LAPIDARY_PROGRAM "'; " + command},
                                 .standard_input = "",
                                 .environment = {},
                                 .interrupt = {}});
}

const std::string kScore = "score -m " + kTiny + " --tokens 2,3,4";

}  // namespace

TEST_CASE("an answer that cannot be written is a failure, whichever command gave it") {
    for (const std::string& command :
         {std::string("--help"), std::string("run --help"), std::string("--version"),
          std::string("info"), std::string("info --json"), std::string("devices"), kScore,
          kScore + " --json", kScore + " --hash", std::string("run -p a -n 2"),
          std::string("run -p a -n 2 --json")}) {
        const ProgramResult result = shell("$P " + command + " >/dev/full");
        INFO(command << ": " << result.err);
        CHECK(result.exit_code == 1);
        CHECK(contains(result.err, "the output could not be written: No space left on device"));
        CHECK_FALSE(contains(result.err, "mistake in Lapidary"));
    }
}

TEST_CASE("results of bench that cannot be written are a failure, on either output") {
    const std::string bench = "$P bench -m " + kTiny + " -p 4 -n 0 -r 1";
    const ProgramResult out = shell(bench + " -o csv >/dev/full");
    INFO(out.err);
    CHECK(out.exit_code == 1);
    CHECK(contains(out.err, "the output could not be written: No space left on device"));
    CHECK(shell(bench + " -oe csv 2>/dev/full").exit_code == 1);
    CHECK(shell(bench + " -o none -oe jsonl 2>/dev/full").exit_code == 1);
    CHECK(shell(bench + " -o csv 2>/dev/full").exit_code == 0);  // notes alone are lost
}

TEST_CASE("a reader that leaves ends the program quietly") {
    const ProgramResult result = shell("(sleep 1; $P info 2>&1; echo $? >&2) | true");
    CHECK(result.err == "141\n");
}

// fmt::print(stderr) threw inside the top catch.
TEST_CASE("a log that cannot be written changes nothing") {
    for (const char* stderr_is : {">/dev/full", ">&-"}) {
        for (const std::string& command :
             {kScore, std::string("run -p a -n 2 --temp 0"), std::string("score -p a -c x"),
              std::string("info -m nothing")}) {
            const ProgramResult wanted = shell("$P " + command);
            const ProgramResult result = shell("$P " + command + " 2" + stderr_is);
            INFO(command << " 2" << stderr_is);
            CHECK(result.exit_code == wanted.exit_code);
            CHECK(result.out == wanted.out);
        }
    }
}

// The driver's files took the numbers, and the answer went into one of them.
TEST_CASE("closed standard files are occupied") {
    const ProgramResult wanted = shell("$P " + kScore);
    CHECK(shell("$P " + kScore + " <&-").out == wanted.out);
    const ProgramResult closed = shell("$P " + kScore + " >&-");
    CHECK(closed.exit_code == 1);
    CHECK(contains(closed.err, "the output could not be written"));
    CHECK(shell("$P " + kScore + " <&- >&- 2>&-").exit_code == 1);
    CHECK(shell("$P chat -m " + kTiny + " <&-").exit_code == 0);
}

TEST_CASE("SIGTERM and SIGHUP end the chat: while it waits and in the middle of an answer") {
    const int signal = GENERATE(SIGTERM, SIGHUP);
    bool sent = false;
    support::ProgramInput input{.arguments = {"chat", "-s", "3", "--stop", "zzzzzz"},
                                .standard_input = "Tell me a long story.\n",
                                .environment = {},
                                .interrupt =
                                    [&](const std::string& out) {
                                        const bool now = !sent && out.size() > 8;
                                        sent |= now;
                                        return now;
                                    },
                                .signal = signal,
                                .close_input = false};
    const ProgramResult answering = support::run_program(LAPIDARY_PROGRAM, input);
    INFO(answering.err);
    CHECK(answering.exit_code == 128 + signal);
    CHECK(contains(answering.err, "#"));  // it came to its own end

    input.interrupt = [&](const std::string& out) { return out.ends_with('\n'); };
    CHECK(support::run_program(LAPIDARY_PROGRAM, input).exit_code == 128 + signal);
}

TEST_CASE("Ctrl-C at a prompt says how to leave, a second one leaves") {
    auto next = std::chrono::steady_clock::time_point::max();
    const support::ProgramInput input{
        .arguments = {"chat", "-s", "3", "-n", "2"},
        .standard_input = "Hello\n",
        .environment = {},
        .interrupt =
            [&](const std::string& out) {
                const auto now = std::chrono::steady_clock::now();
                if (!out.ends_with('\n') || (next < now + std::chrono::hours(1) && now < next)) {
                    return false;
                }
                next = now + std::chrono::seconds(1);
                return true;
            },
        .close_input = false};
    const ProgramResult result = support::run_program(LAPIDARY_PROGRAM, input);
    CHECK(result.exit_code == 130);
    CHECK(contains(result.err, "Ctrl-C again"));
}
