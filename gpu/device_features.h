// What a physical device offers, asked once: its description, and the features we switch on.
#pragma once

#include "gpu/device_info.h"
#include "gpu/vulkan_functions.h"

#include <string_view>
#include <vector>

namespace gpu {

/// The feature structures of Vulkan 1.3 in one chain. Points into itself, so it is never copied.
struct Features {
    VkPhysicalDeviceFeatures2 core{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
    VkPhysicalDeviceVulkan11Features v11{.sType =
                                             VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES};
    VkPhysicalDeviceVulkan12Features v12{.sType =
                                             VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    VkPhysicalDeviceVulkan13Features v13{.sType =
                                             VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES};

    Features() {
        core.pNext = &v11;
        v11.pNext = &v12;
        v12.pNext = &v13;
    }
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR};

    /// Only for a device that has VK_KHR_cooperative_matrix.
    void chain_matrix() { v13.pNext = &matrix; }

    ~Features() = default;
    Features(const Features&) = delete;
    Features& operator=(const Features&) = delete;
};

/// Throws base::Error(usage) when the comma-separated list `disable` (LAPIDARY_DISABLE) holds a
/// word that is none of what can be disabled: "unified", host-visible memory of the device's own;
/// "coopmat", cooperative matrices; "subgroups", their arithmetic; "fp16", half-precision
/// arithmetic (shaderFloat16 stays off) and so cooperative matrices, which nothing else uses it
/// for; "texels", reads through texel buffers; "cpu", that a device is one: every choice is made as
/// for an integrated GPU.
void check_disable(std::string_view disable);

/// Whether the device lists this extension.
bool has_extension(const VulkanFunctions& vk, VkPhysicalDevice physical, std::string_view name);

/// Switch on in `wanted` what we need, and what cooperative matrices need where `info` has them;
/// describe_device() has made sure that it is offered. Nothing else is switched on: no kernel uses
/// more.
void require_features(Features& wanted, const DeviceInfo& info);

/// Index of the queue family we compute on: one without graphics if there is one (the desktop keeps
/// its own), else any with compute; UINT32_MAX: none.
uint32_t choose_queue_family(const std::vector<VkQueueFamilyProperties>& families);
std::vector<VkQueueFamilyProperties> queue_families(const VulkanFunctions& vk,
                                                    VkPhysicalDevice physical);

/// Where a range may begin that is bound as a storage buffer and, with texel_reads, as texels too.
uint32_t range_alignment(const VkPhysicalDeviceLimits& limits, bool texel_reads);

/// The heaps as they are now.
std::vector<Heap> read_heaps(const VulkanFunctions& vk, VkPhysicalDevice physical, DeviceType type);

/// Everything of DeviceInfo. `disable` may hide features.
DeviceInfo describe_device(const VulkanFunctions& vk, VkPhysicalDevice physical,
                           std::string_view disable);

}  // namespace gpu
