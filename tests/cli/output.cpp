// Where answers go: files that may be replaced, pipes and disks that take nothing more.
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

#include <chrono>
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
        const ProgramResult result =
            run({"trace", "-m", kTiny, "--tokens", "2,3", "-o", at(name)});
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
