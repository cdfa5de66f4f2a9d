// Timeline: submits in order, numbered 1, 2, 3...; waits for a number with a watchdog.
#pragma once

#include "gpu/device.h"

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace gpu {

class Timeline {
public:
    explicit Timeline(Device& device);
    ~Timeline();
    Timeline(const Timeline&) = delete;
    Timeline& operator=(const Timeline&) = delete;

    /// Submit one command buffer to the device's queue; its number.
    uint64_t submit(VkCommandBuffer commands);

    /// Wait until submit `number` has finished. Throws base::Error(device_lost) on a lost device,
    /// also when nothing comes back for longer than Device::patience().
    void wait(uint64_t number);

    uint64_t last() const { return last_; }

private:
    VkResult wait_semaphore(uint64_t number);
    VkFence idle_fence();
    void wait_fences(uint64_t number);

    Device& device_;
    VkSemaphore semaphore_ = VK_NULL_HANDLE;
    uint64_t last_ = 0;
    // Only under the validation layers. The layer of 1.3.239 takes a submit's semaphores for done
    // before it takes its command buffers out of use, so that a wait for the semaphore alone was
    // followed, on a busy machine, by "in use" for what the submit had used. Fences come last
    // there.
    std::deque<std::pair<uint64_t, VkFence>> fences_;  // by number, of submits not waited for
    std::vector<VkFence> idle_fences_;
};

}  // namespace gpu
