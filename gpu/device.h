// Device: the Vulkan instance, the chosen physical device, one logical device with one compute
// queue. The loader (libvulkan.so.1) is opened at run time, so the program starts without it.
#pragma once

#include "gpu/base.h"
#include "gpu/device_info.h"
#include "gpu/patience.h"

#include <vulkan/vulkan_core.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gpu {

struct VulkanFunctions;  // gpu/vulkan_functions.h: every entry point we call

struct DeviceOptions {
    std::string selector;  // see pick_device; empty: LAPIDARY_GPU, then the best
    int validate = -1;     // 0 off, 1 layers, 2 also synchronisation; -1: LAPIDARY_VALIDATE, then 0
    std::string disable;   // see check_disable; empty: LAPIDARY_DISABLE
    /// Tests replace entry points here, to see faults that no driver shows on request.
    void (*patch)(VulkanFunctions&) = nullptr;
};

/// All physical devices with what we need to know of them, in the loader's order.
/// Throws base::Error(no_device) with cause and cure when there is no loader, driver or device.
std::vector<DeviceInfo> list_devices();

/// Turns any VkResult but VK_SUCCESS into an Error that names the call: device lost ->
/// ErrorKind::device_lost, out of memory -> out_of_memory, anything else -> runtime.
/// The one place where a VkResult is judged.
void check_result(VkResult result, const char* call, const std::string& detail = {});

class Transfer;

/// Owns instance, device and queue. Never moved; everything else in gpu/ keeps a pointer to it.
/// One thread at a time may use a device and what belongs to it.
class Device {
public:
    explicit Device(const DeviceOptions& options = {});
    ~Device();
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    const DeviceInfo& info() const;
    const std::string& why_chosen() const;
    const VulkanFunctions& vk() const;
    VkDevice handle() const;
    VkQueue queue() const;
    uint32_t queue_family() const;

    /// Index of a memory type with all of `wanted`, preferring one that also has `preferred`.
    uint32_t memory_type(uint32_t type_bits, VkMemoryPropertyFlags wanted,
                         VkMemoryPropertyFlags preferred) const;

    /// Bytes that can still be had from the heap of a memory type (VK_EXT_memory_budget, else the
    /// heap's size less what we hold).
    uint64_t free_bytes(uint32_t memory_type) const;

    /// The heaps as they are now (info() has them as they were at the start).
    std::vector<Heap> heaps() const;

    /// Bytes of device memory allocated through us now.
    uint64_t allocated_bytes() const;
    void count_allocation(int64_t bytes);

    /// check_result() that also remembers a lost device. For every call with the VkDevice.
    void check(VkResult result, const char* call, const std::string& detail = {});
    /// True once any call returned VK_ERROR_DEVICE_LOST; sticky.
    bool lost() const;
    void mark_lost();
    /// Lost without the driver saying so: work may run for ever, and destroying what it uses would
    /// be undefined. From here on nothing of this device is destroyed; its memory is given up.
    void mark_hung();
    bool hung() const;
    /// After which a wait without progress gives the device up for lost.
    Patience patience() const;

    /// The staging ring behind upload() and download(); made on first use.
    Transfer& transfer();

    /// Messages of the validation layers seen so far (errors and warnings); 0 when they are off.
    /// With validate >= 1 an error aborts the program.
    uint64_t validation_messages() const;
    bool validates() const;  // the validation layers are on

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace gpu
