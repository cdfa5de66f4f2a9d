// UTF-8 against the rule of the encoding, tried on every code and every pair of bytes.
#include "model/utf8.h"

#include "tests/support/random.h"

#include <catch2/catch_test_macros.hpp>

using namespace model;

TEST_CASE("every code survives writing and reading", "[utf8]") {
    for (uint32_t code = 0; code <= 0x10FFFF; ++code) {
        if (code >= 0xD800 && code < 0xE000) {
            continue;
        }
        std::string text;
        utf8_append(text, code);
        const Utf8Char c = utf8_front(text);
        if (c.code != code || c.size != text.size() || !utf8_valid(text)) {
            FAIL("U+" << std::hex << code);
        }
        for (size_t n = 1; n < text.size(); ++n) {
            if (!utf8_incomplete(text.substr(0, n)) || utf8_front(text.substr(0, n)).size != 0) {
                FAIL("U+" << std::hex << code << " cut to " << n);
            }
        }
    }
}

TEST_CASE("malformed sequences have no character", "[utf8]") {
    for (const std::string text :
         {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80",
          "\xED\xBF\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
        CHECK(utf8_front(text).size == 0);
        CHECK_FALSE(utf8_incomplete(text));
        CHECK_FALSE(utf8_valid(text));
    }
    CHECK(utf8_front("").size == 0);
    CHECK_FALSE(utf8_incomplete(""));
    CHECK_FALSE(utf8_incomplete("\xE2x"));
}

TEST_CASE("replacing gives valid text and leaves valid text alone", "[utf8]") {
    support::Random random(1);
    for (int i = 0; i < 20000; ++i) {
        std::string text;
        for (uint64_t n = random.below(12); n > 0; --n) {
            constexpr uint8_t kBytes[] = {0x41, 0x80, 0x9F, 0xA0, 0xC2,
                                          0xE0, 0xE2, 0xED, 0xF0, 0xF4};
            text += static_cast<char>(kBytes[random.below(10)]);
        }
        const std::string replaced = utf8_replaced(text);
        REQUIRE(utf8_valid(replaced));
        REQUIRE(utf8_replaced(replaced) == replaced);
        if (utf8_valid(text)) {
            REQUIRE(replaced == text);
        }
    }
    CHECK(utf8_replaced("a\x80\xE2\x82z") == "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz");
}

TEST_CASE("trimming takes off what Python's strip does", "[utf8]") {
    CHECK(utf8_trimmed(" \t\r\n\v\f x y \u00a0\u3000\u2003\x1f") == "x y");
    CHECK(utf8_trimmed("\u2028\u205f\u1680\u0085").empty());
    CHECK(utf8_trimmed("\u200b x \ufeff") == "\u200b x \ufeff");  // not white space
    CHECK(utf8_trimmed(" \xA0") == "\xA0");                       // a lone byte is no U+00A0
    CHECK(utf8_trimmed("").empty());
}
