// Window: GLFW, a swapchain, and a loop that sleeps until something happens.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/ui/application.h"
#include "app/ui/script.h"
#include "app/ui/window/frame_log.h"
#include "app/ui/window/present.h"

struct GLFWwindow;
struct ImGuiContext;

namespace app::ui {

class Window {
public:
    /// Throws WindowError when there is no display, no device or no font.
    Window(int width, int height);
    ~Window();
    Window(const Window&) = delete;
    Window& operator=(const Window&) = delete;

    /// Wakes a sleeping loop; from any thread.
    static void wake();
    /// Something happened: draw a few frames.
    static void touched(GLFWwindow* window);
    /// Until it is closed, or the script is over. Returns false with `error` when the script
    /// failed.
    bool run(Application& app, const std::string& script, std::string& error);
    /// The renderer lets go of every texture; afterwards nothing is drawn any more.
    void stop_drawing();
    /// Every frame's time goes there from now on; it must outlive the window.
    void log_frames(FrameLog* log) { frame_log_ = log; }

private:
    struct Frame {
        VkCommandBuffer commands = VK_NULL_HANDLE;
        VkFence done = VK_NULL_HANDLE;
        VkSemaphore acquired = VK_NULL_HANDLE;
    };
    void fit_into_work_area(int width, int height);
    void create_surface();
    bool create_swapchain();
    void drop_swapchain();
    void create_frames();
    bool draw_frame(Application& app);
    bool present(ImDrawData* data);
    void update_scale(Application& app);
    Script::Step script_step(Application& app);

    GLFWwindow* window_ = nullptr;
    std::string title_ = "Lapidary";
    ImGuiContext* context_ = nullptr;
    std::unique_ptr<Presenter> presenter_;
    VkSurfaceKHR surface_ = VK_NULL_HANDLE;
    VkSwapchainKHR swapchain_ = VK_NULL_HANDLE;
    VkExtent2D size_{};
    std::vector<VkImage> images_;
    std::vector<VkImageView> views_;
    std::vector<VkSemaphore> rendered_;  // per image
    std::vector<Frame> frames_;
    size_t frame_ = 0;
    bool stale_ = true;  // the swapchain no longer fits
    int surface_failures_ = 0;
    std::vector<std::string> dropped_;
    Stage stage_;
    std::unique_ptr<Script> script_;
    double last_time_ = 0;
    FrameLog* frame_log_ = nullptr;
    bool tooltip_due_ = false;
    int activity_ = 0;       // frames still to be drawn
    int answer_frames_ = 0;  // the same for what the engine said: these can wait a little
    double last_drawn_ = 0;
};

/// What the desktop asks for, as far as it says: GTK_THEME or a colour scheme setting.
bool system_prefers_dark();

}  // namespace app::ui
