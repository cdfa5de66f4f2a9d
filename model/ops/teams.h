// What the fast path's products share: which types are plain numbers, and how many lanes split a
// row.
#pragma once

#include <algorithm>
#include <cstdint>

#include "model/dtype.h"
#include "model/ops/dispatch.h"

namespace model::ops {

inline bool is_plain(DType dtype) {
    return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16;
}

/// Lanes, a power of two up to `most`, that leave few of them idle in the last round; the more the
/// better where it is equal.
inline uint32_t best_lanes(uint32_t most, uint32_t subs) {
    uint32_t best = 1;
    uint32_t best_idle = UINT32_MAX;
    for (uint32_t lanes = std::min(4u, most); lanes <= most; lanes *= 2) {
        const uint32_t rounds = divide_up(subs, lanes);
        const uint32_t idle = (rounds * lanes - subs) * 64 / (rounds * lanes);
        if (idle <= best_idle) {
            best = lanes;
            best_idle = idle;
        }
    }
    return best;
}

}  // namespace model::ops
