// CommandBuffer: record dispatches and copies; barriers, timestamps and the cutting into short
// submits happen by themselves.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>

#include "gpu/buffer.h"
#include "gpu/kernel.h"
#include "gpu/submit_planner.h"

namespace gpu {

class Profiler;
class Recording;

struct GroupCount {
    uint32_t x = 1, y = 1, z = 1;
};

/// What recording and running cost since the last reset_stats().
struct SubmitStats {
    uint64_t n_submits = 0;
    uint64_t n_dispatches = 0;
    uint64_t n_barriers = 0;
    double bytes = 0;  // moved, by the kernels' own account (Work)
    double longest_planned_ms = 0;
    double longest_measured_ms = 0;
};

/// One recorder with its pool. Usage: record..., then finish(). Work is submitted as soon as the
/// planner says the open submit is full, and finish() submits the rest and waits for all of it.
/// One submit runs while the next is recorded, so Stop waits for one only. Not thread-safe; one per
/// owner thread.
class CommandBuffer {
public:
    CommandBuffer(Device& device, KernelCache& kernels);
    ~CommandBuffer();
    CommandBuffer(const CommandBuffer&) = delete;
    CommandBuffer& operator=(const CommandBuffer&) = delete;

    Device& device();
    KernelCache& kernels();
    /// Same as kernels().get(name, constants).
    const Kernel& kernel(std::string_view name, std::initializer_list<uint32_t> constants);

    /// Record one dispatch. `push` is the kernel's struct of shaders/params.h (its size must equal
    /// the reflected one), `ranges` are bound in binding order. CHECKs group counts, ranges and
    /// counts. A barrier is placed before it when a range overlaps an earlier access.
    template <class Push>
    void dispatch(const Kernel& kernel, const GroupCount& groups, const Push& push,
                  std::initializer_list<Range> ranges, const Work& work) {
        static_assert(sizeof(Push) % 4 == 0 && sizeof(Push) <= 128);
        dispatch_bytes(kernel, groups, &push, sizeof(Push),
                       std::span<const Range>(ranges.begin(), ranges.size()), work);
    }
    void dispatch_bytes(const Kernel& kernel, const GroupCount& groups, const void* push,
                        uint32_t push_bytes, std::span<const Range> ranges, const Work& work);

    /// Record a copy of src to the start of dst (same size).
    void copy(const Range& dst, const Range& src);
    /// Record filling a range with a 32-bit word.
    void fill(const Range& dst, uint32_t word);

    /// Into how many dispatches divisible work should be cut (SubmitPlanner::parts). Without the
    /// kernel the answer is cautious: what the slowest kernel would need.
    uint32_t parts(const Kernel& kernel, const Work& work) const;
    uint32_t parts(const Work& work) const;

    /// Submit what is recorded and wait until everything has finished. Throws base::Error on a
    /// lost device (also after Device::patience() without progress) and base::Cancelled when
    /// `stop` said so.
    void finish();

    /// From here to end_recording() everything goes into `recording` instead of being submitted.
    /// Nothing else may be recorded and not finished (CHECK). What it held before is forgotten.
    void begin_recording(Recording& recording);
    void end_recording();

    /// Submit a recording and wait for it. Stop is asked before each of its submits, errors as in
    /// finish(). Nothing is allocated.
    void replay(const Recording& recording);
    /// Submit a recording behind whatever is in flight; a number for wait_replay(). Stop is asked
    /// once, before it.
    uint64_t start_replay(const Recording& recording);
    /// Wait until that replay has finished.
    void wait_replay(uint64_t number);

    /// Drop what is recorded and wait for what is in flight; never throws.
    void abandon() noexcept;

    /// Asked between submits, from dispatch() and finish(); true throws base::Cancelled after the
    /// work in flight has ended. Empty: never.
    void set_stop(std::function<bool()> stop);

    const SubmitStats& stats() const;
    void reset_stats();
    SubmitPlanner& planner();

    /// Timestamps per dispatch go here while set (nullptr: none). Set it between finish() and the
    /// next dispatch.
    void set_profiler(Profiler* profiler);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace gpu
