// Numbers of bytes: rounded up, and for a reader.
#pragma once

#include <cstdint>

namespace base {

/// The next multiple of `multiple` (any number but 0) that is not below `value`.
constexpr uint64_t round_up(uint64_t value, uint64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

constexpr double mib(uint64_t bytes) {
    return double(bytes) / (1 << 20);
}
constexpr double gib(uint64_t bytes) {
    return double(bytes) / (1 << 30);
}

}  // namespace base

namespace gpu {

/// Two ranges that begin a multiple of this apart may be bound on every device: none may ask for
/// more (Vulkan's required limits).
inline constexpr uint64_t kRangeAlignment = 256;

}  // namespace gpu
