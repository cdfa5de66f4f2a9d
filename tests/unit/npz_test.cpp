#include "app/exports/npz.h"

#include "gpu/base.h"
#include "tests/support/temp_dir.h"

#include <zlib.h>

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

using namespace app;

namespace {

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

template <class T>
T at(const std::string& bytes, size_t offset) {
    REQUIRE(offset + sizeof(T) <= bytes.size());
    T value{};
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
}

/// A plain reader of stored ZIP64 archives: from the end backwards, as unpackers do it.
std::map<std::string, std::string> unzip(const std::string& zip) {
    std::map<std::string, std::string> members;
    const size_t end = zip.size() - 22;
    REQUIRE(at<uint32_t>(zip, end) == 0x06054B50);
    REQUIRE(at<uint32_t>(zip, end - 20) == 0x07064B50);
    const size_t end64 = at<uint64_t>(zip, end - 20 + 8);
    REQUIRE(at<uint32_t>(zip, end64) == 0x06064B50);
    const auto n = at<uint64_t>(zip, end64 + 32);
    size_t pos = at<uint64_t>(zip, end64 + 48);
    CHECK(pos + at<uint64_t>(zip, end64 + 40) == end64);
    for (uint64_t i = 0; i < n; ++i) {
        REQUIRE(at<uint32_t>(zip, pos) == 0x02014B50);
        const auto crc = at<uint32_t>(zip, pos + 16);
        const auto name_length = at<uint16_t>(zip, pos + 28);
        const auto extra_length = at<uint16_t>(zip, pos + 30);
        const std::string name = zip.substr(pos + 46, name_length);
        const size_t extra = pos + 46 + name_length;
        CHECK(at<uint16_t>(zip, extra) == 1);
        const auto size = at<uint64_t>(zip, extra + 4);
        CHECK(at<uint64_t>(zip, extra + 12) == size);
        const size_t local = at<uint64_t>(zip, extra + 20);
        REQUIRE(at<uint32_t>(zip, local) == 0x04034B50);
        CHECK(at<uint16_t>(zip, local + 8) == 0);  // stored
        CHECK(at<uint32_t>(zip, local + 14) == crc);
        const size_t data =
            local + 30 + at<uint16_t>(zip, local + 26) + at<uint16_t>(zip, local + 28);
        members[name] = zip.substr(data, size);
        CHECK(crc32_z(0, reinterpret_cast<const Bytef*>(members[name].data()),
                      members[name].size()) == crc);
        pos = extra + extra_length;
    }
    return members;
}

}  // namespace

TEST_CASE("npy headers are as NumPy writes them") {
    const std::vector<uint64_t> two = {3, 5};
    const std::string header = npy_header(NpyType::f4, two);
    CHECK(header.size() % 64 == 0);
    CHECK(header.back() == '\n');
    CHECK(header.substr(0, 8) == std::string("\x93NUMPY\x01\x00", 8));
    CHECK(at<uint16_t>(header, 8) == header.size() - 10);
    CHECK(header.substr(10).rfind("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }",
                                  0) == 0);
    const std::vector<uint64_t> one = {7};
    CHECK(npy_header(NpyType::u1, one).find("'|u1', 'fortran_order': False, 'shape': (7, ), }") !=
          std::string::npos);
    CHECK(npy_header(NpyType::i8, {}).find("'shape': (), }") != std::string::npos);
    for (uint64_t n = 1; n < 1'000'000'000'000; n = n * 7 + 3) {
        const std::vector<uint64_t> shape = {n, n};
        CHECK(npy_header(NpyType::f2, shape).size() % 64 == 0);
    }
}

TEST_CASE("members come back as they were written") {
    const support::TempDir folder;
    const std::string path = (folder.path() / "test.npz").string();
    std::mt19937 random(1);
    std::vector<float> big(100'000);
    for (float& x : big) {
        x = float(random());
    }
    {
        NpzWriter writer(path);
        writer.add<int32_t>("tokens", {3}, std::vector<int32_t>{2, -1, 7});
        writer.begin("big", NpyType::f4, {1000, 100});
        const auto bytes = std::as_bytes(std::span(big));
        writer.append(bytes.first(12'345));
        writer.append(bytes.subspan(12'345));
        writer.end();
        writer.add<float>("empty", {0, 4}, std::vector<float>{});
        CHECK_FALSE(std::filesystem::exists(path));
        writer.finish();
    }
    CHECK_FALSE(std::filesystem::exists(path + ".tmp"));
    const auto members = unzip(read_file(path));
    REQUIRE(members.size() == 3);
    const std::string& tokens = members.at("tokens.npy");
    CHECK(tokens.size() == 128 + 12);
    CHECK(at<int32_t>(tokens, 128 + 4) == -1);
    const std::string& data = members.at("big.npy");
    REQUIRE(data.size() == 128 + big.size() * 4);
    CHECK(std::memcmp(data.data() + 128, big.data(), big.size() * 4) == 0);
    CHECK(members.at("empty.npy").size() == 128);
}

TEST_CASE("an unfinished or impossible file leaves nothing behind") {
    const support::TempDir folder;
    const std::string path = (folder.path() / "test.npz").string();
    {
        NpzWriter writer(path);
        writer.add<int32_t>("a", {1}, std::vector<int32_t>{1});
    }
    CHECK_FALSE(std::filesystem::exists(path));
    CHECK_FALSE(std::filesystem::exists(path + ".tmp"));
    CHECK_THROWS_AS(NpzWriter("/dev/null/x.npz"), base::Error);
}
