// StopFilter: what is shown does not depend on how the text was cut into pieces.
#include "app/engine/stop_filter.h"

#include <catch2/catch_test_macros.hpp>

#include <random>
#include <string>
#include <vector>

namespace {

using app::StopFilter;

/// The definition over the whole text: the stop text that is complete first, the longest of
/// several.
std::string oracle(const std::string& text, const std::vector<std::string>& stops, bool& found) {
    for (size_t end = 1; end <= text.size(); ++end) {
        size_t longest = 0;
        for (const std::string& stop : stops) {
            if (!stop.empty() && text.substr(0, end).ends_with(stop)) {
                longest = std::max(longest, stop.size());
            }
        }
        if (longest > 0) {
            found = true;
            return text.substr(0, end - longest);
        }
    }
    found = false;
    return text;
}

std::string random_text(std::mt19937& random, size_t longest) {
    std::string text;
    for (size_t n = random() % (longest + 1); n > 0; --n) {
        text += char('a' + random() % 3);  // few letters: many overlaps
    }
    return text;
}

}  // namespace

TEST_CASE("stop filter: the usual frame") {
    StopFilter filter({"\nQuestion:"});
    REQUIRE(filter.push("Blue.") == "Blue.");
    REQUIRE(filter.push("\n").empty());
    REQUIRE(filter.push("Quest").empty());
    REQUIRE(filter.push("s") == "\nQuests");
    REQUIRE(filter.push(" end\nQuestion: What") == " end");
    REQUIRE(filter.found());
    REQUIRE(filter.push("more").empty());
    REQUIRE(filter.flush().empty());
}

TEST_CASE("stop filter: what is held back comes at the end") {
    StopFilter filter({"stop", ""});
    REQUIRE(filter.push("a st") == "a ");
    REQUIRE_FALSE(filter.found());
    REQUIRE(filter.flush() == "st");
    StopFilter none({});
    REQUIRE(none.push("anything") == "anything");
}

TEST_CASE("stop filter: random texts in random pieces against the whole text") {
    std::mt19937 random(3);
    for (int i = 0; i < 20000; ++i) {
        std::vector<std::string> stops(random() % 4);
        for (std::string& stop : stops) {
            stop = random_text(random, 5);
        }
        const std::string text = random_text(random, 24);
        bool wanted_found = false;
        const std::string wanted = oracle(text, stops, wanted_found);

        StopFilter filter(stops);
        std::string shown;
        for (size_t at = 0; at < text.size() && !filter.found();) {
            const size_t n = 1 + random() % 6;
            shown += filter.push(std::string_view(text).substr(at, n));
            at += n;
            REQUIRE(wanted.starts_with(shown));  // nothing is ever taken back
        }
        if (!filter.found()) {
            shown += filter.flush();
        }
        REQUIRE(filter.found() == wanted_found);
        REQUIRE(shown == wanted);
    }
}
