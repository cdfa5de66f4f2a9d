#include "app/ui/window/window.h"

#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>
#include <imgui.h>
#include <imgui_impl_glfw.h>
#include <imgui_impl_vulkan.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "app/exports/png.h"

// GLFW declares these only when a Vulkan header with prototypes comes first.
extern "C" {
VkResult glfwCreateWindowSurface(VkInstance instance, GLFWwindow* window,
                                 const VkAllocationCallbacks* allocator, VkSurfaceKHR* surface);
}

namespace app::ui {

namespace {

constexpr size_t kFramesInFlight = 2;
constexpr double kAnswerPeriod = 1.0 / 30;  // seconds

void install_callbacks(GLFWwindow* window) {
    // Before ImGui's own, which call these on.
    glfwSetCursorPosCallback(window, [](GLFWwindow* w, double, double) { Window::touched(w); });
    glfwSetMouseButtonCallback(window, [](GLFWwindow* w, int, int, int) { Window::touched(w); });
    glfwSetScrollCallback(window, [](GLFWwindow* w, double, double) { Window::touched(w); });
    glfwSetKeyCallback(window, [](GLFWwindow* w, int, int, int, int) { Window::touched(w); });
    glfwSetCharCallback(window, [](GLFWwindow* w, unsigned) { Window::touched(w); });
    glfwSetWindowFocusCallback(window, [](GLFWwindow* w, int) { Window::touched(w); });
    glfwSetCursorEnterCallback(window, [](GLFWwindow* w, int) { Window::touched(w); });
    glfwSetWindowRefreshCallback(window, [](GLFWwindow* w) { Window::touched(w); });
    glfwSetWindowCloseCallback(window, [](GLFWwindow* w) { Window::touched(w); });
    glfwSetWindowIconifyCallback(window, [](GLFWwindow* w, int) { Window::touched(w); });
    glfwSetWindowContentScaleCallback(window,
                                      [](GLFWwindow* w, float, float) { Window::touched(w); });
}

}  // namespace

bool system_prefers_dark() {
    const char* gtk = std::getenv("GTK_THEME");
    if (gtk != nullptr && *gtk != '\0') {
        return std::strstr(gtk, "dark") != nullptr;
    }
    return true;
}

void Window::touched(GLFWwindow* window) {
    static_cast<Window*>(glfwGetWindowUserPointer(window))->activity_ = kFramesAfterEvent;
}

void Window::wake() {
    glfwPostEmptyEvent();
}

Window::Window(int width, int height) {
    if (glfwInit() == GLFW_FALSE) {
        const char* why = nullptr;
        glfwGetError(&why);
        throw WindowError(std::string("No window can be opened here: ") +
                          (why == nullptr ? "the display does not answer" : why) + ".");
    }
    glfwWindowHint(GLFW_CLIENT_API, GLFW_NO_API);
    glfwWindowHint(GLFW_VISIBLE, GLFW_FALSE);
    // As the desktop entry calls it, so that the two belong together.
    glfwWindowHintString(GLFW_X11_CLASS_NAME, "io.github.lapidary.Lapidary");
    glfwWindowHintString(GLFW_X11_INSTANCE_NAME, "lapidary");
#ifdef GLFW_WAYLAND_APP_ID
    glfwWindowHintString(GLFW_WAYLAND_APP_ID, "io.github.lapidary.Lapidary");
#endif
    window_ = glfwCreateWindow(width, height, "Lapidary", nullptr, nullptr);
    if (window_ == nullptr) {
        glfwTerminate();
        throw WindowError("The window could not be opened.");
    }
    fit_into_work_area(width, height);
    glfwSetWindowSizeLimits(window_, 480, 360, GLFW_DONT_CARE, GLFW_DONT_CARE);
    glfwSetWindowUserPointer(window_, this);
    glfwSetFramebufferSizeCallback(window_, [](GLFWwindow* w, int, int) {
        static_cast<Window*>(glfwGetWindowUserPointer(w))->stale_ = true;
        Window::touched(w);
    });
    glfwSetDropCallback(window_, [](GLFWwindow* w, int n, const char** paths) {
        for (int i = 0; i < n; ++i) {
            static_cast<Window*>(glfwGetWindowUserPointer(w))->dropped_.emplace_back(paths[i]);
        }
        Window::touched(w);
    });
    install_callbacks(window_);
    context_ = ImGui::CreateContext();
    ImGuiIO& io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.LogFilename = nullptr;
    io.ConfigFlags |= ImGuiConfigFlags_NavEnableKeyboard;
    io.ConfigInputTextCursorBlink = false;  // a blinking caret would wake the program for ever
    ImGui_ImplGlfw_InitForVulkan(window_, true);
    uint32_t n = 0;
    const char** extensions = glfwGetRequiredInstanceExtensions(&n);
    if (extensions == nullptr) {
        throw WindowError("This display has no Vulkan support.");
    }
    presenter_ = std::make_unique<Presenter>(std::vector<const char*>(extensions, extensions + n));
    create_surface();
    presenter_->create_device(surface_);
    create_swapchain();
    create_frames();
    presenter_->start_imgui(presenter_->format(), uint32_t(std::max<size_t>(images_.size(), 2)));
}

/// No larger than the screen has room for, with the frame that the desktop puts around it.
void Window::fit_into_work_area(int width, int height) {
    int x = 0, y = 0, room_w = 0, room_h = 0;
    GLFWmonitor* monitor = glfwGetPrimaryMonitor();
    if (monitor != nullptr) {
        glfwGetMonitorWorkarea(monitor, &x, &y, &room_w, &room_h);
    }
    if (room_w > 0 && room_h > 0) {
        int left = 0, top = 0, right = 0, bottom = 0;
        glfwGetWindowFrameSize(window_, &left, &top, &right, &bottom);
        const int w = std::min(width, room_w - left - right);
        const int h = std::min(height, room_h - top - bottom);
        if (w < width || h < height) {
            glfwSetWindowSize(window_, std::max(w, 320), std::max(h, 240));
            glfwSetWindowPos(window_, x + left, y + top);
        }
    }
    glfwShowWindow(window_);
}

void Window::stop_drawing() {
    presenter_->stop_imgui();
}

Window::~Window() {
    const VulkanApi& vk = presenter_->api();
    vk.vkDeviceWaitIdle(presenter_->device());
    presenter_->stop_imgui();
    for (const Frame& f : frames_) {
        vk.vkDestroyFence(presenter_->device(), f.done, nullptr);
        vk.vkDestroySemaphore(presenter_->device(), f.acquired, nullptr);
    }
    drop_swapchain();
    vk.vkDestroySurfaceKHR(presenter_->instance(), surface_, nullptr);
    presenter_.reset();
    ImGui_ImplGlfw_Shutdown();
    ImGui::DestroyContext(context_);
    glfwDestroyWindow(window_);
    glfwTerminate();
}

void Window::create_surface() {
    check_vk(glfwCreateWindowSurface(presenter_->instance(), window_, nullptr, &surface_),
             "glfwCreateWindowSurface");
}

void Window::create_frames() {
    const VulkanApi& vk = presenter_->api();
    frames_.resize(kFramesInFlight);
    for (Frame& f : frames_) {
        VkCommandBufferAllocateInfo info{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
        info.commandPool = presenter_->pool();
        info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
        info.commandBufferCount = 1;
        check_vk(vk.vkAllocateCommandBuffers(presenter_->device(), &info, &f.commands),
                 "vkAllocateCommandBuffers");
        VkFenceCreateInfo fence{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
        fence.flags = VK_FENCE_CREATE_SIGNALED_BIT;
        check_vk(vk.vkCreateFence(presenter_->device(), &fence, nullptr, &f.done), "vkCreateFence");
        const VkSemaphoreCreateInfo semaphore{VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
        check_vk(vk.vkCreateSemaphore(presenter_->device(), &semaphore, nullptr, &f.acquired),
                 "vkCreateSemaphore");
    }
}

void Window::drop_swapchain() {
    const VulkanApi& vk = presenter_->api();
    for (VkImageView view : views_) {
        vk.vkDestroyImageView(presenter_->device(), view, nullptr);
    }
    for (VkSemaphore semaphore : rendered_) {
        vk.vkDestroySemaphore(presenter_->device(), semaphore, nullptr);
    }
    views_.clear();
    rendered_.clear();
    images_.clear();
    vk.vkDestroySwapchainKHR(presenter_->device(), swapchain_, nullptr);
    swapchain_ = VK_NULL_HANDLE;
}

/// False when there is nothing to draw on: minimised, or of no size.
bool Window::create_swapchain() {
    const VulkanApi& vk = presenter_->api();
    vk.vkDeviceWaitIdle(presenter_->device());
    VkSurfaceCapabilitiesKHR caps{};
    const VkResult got =
        vk.vkGetPhysicalDeviceSurfaceCapabilitiesKHR(presenter_->physical(), surface_, &caps);
    if (got == VK_ERROR_SURFACE_LOST_KHR && surface_failures_++ < 5) {
        drop_swapchain();
        vk.vkDestroySurfaceKHR(presenter_->instance(), surface_, nullptr);
        create_surface();
        return false;
    }
    check_vk(got, "vkGetPhysicalDeviceSurfaceCapabilitiesKHR");
    int width = 0, height = 0;
    glfwGetFramebufferSize(window_, &width, &height);
    size_ = caps.currentExtent.width != ~0u ? caps.currentExtent
                                            : VkExtent2D{uint32_t(width), uint32_t(height)};
    drop_swapchain();
    if (size_.width == 0 || size_.height == 0) {
        return false;
    }
    uint32_t n = 0;
    vk.vkGetPhysicalDeviceSurfaceFormatsKHR(presenter_->physical(), surface_, &n, nullptr);
    std::vector<VkSurfaceFormatKHR> formats(n);
    vk.vkGetPhysicalDeviceSurfaceFormatsKHR(presenter_->physical(), surface_, &n, formats.data());
    const bool offered =
        std::any_of(formats.begin(), formats.end(),
                    [&](const VkSurfaceFormatKHR& f) { return f.format == presenter_->format(); });
    if (!offered) {
        throw WindowError("The display offers no 8-bit BGRA format.");
    }
    VkSwapchainCreateInfoKHR info{VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR};
    info.surface = surface_;
    info.minImageCount = caps.maxImageCount == 0
                             ? std::max(caps.minImageCount, 2u)
                             : std::clamp(2u, caps.minImageCount, caps.maxImageCount);
    info.imageFormat = presenter_->format();
    info.imageColorSpace = VK_COLOR_SPACE_SRGB_NONLINEAR_KHR;
    info.imageExtent = size_;
    info.imageArrayLayers = 1;
    info.imageUsage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT;
    info.preTransform = caps.currentTransform;
    info.compositeAlpha = (caps.supportedCompositeAlpha & VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR) != 0
                              ? VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR
                              : VK_COMPOSITE_ALPHA_INHERIT_BIT_KHR;
    info.presentMode = VK_PRESENT_MODE_FIFO_KHR;
    info.clipped = VK_TRUE;
    check_vk(vk.vkCreateSwapchainKHR(presenter_->device(), &info, nullptr, &swapchain_),
             "vkCreateSwapchainKHR");
    vk.vkGetSwapchainImagesKHR(presenter_->device(), swapchain_, &n, nullptr);
    images_.resize(n);
    vk.vkGetSwapchainImagesKHR(presenter_->device(), swapchain_, &n, images_.data());
    for (VkImage image : images_) {
        views_.push_back(presenter_->create_view(image));
        const VkSemaphoreCreateInfo semaphore{VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
        rendered_.emplace_back();
        check_vk(vk.vkCreateSemaphore(presenter_->device(), &semaphore, nullptr, &rendered_.back()),
                 "vkCreateSemaphore");
    }
    stale_ = false;
    return true;
}

/// False when the frame was not shown and has to be drawn again.
bool Window::present(ImDrawData* data) {
    const VulkanApi& vk = presenter_->api();
    Frame& f = frames_[frame_];
    check_vk(vk.vkWaitForFences(presenter_->device(), 1, &f.done, VK_TRUE, UINT64_MAX),
             "vkWaitForFences");
    uint32_t image = 0;
    VkResult result = vk.vkAcquireNextImageKHR(presenter_->device(), swapchain_, UINT64_MAX,
                                               f.acquired, VK_NULL_HANDLE, &image);
    if (result == VK_ERROR_OUT_OF_DATE_KHR || result == VK_ERROR_SURFACE_LOST_KHR) {
        stale_ = true;
        return false;
    }
    check_vk(result, "vkAcquireNextImageKHR");
    stale_ = stale_ || result == VK_SUBOPTIMAL_KHR;
    check_vk(vk.vkResetFences(presenter_->device(), 1, &f.done), "vkResetFences");
    VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    begin.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
    check_vk(vk.vkBeginCommandBuffer(f.commands, &begin), "vkBeginCommandBuffer");
    presenter_->record(f.commands, images_[image], views_[image], size_, data,
                       VK_IMAGE_LAYOUT_PRESENT_SRC_KHR);
    check_vk(vk.vkEndCommandBuffer(f.commands), "vkEndCommandBuffer");
    const VkPipelineStageFlags wait = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT;
    VkSubmitInfo submit{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    submit.waitSemaphoreCount = 1;
    submit.pWaitSemaphores = &f.acquired;
    submit.pWaitDstStageMask = &wait;
    submit.commandBufferCount = 1;
    submit.pCommandBuffers = &f.commands;
    submit.signalSemaphoreCount = 1;
    submit.pSignalSemaphores = &rendered_[image];
    check_vk(vk.vkQueueSubmit(presenter_->queue(), 1, &submit, f.done), "vkQueueSubmit");
    VkPresentInfoKHR show{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
    show.waitSemaphoreCount = 1;
    show.pWaitSemaphores = &rendered_[image];
    show.swapchainCount = 1;
    show.pSwapchains = &swapchain_;
    show.pImageIndices = &image;
    result = vk.vkQueuePresentKHR(presenter_->queue(), &show);
    frame_ = (frame_ + 1) % frames_.size();
    if (result == VK_ERROR_OUT_OF_DATE_KHR || result == VK_SUBOPTIMAL_KHR ||
        result == VK_ERROR_SURFACE_LOST_KHR) {
        stale_ = true;
        return result == VK_SUBOPTIMAL_KHR;
    }
    check_vk(result, "vkQueuePresentKHR");
    surface_failures_ = 0;
    return true;
}

void Window::update_scale(Application& app) {
    float x = 1, y = 1;
    glfwGetWindowContentScale(window_, &x, &y);
    app.ui.view.dpi_scale = std::clamp(x, 0.5f, 4.0f);
    app.ui.view.system_dark = system_prefers_dark();
}

bool Window::draw_frame(Application& app) {
    if ((stale_ || swapchain_ == VK_NULL_HANDLE) && !create_swapchain()) {
        return true;  // minimised: nothing to draw, everything else goes on
    }
    const double begin = glfwGetTime();
    update_scale(app);
    if (const std::string title = app.window_title(); title != title_) {
        title_ = title;
        glfwSetWindowTitle(window_, title.c_str());
    }
    ImGui_ImplVulkan_NewFrame();
    ImGui_ImplGlfw_NewFrame();
    app.prepare_frame();
    new_frame();
    app.draw();
    ImGui::Render();
    const double drawn = glfwGetTime();
    const bool shown = present(ImGui::GetDrawData());
    if (frame_log_ != nullptr) {
        frame_log_->add({begin, (drawn - begin) * 1000, (glfwGetTime() - begin) * 1000});
    }
    return shown;
}

Script::Step Window::script_step(Application& app) {
    const double now = glfwGetTime();
    const Script::Step step = script_->step(app, stage_, now - last_time_);
    last_time_ = now;
    return step;
}

bool Window::run(Application& app, const std::string& script, std::string& error) {
    script_.reset();
    if (!script.empty()) {
        script_ = std::make_unique<Script>(script, error);
        if (!error.empty()) {
            return false;
        }
    }
    stage_.resize = [this](int w, int h) { glfwSetWindowSize(window_, w, h); };
    stage_.shot = [&](const std::string& path, std::string& problem) {
        ImGui_ImplVulkan_NewFrame();
        ImGui_ImplGlfw_NewFrame();
        new_frame();
        app.draw();
        ImGui::Render();
        const Pixels p =
            presenter_->render(ImGui::GetDrawData(), int(size_.width), int(size_.height));
        return write_png(path, p.rgb, uint32_t(p.width), uint32_t(p.height), problem);
    };
    activity_ = kFramesAfterEvent;
    last_time_ = glfwGetTime();
    while (glfwWindowShouldClose(window_) == GLFW_FALSE && !app.ui.view.quit) {
        const bool scripted = script_ != nullptr;
        const auto toast = app.ui.view.toasts.due(ImGui::GetTime());
        if (activity_ > 0) {
            glfwPollEvents();
        } else if (answer_frames_ > 0) {
            // What the engine says is shown 30 times a second, however often it speaks.
            glfwWaitEventsTimeout(std::max(last_drawn_ + kAnswerPeriod - glfwGetTime(), 0.001));
        } else if (key_held() || app.ui.view.moving) {
            glfwWaitEventsTimeout(0.02);  // it repeats by itself
            activity_ = std::max(activity_, 1);
        } else if (scripted || toast || ImGui::GetIO().MouseDelta.x != 0) {
            glfwWaitEventsTimeout(scripted ? 0.02 : std::clamp(toast.value_or(0.5), 0.02, 0.5));
            activity_ = std::max(activity_, 1);
        } else {
            // A tooltip waits for the pointer to rest; after that nothing happens by itself.
            glfwWaitEventsTimeout(tooltip_due_ ? 0.4 : 3600.0);
            activity_ = tooltip_due_ ? std::max(activity_, 2) : activity_;
            tooltip_due_ = activity_ == kFramesAfterEvent;
        }
        if (app.pump()) {
            answer_frames_ = kFramesAfterEvent - 1;
        }
        for (const std::string& path : dropped_) {
            app.drop(path);
        }
        dropped_.clear();
        if (scripted) {
            const Script::Step step = script_step(app);
            if (step != Script::Step::running) {
                error = script_->error();
                return step == Script::Step::done;
            }
        }
        if (answer_frames_ > 0 && glfwGetTime() >= last_drawn_ + kAnswerPeriod) {
            activity_ = std::max(activity_, 1);
        }
        if (glfwGetWindowAttrib(window_, GLFW_ICONIFIED) != GLFW_FALSE) {
            activity_ = answer_frames_ = 0;
        } else if (activity_ > 0) {
            last_drawn_ = glfwGetTime();
            activity_ = draw_frame(app) ? frames_after(activity_) : activity_;
            answer_frames_ = std::max(answer_frames_ - 1, 0);
        }
        app.flush();
    }
    return true;
}

}  // namespace app::ui
