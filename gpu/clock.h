// How long something took.
#pragma once

#include <chrono>
#include <ctime>

namespace base {

using Clock = std::chrono::steady_clock;

inline double ms_between(Clock::time_point begin, Clock::time_point end) {
    return std::chrono::duration<double, std::milli>(end - begin).count();
}
inline double ms_since(Clock::time_point begin) {
    return ms_between(begin, Clock::now());
}

/// Processor time of all threads of this process so far.
inline double process_cpu_s() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

}  // namespace base
