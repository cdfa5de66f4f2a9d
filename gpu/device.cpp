#include "gpu/device.h"

#include "gpu/device_features.h"
#include "gpu/instance.h"
#include "gpu/pick.h"
#include "gpu/transfer.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

namespace gpu {

namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

std::string or_environment(const std::string& option, const char* name) {
    return option.empty() ? environment(name) : option;
}

int validate_level(int option) {
    const std::string level = environment("LAPIDARY_VALIDATE");
    if (option >= 0 || level.empty()) {
        return std::max(option, 0);
    }
    if (level.size() != 1 || level[0] < '0' || level[0] > '2') {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("LAPIDARY_VALIDATE is '{}'", base::escaped(level)),
                          "It takes 0 (off), 1 (validation layers) or 2 (also synchronisation).");
    }
    return level[0] - '0';
}

const char* result_name(VkResult result) {
    switch (result) {
        case VK_NOT_READY:
            return "VK_NOT_READY";
        case VK_TIMEOUT:
            return "VK_TIMEOUT";
        case VK_INCOMPLETE:
            return "VK_INCOMPLETE";
        case VK_ERROR_OUT_OF_HOST_MEMORY:
            return "VK_ERROR_OUT_OF_HOST_MEMORY";
        case VK_ERROR_OUT_OF_DEVICE_MEMORY:
            return "VK_ERROR_OUT_OF_DEVICE_MEMORY";
        case VK_ERROR_INITIALIZATION_FAILED:
            return "VK_ERROR_INITIALIZATION_FAILED";
        case VK_ERROR_DEVICE_LOST:
            return "VK_ERROR_DEVICE_LOST";
        case VK_ERROR_MEMORY_MAP_FAILED:
            return "VK_ERROR_MEMORY_MAP_FAILED";
        case VK_ERROR_LAYER_NOT_PRESENT:
            return "VK_ERROR_LAYER_NOT_PRESENT";
        case VK_ERROR_EXTENSION_NOT_PRESENT:
            return "VK_ERROR_EXTENSION_NOT_PRESENT";
        case VK_ERROR_FEATURE_NOT_PRESENT:
            return "VK_ERROR_FEATURE_NOT_PRESENT";
        case VK_ERROR_INCOMPATIBLE_DRIVER:
            return "VK_ERROR_INCOMPATIBLE_DRIVER";
        case VK_ERROR_TOO_MANY_OBJECTS:
            return "VK_ERROR_TOO_MANY_OBJECTS";
        case VK_ERROR_INVALID_SHADER_NV:
            return "VK_ERROR_INVALID_SHADER_NV";
        default:
            return nullptr;
    }
}

std::vector<DeviceInfo> describe_all(const Instance& instance, const std::string& disable) {
    std::vector<DeviceInfo> infos;
    for (const VkPhysicalDevice physical : instance.devices()) {
        infos.push_back(describe_device(instance.vk(), physical, disable));
    }
    return infos;
}

}  // namespace

std::vector<DeviceInfo> list_devices() {
    const std::string disable = environment("LAPIDARY_DISABLE");
    check_disable(disable);
    const Instance instance(0);
    return describe_all(instance, disable);
}

void check_result(VkResult result, const char* call, const std::string& detail) {
    if (result == VK_SUCCESS) {
        return;
    }
    using base::ErrorKind;
    const char* const name = result_name(result);
    const std::string message = fmt::format("{} failed with {}{}{}", call,
                                            name ? name : fmt::format("VkResult {}", int{result}),
                                            detail.empty() ? "" : ": ", detail);
    switch (result) {
        case VK_ERROR_DEVICE_LOST:
            throw base::Error(ErrorKind::device_lost, message,
                              "The GPU was reset or removed; load the model again.");
        case VK_ERROR_OUT_OF_HOST_MEMORY:
        case VK_ERROR_OUT_OF_DEVICE_MEMORY:
            throw base::Error(ErrorKind::out_of_memory, message,
                              "Close other programs, or choose a smaller model or context.");
        default:
            throw base::Error(ErrorKind::runtime, message);
    }
}

struct Device::Impl {
    explicit Impl(const DeviceOptions& options)
        : disable(or_environment(options.disable, "LAPIDARY_DISABLE")),
          instance(validate_level(options.validate)),
          vk(instance.vk()) {
        check_disable(disable);
    }
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void choose(const std::string& selector);
    void create();

    std::string disable;
    Instance instance;
    VulkanFunctions vk;
    DeviceInfo info;
    std::string why;
    bool has_budget = false;
    VkPhysicalDevice physical = VK_NULL_HANDLE;
    VkPhysicalDeviceMemoryProperties memory{};
    uint32_t family = 0;
    VkDevice device = VK_NULL_HANDLE;
    VkQueue queue = VK_NULL_HANDLE;
    std::unique_ptr<Transfer> transfer;
    std::atomic<bool> lost{false}, hung{false};
    std::atomic<int64_t> allocated{0};
};

Device::Impl::~Impl() {
    transfer.reset();
    if (device) {
        vk.DestroyDevice(device, nullptr);
    }
}

void Device::Impl::choose(const std::string& selector) {
    const std::vector<DeviceInfo> infos = describe_all(instance, disable);
    const Pick pick = pick_device(infos, selector);
    info = infos[pick.index];
    why = pick.why;
    physical = instance.devices()[pick.index];

    VkPhysicalDeviceMemoryProperties2 properties{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
    vk.GetPhysicalDeviceMemoryProperties2(physical, &properties);
    memory = properties.memoryProperties;
    family = choose_queue_family(queue_families(vk, physical));
    has_budget = has_extension(vk, physical, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    base::log(base::LogArea::gpu, "device {} ({} {}): {}", info.name, info.driver_name,
              info.driver_version, why);
}

void Device::Impl::create() {
    Features wanted;
    require_features(wanted, info);

    const float priority = 1.0f;
    const VkDeviceQueueCreateInfo queue_info{
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = family,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    std::vector<const char*> extensions{VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME};
    if (has_budget) {
        extensions.push_back(VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    }
    if (!info.matrix_shapes.empty()) {
        extensions.push_back(VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME);
    }
    const VkDeviceCreateInfo device_info{
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = &wanted.core,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue_info,
        .enabledExtensionCount = static_cast<uint32_t>(extensions.size()),
        .ppEnabledExtensionNames = extensions.data(),
    };
    check_result(vk.CreateDevice(physical, &device_info, nullptr, &device), "vkCreateDevice",
                 info.name);
    vk.load_device(device);
    vk.GetDeviceQueue(device, family, 0, &queue);
}

Device::Device(const DeviceOptions& options) : impl_(std::make_unique<Impl>(options)) {
    impl_->choose(or_environment(options.selector, "LAPIDARY_GPU"));
    impl_->create();
    if (options.patch) {
        options.patch(impl_->vk);
    }
}

Device::~Device() = default;

const DeviceInfo& Device::info() const {
    return impl_->info;
}
const std::string& Device::why_chosen() const {
    return impl_->why;
}
const VulkanFunctions& Device::vk() const {
    return impl_->vk;
}
VkDevice Device::handle() const {
    return impl_->device;
}
VkQueue Device::queue() const {
    return impl_->queue;
}
uint32_t Device::queue_family() const {
    return impl_->family;
}

uint32_t Device::memory_type(uint32_t type_bits, VkMemoryPropertyFlags wanted,
                             VkMemoryPropertyFlags preferred) const {
    const VkPhysicalDeviceMemoryProperties& memory = impl_->memory;
    for (const VkMemoryPropertyFlags flags : {wanted | preferred, wanted}) {
        for (uint32_t i = 0; i < memory.memoryTypeCount; ++i) {
            const bool allowed = (type_bits >> i & 1u) != 0;
            if (allowed && (memory.memoryTypes[i].propertyFlags & flags) == flags) {
                return i;
            }
        }
    }
    throw base::Error(
        base::ErrorKind::runtime,
        fmt::format("{} has no memory type with the properties {:#x}", impl_->info.name, wanted));
}

uint64_t Device::free_bytes(uint32_t memory_type) const {
    const uint32_t heap = impl_->memory.memoryTypes[memory_type].heapIndex;
    if (!impl_->has_budget) {
        const uint64_t size = impl_->memory.memoryHeaps[heap].size;
        return size - std::min(size, allocated_bytes());
    }
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 properties{
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2, .pNext = &budget};
    impl_->vk.GetPhysicalDeviceMemoryProperties2(impl_->physical, &properties);
    return budget.heapBudget[heap] - std::min(budget.heapBudget[heap], budget.heapUsage[heap]);
}

std::vector<Heap> Device::heaps() const {
    std::vector<Heap> heaps = read_heaps(impl_->vk, impl_->physical, impl_->info.type);
    if (!impl_->has_budget) {  // then nobody has counted what we hold
        uint64_t& free = heaps[impl_->info.device_heap].free_bytes;
        free -= std::min(free, allocated_bytes());
    }
    return heaps;
}

uint64_t Device::allocated_bytes() const {
    return static_cast<uint64_t>(impl_->allocated.load());
}

void Device::count_allocation(int64_t bytes) {
    impl_->allocated += bytes;
}

void Device::check(VkResult result, const char* call, const std::string& detail) {
    if (result == VK_ERROR_DEVICE_LOST) {
        mark_lost();
    }
    check_result(result, call, detail);
}

bool Device::lost() const {
    return impl_->lost;
}
void Device::mark_lost() {
    impl_->lost = true;
}

bool Device::hung() const {
    return impl_->hung;
}
void Device::mark_hung() {
    mark_lost();
    impl_->hung = true;
    impl_->instance.keep();
    impl_->vk.forget_destroyers();
}

// A CPU device compiles on first use and shares its cores with everything else.
Patience Device::patience() const {
    const bool cpu = impl_->info.type == DeviceType::cpu;
    return {.seconds = cpu ? 60.0 : 20.0, .counts_own_time = cpu};
}

Transfer& Device::transfer() {
    if (!impl_->transfer) {
        impl_->transfer = std::make_unique<Transfer>(*this);
    }
    return *impl_->transfer;
}

bool Device::validates() const {
    return impl_->instance.validates();
}
uint64_t Device::validation_messages() const {
    return impl_->instance.validation_messages();
}

}  // namespace gpu
