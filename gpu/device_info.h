// DeviceInfo: what a device is and offers, as plain data: made-up ones can be tested.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gpu {

/// One step of a matrix unit: [m, k] times [k, n].
struct MatrixShape {
    uint32_t m = 0, n = 0, k = 0;
    bool operator==(const MatrixShape&) const = default;
};

enum class DeviceType : uint8_t { discrete, integrated, virtual_gpu, cpu, other };

constexpr std::string_view type_name(DeviceType type) {
    switch (type) {
        case DeviceType::discrete:
            return "discrete";
        case DeviceType::integrated:
            return "integrated";
        case DeviceType::virtual_gpu:
            return "virtual";
        case DeviceType::cpu:
            return "cpu";
        case DeviceType::other:
            break;
    }
    return "other";
}

/// One pool of memory. free_bytes: what can still be had of it now (VK_EXT_memory_budget, else its
/// size; never more than the machine has free where it is the machine's own memory).
struct Heap {
    uint64_t size_bytes = 0, free_bytes = 0;
    bool local = false;  // the device's own
};

/// What one Vulkan physical device says of itself; the limits that matter to us.
struct DeviceInfo {
    std::string name;            // "NVIDIA H100", "llvmpipe (LLVM 15.0.6, 256 bits)"
    std::string uuid;            // 32 hex digits, VkPhysicalDeviceIDProperties::deviceUUID
    std::string driver_name;     // "RADV", "llvmpipe"
    std::string driver_version;  // as the driver writes it
    std::string pci;             // "0000:01:00.0" or empty
    DeviceType type = DeviceType::other;
    uint32_t api_version = 0;  // VK_MAKE_API_VERSION
    uint32_t vendor_id = 0;
    uint32_t device_id = 0;
    uint64_t local_heap_bytes = 0;  // sum of device-local heaps
    uint64_t budget_bytes = 0;  // VK_EXT_memory_budget of those heaps now, else local_heap_bytes
    std::vector<Heap> heaps;
    uint32_t device_heap = 0;         // where Memory::device lies
    uint32_t host_heap = 0;           // where Memory::upload and readback lie; may be the same
    uint64_t max_range_bytes = 0;     // maxStorageBufferRange
    uint64_t max_buffer_bytes = 0;    // maxBufferSize, at most maxMemoryAllocationSize
    uint32_t max_workgroup_size = 0;  // maxComputeWorkGroupInvocations
    uint32_t max_groups_x = 0, max_groups_y = 0, max_groups_z = 0;
    uint32_t max_shared_bytes = 0;
    uint32_t max_push_bytes = 0;
    uint32_t range_alignment = 0;  // of storage buffers; with texel_reads of texels, too
    uint32_t subgroup_size = 0;
    /// Kernels may ask for subgroups of that size, all of them full.
    bool subgroup_size_control = false;
    /// Units of 16 bytes are read quicker as texels than from storage buffers (shaders/quads.glsl).
    bool texel_reads = false;
    bool subgroup_arithmetic = false;  // arithmetic, shuffles and votes in compute shaders
    /// What cooperative matrices of a subgroup take: f16 times f16, sums in f32. Empty: none, or
    /// our way to use them is absent. Largest first.
    std::vector<MatrixShape> matrix_shapes;
    uint32_t matrix_subgroup_size = 0;  // that kernels with such matrices are compiled for
    float timestamp_ns = 0;             // nanoseconds per timestamp tick, 0 = no timestamps
    uint32_t timestamp_bits = 0;        // valid low bits of a timestamp
    bool float_controls_rte32 = false;  // shaderRoundingModeRTEFloat32
    bool host_visible_local = false;    // one memory: integrated GPUs and CPUs
    std::string pipeline_cache_uuid;    // 32 hex digits
    std::string missing;  // required features that are absent, by name; empty = usable
};

}  // namespace gpu
