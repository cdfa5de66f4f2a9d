// parallel_for: independent pieces of work on all cores of the host.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace base {

/// Threads that parallel_for takes for n pieces, the calling one included.
inline size_t parallel_threads(size_t n) {
    return std::clamp<size_t>(n, 1, std::max(1u, std::thread::hardware_concurrency()));
}

/// Calls work(thread, i) once for every i in [0, n); the caller's own thread is number 0 and takes
/// part. The first exception ends it early: pieces that have begun are finished, then it is thrown
/// again.
template <class Work>
void parallel_for(size_t n, const Work& work) {
    std::atomic<size_t> next{0};
    std::exception_ptr failure;
    std::mutex failure_mutex;
    const auto run = [&](size_t thread) {
        for (size_t i = next++; i < n; i = next++) {
            try {
                work(thread, i);
            } catch (...) {
                next = n;
                const std::lock_guard lock(failure_mutex);
                if (!failure) {
                    failure = std::current_exception();
                }
            }
        }
    };
    {
        std::vector<std::jthread> threads;
        for (size_t thread = 1; thread < parallel_threads(n); ++thread) {
            threads.emplace_back(run, thread);
        }
        run(0);
    }
    if (failure) {
        std::rethrow_exception(failure);
    }
}

}  // namespace base
