// SubmitRing: the command buffers behind a CommandBuffer. One is recorded while another runs;
// each tells how long it took. Nothing is created after the constructor.
#pragma once

#include "gpu/submit_planner.h"
#include "gpu/timeline.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace gpu {

/// Record that the host may read what was written as soon as it has waited.
void host_barrier(const Device& device, VkCommandBuffer commands);

class SubmitRing {
public:
    static constexpr uint32_t kInFlight = 1;
    static constexpr uint32_t kMaxStamps = 1024;  // timestamps in one submit

    /// One timed command.
    struct Stamp {
        std::string_view name;  // must outlive the submit
        uint32_t kernel = 0;
        Work work;
        double ms = -1;  // negative: only marks where the next one starts
    };

    /// Times of one submit that has ended.
    struct Finished {
        double planned_ms = 0;
        double measured_ms = 0;
        bool typical = true;            // no kernel was used for the first time
        std::span<const Stamp> stamps;  // valid until the next submit
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

    /// Every command is recorded between these two. With `timed` its time is taken.
    void before(bool timed);
    void after(bool timed, const Stamp& stamp);
    bool stamps_left() const;
    /// The open submit will be no measure of later ones.
    void mark_untypical() { slots_[next_].typical = false; }

    /// Submit what is recorded; kInFlight - 1 others may still run.
    void submit(double planned_ms);
    uint32_t in_flight() const { return in_flight_; }
    /// Wait for the oldest submit in flight.
    Finished retire();

private:
    using Clock = std::chrono::steady_clock;
    static constexpr uint32_t kSlots = kInFlight + 1;

    struct Slot {
        VkCommandPool pool = VK_NULL_HANDLE;
        VkCommandBuffer commands = VK_NULL_HANDLE;
        VkQueryPool queries = VK_NULL_HANDLE;  // none where the device has no timestamps
        uint32_t n_queries = 0;                // written by what is recorded
        uint32_t n_to_reset = kMaxStamps;      // written by what was last submitted
        std::vector<Stamp> stamps;             // stamp i ends at query i + 1; query 0 is the start
        bool gap = false;  // something untimed was recorded after the last query
        bool typical = true;
        uint64_t number = 0;  // in the timeline
        double planned_ms = 0;
        Clock::time_point submitted;
    };

    void create_slot(Slot& slot);
    void write_timestamp(Slot& slot);
    void end_with_host_barrier(const Slot& slot);
    /// Milliseconds from the first to the last query; fills in the stamps.
    double measure(Slot& slot);

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
