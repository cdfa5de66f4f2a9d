// base: what a stranger's text looks like on our screen, and the numbers a script relies on.
#include "gpu/base.h"
#include "gpu/build_id.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

using base::escaped;

TEST_CASE("base: exit codes are those of the manual") {
    using base::ErrorKind;
    CHECK(base::exit_code(ErrorKind::runtime) == 1);
    CHECK(base::exit_code(ErrorKind::usage) == 2);
    CHECK(base::exit_code(ErrorKind::model) == 3);
    CHECK(base::exit_code(ErrorKind::no_device) == 4);
    CHECK(base::exit_code(ErrorKind::out_of_memory) == 5);
    CHECK(base::exit_code(ErrorKind::device_lost) == 6);
}

TEST_CASE("base: plain text is left alone") {
    for (const std::string text : {"", "gemma 3", "Zoë 日本 😊", "%n %s {} <b>"}) {
        CHECK(escaped(text) == text);
    }
}

TEST_CASE("base: what would act on a terminal is shown instead") {
    CHECK(escaped("a\nb\r\tc") == "a\\nb\\r\\tc");
    CHECK(escaped("\x1b[31mred") == "\\x1b[31mred");
    CHECK(escaped(std::string("nul\0nul", 7)) == "nul\\x00nul");
    CHECK(escaped("\x7f") == "\\x7f");
    CHECK(escaped("\xc2\x9b"
                  "31m") == "\\u009b31m");  // one-character CSI
    CHECK(escaped("\xe2\x80\xae"
                  "exe.txt") == "\\u202eexe.txt");  // right-to-left override
}

TEST_CASE("base: bad UTF-8 becomes one escape per byte") {
    CHECK(escaped("\xff\xfe") == "\\xff\\xfe");
    CHECK(escaped("\xc3(") == "\\xc3(");                           // cut sequence
    CHECK(escaped("\xc0\xaf") == "\\xc0\\xaf");                    // overlong
    CHECK(escaped("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // surrogate
    CHECK(escaped("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
    CHECK(escaped("\xe2\x82") == "\\xe2\\x82");
}

TEST_CASE("base: any two bytes give printable text") {
    for (int a = 0; a < 256; ++a) {
        for (int b = 0; b < 256; ++b) {
            const std::string text{static_cast<char>(a), static_cast<char>(b)};
            const std::string shown = escaped(text);
            const bool clean = std::none_of(shown.begin(), shown.end(), [](char c) {
                return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
            });
            if (!clean || escaped(shown) != shown) {
                FAIL("bytes " << a << " " << b << " show as " << shown);
            }
        }
    }
}

TEST_CASE("base: long text is cut between characters") {
    CHECK(escaped("abcdef", 3) == "abc…");
    CHECK(escaped("ab😊", 4) == "ab…");
    CHECK(escaped("ab😊", 6) == "ab😊");
    CHECK(escaped(std::string(1'000'000, 'x')).size() < 210);
}

TEST_CASE("base: log areas") {
    CHECK(base::parse_log_mask("") == 0);
    CHECK(base::parse_log_mask("gpu,perf") == 5);
    CHECK(base::parse_log_mask("all") == 15);
    CHECK(base::parse_log_mask("all,none") == 0);
    std::vector<std::string_view> unknown;
    CHECK(base::parse_log_mask("gpuu,,model,", &unknown) == 2);
    CHECK(unknown == std::vector<std::string_view>{"gpuu"});
}

TEST_CASE("base: an error carries sentence, hint and kind") {
    const base::Error error(base::ErrorKind::model, "no such file", "Try another path.");
    CHECK(std::string(error.what()) == "no such file");
    CHECK(error.hint() == "Try another path.");
    CHECK(base::exit_code(error.kind()) == 3);
}

TEST_CASE("the running program names its build") {
    const std::string id = gpu::build_id();
    CHECK(id.size() == 40);
    CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
}
