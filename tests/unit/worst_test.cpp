// The helper that other tests measure errors with: no error is lost in it.
#include "tests/support/worst.h"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>

TEST_CASE("worst: the largest error, and a NaN is worse than any") {
    double worst = 0;
    support::widen(worst, 1e-6);
    support::widen(worst, 1e-9);
    CHECK(worst == 1e-6);
    for (const double first : {double(NAN), double(INFINITY)}) {
        worst = 0;
        // std::max(0, NaN) is 0.
        support::widen(worst, first);
        support::widen(worst, 1);
        CHECK(worst == std::numeric_limits<double>::infinity());
        CHECK_FALSE(worst <= 1e300);
    }
    worst = 2;
    support::widen(worst, -NAN);
    CHECK(worst == std::numeric_limits<double>::infinity());
}
