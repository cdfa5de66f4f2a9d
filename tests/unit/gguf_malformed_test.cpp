// gguf: containers with exactly one thing wrong (reliability.md A1 to A16). Each is refused by an
// Error that names the field, soon, and without asking for much memory.
#include <array>

#include "model/gguf.h"
#include "tests/support/catch.h"
#include "tests/support/gguf_writer.h"
#include "tests/support/random.h"
#include "tests/support/refusal.h"

using model::GgufType;
using support::Bytes;
using support::GgufBytes;
using support::GgufFile;
using support::names;

namespace {

/// About 1 KB with one of everything.
GgufFile seed_file() {
    GgufFile file;
    file.set("general.architecture", "gemma3");
    file.set("general.alignment", 32u);
    file.set("a.count", 7u);
    file.set("a.real", 0.5f);
    file.set("a.switch", true);
    file.set("a.texts", std::vector<std::string>{"one", "two", "three"});
    file.set("a.numbers", std::vector<int32_t>{1, 2, 3, 4});
    file.tensors.push_back({"first.weight", {8, 4}, 0, Bytes(128, std::byte{1})});
    file.tensors.push_back({"middle.weight", {32, 2}, 8, Bytes(68, std::byte{2})});
    file.tensors.push_back({"last.weight", {256}, 12, Bytes(144, std::byte{3})});
    return file;
}

std::string parse(const Bytes& bytes, const model::Limits& limits = {}) {
    return support::refusal(
        [&] { (void)model::parse_gguf(model::MemorySource("seed.gguf", bytes), limits); });
}

}  // namespace

TEST_CASE("gguf: the seed of these tests is valid") {
    CHECK_NOTHROW(model::parse_gguf(model::MemorySource("seed.gguf", seed_file().build().bytes)));
}

TEST_CASE("gguf A1: a file cut at any byte") {
    const GgufBytes built = seed_file().build();
    const size_t end = built.at.at("tensor:last.weight:data") + 144;
    for (size_t n = 0; n < end; ++n) {
        const std::string message =
            parse(Bytes(built.bytes.begin(), built.bytes.begin() + static_cast<std::ptrdiff_t>(n)));
        CHECK(names(message, {"seed.gguf"}));
    }
    // Wherever the cut is, an empty file included, the advice is to get the whole one.
    for (size_t n = 0; n < end; ++n) {
        const Bytes bytes(built.bytes.begin(),
                          built.bytes.begin() + static_cast<std::ptrdiff_t>(n));
        std::string hint;
        try {
            (void)model::parse_gguf(model::MemorySource("seed.gguf", bytes));
        } catch (const base::Error& error) {
            hint = error.hint();
        }
        INFO(n << " bytes: " << hint);
        CHECK(hint.find("ownload") != std::string::npos);
    }
}

TEST_CASE("gguf: a key of many wrong bytes is shortened in the message") {
    GgufFile file = seed_file();
    file.kvs[2].key = std::string(60'000, '\x01');
    const std::string message = parse(file.build().bytes);
    CHECK(names(message, {"key", "…"}));
    CHECK(message.size() < 400);
}

TEST_CASE("gguf A2: other magics, byte orders and versions, each called what it is") {
    const GgufBytes built = seed_file().build();
    struct Row {
        uint32_t magic;
        const char* name;
    };
    const Row rows[] = {
        {0x67676d6c, "GGML"},       {0x67676d66, "GGMF"},       {0x67676a74, "GGJT"},
        {0x67676c61, "GGLA"},       {0x47475546, "big-endian"}, {0x04034b50, "zip"},
        {0x00088b1f, "gzip"},       {0x00000280, "pickle"},     {0, "0x00000000"},
        {0xffffffff, "0xffffffff"}, {0x46554748, "0x46554748"}};
    for (const Row& row : rows) {
        CHECK(names(parse(built.with("magic", row.magic).bytes), {"magic", "byte 0", row.name}));
        const uint32_t swapped = __builtin_bswap32(row.magic);
        if (swapped != 0x46554747) {
            CHECK(names(parse(built.with("magic", swapped).bytes), {"magic", "byte 0"}));
        }
    }
    for (const uint32_t version : {0u, 1u, 4u, 5u, 0x7fffffffu, 0xffffffffu}) {
        CHECK(names(parse(built.with("version", version).bytes), {"version", "byte 4", "2 or 3"}));
    }
    for (const uint32_t version : {0x02000000u, 0x03000000u}) {
        CHECK(names(parse(built.with("version", version).bytes), {"version", "big-endian"}));
    }
}

TEST_CASE("gguf A3: counts beyond the limits or the file") {
    const GgufBytes built = seed_file().build();
    const uint64_t size = built.bytes.size();
    for (const char* field : {"tensor_count", "kv_count"}) {
        const std::string what = field == std::string("kv_count") ? "key count" : "tensor count";
        for (const uint64_t n : {uint64_t{1} << 32, uint64_t{1} << 63, ~uint64_t{0}, size + 1, size,
                                 uint64_t{262'145}, uint64_t{65'537}}) {
            CHECK(names(parse(built.with(field, n).bytes), {what, std::to_string(n)}));
        }
        // One more than there are: the parser runs into what follows.
        const uint64_t more = built.get<uint64_t>(field) + 1;
        CHECK_FALSE(parse(built.with(field, more).bytes).empty());
    }
    model::Limits limits;
    limits.n_kvs = 7;
    limits.n_tensors = 3;
    CHECK_NOTHROW(model::parse_gguf(model::MemorySource("seed", built.bytes), limits));
    limits.n_kvs = 6;
    CHECK(names(parse(built.bytes, limits), {"key count", "7", "at most 6"}));
    limits.n_kvs = 7;
    limits.n_tensors = 2;
    CHECK(names(parse(built.bytes, limits), {"tensor count", "3", "at most 2"}));
}

TEST_CASE("gguf A4: string lengths beyond the limits or the file") {
    const GgufBytes built = seed_file().build();
    const struct {
        const char *field, *what;
    } places[] = {{"kv:general.architecture:key", "key"},
                  {"kv:general.architecture:value", "general.architecture"},
                  {"kv:a.texts:items", "a.texts"},
                  {"tensor:first.weight:name", "tensor name"}};
    for (const auto& place : places) {
        const size_t at = built.at.at(place.field);
        const uint64_t left = built.bytes.size() - at - 8;
        for (const uint64_t n : {left + 1, uint64_t{1} << 30, uint64_t{1} << 32, uint64_t{1} << 63,
                                 ~uint64_t{0}, ~uint64_t{0} - 8}) {
            const std::string message = parse(built.with(place.field, n).bytes);
            CHECK(names(message, {place.what, std::to_string(n), fmt::format("byte {}", at)}));
        }
    }
    model::Limits limits;
    limits.string_bytes = 6;  // "gemma3"
    CHECK_NOTHROW(model::parse_gguf(model::MemorySource("seed", built.bytes), limits));
    limits.string_bytes = 5;
    CHECK(names(parse(built.bytes, limits), {"general.architecture", "6 bytes", "at most 5"}));
    limits = {};
    limits.key_bytes = 19;
    CHECK(names(parse(built.bytes, limits), {"key", "20 bytes", "at most 19"}));
}

TEST_CASE("gguf A5: keys and names that are no plain names") {
    for (const std::string& bad :
         {std::string(""), std::string("a\0b", 3), std::string("a\x1b[31m"), std::string("a b"),
          std::string("\xc3\xa4"), std::string("a\n"), std::string("\x7f")}) {
        GgufFile file = seed_file();
        file.kvs[2].key = bad;
        const std::string key_message = parse(file.build().bytes);
        CHECK(names(key_message, {"key", "ASCII"}));
        CHECK(key_message.find('\x1b') == std::string::npos);
        file = seed_file();
        file.tensors[1].name = bad;
        CHECK(names(parse(file.build().bytes), {"tensor name", "ASCII"}));
    }
    GgufFile file = seed_file();
    file.tensors[1].name = std::string(64, 'x');
    CHECK(parse(file.build().bytes).empty());
    file.tensors[1].name = std::string(65, 'x');
    CHECK(names(parse(file.build().bytes), {"tensor name", "65 bytes", "at most 64"}));
}

TEST_CASE("gguf A6: the same key or tensor twice") {
    for (const size_t i : {0, 3, 6}) {
        GgufFile file = seed_file();
        file.kvs.push_back(file.kvs[i]);
        CHECK(names(parse(file.build().bytes), {file.kvs[i].key, "twice"}));
    }
    for (const size_t i : {0, 1, 2}) {
        GgufFile file = seed_file();
        file.tensors.push_back(file.tensors[i]);
        CHECK(names(parse(file.build().bytes), {file.tensors[i].name, "twice"}));
    }
}

TEST_CASE("gguf A6: many tiny keys are done or refused in time") {
    GgufFile file;
    for (uint32_t i = 0; i < 65'536; ++i) {
        file.kvs.push_back({fmt::format("{:x}", i), GgufType::u8, {std::byte{0}}});
    }
    const Bytes bytes = file.build().bytes;
    const auto begin = std::chrono::steady_clock::now();
    CHECK(model::parse_gguf(model::MemorySource("many", bytes)).values.size() == 65'536);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
    file.kvs.push_back({"more", GgufType::u8, {std::byte{0}}});
    CHECK(names(parse(file.build().bytes), {"key count", "65537"}));
}

TEST_CASE("gguf A7: types outside their tables") {
    const GgufBytes built = seed_file().build();
    for (const char* key : {"general.architecture", "a.count", "a.texts"}) {
        for (const uint32_t type : {13u, 14u, 255u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
            CHECK(names(parse(built.with(fmt::format("kv:{}:type", key), type).bytes),
                        {key, std::to_string(type), "0 to 12"}));
        }
    }
    for (const uint32_t type : {13u, 255u, 0x80000000u, 0xffffffffu}) {  // of array elements
        CHECK(names(parse(built.with("kv:a.texts:value", type).bytes), {"a.texts", "0 to 12"}));
    }
    for (const char* name : {"first.weight", "last.weight"}) {
        for (const uint32_t type : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u}) {
            CHECK(names(parse(built.with(fmt::format("tensor:{}:type", name), type).bytes),
                        {name, "removed", std::to_string(type)}));
        }
        for (const uint32_t type : {40u, 41u, 255u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
            CHECK(names(parse(built.with(fmt::format("tensor:{}:type", name), type).bytes),
                        {name, "unknown", std::to_string(type)}));
        }
    }
}

TEST_CASE("gguf A8: arrays of arrays, however deep") {
    for (const size_t depth : {1u, 2u, 64u, 100'000u}) {
        Bytes value;
        for (size_t i = 0; i < depth; ++i) {
            support::put<uint32_t>(value, 9);
            support::put<uint64_t>(value, 1);
        }
        support::put<uint32_t>(value, 0);
        support::put<uint64_t>(value, 0);
        GgufFile file = seed_file();
        file.set_raw("a.nested", GgufType::array, value);
        CHECK(names(parse(file.build().bytes), {"a.nested", "array of arrays"}));
    }
}

TEST_CASE("gguf A9: array counts whose size overflows or exceeds the file") {
    const GgufBytes built = seed_file().build();
    for (const char* key : {"a.texts", "a.numbers"}) {
        const std::string field = fmt::format("kv:{}:count", key);
        for (const uint64_t n :
             {uint64_t{1} << 24, (uint64_t{1} << 24) + 1, uint64_t{1} << 30, uint64_t{1} << 61,
              uint64_t{1} << 62, uint64_t{1} << 63, ~uint64_t{0}, uint64_t{1000}}) {
            CHECK(names(parse(built.with(field, n).bytes),
                        {key, std::to_string(n), fmt::format("byte {}", built.at.at(field))}));
        }
    }
    model::Limits limits;
    limits.array_elements = 4;
    CHECK(parse(built.bytes, limits).empty());
    limits.array_elements = 3;
    CHECK(names(parse(built.bytes, limits), {"a.numbers", "4", "at most 3"}));
    limits = {};
    limits.heap_bytes = 2'000;  // what is kept is counted, not only what is declared
    CHECK(names(parse(built.bytes, limits), {"memory"}));
}

TEST_CASE("gguf A12: alignments that are none") {
    const GgufBytes built = seed_file().build();
    for (const uint32_t n :
         {0u, 1u, 3u, 4u, 7u, 13u, 31u, 33u, 65'535u, 131'072u, 1u << 31, 0xffffffffu}) {
        CHECK(names(parse(built.with("kv:general.alignment:value", n).bytes),
                    {"general.alignment", std::to_string(n), "power of two"}));
    }
}

TEST_CASE("gguf A13: dimensions: none, too many, zero, negative, overflowing") {
    const GgufBytes built = seed_file().build();
    for (const char* name : {"first.weight", "middle.weight", "last.weight"}) {
        for (const uint32_t n : {0u, 5u, 6u, 0x80000000u, 0xffffffffu}) {
            CHECK(names(parse(built.with(fmt::format("tensor:{}:n_dims", name), n).bytes),
                        {name, "dimensions", "1 to 4"}));
        }
        for (const uint64_t n : {uint64_t{0}, uint64_t{1} << 63, ~uint64_t{0}}) {
            CHECK(names(parse(built.with(fmt::format("tensor:{}:ne0", name), n).bytes),
                        {name, "dimension 0", "positive"}));
        }
    }
    // Every product of boundary values that does not fit the data is refused, most by overflow.
    const uint64_t edges[] = {
        1,          2,          256,        (1ull << 31) - 1, 1ull << 31,
        1ull << 32, 1ull << 40, 1ull << 61, 1ull << 62,       (1ull << 63) - 1};
    for (const uint64_t a : edges) {
        for (const uint64_t b : edges) {
            for (const uint64_t c : {uint64_t{1}, uint64_t{1} << 32}) {
                GgufFile file = seed_file();
                file.tensors[2] = {"last.weight", {a, b, c}, 1, Bytes(2)};
                const double n = static_cast<double>(a) * static_cast<double>(b) *
                                 static_cast<double>(c);  // even 128 bits would wrap
                const std::string message = parse(file.build().bytes);
                INFO(a << " x " << b << " x " << c << ": " << message);
                CHECK(message.empty() == (n <= 16));  // 32 bytes with padding
            }
        }
    }
}

TEST_CASE("gguf A14: rows that are not whole blocks, for every type") {
    for (int i = 0; i < 15; ++i) {
        const model::DType dtype = static_cast<model::DType>(i);
        const uint64_t n = model::block_elements(dtype);
        if (n == 1) {
            continue;
        }
        for (const uint64_t row : {uint64_t{1}, n / 2, n - 1, n + 1, 2 * n - 1, n * 1000 + 8}) {
            GgufFile file = seed_file();
            file.tensors[2] = {"last.weight", {row, 2}, support::gguf_type_id(dtype), Bytes(8192)};
            CHECK(names(parse(file.build().bytes),
                        {"last.weight", "whole blocks", std::to_string(row)}));
        }
        for (const uint64_t rows : {uint64_t{1} << 58, uint64_t{1} << 61, uint64_t{1} << 62}) {
            GgufFile file = seed_file();
            file.tensors[2] = {"last.weight", {n, rows}, support::gguf_type_id(dtype), Bytes(512)};
            CHECK(names(parse(file.build().bytes), {"last.weight"}));
        }
    }
}

TEST_CASE("gguf A14: sizes whose running sum wraps") {
    // Each fits 63 bits; together they pass 2^64.
    for (const uint64_t rows : {uint64_t{1} << 60, (uint64_t{1} << 61) - 1}) {
        GgufFile file = seed_file();
        GgufBytes built = file.build();
        built = built.with("tensor:first.weight:ne0", uint64_t{1})
                    .with("tensor:first.weight:ne1", rows);
        CHECK(names(parse(built.bytes), {"middle.weight"}));
    }
}

namespace {

using Wide = unsigned __int128;

/// The rule in 128 bits: back to back in file order, each padded to 32, all inside the file.
bool fits(const GgufBytes& built) {
    Wide sum = 0;
    const struct {
        const char* name;
        uint64_t elements, bytes;
    } tensors[] = {{"first.weight", 1, 4}, {"middle.weight", 32, 34}, {"last.weight", 256, 144}};
    for (const auto& tensor : tensors) {
        const std::string prefix = fmt::format("tensor:{}:", tensor.name);
        const uint64_t n = built.get<uint64_t>(prefix + "ne0");
        const uint64_t rows =
            built.at.contains(prefix + "ne1") ? built.get<uint64_t>(prefix + "ne1") : 1;
        if (n == 0 || rows == 0 || (n >> 63) != 0 || (rows >> 63) != 0 ||
            n % tensor.elements != 0 || built.get<uint64_t>(prefix + "offset") != sum) {
            return false;
        }
        const Wide blocks = Wide{n / tensor.elements} * rows;
        if (blocks > UINT64_MAX) {
            return false;
        }
        const Wide end = sum + blocks * tensor.bytes;
        if (end + built.at.at("data") > built.bytes.size()) {
            return false;
        }
        sum = (end + 31) / 32 * 32;
    }
    return true;
}

}  // namespace

TEST_CASE("gguf A14: random sizes and offsets are judged as 128-bit arithmetic judges them") {
    const GgufBytes seed = seed_file().build();
    support::Random random(5);
    int n_wrong = 0;
    int n_accepted = 0;
    for (int i = 0; i < 20'000; ++i) {
        GgufBytes built = seed;
        for (const char* field :
             {"tensor:first.weight:ne0", "tensor:first.weight:ne1", "tensor:middle.weight:ne1",
              "tensor:middle.weight:offset", "tensor:last.weight:offset"}) {
            if (random.below(4) == 0) {
                built = built.with(field, random.next() >> random.below(64));
            }
        }
        const bool accepted = parse(built.bytes).empty();
        n_wrong += accepted == fits(built) ? 0 : 1;
        n_accepted += accepted ? 1 : 0;
    }
    CHECK(n_wrong == 0);
    CHECK(n_accepted > 1000);
}

TEST_CASE("gguf A15: offsets that are not the running padded sum") {
    const GgufBytes built = seed_file().build();
    for (const char* name : {"first.weight", "middle.weight", "last.weight"}) {
        const std::string field = fmt::format("tensor:{}:offset", name);
        const uint64_t right = built.get<uint64_t>(field);
        for (const uint64_t offset :
             {right + 1, right + 31, right + 32, right + 64, right - 32, uint64_t{0} - 32,
              uint64_t{1} << 62, uint64_t{1} << 63, ~uint64_t{0}, uint64_t{built.bytes.size()},
              uint64_t{right ^ 1}, right + (uint64_t{1} << 32)}) {
            CHECK(names(parse(built.with(field, offset).bytes), {name, std::to_string(offset)}));
        }
    }
    // Overlap: the last tensor where the first one lies.
    CHECK(names(parse(built.with("tensor:last.weight:offset", uint64_t{0}).bytes),
                {"last.weight", "data offset 0"}));
}

TEST_CASE("gguf A16: half a download says how much is there") {
    const GgufBytes built = seed_file().build();
    const size_t data = built.at.at("data");
    const size_t end = built.at.at("tensor:last.weight:data") + 144;
    for (size_t i = 0; i < 50; ++i) {
        const size_t n = data + (end - data) * i / 50;
        const std::string message =
            parse(Bytes(built.bytes.begin(), built.bytes.begin() + static_cast<std::ptrdiff_t>(n)));
        CHECK(names(message, {"incomplete", fmt::format("{} of {} bytes", n, end)}));
    }
}
