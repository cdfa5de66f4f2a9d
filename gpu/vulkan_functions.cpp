#include "gpu/vulkan_functions.h"

#include <dlfcn.h>

#include <string_view>

#include "gpu/base.h"

// The macros below assign members by name; a parenthesised name would not be one.
// NOLINTBEGIN(bugprone-macro-parentheses)

namespace gpu {

namespace {

template <class... Args>
VKAPI_ATTR void VKAPI_CALL do_nothing(Args...) {}

bool destroys(std::string_view function) {
    return function.starts_with("Destroy") || function.starts_with("Free");
}
/// Destroyers return nothing; a function that returns something is left alone.
template <class... Args>
void forget(void(VKAPI_PTR*& function)(Args...)) {
    function = do_nothing;
}
template <class Function>
void forget(Function&) {}

void require(bool present, const char* name) {
    if (!present) {
        throw base::Error(base::ErrorKind::no_device,
                          fmt::format("the Vulkan driver lacks the function vk{}", name),
                          "Update the GPU driver; Vulkan 1.3 is needed.");
    }
}

/// The loader stays open until the process ends: drivers leave threads and exit handlers behind
/// that must not lose their code.
PFN_vkGetInstanceProcAddr open_loader() {
    void* const library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    void* const entry = library ? dlsym(library, "vkGetInstanceProcAddr") : nullptr;
    if (!entry) {
        throw base::Error(base::ErrorKind::no_device,
                          fmt::format("the Vulkan loader is missing: {}", dlerror()),
                          "Install the package libvulkan1 (Debian, Ubuntu), and the driver of the "
                          "GPU or mesa-vulkan-drivers.");
    }
    return reinterpret_cast<PFN_vkGetInstanceProcAddr>(entry);
}

}  // namespace

void VulkanFunctions::load_global() {
    static const PFN_vkGetInstanceProcAddr loader = open_loader();
    GetInstanceProcAddr = loader;
#define LAPIDARY_VK_LOAD(name)                                                       \
    name = reinterpret_cast<PFN_vk##name>(GetInstanceProcAddr(nullptr, "vk" #name)); \
    require(name != nullptr, #name);
    LAPIDARY_VK_GLOBAL(LAPIDARY_VK_LOAD)
#undef LAPIDARY_VK_LOAD
}

void VulkanFunctions::load_instance(VkInstance instance) {
#define LAPIDARY_VK_LOAD(name) \
    name = reinterpret_cast<PFN_vk##name>(GetInstanceProcAddr(instance, "vk" #name));
    LAPIDARY_VK_INSTANCE(LAPIDARY_VK_LOAD)
    LAPIDARY_VK_DEBUG(LAPIDARY_VK_LOAD)
    LAPIDARY_VK_MATRIX(LAPIDARY_VK_LOAD)
#undef LAPIDARY_VK_LOAD
#define LAPIDARY_VK_REQUIRE(name) require(name != nullptr, #name);
    LAPIDARY_VK_INSTANCE(LAPIDARY_VK_REQUIRE)
#undef LAPIDARY_VK_REQUIRE
}

void VulkanFunctions::load_device(VkDevice device) {
#define LAPIDARY_VK_LOAD(name)                                                    \
    name = reinterpret_cast<PFN_vk##name>(GetDeviceProcAddr(device, "vk" #name)); \
    require(name != nullptr, #name);
    LAPIDARY_VK_DEVICE(LAPIDARY_VK_LOAD)
#undef LAPIDARY_VK_LOAD
}

void VulkanFunctions::forget_destroyers() {
#define LAPIDARY_VK_FORGET(name) \
    if (destroys(#name)) {       \
        forget(name);            \
    }
    LAPIDARY_VK_DEVICE(LAPIDARY_VK_FORGET)
#undef LAPIDARY_VK_FORGET
}

}  // namespace gpu

// NOLINTEND(bugprone-macro-parentheses)
