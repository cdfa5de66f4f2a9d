#include "app/ui/window/present.h"

#include <dlfcn.h>
#include <imgui.h>
#include <imgui_impl_vulkan.h>

#include <algorithm>
#include <cstring>

namespace app::ui {

void check_vk(VkResult result, const char* what) {
    if (result < 0) {
        throw WindowError(std::string(what) + " failed in the window's own device (VkResult " +
                          std::to_string(int(result)) + ").");
    }
}

void VulkanApi::open() {
    void* library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        throw WindowError("The Vulkan loader (libvulkan.so.1) was not found. Install libvulkan1.");
    }
    vkGetInstanceProcAddr =
        reinterpret_cast<PFN_vkGetInstanceProcAddr>(dlsym(library, "vkGetInstanceProcAddr"));
    vkCreateInstance = reinterpret_cast<PFN_vkCreateInstance>(
        vkGetInstanceProcAddr(VK_NULL_HANDLE, "vkCreateInstance"));
}

void VulkanApi::load_instance(VkInstance instance) {
#define X(name) name = reinterpret_cast<PFN_##name>(vkGetInstanceProcAddr(instance, #name));
    LAPIDARY_UI_INSTANCE_FUNCTIONS(X)
    LAPIDARY_UI_SURFACE_FUNCTIONS(X)
#undef X
}

void VulkanApi::load_device(VkDevice device) {
#define X(name) name = reinterpret_cast<PFN_##name>(vkGetDeviceProcAddr(device, #name));
    LAPIDARY_UI_DEVICE_FUNCTIONS(X)
    LAPIDARY_UI_SWAPCHAIN_FUNCTIONS(X)
#undef X
}

Presenter::Presenter(const std::vector<const char*>& extensions) {
    vk_.open();
    VkApplicationInfo app{VK_STRUCTURE_TYPE_APPLICATION_INFO};
    app.pApplicationName = "lapidary window";
    app.apiVersion = VK_API_VERSION_1_3;
    VkInstanceCreateInfo info{VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    info.pApplicationInfo = &app;
    info.enabledExtensionCount = uint32_t(extensions.size());
    info.ppEnabledExtensionNames = extensions.data();
    check_vk(vk_.vkCreateInstance(&info, nullptr, &instance_), "vkCreateInstance");
    vk_.load_instance(instance_);
}

Presenter::~Presenter() {
    if (device_ != VK_NULL_HANDLE) {
        vk_.vkDeviceWaitIdle(device_);
        stop_imgui();
        drop_target();
        vk_.vkDestroyCommandPool(device_, pool_, nullptr);
        vk_.vkDestroyDevice(device_, nullptr);
    }
    if (instance_ != VK_NULL_HANDLE) {
        vk_.vkDestroyInstance(instance_, nullptr);
    }
}

bool Presenter::find_queue(VkPhysicalDevice device, VkSurfaceKHR surface, uint32_t& family) const {
    uint32_t n = 0;
    vk_.vkGetPhysicalDeviceQueueFamilyProperties(device, &n, nullptr);
    std::vector<VkQueueFamilyProperties> families(n);
    vk_.vkGetPhysicalDeviceQueueFamilyProperties(device, &n, families.data());
    for (uint32_t i = 0; i < n; ++i) {
        VkBool32 shows = VK_TRUE;
        if (surface != VK_NULL_HANDLE) {
            vk_.vkGetPhysicalDeviceSurfaceSupportKHR(device, i, surface, &shows);
        }
        if ((families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT) != 0 && shows == VK_TRUE) {
            family = i;
            return true;
        }
    }
    return false;
}

void Presenter::create_device(VkSurfaceKHR surface) {
    uint32_t n = 0;
    check_vk(vk_.vkEnumeratePhysicalDevices(instance_, &n, nullptr), "vkEnumeratePhysicalDevices");
    std::vector<VkPhysicalDevice> devices(n);
    check_vk(vk_.vkEnumeratePhysicalDevices(instance_, &n, devices.data()),
             "vkEnumeratePhysicalDevices");
    // The window is light work: an integrated GPU leaves the other one to the model.
    const auto rank = [](VkPhysicalDeviceType type) {
        return type == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU ? 3
               : type == VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU ? 2
               : type == VK_PHYSICAL_DEVICE_TYPE_CPU          ? 0
                                                              : 1;
    };
    int best = -1;
    for (VkPhysicalDevice candidate : devices) {
        VkPhysicalDeviceProperties properties{};
        vk_.vkGetPhysicalDeviceProperties(candidate, &properties);
        uint32_t family = 0;
        if (properties.apiVersion >= VK_API_VERSION_1_3 && rank(properties.deviceType) > best &&
            find_queue(candidate, surface, family)) {
            best = rank(properties.deviceType);
            physical_ = candidate;
            family_ = family;
            device_name_ = properties.deviceName;
        }
    }
    if (physical_ == VK_NULL_HANDLE) {
        throw WindowError("No Vulkan 1.3 device can draw the window.");
    }
    const float priority = 0.5f;
    VkDeviceQueueCreateInfo queue{VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
    queue.queueFamilyIndex = family_;
    queue.queueCount = 1;
    queue.pQueuePriorities = &priority;
    VkPhysicalDeviceVulkan13Features features{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES};
    features.dynamicRendering = VK_TRUE;
    const char* swapchain = VK_KHR_SWAPCHAIN_EXTENSION_NAME;
    VkDeviceCreateInfo info{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO, &features};
    info.queueCreateInfoCount = 1;
    info.pQueueCreateInfos = &queue;
    info.enabledExtensionCount = surface != VK_NULL_HANDLE ? 1 : 0;
    info.ppEnabledExtensionNames = &swapchain;
    check_vk(vk_.vkCreateDevice(physical_, &info, nullptr, &device_), "vkCreateDevice");
    vk_.load_device(device_);
    vk_.vkGetDeviceQueue(device_, family_, 0, &queue_);
    VkCommandPoolCreateInfo pool{VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    pool.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT;
    pool.queueFamilyIndex = family_;
    check_vk(vk_.vkCreateCommandPool(device_, &pool, nullptr, &pool_), "vkCreateCommandPool");
}

void Presenter::start_imgui(VkFormat format, uint32_t n_images) {
    format_ = format;
    struct Loader {
        const VulkanApi* vk;
        VkInstance instance;
    } loader{&vk_, instance_};
    ImGui_ImplVulkan_LoadFunctions(
        VK_API_VERSION_1_3,
        [](const char* name, void* user) {
            const auto* l = static_cast<const Loader*>(user);
            const PFN_vkVoidFunction found = l->vk->vkGetInstanceProcAddr(l->instance, name);
            // The renderer insists on the surface functions, which it never calls; without a
            // display there are none.
            const bool of_display = std::strstr(name, "Surface") != nullptr ||
                                    std::strstr(name, "Swapchain") != nullptr;
            return found == nullptr && of_display ? [] {} : found;
        },
        &loader);
    ImGui_ImplVulkan_InitInfo info{};
    info.ApiVersion = VK_API_VERSION_1_3;
    info.Instance = instance_;
    info.PhysicalDevice = physical_;
    info.Device = device_;
    info.QueueFamily = family_;
    info.Queue = queue_;
    info.DescriptorPoolSize = 256;
    info.MinImageCount = std::max(n_images, 2u);
    info.ImageCount = std::max(n_images, 2u);
    info.UseDynamicRendering = true;
    info.PipelineRenderingCreateInfo = {VK_STRUCTURE_TYPE_PIPELINE_RENDERING_CREATE_INFO_KHR};
    info.PipelineRenderingCreateInfo.colorAttachmentCount = 1;
    info.PipelineRenderingCreateInfo.pColorAttachmentFormats = &format_;
    info.CheckVkResultFn = [](VkResult result) { check_vk(result, "drawing"); };
    if (!ImGui_ImplVulkan_Init(&info)) {
        throw WindowError("The window's renderer could not be started.");
    }
    imgui_ = true;
}

void Presenter::stop_imgui() {
    if (imgui_) {
        vk_.vkDeviceWaitIdle(device_);
        ImGui_ImplVulkan_Shutdown();
        imgui_ = false;
    }
}

VkImageView Presenter::create_view(VkImage image) const {
    VkImageViewCreateInfo info{VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO};
    info.image = image;
    info.viewType = VK_IMAGE_VIEW_TYPE_2D;
    info.format = format_;
    info.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    VkImageView view = VK_NULL_HANDLE;
    check_vk(vk_.vkCreateImageView(device_, &info, nullptr, &view), "vkCreateImageView");
    return view;
}

VkDeviceMemory Presenter::allocate(const VkMemoryRequirements& needs,
                                   VkMemoryPropertyFlags wanted) const {
    VkPhysicalDeviceMemoryProperties memory{};
    vk_.vkGetPhysicalDeviceMemoryProperties(physical_, &memory);
    for (uint32_t i = 0; i < memory.memoryTypeCount; ++i) {
        const bool allowed = (needs.memoryTypeBits >> i & 1) != 0;
        if (allowed && (memory.memoryTypes[i].propertyFlags & wanted) == wanted) {
            VkMemoryAllocateInfo info{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
            info.allocationSize = needs.size;
            info.memoryTypeIndex = i;
            VkDeviceMemory out = VK_NULL_HANDLE;
            check_vk(vk_.vkAllocateMemory(device_, &info, nullptr, &out), "vkAllocateMemory");
            return out;
        }
    }
    throw WindowError("The window's device has no memory of the kind that is needed.");
}

void Presenter::drop_target() {
    vk_.vkDestroyImageView(device_, target_view_, nullptr);
    vk_.vkDestroyImage(device_, target_image_, nullptr);
    vk_.vkDestroyBuffer(device_, read_buffer_, nullptr);
    vk_.vkFreeMemory(device_, target_memory_, nullptr);
    vk_.vkFreeMemory(device_, read_memory_, nullptr);
    target_view_ = VK_NULL_HANDLE;
    target_image_ = VK_NULL_HANDLE;
    read_buffer_ = VK_NULL_HANDLE;
    target_memory_ = read_memory_ = VK_NULL_HANDLE;
    target_width_ = target_height_ = 0;
}

void Presenter::prepare_target(int width, int height) {
    if (width == target_width_ && height == target_height_) {
        return;
    }
    drop_target();
    VkImageCreateInfo image{VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO};
    image.imageType = VK_IMAGE_TYPE_2D;
    image.format = format_;
    image.extent = {uint32_t(width), uint32_t(height), 1};
    image.mipLevels = image.arrayLayers = 1;
    image.samples = VK_SAMPLE_COUNT_1_BIT;
    image.tiling = VK_IMAGE_TILING_OPTIMAL;
    image.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT;
    check_vk(vk_.vkCreateImage(device_, &image, nullptr, &target_image_), "vkCreateImage");
    VkMemoryRequirements needs{};
    vk_.vkGetImageMemoryRequirements(device_, target_image_, &needs);
    target_memory_ = allocate(needs, 0);
    check_vk(vk_.vkBindImageMemory(device_, target_image_, target_memory_, 0), "vkBindImageMemory");
    target_view_ = create_view(target_image_);
    VkBufferCreateInfo buffer{VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO};
    buffer.size = VkDeviceSize(width) * VkDeviceSize(height) * 4;
    buffer.usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT;
    check_vk(vk_.vkCreateBuffer(device_, &buffer, nullptr, &read_buffer_), "vkCreateBuffer");
    vk_.vkGetBufferMemoryRequirements(device_, read_buffer_, &needs);
    read_memory_ =
        allocate(needs, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    check_vk(vk_.vkBindBufferMemory(device_, read_buffer_, read_memory_, 0), "vkBindBufferMemory");
    target_width_ = width;
    target_height_ = height;
}

void Presenter::record(VkCommandBuffer commands, VkImage image, VkImageView view, VkExtent2D size,
                       ImDrawData* data, VkImageLayout last) {
    VkImageMemoryBarrier barrier{VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER};
    barrier.srcQueueFamilyIndex = barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
    barrier.image = image;
    barrier.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    barrier.oldLayout = VK_IMAGE_LAYOUT_UNDEFINED;
    barrier.newLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL;
    barrier.dstAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT;
    vk_.vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
                             VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT, 0, 0, nullptr, 0,
                             nullptr, 1, &barrier);
    VkRenderingAttachmentInfo color{VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO};
    color.imageView = view;
    color.imageLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL;
    color.loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR;
    color.storeOp = VK_ATTACHMENT_STORE_OP_STORE;
    color.clearValue.color = {{0, 0, 0, 1}};
    VkRenderingInfo rendering{VK_STRUCTURE_TYPE_RENDERING_INFO};
    rendering.renderArea.extent = size;
    rendering.layerCount = 1;
    rendering.colorAttachmentCount = 1;
    rendering.pColorAttachments = &color;
    vk_.vkCmdBeginRendering(commands, &rendering);
    ImGui_ImplVulkan_RenderDrawData(data, commands);
    vk_.vkCmdEndRendering(commands);
    const bool read = last == VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
    barrier.oldLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL;
    barrier.newLayout = last;
    barrier.srcAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT;
    barrier.dstAccessMask = read ? VK_ACCESS_TRANSFER_READ_BIT : 0;
    vk_.vkCmdPipelineBarrier(
        commands, VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
        read ? VK_PIPELINE_STAGE_TRANSFER_BIT : VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, 0, 0, nullptr,
        0, nullptr, 1, &barrier);
}

Pixels Presenter::render(ImDrawData* data, int width, int height) {
    prepare_target(width, height);
    if (commands_ == VK_NULL_HANDLE) {
        VkCommandBufferAllocateInfo info{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
        info.commandPool = pool_;
        info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
        info.commandBufferCount = 1;
        check_vk(vk_.vkAllocateCommandBuffers(device_, &info, &commands_),
                 "vkAllocateCommandBuffers");
    }
    VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    begin.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
    check_vk(vk_.vkBeginCommandBuffer(commands_, &begin), "vkBeginCommandBuffer");
    const VkExtent2D size{uint32_t(width), uint32_t(height)};
    record(commands_, target_image_, target_view_, size, data,
           VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    VkBufferImageCopy copy{};
    copy.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1};
    copy.imageExtent = {size.width, size.height, 1};
    vk_.vkCmdCopyImageToBuffer(commands_, target_image_, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                               read_buffer_, 1, &copy);
    check_vk(vk_.vkEndCommandBuffer(commands_), "vkEndCommandBuffer");
    VkSubmitInfo submit{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    submit.commandBufferCount = 1;
    submit.pCommandBuffers = &commands_;
    check_vk(vk_.vkQueueSubmit(queue_, 1, &submit, VK_NULL_HANDLE), "vkQueueSubmit");
    check_vk(vk_.vkQueueWaitIdle(queue_), "vkQueueWaitIdle");

    Pixels out{width, height, std::vector<uint8_t>(size_t(width) * size_t(height) * 3)};
    void* mapped = nullptr;
    check_vk(vk_.vkMapMemory(device_, read_memory_, 0, VK_WHOLE_SIZE, 0, &mapped), "vkMapMemory");
    const auto* from = static_cast<const uint8_t*>(mapped);
    const bool bgra = format_ == VK_FORMAT_B8G8R8A8_UNORM;
    for (size_t i = 0; i < size_t(width) * size_t(height); ++i) {
        out.rgb[3 * i] = from[4 * i + (bgra ? 2 : 0)];
        out.rgb[3 * i + 1] = from[4 * i + 1];
        out.rgb[3 * i + 2] = from[4 * i + (bgra ? 0 : 2)];
    }
    vk_.vkUnmapMemory(device_, read_memory_);
    return out;
}

}  // namespace app::ui
