// The Vulkan functions of the window's own device, found at run time: the program starts without
// libvulkan, and the window says so.
#pragma once

#include <string>

#include <vulkan/vulkan.h>

namespace app::ui {

// Its lists walk to the right, one step a line.
// clang-format off
#define LAPIDARY_UI_INSTANCE_FUNCTIONS(X)                                                  \
    X(vkDestroyInstance)                                                                   \
    X(vkEnumeratePhysicalDevices) X(vkGetPhysicalDeviceProperties)                         \
        X(vkGetPhysicalDeviceQueueFamilyProperties) X(vkGetPhysicalDeviceMemoryProperties) \
            X(vkCreateDevice) X(vkGetDeviceProcAddr)
#define LAPIDARY_UI_SURFACE_FUNCTIONS(X)                                                 \
    X(vkDestroySurfaceKHR)                                                               \
    X(vkGetPhysicalDeviceSurfaceSupportKHR) X(vkGetPhysicalDeviceSurfaceCapabilitiesKHR) \
        X(vkGetPhysicalDeviceSurfaceFormatsKHR)
#define LAPIDARY_UI_DEVICE_FUNCTIONS(X)                                                            \
    X(vkDestroyDevice)                                                                             \
    X(vkGetDeviceQueue) X(vkDeviceWaitIdle) X(vkCreateCommandPool) X(vkDestroyCommandPool)         \
        X(vkAllocateCommandBuffers) X(vkBeginCommandBuffer) X(vkEndCommandBuffer)                  \
            X(vkResetCommandBuffer) X(vkCmdPipelineBarrier) X(vkCmdBeginRendering)                 \
                X(vkCmdEndRendering) X(vkCmdCopyImageToBuffer) X(vkQueueSubmit) X(vkQueueWaitIdle) \
                    X(vkCreateFence) X(vkDestroyFence) X(vkWaitForFences) X(vkResetFences)         \
                        X(vkCreateSemaphore) X(vkDestroySemaphore) X(vkCreateImage)                \
                            X(vkDestroyImage) X(vkGetImageMemoryRequirements) X(vkBindImageMemory) \
                                X(vkCreateImageView) X(vkDestroyImageView) X(vkAllocateMemory)     \
                                    X(vkFreeMemory) X(vkCreateBuffer) X(vkDestroyBuffer)           \
                                        X(vkGetBufferMemoryRequirements) X(vkBindBufferMemory)     \
                                            X(vkMapMemory) X(vkUnmapMemory)
#define LAPIDARY_UI_SWAPCHAIN_FUNCTIONS(X)                                       \
    X(vkCreateSwapchainKHR)                                                      \
    X(vkDestroySwapchainKHR) X(vkGetSwapchainImagesKHR) X(vkAcquireNextImageKHR) \
        X(vkQueuePresentKHR)
// clang-format on

struct VulkanApi {
    PFN_vkGetInstanceProcAddr vkGetInstanceProcAddr = nullptr;
    PFN_vkCreateInstance vkCreateInstance = nullptr;
#define X(name) PFN_##name name = nullptr;
    LAPIDARY_UI_INSTANCE_FUNCTIONS(X)
    LAPIDARY_UI_SURFACE_FUNCTIONS(X)
    LAPIDARY_UI_DEVICE_FUNCTIONS(X)
    LAPIDARY_UI_SWAPCHAIN_FUNCTIONS(X)
#undef X

    /// Open the loader; throws WindowError.
    void open();
    void load_instance(VkInstance instance);
    void load_device(VkDevice device);
};

}  // namespace app::ui
