#include "gpu/timeline.h"

#include "gpu/clock.h"
#include "gpu/vulkan_functions.h"

namespace gpu {

Timeline::Timeline(Device& device) : device_(device) {
    const VkSemaphoreTypeCreateInfo type{
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    const VkSemaphoreCreateInfo info{.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
                                     .pNext = &type};
    device.check(device.vk().CreateSemaphore(device.handle(), &info, nullptr, &semaphore_),
                 "vkCreateSemaphore");
}

Timeline::~Timeline() {
    for (const auto& [number, fence] : fences_) {
        device_.vk().DestroyFence(device_.handle(), fence, nullptr);
    }
    for (const VkFence fence : idle_fences_) {
        device_.vk().DestroyFence(device_.handle(), fence, nullptr);
    }
    device_.vk().DestroySemaphore(device_.handle(), semaphore_, nullptr);
}

/// The last of idle_fences_, made where there is none.
VkFence Timeline::idle_fence() {
    if (idle_fences_.empty()) {
        const VkFenceCreateInfo info{.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
        VkFence fence = VK_NULL_HANDLE;
        device_.check(device_.vk().CreateFence(device_.handle(), &info, nullptr, &fence),
                      "vkCreateFence");
        idle_fences_.push_back(fence);
    }
    return idle_fences_.back();
}

/// The submits up to `number` have finished; so have their fences, or are about to.
void Timeline::wait_fences(uint64_t number) {
    while (!fences_.empty() && fences_.front().first <= number) {
        const VkFence fence = fences_.front().second;
        device_.check(device_.vk().WaitForFences(device_.handle(), 1, &fence, VK_TRUE, UINT64_MAX),
                      "vkWaitForFences");
        device_.check(device_.vk().ResetFences(device_.handle(), 1, &fence), "vkResetFences");
        fences_.pop_front();
        idle_fences_.push_back(fence);
    }
}

uint64_t Timeline::submit(VkCommandBuffer commands) {
    const VkCommandBufferSubmitInfo commands_info{
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_SUBMIT_INFO, .commandBuffer = commands};
    const VkSemaphoreSubmitInfo signal{
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SUBMIT_INFO,
        .semaphore = semaphore_,
        .value = last_ + 1,
        .stageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT,
    };
    const VkSubmitInfo2 info{
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO_2,
        .commandBufferInfoCount = 1,
        .pCommandBufferInfos = &commands_info,
        .signalSemaphoreInfoCount = 1,
        .pSignalSemaphoreInfos = &signal,
    };
    const VkFence fence = device_.validates() ? idle_fence() : VK_NULL_HANDLE;
    device_.check(device_.vk().QueueSubmit2(device_.queue(), 1, &info, fence), "vkQueueSubmit2");
    ++last_;
    if (fence != VK_NULL_HANDLE) {
        fences_.emplace_back(last_, fence);
        idle_fences_.pop_back();
    }
    return last_;
}

/// VK_TIMEOUT where the patience came to its end.
VkResult Timeline::wait_semaphore(uint64_t number) {
    const VkSemaphoreWaitInfo info{
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &semaphore_,
        .pValues = &number,
    };
    const Patience patience = device_.patience();
    const auto step_ns = static_cast<uint64_t>(patience.seconds * 1e9);
    const auto begin = base::Clock::now();
    const double own_begin = base::process_cpu_s();
    for (;;) {
        const VkResult result = device_.vk().WaitSemaphores(device_.handle(), &info, step_ns);
        if (result != VK_TIMEOUT ||
            patience.ends(base::ms_since(begin) / 1000, base::process_cpu_s() - own_begin)) {
            return result;
        }
    }
}

void Timeline::wait(uint64_t number) {
    // A device that hangs was waited for once. Any other lost one may still be at work.
    const VkResult result = device_.hung() ? VK_TIMEOUT : wait_semaphore(number);
    if (result == VK_TIMEOUT) {
        device_.mark_hung();
        throw base::Error(base::ErrorKind::device_lost,
                          fmt::format("{} has made no progress for {} s", device_.info().name,
                                      device_.patience().seconds),
                          "The device hangs or is far too slow for this model; load it again, or "
                          "choose another device.");
    }
    device_.check(result, "vkWaitSemaphores");
    wait_fences(number);
}

}  // namespace gpu
