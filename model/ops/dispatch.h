// What the host sides of several ops share: rounding up, and groups for elementwise kernels.
#pragma once

#include <algorithm>
#include <cstdint>

#include "gpu/command_buffer.h"

namespace model::ops {

inline constexpr uint32_t kElementwiseGroup = 64;  // invocations of a workgroup

inline uint32_t divide_up(uint32_t n, uint32_t by) {
    return (n + by - 1) / by;
}

/// Workgroups for n invocations of kElementwiseGroup each, folded into y where x would be too wide.
inline gpu::GroupCount elementwise_groups(uint64_t n) {
    constexpr uint32_t kWidest = 32768;
    const auto groups = uint32_t((n + kElementwiseGroup - 1) / kElementwiseGroup);
    return {.x = std::min(groups, kWidest), .y = divide_up(groups, kWidest)};
}

}  // namespace model::ops
