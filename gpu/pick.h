// Which device to use. Pure: works on plain descriptions, so made-up GPUs can be tested.
#pragma once

#include <cstdint>
#include <optional>
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
    uint64_t budget_bytes = 0;     // VK_EXT_memory_budget of those heaps now, else local_heap_bytes
    std::vector<Heap> heaps;
    uint32_t device_heap = 0;      // where Memory::device lies
    uint32_t host_heap = 0;        // where Memory::upload and readback lie; may be the same
    uint64_t max_range_bytes = 0;  // maxStorageBufferRange
    uint64_t max_buffer_bytes = 0;    // maxBufferSize, at most maxMemoryAllocationSize
    uint32_t max_workgroup_size = 0;  // maxComputeWorkGroupInvocations
    uint32_t max_groups_x = 0, max_groups_y = 0, max_groups_z = 0;
    uint32_t max_shared_bytes = 0;
    uint32_t max_push_bytes = 0;
    uint32_t range_alignment = 0;  // of storage and texel buffers
    uint32_t subgroup_size = 0;
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

/// Result of a choice: the index, and in words why this one.
struct Pick {
    size_t index = 0;
    std::string why;
};

/// Choose a device. `selector` is empty (the best), a UUID, a part of a name (case-insensitive),
/// an index ("1"), or "cpu" / "none" (a CPU device). One card seen through two drivers (same PCI
/// address or UUID) counts once, the first listed wins.
/// Best: discrete, then integrated, then virtual; a CPU device only when nothing better is usable
/// or when asked for. Ties: more local memory, then the loader's order.
/// Throws base::Error(no_device) that lists what is there when nothing fits.
Pick pick_device(const std::vector<DeviceInfo>& devices, std::string_view selector);

}  // namespace gpu
