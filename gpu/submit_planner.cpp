#include "gpu/submit_planner.h"

#include <algorithm>
#include <cmath>

namespace gpu {

namespace {

// Shorter ones are mostly overhead: they say nothing about how close the watchdog is.
constexpr double kTellingSubmitMs = 10;
constexpr double kTellingDispatchMs = 0.5;
// One outlier may not throw the plan over.
constexpr double kLargestRise = 4;
constexpr double kLargestFall = 0.8;
constexpr double kLowestCorrection = 0.02;
constexpr double kHighestCorrection = 50;
// Timestamps drain the GPU, so only some dispatches of a kernel get them.
constexpr uint64_t kFirstSamples = 8;
constexpr uint64_t kSampleEvery = 64;

double moved(double correction, double measured_to_predicted) {
    const double step = std::clamp(measured_to_predicted, kLargestFall, kLargestRise);
    return std::clamp(correction * step, kLowestCorrection, kHighestCorrection);
}

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

double SubmitPlanner::guess_ms(const Work& work) const {
    const double arithmetic_s = work.flops / rates_.flops_per_s;
    const double traffic_s = work.bytes / rates_.bytes_per_s;
    return 1e3 * (std::max(arithmetic_s, traffic_s) + rates_.dispatch_s);
}

double SubmitPlanner::correction(uint32_t kernel) const {
    return kernel < kernels_.size() ? kernels_[kernel].correction : 1.0;
}

double SubmitPlanner::predict_ms(const Work& work, uint32_t kernel) const {
    return guess_ms(work) * correction_ * correction(kernel);
}

uint32_t SubmitPlanner::parts_at(const Work& work, double correction) const {
    const double overhead_ms = guess_ms({}) * correction;
    const double room_ms = std::max(kTargetMs - overhead_ms, kTargetMs / 2);
    const double n = std::ceil((guess_ms(work) * correction - overhead_ms) / room_ms);
    return static_cast<uint32_t>(std::clamp(n, 1.0, 65536.0));
}

uint32_t SubmitPlanner::parts(const Work& work, uint32_t kernel) const {
    return parts_at(work, correction_ * correction(kernel));
}

uint32_t SubmitPlanner::parts(const Work& work) const {
    double slowest = 1;
    for (const Kernel& kernel : kernels_) {
        slowest = std::max(slowest, kernel.correction);
    }
    return parts_at(work, correction_ * slowest);
}

bool SubmitPlanner::must_flush(double open_ms, const Work& work, uint32_t kernel) const {
    return open_ms > 0 && open_ms + predict_ms(work, kernel) > kTargetMs;
}

void SubmitPlanner::correct(double predicted_ms, double measured_ms) {
    if (predicted_ms <= 0 || std::max(predicted_ms, measured_ms) < kTellingSubmitMs) {
        return;
    }
    correction_ = moved(correction_, measured_ms / predicted_ms);
}

SubmitPlanner::Use SubmitPlanner::use(uint32_t kernel) {
    if (kernel >= kernels_.size()) {
        kernels_.resize(kernel + 1);
    }
    const uint64_t n = ++kernels_[kernel].n_uses;
    return {.first = n == 1, .sample = (n > 1 && n <= kFirstSamples) || n % kSampleEvery == 0};
}

void SubmitPlanner::sample(uint32_t kernel, const Work& work, double measured_ms) {
    const double predicted_ms = predict_ms(work, kernel);
    if (kernel < kernels_.size() && std::max(predicted_ms, measured_ms) >= kTellingDispatchMs) {
        Kernel& of = kernels_[kernel];
        of.correction = moved(of.correction, measured_ms / predicted_ms);
    }
}

}  // namespace gpu
