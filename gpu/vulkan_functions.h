// VulkanFunctions: every Vulkan entry point we call, by the name of the specification without `vk`.
// The loader is opened at run time, so a machine without Vulkan can still start the program.
#pragma once

#include <vulkan/vulkan_core.h>

#include "gpu/cooperative_matrix.h"

namespace gpu {

#define LAPIDARY_VK_GLOBAL(X)               \
    X(CreateInstance)                       \
    X(EnumerateInstanceExtensionProperties) \
    X(EnumerateInstanceLayerProperties)

#define LAPIDARY_VK_INSTANCE(X)           \
    X(CreateDevice)                       \
    X(DestroyInstance)                    \
    X(EnumerateDeviceExtensionProperties) \
    X(EnumeratePhysicalDevices)           \
    X(GetDeviceProcAddr)                  \
    X(GetPhysicalDeviceFeatures2)         \
    X(GetPhysicalDeviceMemoryProperties2) \
    X(GetPhysicalDeviceProperties)        \
    X(GetPhysicalDeviceProperties2)       \
    X(GetPhysicalDeviceQueueFamilyProperties)

// Present only with VK_EXT_debug_utils.
#define LAPIDARY_VK_DEBUG(X)        \
    X(CreateDebugUtilsMessengerEXT) \
    X(DestroyDebugUtilsMessengerEXT)

// Present only with VK_KHR_cooperative_matrix, and not under a validation layer that predates it.
#define LAPIDARY_VK_MATRIX(X) X(GetPhysicalDeviceCooperativeMatrixPropertiesKHR)

#define LAPIDARY_VK_DEVICE(X)      \
    X(AllocateCommandBuffers)      \
    X(AllocateMemory)              \
    X(BeginCommandBuffer)          \
    X(BindBufferMemory)            \
    X(CmdBindPipeline)             \
    X(CmdCopyBuffer)               \
    X(CmdDispatch)                 \
    X(CmdFillBuffer)               \
    X(CmdPipelineBarrier2)         \
    X(CmdPushConstants)            \
    X(CmdPushDescriptorSetKHR)     \
    X(CmdResetQueryPool)           \
    X(CmdWriteTimestamp2)          \
    X(CreateBuffer)                \
    X(CreateBufferView)            \
    X(CreateCommandPool)           \
    X(CreateComputePipelines)      \
    X(CreateDescriptorSetLayout)   \
    X(CreateFence)                 \
    X(CreatePipelineCache)         \
    X(CreatePipelineLayout)        \
    X(CreateQueryPool)             \
    X(CreateSemaphore)             \
    X(CreateShaderModule)          \
    X(DestroyBuffer)               \
    X(DestroyBufferView)           \
    X(DestroyCommandPool)          \
    X(DestroyDescriptorSetLayout)  \
    X(DestroyDevice)               \
    X(DestroyFence)                \
    X(DestroyPipeline)             \
    X(DestroyPipelineCache)        \
    X(DestroyPipelineLayout)       \
    X(DestroyQueryPool)            \
    X(DestroySemaphore)            \
    X(DestroyShaderModule)         \
    X(EndCommandBuffer)            \
    X(FreeCommandBuffers)          \
    X(FreeMemory)                  \
    X(GetBufferMemoryRequirements) \
    X(GetDeviceQueue)              \
    X(GetPipelineCacheData)        \
    X(GetQueryPoolResults)         \
    X(MapMemory)                   \
    X(QueueSubmit2)                \
    X(ResetCommandPool)            \
    X(ResetFences)                 \
    X(WaitForFences)               \
    X(WaitSemaphores)

// NOLINTBEGIN(readability-identifier-naming): the names are those of the specification
struct VulkanFunctions {
    PFN_vkGetInstanceProcAddr GetInstanceProcAddr = nullptr;
#define LAPIDARY_VK_MEMBER(name) PFN_vk##name name = nullptr;
    LAPIDARY_VK_GLOBAL(LAPIDARY_VK_MEMBER)
    LAPIDARY_VK_INSTANCE(LAPIDARY_VK_MEMBER)
    LAPIDARY_VK_DEBUG(LAPIDARY_VK_MEMBER)
    LAPIDARY_VK_MATRIX(LAPIDARY_VK_MEMBER)
    LAPIDARY_VK_DEVICE(LAPIDARY_VK_MEMBER)
#undef LAPIDARY_VK_MEMBER

    /// Open libvulkan.so.1 and load the global functions.
    /// Throws base::Error(no_device) when there is no loader.
    void load_global();
    void load_instance(VkInstance instance);
    void load_device(VkDevice device);

    /// Make every function that destroys something of a device do nothing.
    void forget_destroyers();
};
// NOLINTEND(readability-identifier-naming)

}  // namespace gpu
