// The largest of many errors, of which none may get lost.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace support {

/// worst = max(worst, error), where NaN counts as infinite. std::max(worst, NaN) is worst: results
/// that are NaN throughout would be as good as the reference.
inline void widen(double& worst, double error) {
    worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : std::max(worst, error);
}

}  // namespace support
