#include "gpu/instance.h"

#include "gpu/base.h"
#include "gpu/device.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace gpu {

namespace {

constexpr const char* kValidationLayer = "VK_LAYER_KHRONOS_validation";
constexpr const char* kDriverHint =
    "Install the driver of the GPU, or mesa-vulkan-drivers for a CPU device; if VK_DRIVER_FILES or "
    "VK_ICD_FILENAMES is set, check that it names a driver.";

/// The first version of the specification with VK_KHR_cooperative_matrix; a layer that checks by an
/// older one calls every use of it an error.
constexpr uint32_t kKnowsMatrices = VK_MAKE_API_VERSION(0, 1, 3, 255);

/// The version that the validation layer checks by; 0: it is not installed.
uint32_t validation_layer_version(const VulkanFunctions& vk) {
    uint32_t n = 0;
    check_result(vk.EnumerateInstanceLayerProperties(&n, nullptr),
                 "vkEnumerateInstanceLayerProperties");
    std::vector<VkLayerProperties> layers(n);
    check_result(vk.EnumerateInstanceLayerProperties(&n, layers.data()),
                 "vkEnumerateInstanceLayerProperties");
    const auto found = std::ranges::find_if(layers, [](const VkLayerProperties& layer) {
        return std::strcmp(layer.layerName, kValidationLayer) == 0;
    });
    return found == layers.end() ? 0 : found->specVersion;
}

VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                          VkDebugUtilsMessageTypeFlagsEXT,
                                          const VkDebugUtilsMessengerCallbackDataEXT* data,
                                          void* user) {
    ++*static_cast<std::atomic<uint64_t>*>(user);
    base::write_log(base::LogArea::gpu, data->pMessage);
    if (severity >= VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT) {
        std::abort();
    }
    return VK_FALSE;
}

}  // namespace

Instance::Instance(int validate) {
    vk_.load_global();
    const uint32_t version = validate > 0 ? validation_layer_version(vk_) : 0;
    if (validate > 0 && version == 0) {
        base::write_log(base::LogArea::gpu,
                        "LAPIDARY_VALIDATE is set, but the layer VK_LAYER_KHRONOS_validation is "
                        "not installed (package vulkan-validationlayers)");
        validate = 0;
    }
    create(validate);
    vk_.load_instance(instance_);
    if (validate > 0) {
        listen();
    }
    if (validate > 0 && version < kKnowsMatrices) {
        base::log(base::LogArea::gpu,
                  "the validation layer knows no cooperative matrices, so there "
                  "are none");
        vk_.GetPhysicalDeviceCooperativeMatrixPropertiesKHR = nullptr;
    }
}

void Instance::create(int validate) {
    const VkApplicationInfo application{
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "lapidary",
        .apiVersion = VK_API_VERSION_1_3,
    };
    const VkValidationFeatureEnableEXT synchronisation =
        VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
    const VkValidationFeaturesEXT features{
        .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
        .enabledValidationFeatureCount = validate >= 2 ? 1u : 0u,
        .pEnabledValidationFeatures = &synchronisation,
    };
    const char* const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME,
                                      VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME};
    const VkInstanceCreateInfo info{
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pNext = validate > 0 ? &features : nullptr,
        .pApplicationInfo = &application,
        .enabledLayerCount = validate > 0 ? 1u : 0u,
        .ppEnabledLayerNames = &kValidationLayer,
        .enabledExtensionCount = validate > 0 ? 2u : 0u,
        .ppEnabledExtensionNames = extensions,
    };
    const VkResult result = vk_.CreateInstance(&info, nullptr, &instance_);
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER) {
        throw base::Error(base::ErrorKind::no_device, "no Vulkan driver is installed", kDriverHint);
    }
    check_result(result, "vkCreateInstance");
}

void Instance::listen() {
    const VkDebugUtilsMessengerCreateInfoEXT info{
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = on_message,
        .pUserData = &messages_,
    };
    check_result(vk_.CreateDebugUtilsMessengerEXT(instance_, &info, nullptr, &messenger_),
                 "vkCreateDebugUtilsMessengerEXT");
}

Instance::~Instance() {
    if (messenger_) {
        vk_.DestroyDebugUtilsMessengerEXT(instance_, messenger_, nullptr);
    }
    if (instance_ && !kept_) {
        vk_.DestroyInstance(instance_, nullptr);
    }
}

std::vector<VkPhysicalDevice> Instance::devices() const {
    uint32_t n = 0;
    check_result(vk_.EnumeratePhysicalDevices(instance_, &n, nullptr),
                 "vkEnumeratePhysicalDevices");
    std::vector<VkPhysicalDevice> devices(n);
    check_result(vk_.EnumeratePhysicalDevices(instance_, &n, devices.data()),
                 "vkEnumeratePhysicalDevices");
    if (devices.empty()) {
        throw base::Error(base::ErrorKind::no_device, "the Vulkan drivers show no device",
                          kDriverHint);
    }
    return devices;
}

}  // namespace gpu
