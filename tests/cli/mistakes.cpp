// Mistakes are told before the work, in words that name the thing.
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using support::ProgramResult;

namespace {

const std::string kTiny = "tests/golden/tiny-gemma3.gguf";

/// Without a driver: whatever answers with the usage error did not wait for a device.
ProgramResult run(std::vector<std::string> arguments, std::string standard_input = "") {
    return support::run_program(LAPIDARY_PROGRAM,
                                {.arguments = std::move(arguments),
                                 .standard_input = std::move(standard_input),
                                 .environment = {{"VK_DRIVER_FILES", "/dev/null/driver"},
                                                 {"VK_ICD_FILENAMES", "/dev/null/driver"}},
                                 .interrupt = {}});
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

void check_refused(std::vector<std::string> arguments, std::string_view part, int exit_code = 2) {
    std::string words;
    for (const std::string& argument : arguments) {
        words += argument + " ";
    }
    const ProgramResult result = run(std::move(arguments));
    INFO(words << ": " << result.err);
    CHECK(result.exit_code == exit_code);
    CHECK(result.out.empty());
    CHECK(contains(result.err, part));
}

}  // namespace

TEST_CASE("trace: what is chosen is judged before the device") {
    const support::TempDir folder;
    const std::string file = (folder.path() / "t.npz").string();
    const auto refused = [&](const char* flag, const char* value, const char* part) {
        check_refused({"trace", "-m", kTiny, "--tokens", "2,3,4", "-o", file, flag, value}, part);
    };
    refused("--layers", "5-2", "runs backwards");
    refused("--layers", "3--5", "runs backwards");
    refused("--heads", "2-1", "runs backwards");
    refused("--queries", "2-0", "runs backwards");
    refused("--queries", "3", "--queries is '3'");
    refused("--layers", "7", "--layers is '7'");
    refused("--taps", "nonsense", "--taps holds 'nonsense'");
    refused("--taps", "lens,thumb,", "stage_p, lens, thumb");
    refused("--limit", "0", "--limit is '0', expected a whole number from 1");
    refused("--temp", "0.5", "--temp means nothing without stage_p");
    refused("--sampler-order", "llama.cpp", "--sampler-order means nothing without stage_p");
    check_refused({"trace", "-m", kTiny, "--tokens", "2,3", "-o", file + "/x"}, "cannot be", 1);
    check_refused({"trace", "-m", kTiny, "--tokens", "2,3", "-o", "/proc/x.npz"}, "cannot be", 1);
    check_refused({"trace", "-m", kTiny, "--tokens", "2,3", "-o", file}, "Vulkan", 4);
    CHECK(std::filesystem::is_empty(folder.path()));
}

#if LAPIDARY_GUI
TEST_CASE("a recording that is not there is said to be so") {
    const support::TempDir folder;
    const std::string script = (folder.path() / "s.txt").string();
    std::ofstream(script) << "wait ready\n";
    const std::string gone = (folder.path() / "gone.lapidary").string();
    check_refused({gone, "--offscreen", "640x480", "--script", script},
                  "gone.lapidary: the file does not exist", 3);
    std::filesystem::create_directory(gone);
    check_refused({gone, "--offscreen", "640x480", "--script", script},
                  "gone.lapidary: this is a folder, expected a Lapidary recording", 3);
}
#endif

TEST_CASE("where no window can be opened, the chat is named") {
    const ProgramResult result = support::run_program(
        LAPIDARY_PROGRAM, {.arguments = {},
                           .standard_input = "",
                           .environment = {{"DISPLAY", ":997"}, {"WAYLAND_DISPLAY", ""}},
                           .interrupt = {}});
    INFO(result.err);
    CHECK(result.exit_code != 1);
    CHECK(contains(result.err, result.exit_code == 4 ? "lapidary chat" : "without the window"));
}

TEST_CASE("score: ways that lead beyond the text, and an empty text") {
    const auto refused = [&](const char* flag, const char* value) {
        check_refused({"score", "-m", kTiny, "--tokens", "2,3,4", flag, value},
                      "the text has 3 tokens");
    };
    refused("--prefix", "4");
    refused("--rewind", "4");
    refused("--edit", "3");
    refused("--decode", "3");
    check_refused({"score", "-m", kTiny, "-p", ""}, "the text is empty");
}

TEST_CASE("texts to fill need a model that can, folders a config.json") {
    check_refused({"run", "-m", kTiny, "--fim-before", "a"}, "<|fim_prefix|>");
    const support::TempDir folder;
    for (const char* command : {"info", "chat"}) {
        check_refused({command, "-m", folder.path().string()}, "a folder without config.json", 3);
    }
    check_refused({"bogus"}, "neither a command nor a file");
    CHECK(contains(run({"Run"}).err, "run, chat, score, trace, bench, info, models, devices"));
}

TEST_CASE("a text that never ends is refused, files and pipes are read") {
    check_refused({"score", "-m", kTiny, "-f", "/dev/zero"}, "more than 16 MiB");
    check_refused({"score", "-m", kTiny, "-f", "."}, "Is a directory");
    const support::TempDir folder;
    const std::string fifo = (folder.path() / "fifo").string();
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    const ProgramResult piped = support::run_program(
        "/bin/sh",
        {.arguments = {"-c", "printf 'What is your name?' >" + fifo +
                                 " & exec '" LAPIDARY_PROGRAM "' run --chat -n 20 --temp 0 -f " +
                                 fifo},
         .standard_input = "",
         .environment = {},
         .interrupt = {}});
    INFO(piped.err);
    CHECK(piped.exit_code == 0);
    CHECK(contains(piped.out, "Pip"));
}

TEST_CASE("a batch's mistakes are told with their line, in words") {
    const support::TempDir folder;
    const std::string file = (folder.path() / "b.jsonl").string();
    const auto refused = [&](const std::string& line, std::string_view part) {
        std::ofstream(file) << "{\"prompt\":\"fine\"}\n\n" << line << "\n";
        check_refused({"run", "--batch", file}, part);
        const std::string err = run({"run", "--batch", file}).err;
        CHECK(contains(err, file + ", line 3: "));
        CHECK_FALSE(contains(err, "json.exception"));
    };
    const std::string user = R"({"role":"user","text":"a"})";
    const std::string model = R"({"role":"model","text":"a"})";
    refused("{", "");
    refused("[1]", "expected a JSON object");
    refused(R"({"prompt":1})", "prompt is 1, expected a text");
    refused(R"({"prompt":"a","prompt":"b"})", "prompt");
    refused(R"({"prompt":"a","turns":[)" + user + "]}", "prompt and turns");
    refused(R"({"n":1})", "neither prompt nor turns");
    refused(R"({"turns":[]})", "at least one turn");
    refused(R"({"turns":[1]})", "turn 1 is 1");
    refused(R"({"turns":[{"role":"user"}]})", "role and text");
    refused(R"({"turns":[{"role":"cat","text":"a"}]})", "the role of turn 1 is 'cat'");
    refused(R"({"turns":[)" + user + "," + model + "]}", "the last turn");
    refused(R"({"turns":[)" + model + "," + user + "]}", "the first turn");
    refused(R"({"turns":[{"role":"system","text":"a"}]})", "the first turn");
    refused(R"({"prompt":"a","n":1.5})", "n is 1.5");
    refused(R"({"prompt":"a","temp":"hot"})", "temp is");
    refused(R"({"prompt":"a","temperature":1})", "'temperature'");
    refused(std::string(100000, '['), "");
    std::ofstream(file) << "\n \n";
    check_refused({"run", "--batch", file}, "is empty");
    check_refused({"run", "--batch", "/dev/zero"}, "/dev/zero has more than 16 MiB");
}

TEST_CASE("what the files show to be wrong is told before a device is woken") {
    const support::TempDir folder;
    const auto file = [&](const char* name) { return (folder.path() / name).string(); };
    check_refused({"score", "-m", kTiny, "--tokens", "1,2,99999"}, "--tokens holds 99999");
    check_refused({"score", "-m", kTiny, "--tokens", "1,2,3", "-c", "2"}, "the context holds 2");
    check_refused({"run", "-m", kTiny, "-c", "1", "-p", "a"}, "the context holds 1");
    check_refused({"trace", "-m", kTiny, "--tokens", "2,3", "-o", file("x.png"), "--layers", "99"},
                  "--layers is '99'");
    check_refused({"trace", "-m", kTiny, "--tokens", "2,99999", "-o", file("x.lapidary")},
                  "--tokens holds 99999");
    // More positions than the model was made for, in every command that has -c.
    const std::string both = "-c is 100000, the model has 1024 positions";
    check_refused({"run", "-m", kTiny, "-c", "100000", "-p", "a"}, both);
    check_refused({"chat", "-m", kTiny, "-c", "100000"}, both);
    check_refused({"score", "-m", kTiny, "-c", "100000", "-p", "a"}, both);
    check_refused({"trace", "-m", kTiny, "-c", "100000", "-p", "a", "-o", file("x.npz")}, both);
    CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("recordings are no models, and broken ones are recordings all the same") {
    const support::TempDir folder;
    const std::string file = (folder.path() / "r.lapidary").string();
    check_refused({"trace", "-m", kTiny, "-p", "a", "-o", "x.foo"}, ".lapidary, a recording");
    CHECK(contains(run({"trace", "--help"}).out, ".lapidary a recording"));
    const std::string script = (folder.path() / "s.script").string();
    std::ofstream(script) << "wait ready\n";
    const auto opened = [&] { return run({file, "--script", script, "--offscreen", "640x480"}); };
    const bool has_window = opened().exit_code != 2;
    for (const std::string& bytes : {std::string(), std::string(1000, 'x')}) {
        std::ofstream(file, std::ios::binary) << bytes;
        const ProgramResult result = opened();
        INFO(result.err);
        CHECK((!has_window || result.exit_code == 3));
        CHECK((!has_window || contains(result.err, "expected a Lapidary recording")));
    }
    // SQLite's first bytes and the program's own number: as far as is_recording looks.
    std::string head(100, '\0');
    head.replace(0, 15, "SQLite format 3");
    head.replace(68, 4, "LapR");
    std::ofstream(file, std::ios::binary) << head;
    for (const char* command : {"info", "chat", "bench"}) {
        check_refused({command, "-m", file}, file + " is a recording", 3);
        CHECK(contains(run({command, "-m", file}).err, "`lapidary " + file + "` opens it"));
    }
}

TEST_CASE("a script that never ends is refused") {
    const ProgramResult result = run({"--script", "/dev/zero", "--offscreen", "640x480"});
    INFO(result.err);
    CHECK(result.exit_code == 2);
    CHECK((contains(result.err, "more than 16 MiB") || contains(result.err, "--script")));
}

TEST_CASE("models: a folder is taken from where the program runs, and must be there") {
    const ProgramResult listed = run({"models", "--folder", "tests/golden", "--json"});
    INFO(listed.err);
    CHECK(listed.exit_code == 0);
    CHECK(contains(listed.out, std::filesystem::absolute(kTiny).string()));
    const support::TempDir folder;
    const std::string missing = (folder.path() / "none").string();
    check_refused({"models", "--folder", missing}, missing + ": No such file or directory");
    check_refused({"models", "--folder", kTiny}, kTiny + ": Not a directory");
}

TEST_CASE("a folder that holds GGUF files says how to open one") {
    const support::TempDir folder;
    const std::string file = (folder.path() / "a.gguf").string();
    std::filesystem::copy_file(kTiny, file);
    check_refused({"info", "-m", folder.path().string()}, "It holds one GGUF file: -m " + file, 3);
    std::filesystem::copy_file(kTiny, folder.path() / "b.gguf");
    check_refused({"info", "-m", folder.path().string()}, "It holds several GGUF files", 3);
}

TEST_CASE("a file that may not be read is told by its permissions") {
    const support::TempDir folder;
    const std::string file = (folder.path() / "a.gguf").string();
    std::filesystem::copy_file(kTiny, file);
    std::filesystem::permissions(file, std::filesystem::perms::none);
    if (::access(file.c_str(), R_OK) == 0) {
        SKIP("this user may read every file");
    }
    check_refused({"info", "-m", file}, "You may not read it", 3);
}
