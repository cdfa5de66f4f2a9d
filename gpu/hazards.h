// HazardTracker: decides where a barrier is needed between accesses. No Vulkan calls.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gpu {

/// One access of one dispatch or copy: bytes [begin, end) of buffer `buffer` (any stable id).
struct Access {
    uint64_t buffer = 0;
    uint64_t begin = 0;
    uint64_t end = 0;
    bool write = false;
};

class HazardTracker {
public:
    /// True when `accesses` must wait for something since the last barrier: read after write,
    /// write after read or write after write on overlapping bytes. If so, everything before is
    /// forgotten (the caller places a full barrier). The accesses are then remembered.
    bool needs_barrier(std::span<const Access> accesses);
    void reset();

private:
    void remember(const Access& access);

    std::vector<Access> open_;
};

}  // namespace gpu
