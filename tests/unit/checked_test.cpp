// Checked: sizes from files, against 128-bit arithmetic.
#include "model/checked.h"

#include "tests/support/catch.h"
#include "tests/support/random.h"

using model::Checked;
using Wide = unsigned __int128;

namespace {

/// Numbers that crowd around the edges.
uint64_t edge(support::Random& random) {
    const uint64_t shift = random.below(64);
    const uint64_t value = random.next() >> shift;
    return random.below(4) == 0 ? ~value : value;
}

bool same(Checked checked, Wide wide) {
    const bool fits = (wide >> 64) == 0;
    return checked.value().has_value() == fits &&
           (!fits || *checked.value() == static_cast<uint64_t>(wide));
}

}  // namespace

TEST_CASE("checked: a million random operations equal 128-bit arithmetic") {
    support::Random random(1);
    int n_wrong = 0;
    for (int i = 0; i < 1'000'000; ++i) {
        const uint64_t a = edge(random), b = edge(random);
        const uint64_t multiple = 1 + random.below(1u << (1 + random.below(20)));
        n_wrong += same(Checked(a) + b, Wide{a} + b) ? 0 : 1;
        n_wrong += same(Checked(a) * b, Wide{a} * b) ? 0 : 1;
        const Wide rounded = (Wide{a} + multiple - 1) / multiple * multiple;
        n_wrong += same(Checked(a).rounded_up(multiple), rounded) ? 0 : 1;
    }
    CHECK(n_wrong == 0);
}

TEST_CASE("checked: an overflow stays, whatever follows") {
    const Checked overflow = Checked(UINT64_MAX) + 1;
    CHECK_FALSE(overflow.value());
    CHECK_FALSE((overflow * 0).value());
    CHECK_FALSE((Checked(0) * overflow).value());
    CHECK_FALSE((overflow + 0).rounded_up(32).value());
    CHECK_FALSE(overflow.fits(UINT64_MAX));
    CHECK(Checked(7).fits(7));
    CHECK_FALSE(Checked(8).fits(7));
}
