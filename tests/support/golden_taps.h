// The golden taps of the tiny models (tests/golden/README.md) under the names of model/capture.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "model/capture.h"
#include "tests/support/npz.h"
#include "tests/support/worst.h"

namespace support {

inline constexpr const char* kTinyModels[] = {"tiny-gemma", "tiny-gemma2", "tiny-gemma3"};

/// Kinds of taps that golden_values knows.
inline constexpr size_t kGoldenTaps = 25;

/// The golden values of a tap and layer, laid out as in tap_table(); empty where there are none.
/// attn_scores_raw holds numbers in masked cells too.
std::vector<double> golden_values(const Npz& golden, model::Tap tap, uint32_t layer);

std::vector<uint32_t> golden_tokens(const Npz& golden);

/// Largest difference over the largest magnitude of b; NaN counts as infinite. Cells where b is NaN
/// or infinite are left out.
template <class Real>
double relative_error(std::span<const Real> a, std::span<const double> b) {
    double worst = 0, largest = 0;
    for (size_t i = 0; i < b.size(); ++i) {
        if (std::isfinite(b[i])) {
            const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
            widen(worst, difference);
            largest = std::max(largest, std::abs(b[i]));
        }
    }
    return worst / largest;
}

}  // namespace support
