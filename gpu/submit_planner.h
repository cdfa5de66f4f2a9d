// SubmitPlanner: how long a piece of GPU work will take, and where to cut it, so that no submit
// comes near a driver's watchdog and Stop works within one submit. Pure; corrected by timings.
#pragma once

#include "gpu/device_info.h"

#include <cstdint>
#include <vector>

namespace gpu {

/// What one dispatch costs: arithmetic operations and bytes moved.
struct Work {
    double flops = 0;
    double bytes = 0;
};

struct DeviceRates {
    double flops_per_s = 20e9;  // where nothing is known: a slow device (20 GFLOPS, 10 GB/s)
    double bytes_per_s = 10e9;
    double dispatch_s = 20e-6;
};

/// Cautious first guesses for a type of device; measured submits correct them soon.
DeviceRates starting_rates(DeviceType type);

/// Predictions are first guesses times two corrections that measurements move: one for the whole
/// device (its speed and what else it does) and one per kernel (how it compares to the guess).
class SubmitPlanner {
public:
    static constexpr double kTargetMs = 100;  // aim of one submit; parts() and must_flush() keep it
    static constexpr uint32_t kNoKernel = 0;  // copies and fills; kernels count from 1

    explicit SubmitPlanner(const DeviceRates& rates = {}) : rates_(rates) {}

    /// Predicted time of one dispatch: max of arithmetic and traffic, plus overhead, corrected.
    double predict_ms(const Work& work, uint32_t kernel = kNoKernel) const;

    /// Into how many dispatches of `kernel` a divisible piece of work must be cut so that each is
    /// <= kTargetMs.
    uint32_t parts(const Work& work, uint32_t kernel) const;
    /// The same for a kernel that is not known yet: as if it were the slowest of all.
    uint32_t parts(const Work& work) const;

    /// True when the open submit, holding `open_ms`, must end before `work` is added.
    bool must_flush(double open_ms, const Work& work, uint32_t kernel = kNoKernel) const;

    /// Tell how long a submit really took. The correction moves towards measured / predicted,
    /// quickly upward, slowly downward, within [0.02, 50].
    void correct(double predicted_ms, double measured_ms);

    /// What to do about one use of a kernel.
    struct Use {
        bool first = false;   // the driver may compile now: no time of this submit tells anything
        bool sample = false;  // its time is wanted: the first few, then now and then
    };
    Use use(uint32_t kernel);

    /// Tell how long one dispatch really took.
    void sample(uint32_t kernel, const Work& work, double measured_ms);

    double correction() const { return correction_; }
    double correction(uint32_t kernel) const;

private:
    struct Kernel {
        uint64_t n_uses = 0;
        double correction = 1.0;
    };

    double guess_ms(const Work& work) const;
    uint32_t parts_at(const Work& work, double correction) const;

    DeviceRates rates_;
    double correction_ = 1.0;
    std::vector<Kernel> kernels_;
};

}  // namespace gpu
