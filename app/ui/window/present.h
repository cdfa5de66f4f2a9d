// Presenter: the window's own Vulkan device. Draws ImGui's lists into a swapchain image or into an
// image that is read back. Knows no model.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "app/ui/window/present_api.h"

struct ImDrawData;

namespace app::ui {

/// The window cannot go on; said once, at the edge of run_window.
class WindowError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Throws WindowError naming the call, unless the result is a success.
void check_vk(VkResult result, const char* what);

struct Pixels {
    int width = 0, height = 0;
    std::vector<uint8_t> rgb;  // [height, width, 3]
};

class Presenter {
public:
    /// `extensions`: what the window system asks of the instance; empty: offscreen only.
    explicit Presenter(const std::vector<const char*>& extensions);
    ~Presenter();
    Presenter(const Presenter&) = delete;
    Presenter& operator=(const Presenter&) = delete;

    /// Choose a device (one that can show on `surface`, if given) and create it.
    void create_device(VkSurfaceKHR surface);
    /// ImGui's renderer for images of this format; a context must be current.
    void start_imgui(VkFormat format, uint32_t n_images);
    void stop_imgui();

    /// Draw into an image of our own and read it back.
    Pixels render(ImDrawData* data, int width, int height);
    /// Record the drawing of one frame into a colour attachment, from undefined to `last` layout.
    void record(VkCommandBuffer commands, VkImage image, VkImageView view, VkExtent2D size,
                ImDrawData* data, VkImageLayout last);
    VkImageView create_view(VkImage image) const;

    const VulkanApi& api() const { return vk_; }
    VkInstance instance() const { return instance_; }
    VkPhysicalDevice physical() const { return physical_; }
    VkDevice device() const { return device_; }
    VkQueue queue() const { return queue_; }
    uint32_t queue_family() const { return family_; }
    VkCommandPool pool() const { return pool_; }
    VkFormat format() const { return format_; }
    const std::string& device_name() const { return device_name_; }

private:
    struct Target;
    void prepare_target(int width, int height);
    void drop_target();
    VkDeviceMemory allocate(const VkMemoryRequirements& needs, VkMemoryPropertyFlags wanted) const;
    bool find_queue(VkPhysicalDevice device, VkSurfaceKHR surface, uint32_t& family) const;

    VulkanApi vk_;
    VkInstance instance_ = VK_NULL_HANDLE;
    VkPhysicalDevice physical_ = VK_NULL_HANDLE;
    VkDevice device_ = VK_NULL_HANDLE;
    VkQueue queue_ = VK_NULL_HANDLE;
    uint32_t family_ = 0;
    VkCommandPool pool_ = VK_NULL_HANDLE;
    VkFormat format_ = VK_FORMAT_B8G8R8A8_UNORM;
    std::string device_name_;
    bool imgui_ = false;

    int target_width_ = 0, target_height_ = 0;
    VkImage target_image_ = VK_NULL_HANDLE;
    VkImageView target_view_ = VK_NULL_HANDLE;
    VkDeviceMemory target_memory_ = VK_NULL_HANDLE, read_memory_ = VK_NULL_HANDLE;
    VkBuffer read_buffer_ = VK_NULL_HANDLE;
    VkCommandBuffer commands_ = VK_NULL_HANDLE;
};

}  // namespace app::ui
