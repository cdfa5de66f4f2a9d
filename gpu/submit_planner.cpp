#include "gpu/submit_planner.h"

#include <algorithm>
#include <cmath>

namespace gpu {

namespace {

// Submits this short are mostly overhead: they say nothing about how close the watchdog is.
constexpr double kTellingMs = 10;
// One outlier (a driver that compiles on first use) may not throw the plan over.
constexpr double kLargestRise = 4;
constexpr double kLargestFall = 0.8;
constexpr double kLowestCorrection = 0.02;
constexpr double kHighestCorrection = 50;

}  // namespace

DeviceRates starting_rates(DeviceType type) {
    switch (type) {
        case DeviceType::discrete:
            return {.flops_per_s = 1e12, .bytes_per_s = 100e9, .dispatch_s = 10e-6};
        case DeviceType::integrated:
            return {.flops_per_s = 100e9, .bytes_per_s = 20e9, .dispatch_s = 15e-6};
        case DeviceType::cpu:
            return {.flops_per_s = 5e9, .bytes_per_s = 8e9, .dispatch_s = 50e-6};
        case DeviceType::virtual_gpu:
        case DeviceType::other:
            break;
    }
    return {};
}

double SubmitPlanner::predict_ms(const Work& work) const {
    const double arithmetic_s = work.flops / rates_.flops_per_s;
    const double traffic_s = work.bytes / rates_.bytes_per_s;
    return 1e3 * (std::max(arithmetic_s, traffic_s) + rates_.dispatch_s) * correction_;
}

uint32_t SubmitPlanner::parts(const Work& work) const {
    const double overhead_ms = predict_ms({});
    const double room_ms = std::max(kTargetMs - overhead_ms, kTargetMs / 2);
    const double n = std::ceil((predict_ms(work) - overhead_ms) / room_ms);
    return static_cast<uint32_t>(std::clamp(n, 1.0, 65536.0));
}

bool SubmitPlanner::must_flush(double open_ms, const Work& work) const {
    return open_ms > 0 && open_ms + predict_ms(work) > kTargetMs;
}

void SubmitPlanner::correct(double predicted_ms, double measured_ms) {
    if (predicted_ms <= 0 || std::max(predicted_ms, measured_ms) < kTellingMs) {
        return;
    }
    const double step = std::clamp(measured_ms / predicted_ms, kLargestFall, kLargestRise);
    correction_ = std::clamp(correction_ * step, kLowestCorrection, kHighestCorrection);
}

}  // namespace gpu
