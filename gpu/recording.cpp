#include "gpu/recording.h"

#include "gpu/vulkan_functions.h"

namespace gpu {

Recording::Recording(Device& device) : device_(device) {
    const VkCommandPoolCreateInfo info{
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .queueFamilyIndex = device.queue_family(),
    };
    device.check(device.vk().CreateCommandPool(device.handle(), &info, nullptr, &pool_),
                 "vkCreateCommandPool");
}

Recording::~Recording() {
    device_.vk().DestroyCommandPool(device_.handle(), pool_, nullptr);
}

void Recording::clear() {
    for (const Submit& submit : submits_) {
        device_.vk().FreeCommandBuffers(device_.handle(), pool_, 1, &submit.commands);
    }
    submits_.clear();
    open_ = false;
    n_dispatches_ = n_barriers_ = 0;
    bytes_ = 0;
}

VkCommandBuffer Recording::open() {
    if (open_) {
        return submits_.back().commands;
    }
    const VulkanFunctions& vk = device_.vk();
    const VkCommandBufferAllocateInfo allocation{
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool_,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    Submit submit;
    device_.check(vk.AllocateCommandBuffers(device_.handle(), &allocation, &submit.commands),
                  "vkAllocateCommandBuffers");
    submits_.push_back(submit);
    // Several replays may be in flight.
    const VkCommandBufferBeginInfo begin{
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT,
    };
    device_.check(vk.BeginCommandBuffer(submit.commands, &begin), "vkBeginCommandBuffer");
    open_ = true;
    return submit.commands;
}

void Recording::close(double planned_ms) {
    CHECK(open_);
    device_.check(device_.vk().EndCommandBuffer(submits_.back().commands), "vkEndCommandBuffer");
    submits_.back().planned_ms = planned_ms;
    open_ = false;
}

}  // namespace gpu
