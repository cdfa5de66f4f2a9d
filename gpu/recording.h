// Recording: commands recorded once and submitted many times. Made by CommandBuffer between
// begin_recording() and end_recording(); cut into submits like everything else.
#pragma once

#include <cstdint>
#include <vector>

#include "gpu/device.h"

namespace gpu {

class Recording {
public:
    explicit Recording(Device& device);
    ~Recording();
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

    /// Submits of one replay, and what they hold.
    uint32_t n_submits() const { return uint32_t(submits_.size()); }
    uint32_t n_dispatches() const { return n_dispatches_; }
    uint32_t n_barriers() const { return n_barriers_; }
    /// Bytes that the dispatches say they move.
    double bytes() const { return bytes_; }

private:
    friend class CommandBuffer;
    struct Submit {
        VkCommandBuffer commands = VK_NULL_HANDLE;
        double planned_ms = 0;
    };

    void clear();
    /// The commands to record into; opens a new submit where none is open.
    VkCommandBuffer open();
    void close(double planned_ms);

    Device& device_;
    VkCommandPool pool_ = VK_NULL_HANDLE;
    std::vector<Submit> submits_;
    bool open_ = false;
    uint32_t n_dispatches_ = 0;
    uint32_t n_barriers_ = 0;
    double bytes_ = 0;
};

}  // namespace gpu
