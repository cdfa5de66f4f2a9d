#include "gpu/hazards.h"

#include <algorithm>

namespace gpu {

namespace {

bool conflict(const Access& a, const Access& b) {
    return a.buffer == b.buffer && a.begin < b.end && b.begin < a.end && (a.write || b.write);
}

}  // namespace

bool HazardTracker::needs_barrier(std::span<const Access> accesses) {
    const bool hit = std::any_of(accesses.begin(), accesses.end(), [&](const Access& access) {
        return std::any_of(open_.begin(), open_.end(),
                           [&](const Access& open) { return conflict(open, access); });
    });
    if (hit) {
        open_.clear();
    }
    for (const Access& access : accesses) {
        remember(access);
    }
    return hit;
}

/// Neighbours of the same kind grow together, so that a thousand slices of one buffer stay one
/// entry.
void HazardTracker::remember(const Access& access) {
    for (Access& open : open_) {
        const bool same_kind = open.buffer == access.buffer && open.write == access.write;
        if (same_kind && access.begin <= open.end && open.begin <= access.end) {
            open.begin = std::min(open.begin, access.begin);
            open.end = std::max(open.end, access.end);
            return;
        }
    }
    open_.push_back(access);
}

void HazardTracker::reset() {
    open_.clear();
}

}  // namespace gpu
