// Instance: the Vulkan instance and, on request, the validation layers with their messages.
#pragma once

#include "gpu/vulkan_functions.h"

#include <atomic>
#include <cstdint>
#include <vector>

namespace gpu {

class Instance {
public:
    /// validate: 0 off, 1 the validation layer, 2 also synchronisation validation.
    /// Throws base::Error(no_device) when there is no loader or no driver.
    explicit Instance(int validate);
    ~Instance();
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    const VulkanFunctions& vk() const { return vk_; }
    VkInstance handle() const { return instance_; }
    std::vector<VkPhysicalDevice> devices() const;
    /// Never destroy this instance: a device of it is in use for ever.
    void keep() { kept_ = true; }
    uint64_t validation_messages() const { return messages_; }
    bool validates() const { return messenger_ != VK_NULL_HANDLE; }

private:
    void create(int validate);
    void listen();

    VulkanFunctions vk_;
    VkInstance instance_ = VK_NULL_HANDLE;
    VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
    std::atomic<uint64_t> messages_{0};
    bool kept_ = false;
};

}  // namespace gpu
