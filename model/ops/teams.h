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

/// Invocations that keep a GPU of any size busy; a wide one holds some times as many.
constexpr uint64_t kBusyInvocations = 1 << 16;

/// Lanes of a GPU for `n_tiles` rows or pairs of rows: a lane reads its sub-blocks one after the
/// other and waits for each, so the more lanes the better, until all of them cannot run at once and
/// idle ones cost.
inline uint32_t gpu_lanes(uint32_t subgroup, uint32_t subs, uint64_t n_tiles) {
    uint32_t best = 1;
    uint64_t best_time = UINT64_MAX;
    for (uint32_t lanes = std::min(4u, subgroup); lanes <= subgroup; lanes *= 2) {
        const uint64_t rounds = divide_up(subs, lanes);
        const uint64_t time = std::max(rounds * kBusyInvocations, n_tiles * lanes * rounds);
        if (time <= best_time) {
            best = lanes;
            best_time = time;
        }
    }
    return best;
}

}  // namespace model::ops
