// safetensors and the JSON reader: what is valid, and everything else refused (reliability.md B1 to
// B6).
#include "model/safetensors.h"

#include <cmath>
#include <ctime>

#include "model/hf_source.h"
#include "model/json_reader.h"
#include "tests/support/catch.h"
#include "tests/support/hf_writer.h"
#include "tests/support/refusal.h"

using support::Bytes;
using support::names;

namespace {

std::string refusal(const Bytes& bytes, const model::Limits& limits = {}) {
    return support::refusal([&] {
        (void)model::parse_safetensors(model::MemorySource("x.safetensors", bytes), limits);
    });
}

/// A header over 16 bytes of data.
std::string header(const std::string& text, size_t n_data = 16) {
    return refusal(support::safetensors_bytes(text, Bytes(n_data)));
}

std::string json(const std::string& text, const model::Limits& limits = {}) {
    return support::refusal([&] { (void)model::parse_json(text, "x.json", limits); });
}

/// {"a": tensor, "b": tensor} with two-element F32 tensors at these offsets.
std::string two(const std::string& a, const std::string& b) {
    return fmt::format(R"({{"a":{{"dtype":"F32","shape":[2],"data_offsets":{}}},)"
                       R"("b":{{"dtype":"F32","shape":[2],"data_offsets":{}}}}})",
                       a, b);
}

std::string one(const std::string& fields) {
    return fmt::format(R"({{"a":{{{}}}}})", fields);
}

}  // namespace

TEST_CASE("safetensors: shapes, places, unsorted entries, padding, empty and 0-d tensors") {
    const std::string text =
        R"({"b":{"dtype":"BF16","shape":[2,2],"data_offsets":[4,12]},"__metadata__":{"k":"v"},)"
        R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
        R"("c":{"dtype":"F16","shape":[0,7],"data_offsets":[12,12]},)"
        R"("d":{"dtype":"F4","shape":[8],"data_offsets":[12,16]}}   )";
    const Bytes bytes = support::safetensors_bytes(text, Bytes(16));
    const auto file = model::parse_safetensors(model::MemorySource("x", bytes));
    REQUIRE(file.tensors.size() == 4);
    CHECK(file.tensors[0].name == "a");
    CHECK(file.tensors[0].dtype == model::DType::f32);
    CHECK(file.tensors[1].shape == std::vector<uint64_t>{2, 2});
    CHECK(file.tensors[1].offset == 8 + text.size() + 4);
    CHECK(file.tensors[2].n_bytes == 0);
    CHECK_FALSE(file.tensors[3].dtype);
    CHECK(file.metadata.size() == 1);
}

TEST_CASE("safetensors B1: header lengths and first bytes") {
    const std::string good = two("[0,8]", "[8,16]");
    const Bytes bytes = support::safetensors_bytes(good, Bytes(16));
    CHECK(refusal(bytes).empty());
    for (size_t n = 0; n < bytes.size(); ++n) {  // cut anywhere
        CHECK_FALSE(
            refusal(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n))).empty());
    }
    for (const uint64_t n : {uint64_t{0}, uint64_t{1}, uint64_t{100'000'001}, uint64_t{1} << 32,
                             uint64_t{1} << 63, ~uint64_t{0}, uint64_t{bytes.size() - 7}}) {
        Bytes broken = bytes;
        std::memcpy(broken.data(), &n, 8);
        CHECK(names(refusal(broken), {"header length", "byte 0", std::to_string(n)}));
    }
    model::Limits limits;
    limits.safetensors_header_bytes = good.size();
    CHECK(refusal(bytes, limits).empty());
    limits.safetensors_header_bytes = good.size() - 1;
    CHECK(names(refusal(bytes, limits), {"header length"}));
    CHECK(names(header("  " + good), {"header", "'{'"}));
    CHECK(names(header("\xef\xbb\xbf" + good), {"header", "'{'"}));
    CHECK(names(header("[" + good + "]"), {"header", "'{'"}));
    for (const char* tail : {"\n", "x", "{}", "\t", "}", ",", "//", "\xff"}) {
        CHECK_FALSE(header(good + tail).empty());
    }
    CHECK(header(good + "      ").empty());
    CHECK(names(header(std::string("{\0}", 3)), {"JSON"}));
    CHECK(names(header("{\"\xff\":1}"), {"JSON"}));
}

TEST_CASE("safetensors B2: entries that are no tensors") {
    const char* rest = R"("shape":[4],"data_offsets":[0,16])";
    CHECK(header(one(fmt::format(R"("dtype":"F32",{})", rest))).empty());
    for (const char* fields :
         {R"("dtype":"F32","shape":[4])",
          R"("shape":[4],"data_offsets":[0,16])",
          R"("dtype":"F32","data_offsets":[0,16])",
          R"("dtype":"F32","shape":[4],"data_offsets":[0,16],"more":1)",
          R"("dtype":3,"shape":[4],"data_offsets":[0,16])",
          R"("dtype":null,"shape":[4],"data_offsets":[0,16])",
          R"("dtype":"F33","shape":[4],"data_offsets":[0,16])",
          R"("dtype":"f32","shape":[4],"data_offsets":[0,16])",
          R"("dtype":"","shape":[4],"data_offsets":[0,16])",
          R"("dtype":"F32","shape":4,"data_offsets":[0,16])",
          R"("dtype":"F32","shape":[-4],"data_offsets":[0,16])",
          R"("dtype":"F32","shape":[4.0],"data_offsets":[0,16])",
          R"("dtype":"F32","shape":["4"],"data_offsets":[0,16])",
          R"("dtype":"F32","shape":[4e0],"data_offsets":[0,16])",
          R"("dtype":"F32","shape":[[4]],"data_offsets":[0,16])",
          R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,4],"data_offsets":[0,16])",
          R"("dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,16])",
          R"("dtype":"F32","shape":[4],"data_offsets":[16])",
          R"("dtype":"F32","shape":[4],"data_offsets":[0,8,16])",
          R"("dtype":"F32","shape":[4],"data_offsets":[0,-16])",
          R"("dtype":"F32","shape":[4],"data_offsets":[0,16.5])",
          R"("dtype":"F32","shape":[4],"data_offsets":"0,16")",
          R"("dtype":"F32","shape":[4],"data_offsets":null)",
          R"("dtype":"F32","dtype":"F32","shape":[4],"data_offsets":[0,16])",
          R"("dtype":"F32","shape":[NaN],"data_offsets":[0,16])",
          R"("dtype":"F32","shape":[1e400],"data_offsets":[0,16])"}) {
        INFO(fields);
        CHECK_FALSE(header(one(fields)).empty());
    }
    const std::string tensor = R"({"dtype":"F32","shape":[4],"data_offsets":[0,16]})";
    CHECK(names(header(fmt::format(R"({{"a":{},"a":{}}})", tensor, tensor)), {"'a' twice"}));
    for (const char* metadata : {"1", "[]", "null", R"({"k":1})", R"({"k":null})", R"({"k":{}})",
                                 R"({"k":"v","k":"v"})", "\"text\""}) {
        CHECK_FALSE(
            header(fmt::format(R"({{"__metadata__":{},"a":{}}})", metadata, tensor)).empty());
    }
    CHECK_FALSE(header(fmt::format(R"({{"":{}}})", tensor)).empty());
    for (const char* value : {"1", "null", "[]", "\"x\"", "{}", "true"}) {
        CHECK_FALSE(header(fmt::format(R"({{"a":{}}})", value)).empty());
    }
}

TEST_CASE("json B2: depth, numbers, duplicates, encodings") {
    for (const size_t depth : {1u, 63u, 64u}) {
        CHECK(json(std::string(depth, '[') + std::string(depth, ']')).empty());
    }
    for (const size_t depth : {65u, 100u, 3'000u, 10'000u, 1'000'000u}) {
        CHECK(names(json(std::string(depth, '[') + std::string(depth, ']')), {"nesting"}));
        CHECK_FALSE(json(std::string(depth, '[')).empty());
        std::string objects;
        for (size_t i = 0; i < depth; ++i) {
            objects += "{\"a\":";
        }
        CHECK(names(json(objects), {"nesting"}));
    }
    for (const char* bad : {"",
                            " ",
                            "nul",
                            "NaN",
                            "Infinity",
                            "-Infinity",
                            "+1",
                            "01",
                            "1.",
                            ".5",
                            "0x10",
                            "1e400",
                            "-1e400",
                            "18446744073709551616",
                            "-9223372036854775809",
                            "99999999999999999999999999999999",
                            "'a'",
                            "\"a",
                            "\"\\x41\"",
                            "\"\\ud800\"",
                            "\"\x01\"",
                            "\"\xc3\"",
                            "\"\xed\xa0\x80\"",
                            "\"\xff\"",
                            "[1,]",
                            "[,1]",
                            "[1 2]",
                            "[1",
                            "]",
                            "{\"a\"}",
                            "{\"a\":}",
                            "{\"a\":1,}",
                            "{a:1}",
                            "{1:1}",
                            "{\"a\":1 \"b\":2}",
                            "{",
                            "}",
                            "{\"a\":1,\"a\":2}",
                            "{\"a\":{\"b\":1,\"b\":1}}",
                            "[{\"a\":1,\"\\u0061\":1}]",
                            "1 2",
                            "{} {}",
                            "// c\n1",
                            "/* c */1",
                            "\xef\xbb\xbf{}",
                            "true false",
                            "tru",
                            "TRUE"}) {
        INFO(bad);
        CHECK(names(json(bad), {"x.json"}));
    }
    const model::Json good = model::parse_json(
        R"({"max":18446744073709551615,"min":-9223372036854775808,"half":0.5,"e":1e3})", "x");
    CHECK(*good.find("max")->integer() == ~uint64_t{0});
    CHECK(std::get<int64_t>(good.find("min")->data) == INT64_MIN);
    CHECK(good.find("half")->number() == 0.5);
    CHECK(good.find("e")->integer() == nullptr);
    model::Limits limits;
    limits.heap_bytes = 10'000;
    CHECK(names(json("[" + std::string(2'000, '[') + "]", limits), {"nesting"}));
    std::string many = "[1";
    for (int i = 0; i < 1000; ++i) {
        many += ",1";
    }
    CHECK(names(json(many + "]", limits), {"memory"}));
}

TEST_CASE("safetensors B3: offsets that reverse, overlap, leave holes or a tail") {
    CHECK(header(two("[0,8]", "[8,16]")).empty());
    CHECK(header(two("[8,16]", "[0,8]")).empty());
    for (const auto& [a, b] : std::vector<std::pair<std::string, std::string>>{
             {"[8,0]", "[8,16]"},
             {"[0,8]", "[16,8]"},
             {"[0,8]", "[0,8]"},
             {"[0,8]", "[4,12]"},
             {"[4,12]", "[0,8]"},
             {"[0,8]", "[9,17]"},
             {"[0,8]", "[12,20]"},
             {"[1,9]", "[9,17]"},
             {"[0,8]", "[1000000,1000008]"},
             {"[0,8]", "[18446744073709551608,18446744073709551615]"},
             {"[0,8]", "[8,18446744073709551615]"},
             {"[0,9]", "[9,16]"},
             {"[0,7]", "[7,16]"},
             {"[0,8]", "[8,15]"},
             {"[8,16]", "[8,16]"},
             {"[0,16]", "[0,16]"}}) {
        INFO(a << " " << b);
        CHECK_FALSE(header(two(a, b)).empty());
    }
    CHECK(names(header(two("[0,8]", "[8,16]"), 17), {"1 bytes behind the last tensor"}));
    CHECK(names(header(two("[0,8]", "[8,16]"), 64), {"48 bytes behind"}));
    CHECK(names(header(two("[0,8]", "[8,16]"), 15), {"at most 15"}));
    CHECK(names(header("{}", 1), {"behind"}));
}

TEST_CASE("safetensors B4: sizes that are not those of the shape, or overflow") {
    for (const char* type : {"F32",     "F16",     "BF16", "F64", "U8",      "I8",     "BOOL",
                             "U16",     "I16",     "U32",  "I32", "U64",     "I64",    "F8_E4M3",
                             "F8_E5M2", "F8_E8M0", "C64",  "F4",  "F6_E2M3", "F6_E3M2"}) {
        for (const char* shape :
             {"[3]", "[5,1]", "[1000]", "[0]", "[4294967296,4294967296]", "[9223372036854775808,2]",
              "[18446744073709551615]", "[2305843009213693952,8]", "[4611686018427387904,4]"}) {
            INFO(type << shape);
            CHECK_FALSE(header(one(fmt::format(R"("dtype":"{}","shape":{},"data_offsets":[0,16])",
                                               type, shape)))
                            .empty());
        }
    }
    // Bits that are no whole bytes.
    CHECK_FALSE(header(one(R"("dtype":"F4","shape":[3],"data_offsets":[0,1])"), 1).empty());
    CHECK_FALSE(header(one(R"("dtype":"F6_E2M3","shape":[1],"data_offsets":[0,1])"), 1).empty());
    CHECK(header(one(R"("dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3])"), 3).empty());
}

TEST_CASE("safetensors B5: many entries are read in time") {
    std::string text = "{";
    for (int i = 0; i < 100'000; ++i) {
        text += fmt::format(R"({}"t{}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})",
                            i == 0 ? "" : ",", i);
    }
    const Bytes bytes = support::safetensors_bytes(text + "}", {});
    const std::clock_t begin =
        std::clock();  // processor time, so that a busy machine does not count
    CHECK(model::parse_safetensors(model::MemorySource("x", bytes)).tensors.size() == 100'000);
    CHECK(std::clock() - begin < 2 * CLOCKS_PER_SEC);
}

TEST_CASE("safetensors B6: an index that names what does not lie beside it") {
    const auto index = [](const std::string& text) {
        return support::refusal([&] { (void)model::parse_shard_index(text, "index.json"); });
    };
    const auto named = [&](const std::string& name) {
        return index(fmt::format(R"({{"weight_map":{{"a":"{}"}}}})", name));
    };
    CHECK(named("model-00001-of-00002.safetensors").empty());
    for (const std::string name :
         {"../x.safetensors", "/etc/x.safetensors", "a/b.safetensors", "..", ".", "",
          ".hidden.safetensors", "x.bin", "x", "x.safetensors/", "a\\\\b.safetensors",
          "x\\u0000.safetensors", "x\\n.safetensors", "\\u001b[31m.safetensors", "~/x.safetensors",
          "\xc3\xa4.safetensors"}) {
        INFO(name);
        CHECK(names(named(name), {"weight_map.a"}));
    }
    CHECK_FALSE(named(std::string(300, 'x') + ".safetensors").empty());
    for (const char* text :
         {"{}", "[]", R"({"weight_map":[]})", R"({"weight_map":{}})", R"({"weight_map":null})",
          R"({"weight_map":{"a":1}})", R"({"weight_map":{"a":null}})",
          R"({"weight_map":{"a":"x.safetensors","a":"y.safetensors"}})"}) {
        CHECK_FALSE(index(text).empty());
    }
}
