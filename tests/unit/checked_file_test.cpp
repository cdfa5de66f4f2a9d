// The pipeline cache and its like on disk: whatever happened to the file, the program starts.
#include "gpu/checked_file.h"
#include "gpu/base.h"

#include "tests/support/temp_dir.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr const char* kNoun = "pipeline cache";

using Bytes = std::vector<std::byte>;

Bytes payload(size_t size) {
    Bytes bytes(size);
    std::mt19937 random(7);
    for (std::byte& byte : bytes) {
        byte = static_cast<std::byte>(random());
    }
    return bytes;
}

void write_file(const std::filesystem::path& path, const Bytes& bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

TEST_CASE("checked file: what was packed comes back, for the same device only") {
    for (const size_t size : {0u, 1u, 1000u}) {
        const Bytes file = gpu::pack_checked("card, driver 1", payload(size));
        CHECK(gpu::unpack_checked("card, driver 1", file) == payload(size));
        CHECK_FALSE(gpu::unpack_checked("card, driver 2", file));
        CHECK_FALSE(gpu::unpack_checked("", file));
    }
}

TEST_CASE("checked file: every cut and every flipped bit is noticed") {
    const Bytes file = gpu::pack_checked("card", payload(200));
    for (size_t size = 0; size < file.size(); ++size) {
        REQUIRE_FALSE(gpu::unpack_checked("card", std::span(file).first(size)));
    }
    for (size_t bit = 0; bit < file.size() * 8; ++bit) {
        Bytes flipped = file;
        flipped[bit / 8] ^= std::byte{1} << bit % 8;
        REQUIRE_FALSE(gpu::unpack_checked("card", flipped));
    }
    Bytes longer = file;
    longer.push_back(std::byte{0});
    CHECK_FALSE(gpu::unpack_checked("card", longer));
}

TEST_CASE("checked file: a file that does not fit is deleted") {
    const support::TempDir folder;
    const std::filesystem::path path = folder.path() / "deep" / "card.pipelines";
    CHECK_FALSE(gpu::load_checked(kNoun, path, "card"));
    REQUIRE(gpu::save_checked(kNoun, path, "card", payload(100)));
    CHECK(gpu::load_checked(kNoun, path, "card") == payload(100));
    CHECK_FALSE(gpu::load_checked(kNoun, path, "another card"));
    CHECK_FALSE(std::filesystem::exists(path));

    write_file(path, payload(64));
    CHECK_FALSE(gpu::load_checked(kNoun, path, "card"));
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("checked file: no part of a file stays behind") {
    const support::TempDir folder;
    REQUIRE(gpu::save_checked(kNoun, folder.path() / "a.pipelines", "card", payload(100)));
    REQUIRE(gpu::save_checked(kNoun, folder.path() / "a.pipelines", "card", payload(50)));
    const auto begin = std::filesystem::directory_iterator(folder.path());
    CHECK(std::distance(begin, std::filesystem::directory_iterator()) == 1);
    CHECK(gpu::load_checked(kNoun, folder.path() / "a.pipelines", "card") == payload(50));

    std::filesystem::create_directory(folder.path() / "in the way");
    CHECK_FALSE(gpu::save_checked(kNoun, folder.path() / "in the way", "card", payload(1)));
    CHECK_FALSE(gpu::save_checked(kNoun, "/proc/nowhere/a", "card", payload(1)));
}

TEST_CASE("checked file: a folder or a FIFO in its place is neither read nor waited for") {
    const support::TempDir dir;
    const std::filesystem::path folder = dir.path() / "folder.pipelines";
    std::filesystem::create_directory(folder);
    CHECK_FALSE(gpu::load_checked(kNoun, folder, "device").has_value());
    const std::filesystem::path fifo = dir.path() / "fifo.pipelines";
    REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
    CHECK_FALSE(gpu::load_checked(kNoun, fifo, "device").has_value());
    CHECK(std::filesystem::exists(fifo));
}

TEST_CASE("checked file: a file that is longer than it says is not read") {
    const auto peak_kib = [] {
        rusage usage{};
        REQUIRE(getrusage(RUSAGE_SELF, &usage) == 0);
        return usage.ru_maxrss;
    };
    const support::TempDir dir;
    const std::filesystem::path path = dir.path() / "card.products";
    REQUIRE(gpu::save_checked(kNoun, path, "card", payload(1)));
    std::filesystem::resize_file(path, uint64_t{1} << 30);  // no blocks: takes no room
    const long before = peak_kib();
    CHECK_FALSE(gpu::load_checked(kNoun, path, "card"));
    CHECK(peak_kib() - before < 64 << 10);
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("checked file: the log calls each by its name") {
    const support::TempDir dir;
    std::vector<std::string> lines;
    base::set_log_sink([&](std::string_view line) { lines.emplace_back(line); });
    const std::filesystem::path path = dir.path() / "card.products";
    REQUIRE(gpu::save_checked("race of products", path, "card", payload(1)));
    CHECK_FALSE(gpu::load_checked("race of products", path, "another card"));
    CHECK_FALSE(gpu::save_checked("self-test", "/proc/nowhere/a", "card", payload(1)));
    base::set_log_sink({});
    // All were the pipeline cache.
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].find("race of products " + path.string()) != std::string::npos);
    CHECK(lines[1].find("self-test /proc/nowhere/a") != std::string::npos);
}

TEST_CASE("checked file: those that are on a disk already stay valid") {
    const Bytes file = gpu::pack_checked("card", {});
    REQUIRE(file.size() == 32);
    CHECK(std::string(reinterpret_cast<const char*>(file.data()), 8) == "LAPPIPE1");
}
