#include "gpu/copy_rate.h"

#include "shaders/params.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

namespace gpu {

namespace {

constexpr uint32_t kGroup = 64;          // workgroup size
constexpr uint32_t kBytesPerLoad = 16;   // a uvec4
constexpr uint32_t kLoadsPerThread = 4;  // of one invocation

/// Larger than any cache we know of, in buffers that one binding can hold.
uint64_t copy_bytes(const DeviceInfo& device) {
    constexpr uint64_t kMost = 256ull << 20;
    const uint64_t bytes = std::min({kMost, device.max_range_bytes, device.local_heap_bytes / 16});
    return bytes / 4096 * 4096;
}

constexpr double kLongest_s = 0.7;  // of one kind of copy: a slow device gives fewer runs

/// Median seconds of one submit of `record`; the first, which may compile, is left out.
double median_s(CommandBuffer& cmd, const std::function<void()>& record) {
    constexpr size_t kRuns = 7;
    std::vector<double> runs;
    record();
    cmd.finish();
    for (double sum = 0; runs.empty() || (runs.size() < kRuns && sum < kLongest_s);
         sum += runs.back()) {
        const auto begin = std::chrono::steady_clock::now();
        record();
        cmd.finish();
        runs.push_back(
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
    std::sort(runs.begin(), runs.end());
    return runs[runs.size() / 2];
}

}  // namespace

void copy_by_kernel(CommandBuffer& cmd, const Range& dst, const Range& src) {
    CHECK(src.size == dst.size && src.size % kBytesPerLoad == 0, "copy of {} bytes into {}",
          src.size, dst.size);
    const auto n = static_cast<uint32_t>(src.size / kBytesPerLoad);
    const uint32_t groups = (n + kLoadsPerThread * kGroup - 1) / (kLoadsPerThread * kGroup);
    const uint32_t x = std::min(groups, cmd.device().info().max_groups_x);
    cmd.dispatch(cmd.kernel("copy", {/* workgroup_size */ kGroup}),
                 {.x = x, .y = (groups + x - 1) / x}, params::Elementwise{.n = n}, {src, dst},
                 {.bytes = 2.0 * static_cast<double>(src.size)});
}

double measure_copy_rate(Device& device, KernelCache& kernels) {
    const uint64_t bytes = copy_bytes(device.info());
    const Buffer from(device, bytes, Memory::device, "copy rate, source");
    const Buffer to(device, bytes, Memory::device, "copy rate, target");
    CommandBuffer cmd(device, kernels);
    cmd.fill(from.range(), 0x5eed);
    const double by_driver = median_s(cmd, [&] { cmd.copy(to.range(), from.range()); });
    const double by_kernel = median_s(cmd, [&] { copy_by_kernel(cmd, to.range(), from.range()); });
    return 2.0 * static_cast<double>(bytes) / std::min(by_driver, by_kernel) / 1e9;
}

}  // namespace gpu
