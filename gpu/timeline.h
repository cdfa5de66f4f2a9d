// Timeline: submits in order, numbered 1, 2, 3...; waits for a number with a watchdog.
#pragma once

#include "gpu/device.h"

#include <cstdint>

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
    /// also when nothing comes back for Device::patience_s().
    void wait(uint64_t number);

    uint64_t last() const { return last_; }

private:
    Device& device_;
    VkSemaphore semaphore_ = VK_NULL_HANDLE;
    uint64_t last_ = 0;
};

}  // namespace gpu
