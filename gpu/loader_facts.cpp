#include "gpu/loader_facts.h"

#include "gpu/base.h"
#include "gpu/vulkan_functions.h"

namespace gpu {

LoaderFacts loader_facts() {
    LoaderFacts facts;
    try {
        VulkanFunctions vk;
        vk.load_global();
        const auto instance_version = reinterpret_cast<PFN_vkEnumerateInstanceVersion>(
            vk.GetInstanceProcAddr(nullptr, "vkEnumerateInstanceVersion"));
        uint32_t version = VK_API_VERSION_1_0;
        if (instance_version != nullptr) {
            instance_version(&version);
        }
        facts.version = fmt::format("{}.{}.{}", VK_API_VERSION_MAJOR(version),
                                    VK_API_VERSION_MINOR(version), VK_API_VERSION_PATCH(version));
        uint32_t n = 0;
        vk.EnumerateInstanceLayerProperties(&n, nullptr);
        std::vector<VkLayerProperties> layers(n);
        vk.EnumerateInstanceLayerProperties(&n, layers.data());
        for (const VkLayerProperties& layer : layers) {
            facts.layers.push_back({layer.layerName, layer.description});
        }
    } catch (const base::Error& error) {
        facts.problem = error.what();
    }
    return facts;
}

}  // namespace gpu
