// Patience: when a wait for a device is given up.
#pragma once

namespace gpu {

/// How long a wait goes on without a sign of its end.
struct Patience {
    double seconds = 0;
    /// A CPU device computes with the processor time of this process, and a busy machine or a pause
    /// gives it none: only that time counts then.
    bool counts_own_time = false;

    /// Asked each time that the driver has waited for `seconds` in vain: after `waited_s` seconds
    /// in all, in which this process computed for `own_s`.
    bool ends(double waited_s, double own_s) const {
        constexpr double kLongest = 30;  // times `seconds`: nothing that still makes progress
        return !counts_own_time || own_s >= seconds || waited_s >= kLongest * seconds;
    }
};

}  // namespace gpu
