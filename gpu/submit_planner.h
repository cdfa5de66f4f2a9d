// SubmitPlanner: how long a piece of GPU work will take, and where to cut it, so that no submit
// comes near a driver's watchdog and Stop works within one submit. Pure; corrected by timings.
#pragma once

#include "gpu/pick.h"

#include <cstdint>

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

class SubmitPlanner {
public:
    static constexpr double kTargetMs = 100;  // aim of one submit
    static constexpr double kCapMs = 250;     // never planned above

    explicit SubmitPlanner(const DeviceRates& rates = {}) : rates_(rates) {}

    /// Predicted time of one dispatch: max of arithmetic and traffic, plus overhead, x correction.
    double predict_ms(const Work& work) const;

    /// Into how many dispatches a divisible piece of work must be cut so each is <= kTargetMs.
    uint32_t parts(const Work& work) const;

    /// True when the open submit, holding `open_ms`, must end before `work` is added.
    bool must_flush(double open_ms, const Work& work) const;

    /// Tell how long a submit really took. The correction moves towards measured / predicted,
    /// quickly upward, slowly downward, within [0.02, 50].
    void correct(double predicted_ms, double measured_ms);

    double correction() const { return correction_; }

private:
    DeviceRates rates_;
    double correction_ = 1.0;
};

}  // namespace gpu
