// Profiler: GPU time, bytes and dispatch count per kernel name.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "gpu/submit_planner.h"

namespace gpu {

struct KernelTime {
    uint64_t n = 0;
    double ms = 0;
    double bytes = 0;
    double flops = 0;
};

class Profiler {
public:
    void add(std::string_view kernel, double ms, const Work& work);
    const std::map<std::string, KernelTime, std::less<>>& by_kernel() const { return times_; }
    void clear() { times_.clear(); }
    /// A table, slowest first: kernel, calls, ms, share, GB/s, GFLOP/s.
    std::string table() const;

private:
    std::map<std::string, KernelTime, std::less<>> times_;
};

}  // namespace gpu
