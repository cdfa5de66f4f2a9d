// The pipeline cache on disk: whatever happened to the file, the program starts.
#include "gpu/pipeline_cache_file.h"

#include "tests/support/temp_dir.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

#include <fstream>
#include <random>

namespace {

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

TEST_CASE("pipeline cache: what was packed comes back, for the same device only") {
    for (const size_t size : {0u, 1u, 1000u}) {
        const Bytes file = gpu::pack_cache("card, driver 1", payload(size));
        CHECK(gpu::unpack_cache("card, driver 1", file) == payload(size));
        CHECK_FALSE(gpu::unpack_cache("card, driver 2", file));
        CHECK_FALSE(gpu::unpack_cache("", file));
    }
}

TEST_CASE("pipeline cache: every cut and every flipped bit is noticed") {
    const Bytes file = gpu::pack_cache("card", payload(200));
    for (size_t size = 0; size < file.size(); ++size) {
        REQUIRE_FALSE(gpu::unpack_cache("card", std::span(file).first(size)));
    }
    for (size_t bit = 0; bit < file.size() * 8; ++bit) {
        Bytes flipped = file;
        flipped[bit / 8] ^= std::byte{1} << bit % 8;
        REQUIRE_FALSE(gpu::unpack_cache("card", flipped));
    }
    Bytes longer = file;
    longer.push_back(std::byte{0});
    CHECK_FALSE(gpu::unpack_cache("card", longer));
}

TEST_CASE("pipeline cache: a file that does not fit is deleted") {
    const support::TempDir folder;
    const std::filesystem::path path = folder.path() / "deep" / "card.pipelines";
    CHECK_FALSE(gpu::load_cache(path, "card"));
    REQUIRE(gpu::save_cache(path, "card", payload(100)));
    CHECK(gpu::load_cache(path, "card") == payload(100));
    CHECK_FALSE(gpu::load_cache(path, "another card"));
    CHECK_FALSE(std::filesystem::exists(path));

    write_file(path, payload(64));
    CHECK_FALSE(gpu::load_cache(path, "card"));
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("pipeline cache: no part of a file stays behind") {
    const support::TempDir folder;
    REQUIRE(gpu::save_cache(folder.path() / "a.pipelines", "card", payload(100)));
    REQUIRE(gpu::save_cache(folder.path() / "a.pipelines", "card", payload(50)));
    const auto begin = std::filesystem::directory_iterator(folder.path());
    CHECK(std::distance(begin, std::filesystem::directory_iterator()) == 1);
    CHECK(gpu::load_cache(folder.path() / "a.pipelines", "card") == payload(50));

    std::filesystem::create_directory(folder.path() / "in the way");
    CHECK_FALSE(gpu::save_cache(folder.path() / "in the way", "card", payload(1)));
    CHECK_FALSE(gpu::save_cache("/proc/nowhere/a", "card", payload(1)));
}

TEST_CASE("pipeline cache: a folder or a FIFO in its place is neither read nor waited for") {
    const support::TempDir dir;
    const std::filesystem::path folder = dir.path() / "folder.pipelines";
    std::filesystem::create_directory(folder);
    CHECK_FALSE(gpu::load_cache(folder, "device").has_value());
    const std::filesystem::path fifo = dir.path() / "fifo.pipelines";
    REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
    CHECK_FALSE(gpu::load_cache(fifo, "device").has_value());
    CHECK(std::filesystem::exists(fifo));
}
