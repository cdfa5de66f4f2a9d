// SubmitRing: the command buffers behind a CommandBuffer. One is recorded while at most two run;
// each tells how long it took. Nothing is created after the constructor.
#pragma once

#include "gpu/submit_planner.h"
#include "gpu/timeline.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace gpu {

class Profiler;

class SubmitRing {
public:
    static constexpr uint32_t kInFlight = 2;
    static constexpr uint32_t kMaxStamps = 1024;  // timestamps in one submit

    /// Times of one submit that has ended.
    struct Finished {
        double planned_ms = 0;
        double measured_ms = 0;
    };

    explicit SubmitRing(Device& device);
    ~SubmitRing();
    SubmitRing(const SubmitRing&) = delete;
    SubmitRing& operator=(const SubmitRing&) = delete;

    /// Commands to record into; opened if they are not.
    VkCommandBuffer open();
    bool is_open() const { return open_; }
    /// Forget what is recorded.
    void drop() { open_ = false; }

    /// Take the time after what was recorded last; `name` must outlive the submit.
    void stamp(std::string_view name, const Work& work);
    bool stamps_left() const;

    /// Submit what is recorded; kInFlight - 1 others may still run.
    void submit(double planned_ms);
    uint32_t in_flight() const { return in_flight_; }
    /// Wait for the oldest submit in flight. Its stamps go to `profiler` if there is one.
    Finished retire(Profiler* profiler);

private:
    using Clock = std::chrono::steady_clock;
    static constexpr uint32_t kSlots = kInFlight + 1;

    struct Stamp {
        std::string_view name;
        Work work;
    };
    struct Slot {
        VkCommandPool pool = VK_NULL_HANDLE;
        VkCommandBuffer commands = VK_NULL_HANDLE;
        VkQueryPool queries = VK_NULL_HANDLE;  // none where the device has no timestamps
        uint32_t n_queries = 0;                // written by what is recorded
        uint32_t n_to_reset = kMaxStamps;      // written by what was last submitted
        std::vector<Stamp> stamps;             // stamp i is query i + 1; query 0 is the start
        uint64_t number = 0;                   // in the timeline
        double planned_ms = 0;
        Clock::time_point submitted;
    };

    void create_slot(Slot& slot);
    void write_timestamp(Slot& slot);
    void end_with_host_barrier(const Slot& slot);
    /// Milliseconds from the first to the last query; each stamp's own to `profiler`.
    double measure(const Slot& slot, Profiler* profiler);

    Device& device_;
    Timeline timeline_;
    std::array<Slot, kSlots> slots_;
    std::vector<uint64_t> ticks_;
    uint32_t next_ = 0;  // slot to record into
    uint32_t in_flight_ = 0;
    bool open_ = false;
    Clock::time_point retired_;
};

}  // namespace gpu
