#include "app/json_out.h"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>

using namespace app;

namespace {

template <class Float>
Float parsed(const std::string& text) {
    Float value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    REQUIRE(result.ptr == text.data() + text.size());
    return value;
}

}  // namespace

TEST_CASE("numbers read back as the same bits") {
    std::mt19937_64 random(1);
    for (int i = 0; i < 100'000; ++i) {
        const auto f = std::bit_cast<float>(uint32_t(random()));
        if (std::isfinite(f)) {
            REQUIRE(std::bit_cast<uint32_t>(parsed<float>(json_number(f))) ==
                    std::bit_cast<uint32_t>(f));
            REQUIRE(nlohmann::json::parse(json_number(f)).is_number());
        }
        const auto d = std::bit_cast<double>(random());
        if (std::isfinite(d)) {
            REQUIRE(std::bit_cast<uint64_t>(parsed<double>(json_number(d))) ==
                    std::bit_cast<uint64_t>(d));
        }
    }
    CHECK(json_number(0.1f) == "0.1");
    CHECK(json_number(std::numeric_limits<float>::quiet_NaN()) == "null");
    CHECK(json_number(-std::numeric_limits<double>::infinity()) == "null");
}

TEST_CASE("a double that is read from a float's text rounds back to the float") {
    std::mt19937 random(2);
    for (int i = 0; i < 20'000; ++i) {
        const auto f = std::bit_cast<float>(uint32_t(random()));
        if (std::isfinite(f)) {
            REQUIRE(float(parsed<double>(json_number(f))) == f);
        }
    }
}

TEST_CASE("any bytes become valid JSON") {
    std::string all;
    for (int i = 0; i < 256; ++i) {
        all += char(i);
    }
    const auto read = nlohmann::json::parse(json_string(all));
    CHECK(read.get<std::string>().substr(0, 128) == all.substr(0, 128));
    CHECK(nlohmann::json::parse(json_string("h\xC3\xA9 \xF0\x9F\x98\x80\"\\\n")) ==
          "h\xC3\xA9 \xF0\x9F\x98\x80\"\\\n");
    std::mt19937 random(3);
    for (int i = 0; i < 20'000; ++i) {
        std::string text(random() % 8, 0);
        for (char& c : text) {
            c = char(random() % 3 == 0 ? random() % 128 : 128 + random() % 128);
        }
        REQUIRE_NOTHROW(nlohmann::json::parse(json_string(text)));
    }
}

TEST_CASE("objects keep their order") {
    const std::vector<int32_t> ids = {1, -2};
    CHECK(JsonObject()
              .add("b", 1)
              .add("a", "x\ty")
              .add("c", true)
              .add("n", uint64_t{18446744073709551615u})
              .add("ids", ids)
              .raw("l", JsonArray().raw("null").raw("[]").str())
              .str() ==
          R"({"b":1,"a":"x\ty","c":true,"n":18446744073709551615,"ids":[1,-2],"l":[null,[]]})");
    CHECK(JsonObject().str() == "{}");
    CHECK(json_bytes("\x01\xFF") == "[1,255]");
}
