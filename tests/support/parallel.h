// parallel_for: the reference forwards' only use of threads, over rows that do not depend on each
// other, so that the number of threads changes no bit.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace support {

/// Calls body(begin, end) for disjoint parts of [0, n), of multiples of `grain`.
inline void parallel_for(size_t n, size_t grain, const std::function<void(size_t, size_t)>& body) {
    const size_t n_threads = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 16);
    const size_t grains = (n + grain - 1) / grain;
    const size_t part = (grains + n_threads - 1) / n_threads * grain;
    if (part == 0 || part >= n) {
        body(0, n);
        return;
    }
    std::vector<std::jthread> threads;
    for (size_t begin = part; begin < n; begin += part) {
        threads.emplace_back(body, begin, std::min(n, begin + part));
    }
    body(0, part);
}

}  // namespace support
