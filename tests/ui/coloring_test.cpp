// What the tokens' colours tell: the numbers behind them, the legend with its unit, "no
// prediction".
#include "app/ui/widgets/token_coloring.h"

#include <cmath>
#include <limits>
#include <string_view>

#include <catch2/catch_approx.hpp>

#include "tests/support/catch.h"
#include "tests/ui/rig.h"

using namespace app;
using namespace app::ui;

namespace {

TokenInfo token(uint32_t position, float p, int32_t rank, float entropy) {
    TokenInfo t;
    t.position = position;
    t.logprob = std::log(p);
    t.rank = rank;
    t.entropy = entropy;
    return t;
}

bool shows(const Registry& registry, std::string_view text) {
    for (const DrawnText& t : registry.texts()) {
        if (t.text == text) {
            return true;
        }
    }
    return false;
}

}  // namespace

TEST_CASE("a token's shade is its number on the scale of the legend (V11)") {
    const TokenInfo t = token(3, 0.25f, 41, 2.0f);
    using C = TokenColoring;
    CHECK(*shade_of(t, C::surprise).value == Catch::Approx(std::log(4.0)));
    CHECK(shade_of(t, C::surprise).x == Catch::Approx(std::log(4.0f) / 8));
    CHECK(*shade_of(t, C::probability).value == Catch::Approx(0.25));
    CHECK(shade_of(t, C::probability).x == Catch::Approx(0.25f));
    CHECK(*shade_of(t, C::entropy).value == Catch::Approx(2.0));
    CHECK(shade_of(t, C::entropy).x == Catch::Approx(0.25f));
    CHECK(*shade_of(t, C::rank).value == 1);
    CHECK(shade_words(t, C::rank) == "rank 42");
    CHECK(shade_of(token(1, 1e-9f, 4000, 11), C::surprise).x == 1);
    CHECK(rank_bucket(0) == 0);
    CHECK(rank_bucket(9) == 0);
    CHECK(rank_bucket(10) == 1);
    CHECK(rank_bucket(99) == 1);
    CHECK(rank_bucket(100) == 2);
    CHECK(rank_bucket(999) == 2);
    CHECK(rank_bucket(1000) == 3);
    TokenInfo first;
    first.logprob = first.entropy = std::numeric_limits<float>::quiet_NaN();
    for (size_t i = 0; i < kTokenColorings; ++i) {
        CHECK_FALSE(shade_of(first, C(i)).value);
        CHECK(shade_words(first, C(i)) == "no prediction");
        CHECK_FALSE(legend_of(C(i)).high.empty());
    }
}

TEST_CASE("the strip has four colourings, each with a legend that names its unit (V11)") {
    test::Rig r(1600, 900);
    r.play("wait ready\nsend What is it\nwait idle\nwait frames 3\nkey Escape\nwait frames 3\n");
    const char* const units[] = {"8 nats", "100 %", "8 nats", "101–1,000"};
    for (size_t i = 0; i < kTokenColorings; ++i) {
        INFO(i);
        CHECK(size_t(r.view().coloring) == i);
        CHECK(shows(r.registry(), legend_of(TokenColoring(i)).title));
        CHECK(shows(r.registry(), units[i]));
        CHECK(shows(r.registry(), "no prediction"));
        r.play("key C\nwait frames 3\n");
    }
    CHECK(r.view().coloring == TokenColoring::surprise);
    r.play("click strip.coloring\nwait frames 3\nclick coloring.2\nwait frames 3\n");
    CHECK(r.view().coloring == TokenColoring::entropy);
    // Also where there is little room, the scale and its unit stay.
    r.play("resize 1280x720\nwait frames 4\n");
    CHECK(shows(r.registry(), "8 nats"));
    r.play("key C\nwait frames 3\n");
    CHECK(shows(r.registry(), "101–1,000"));
}
