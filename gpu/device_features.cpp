#include "gpu/device_features.h"

#include "gpu/base.h"
#include "gpu/device.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <span>

namespace gpu {

namespace {

// What LAPIDARY_DISABLE may name.
constexpr std::string_view kUnified = "unified";
constexpr std::string_view kMatrices = "coopmat";
constexpr std::string_view kSubgroups = "subgroups";
constexpr std::string_view kHalf = "fp16";  // arithmetic, and so matrices: f16 is what they take
constexpr std::string_view kCpu = "cpu";
constexpr std::string_view kTexels = "texels";
constexpr std::string_view kWords[] = {kUnified, kMatrices, kSubgroups, kHalf, kCpu, kTexels};

bool disables(std::string_view list, std::string_view word) {
    return std::ranges::count(base::list_words(list), word) > 0;
}

std::string hex(std::span<const uint8_t> bytes) {
    std::string out;
    for (const uint8_t byte : bytes) {
        out += fmt::format("{:02x}", byte);
    }
    return out;
}

DeviceType type_of(VkPhysicalDeviceType type) {
    switch (type) {
        case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
            return DeviceType::discrete;
        case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
            return DeviceType::integrated;
        case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
            return DeviceType::virtual_gpu;
        case VK_PHYSICAL_DEVICE_TYPE_CPU:
            return DeviceType::cpu;
        default:
            return DeviceType::other;
    }
}

std::vector<VkExtensionProperties> extensions_of(const VulkanFunctions& vk,
                                                 VkPhysicalDevice physical) {
    uint32_t n = 0;
    check_result(vk.EnumerateDeviceExtensionProperties(physical, nullptr, &n, nullptr),
                 "vkEnumerateDeviceExtensionProperties");
    std::vector<VkExtensionProperties> extensions(n);
    check_result(vk.EnumerateDeviceExtensionProperties(physical, nullptr, &n, extensions.data()),
                 "vkEnumerateDeviceExtensionProperties");
    return extensions;
}

/// Required features that are absent, by name, comma-separated. The whole list of what we demand.
std::string missing_features(const VulkanFunctions& vk, VkPhysicalDevice physical,
                             uint32_t api_version) {
    std::string missing;
    const auto require = [&](bool present, std::string_view name) {
        if (!present) {
            missing += fmt::format("{}{}", missing.empty() ? "" : ", ", name);
        }
    };
    require(api_version >= VK_API_VERSION_1_3,
            fmt::format("Vulkan 1.3 (has {}.{})", VK_API_VERSION_MAJOR(api_version),
                        VK_API_VERSION_MINOR(api_version)));
    if (!missing.empty()) {
        return missing;  // what follows cannot be asked of an older device
    }
    Features offered;
    vk.GetPhysicalDeviceFeatures2(physical, &offered.core);
    require(offered.v12.timelineSemaphore, "timelineSemaphore");
    require(offered.v13.synchronization2, "synchronization2");
    require(offered.v13.maintenance4, "maintenance4");
    require(has_extension(vk, physical, VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME),
            VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME);
    require(choose_queue_family(queue_families(vk, physical)) != UINT32_MAX, "a compute queue");
    return missing;
}

void describe_limits(DeviceInfo& info, const VkPhysicalDeviceLimits& limits) {
    info.max_range_bytes = limits.maxStorageBufferRange;
    info.max_workgroup_size = limits.maxComputeWorkGroupInvocations;
    info.max_groups_x = limits.maxComputeWorkGroupCount[0];
    info.max_groups_y = limits.maxComputeWorkGroupCount[1];
    info.max_groups_z = limits.maxComputeWorkGroupCount[2];
    info.max_shared_bytes = limits.maxComputeSharedMemorySize;
    info.max_push_bytes = limits.maxPushConstantsSize;
    info.texel_reads = info.type == DeviceType::cpu &&
                       uint64_t{limits.maxTexelBufferElements} * 16 >= info.max_range_bytes;
    info.timestamp_ns = limits.timestampPeriod;
}

/// Name, driver, limits and identity: everything in the chains of vkGetPhysicalDeviceProperties2.
void describe_properties(DeviceInfo& info, const VulkanFunctions& vk, VkPhysicalDevice physical) {
    VkPhysicalDevicePCIBusInfoPropertiesEXT pci{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT};
    VkPhysicalDeviceVulkan13Properties v13{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_PROPERTIES};
    VkPhysicalDeviceVulkan12Properties v12{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES, .pNext = &v13};
    VkPhysicalDeviceVulkan11Properties v11{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES, .pNext = &v12};
    VkPhysicalDeviceProperties2 core{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                     .pNext = &v11};
    const bool has_pci = has_extension(vk, physical, VK_EXT_PCI_BUS_INFO_EXTENSION_NAME);
    v13.pNext = has_pci ? &pci : nullptr;
    vk.GetPhysicalDeviceProperties2(physical, &core);

    describe_limits(info, core.properties.limits);
    info.uuid = hex(v11.deviceUUID);
    info.driver_name = v12.driverName;
    info.driver_version = v12.driverInfo;
    if (info.driver_version.empty()) {
        info.driver_version = fmt::format("{:#x}", core.properties.driverVersion);
    }
    info.max_buffer_bytes = std::min(v13.maxBufferSize, v11.maxMemoryAllocationSize);
    info.subgroup_size = v11.subgroupSize;
    constexpr VkSubgroupFeatureFlags kOperations =
        VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_VOTE_BIT |
        VK_SUBGROUP_FEATURE_ARITHMETIC_BIT | VK_SUBGROUP_FEATURE_SHUFFLE_BIT;
    info.subgroup_arithmetic = (v11.subgroupSupportedOperations & kOperations) == kOperations &&
                               (v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0;
    info.float_controls_rte32 = v12.shaderRoundingModeRTEFloat32 == VK_TRUE;
    if (has_pci) {
        info.pci = fmt::format("{:04x}:{:02x}:{:02x}.{:x}", pci.pciDomain, pci.pciBus,
                               pci.pciDevice, pci.pciFunction);
    }
}

/// MemAvailable of /proc/meminfo; without it, no limit is known.
uint64_t available_host_bytes() {
    std::ifstream in("/proc/meminfo");
    std::string name;
    uint64_t kib = 0;
    while (in >> name >> kib) {
        if (name == "MemAvailable:") {
            return kib * 1024;
        }
        in.ignore(256, '\n');
    }
    return UINT64_MAX;
}

/// Heap of the first memory type with these properties, as Device::memory_type() picks it.
uint32_t heap_with(std::span<const VkMemoryType> types, VkMemoryPropertyFlags wanted) {
    const auto it = std::ranges::find_if(
        types, [&](const VkMemoryType& t) { return (t.propertyFlags & wanted) == wanted; });
    return it == types.end() ? 0 : it->heapIndex;
}

void describe_memory(DeviceInfo& info, const VulkanFunctions& vk, VkPhysicalDevice physical) {
    VkPhysicalDeviceMemoryProperties2 memory{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
    vk.GetPhysicalDeviceMemoryProperties2(physical, &memory);
    const VkPhysicalDeviceMemoryProperties& properties = memory.memoryProperties;
    info.heaps = read_heaps(vk, physical, info.type);
    for (const Heap& heap : info.heaps) {
        info.local_heap_bytes += heap.local ? heap.size_bytes : 0;
        info.budget_bytes += heap.local ? heap.free_bytes : 0;
    }
    constexpr VkMemoryPropertyFlags kMappable = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT |
                                                VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                                VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    const std::span types(properties.memoryTypes, properties.memoryTypeCount);
    const bool mappable = std::any_of(types.begin(), types.end(), [&](const VkMemoryType& type) {
        return (type.propertyFlags & kMappable) == kMappable;
    });
    // A discrete GPU may show a window into its memory too; writing there crosses the bus.
    const bool one_memory = info.type == DeviceType::integrated || info.type == DeviceType::cpu;
    info.host_visible_local = mappable && one_memory;
    info.device_heap =
        heap_with(types, info.host_visible_local
                             ? kMappable
                             : VkMemoryPropertyFlags{VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT});
    info.host_heap = heap_with(
        types, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
}

/// Steps of matrix units that our kernels can use: whole sub-blocks of 32 columns are multiplied,
/// and a tile of sums is handed over through shared memory.
std::vector<MatrixShape> matrix_shapes(const VulkanFunctions& vk, VkPhysicalDevice physical) {
    uint32_t n = 0;
    check_result(vk.GetPhysicalDeviceCooperativeMatrixPropertiesKHR(physical, &n, nullptr),
                 "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    std::vector<VkCooperativeMatrixPropertiesKHR> all(
        n, {.sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR});
    check_result(vk.GetPhysicalDeviceCooperativeMatrixPropertiesKHR(physical, &n, all.data()),
                 "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    all.resize(n);
    std::vector<MatrixShape> shapes;
    for (const VkCooperativeMatrixPropertiesKHR& p : all) {
        const bool half_to_float = p.AType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
                                   p.BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
                                   p.CType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
                                   p.ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR;
        const bool fits =
            32 % p.MSize == 0 && 32 % p.NSize == 0 && 32 % p.KSize == 0 && p.KSize % 8 == 0;
        if (half_to_float && fits && p.scope == VK_SCOPE_SUBGROUP_KHR &&
            !p.saturatingAccumulation) {
            shapes.push_back({p.MSize, p.NSize, p.KSize});
        }
    }
    std::ranges::stable_sort(shapes, std::greater(),
                             [](const MatrixShape& shape) { return shape.m * shape.n * shape.k; });
    return shapes;
}

void describe_matrices(DeviceInfo& info, const VulkanFunctions& vk, VkPhysicalDevice physical) {
    if (!has_extension(vk, physical, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME) ||
        !vk.GetPhysicalDeviceCooperativeMatrixPropertiesKHR) {
        return;
    }
    Features offered;
    offered.chain_matrix();
    vk.GetPhysicalDeviceFeatures2(physical, &offered.core);
    VkPhysicalDeviceCooperativeMatrixPropertiesKHR matrix{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
    VkPhysicalDeviceVulkan13Properties v13{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_PROPERTIES, .pNext = &matrix};
    VkPhysicalDeviceProperties2 core{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                     .pNext = &v13};
    vk.GetPhysicalDeviceProperties2(physical, &core);
    const VkShaderStageFlags stages =
        matrix.cooperativeMatrixSupportedStages & v13.requiredSubgroupSizeStages;
    if (!offered.matrix.cooperativeMatrix || !offered.v12.shaderFloat16 ||
        !offered.v12.vulkanMemoryModel || !offered.v13.subgroupSizeControl ||
        !offered.v13.computeFullSubgroups || (stages & VK_SHADER_STAGE_COMPUTE_BIT) == 0) {
        return;
    }
    info.matrix_shapes = matrix_shapes(vk, physical);
    // Intel's matrix units work with the narrowest subgroups (8 or 16), not with the reported 32.
    constexpr uint32_t kIntel = 0x8086;
    info.matrix_subgroup_size = info.vendor_id == kIntel ? v13.minSubgroupSize : info.subgroup_size;
}

}  // namespace

std::vector<Heap> read_heaps(const VulkanFunctions& vk, VkPhysicalDevice physical,
                             DeviceType type) {
    const bool has_budget = has_extension(vk, physical, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
        .pNext = has_budget ? &budget : nullptr};
    vk.GetPhysicalDeviceMemoryProperties2(physical, &memory);
    // A driver on the CPU calls all memory its own, taken or not.
    const bool is_host = type == DeviceType::cpu || type == DeviceType::integrated;
    const uint64_t available = is_host ? available_host_bytes() : UINT64_MAX;
    std::vector<Heap> heaps;
    for (uint32_t i = 0; i < memory.memoryProperties.memoryHeapCount; ++i) {
        const VkMemoryHeap& heap = memory.memoryProperties.memoryHeaps[i];
        const uint64_t most = has_budget ? budget.heapBudget[i] : heap.size;
        const uint64_t used = has_budget ? std::min(budget.heapUsage[i], most) : 0;
        heaps.push_back({.size_bytes = heap.size,
                         .free_bytes = std::min(most - used, available),
                         .local = (heap.flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) != 0});
    }
    return heaps;
}

void check_disable(std::string_view disable) {
    for (const std::string_view word : base::list_words(disable)) {
        if (std::ranges::count(kWords, word) == 0) {
            throw base::Error(
                base::ErrorKind::usage,
                fmt::format("LAPIDARY_DISABLE names '{}', which is no feature that can be disabled",
                            base::escaped(word)),
                fmt::format("There are: {}.", fmt::join(kWords, ", ")));
        }
    }
}

bool has_extension(const VulkanFunctions& vk, VkPhysicalDevice physical, std::string_view name) {
    const std::vector<VkExtensionProperties> extensions = extensions_of(vk, physical);
    return std::any_of(extensions.begin(), extensions.end(),
                       [&](const VkExtensionProperties& e) { return name == e.extensionName; });
}

/// Drivers that choose the size of subgroups by kernel (Intel, AMD) can be told the size that ours
/// are written out for. Where they cannot, no kernel of ours may count on it.
void describe_subgroup_control(DeviceInfo& info, const VulkanFunctions& vk,
                               VkPhysicalDevice physical) {
    Features offered;
    vk.GetPhysicalDeviceFeatures2(physical, &offered.core);
    VkPhysicalDeviceVulkan13Properties v13{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_PROPERTIES};
    VkPhysicalDeviceProperties2 core{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                     .pNext = &v13};
    vk.GetPhysicalDeviceProperties2(physical, &core);
    info.subgroup_size_control =
        offered.v13.subgroupSizeControl && offered.v13.computeFullSubgroups &&
        (v13.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0 &&
        v13.minSubgroupSize <= info.subgroup_size && info.subgroup_size <= v13.maxSubgroupSize;
    if (!info.subgroup_size_control && v13.minSubgroupSize != v13.maxSubgroupSize) {
        info.subgroup_arithmetic = false;
    }
}

void require_features(Features& wanted, const DeviceInfo& info) {
    wanted.v12.timelineSemaphore = VK_TRUE;
    wanted.v13.synchronization2 = VK_TRUE;
    wanted.v13.maintenance4 = VK_TRUE;  // LocalSizeId, which new GLSL compilers write
    if (!info.matrix_shapes.empty()) {
        wanted.chain_matrix();
        wanted.matrix.cooperativeMatrix = VK_TRUE;
        wanted.v12.shaderFloat16 = VK_TRUE;
        wanted.v12.vulkanMemoryModel = VK_TRUE;
    }
    if (info.subgroup_size_control || !info.matrix_shapes.empty()) {
        wanted.v13.subgroupSizeControl = VK_TRUE;
        wanted.v13.computeFullSubgroups = VK_TRUE;
    }
}

uint32_t choose_queue_family(const std::vector<VkQueueFamilyProperties>& families) {
    uint32_t any = UINT32_MAX;
    for (uint32_t i = 0; i < families.size(); ++i) {
        const VkQueueFlags flags = families[i].queueFlags;
        if ((flags & VK_QUEUE_COMPUTE_BIT) == 0 || families[i].queueCount == 0) {
            continue;
        }
        if ((flags & VK_QUEUE_GRAPHICS_BIT) == 0) {
            return i;
        }
        any = std::min(any, i);
    }
    return any;
}

uint32_t range_alignment(const VkPhysicalDeviceLimits& limits, bool texel_reads) {
    const uint64_t texels = texel_reads ? limits.minTexelBufferOffsetAlignment : 1;
    return static_cast<uint32_t>(std::max(limits.minStorageBufferOffsetAlignment, texels));
}

std::vector<VkQueueFamilyProperties> queue_families(const VulkanFunctions& vk,
                                                    VkPhysicalDevice physical) {
    uint32_t n = 0;
    vk.GetPhysicalDeviceQueueFamilyProperties(physical, &n, nullptr);
    std::vector<VkQueueFamilyProperties> families(n);
    vk.GetPhysicalDeviceQueueFamilyProperties(physical, &n, families.data());
    return families;
}

DeviceInfo describe_device(const VulkanFunctions& vk, VkPhysicalDevice physical,
                           std::string_view disable) {
    VkPhysicalDeviceProperties basics{};
    vk.GetPhysicalDeviceProperties(physical, &basics);

    DeviceInfo info;
    info.name = basics.deviceName;
    info.type = type_of(basics.deviceType);
    info.api_version = basics.apiVersion;
    info.vendor_id = basics.vendorID;
    info.device_id = basics.deviceID;
    info.pipeline_cache_uuid = hex(basics.pipelineCacheUUID);
    info.missing = missing_features(vk, physical, basics.apiVersion);
    describe_memory(info, vk, physical);
    if (basics.apiVersion >= VK_API_VERSION_1_3) {
        describe_properties(info, vk, physical);
        describe_subgroup_control(info, vk, physical);
        if (!disables(disable, kMatrices) && !disables(disable, kHalf)) {
            describe_matrices(info, vk, physical);
        }
    } else {
        describe_limits(info, basics.limits);
    }

    const std::vector<VkQueueFamilyProperties> families = queue_families(vk, physical);
    const uint32_t family = choose_queue_family(families);
    info.timestamp_bits = family == UINT32_MAX ? 0 : families[family].timestampValidBits;
    if (info.timestamp_bits == 0) {
        info.timestamp_ns = 0;
    }
    if (disables(disable, kUnified)) {
        info.host_visible_local = false;
    }
    if (disables(disable, kSubgroups)) {
        info.subgroup_arithmetic = false;
    }
    if (disables(disable, kTexels) || disables(disable, kCpu)) {
        info.texel_reads = false;
    }
    info.range_alignment = range_alignment(basics.limits, info.texel_reads);
    if (disables(disable, kCpu) && info.type == DeviceType::cpu) {
        info.type = DeviceType::integrated;
    }
    return info;
}

}  // namespace gpu
