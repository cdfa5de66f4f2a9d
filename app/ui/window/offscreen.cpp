#include "app/ui/window/offscreen.h"

#include <imgui.h>

#include <algorithm>
#include <chrono>

#include "app/exports/png.h"

namespace app::ui {

Offscreen::Offscreen(EngineLink& engine, const StartOptions& options, int width, int height)
    : width_(width), height_(height) {
    IMGUI_CHECKVERSION();
    context_ = ImGui::CreateContext();
    ImGui::SetCurrentContext(context_);
    ImGuiIO& io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.LogFilename = nullptr;
    io.ConfigFlags |= ImGuiConfigFlags_NavEnableKeyboard;
    io.ConfigInputTextCursorBlink = false;
    io.BackendPlatformName = "lapidary offscreen";
    ImGuiPlatformIO& platform = ImGui::GetPlatformIO();
    platform.Platform_ClipboardUserData = &clipboard_;
    platform.Platform_SetClipboardTextFn = [](ImGuiContext*, const char* text) {
        *static_cast<std::string*>(ImGui::GetPlatformIO().Platform_ClipboardUserData) = text;
    };
    platform.Platform_GetClipboardTextFn = [](ImGuiContext*) {
        return static_cast<std::string*>(ImGui::GetPlatformIO().Platform_ClipboardUserData)
            ->c_str();
    };
    try {
        app_ = std::make_unique<Application>(engine, options);
        std::string problem;
        if (!app_->ui.load_fonts(problem, options.font_folders)) {
            throw WindowError(problem);
        }
        presenter_ = std::make_unique<Presenter>(std::vector<const char*>{});
        presenter_->create_device(VK_NULL_HANDLE);
        presenter_->start_imgui(VK_FORMAT_B8G8R8A8_UNORM, 2);
    } catch (...) {
        presenter_.reset();
        app_.reset();
        ImGui::DestroyContext(context_);
        throw;
    }
}

Offscreen::~Offscreen() {
    ImGui::SetCurrentContext(context_);
    presenter_->stop_imgui();
    app_->ui.release();
    presenter_.reset();
    app_.reset();
    ImGui::DestroyContext(context_);
}

void Offscreen::resize(int width, int height) {
    width_ = width;
    height_ = height;
}

void Offscreen::frame() {
    ImGui::SetCurrentContext(context_);
    had_events_ = app_->pump();
    ImGuiIO& io = ImGui::GetIO();
    io.DisplaySize = {float(width_), float(height_)};
    io.DeltaTime = 1.0f / 60;
    app_->prepare_frame();
    new_frame();
    app_->draw();
    ImGui::Render();
    app_->flush();
    ImDrawData* data = ImGui::GetDrawData();
    // Pictures are made on request only, but textures live from frame to frame.
    if (data->Textures != nullptr && width_ > 0 && height_ > 0) {
        const bool pending =
            std::any_of(data->Textures->begin(), data->Textures->end(), [](const ImTextureData* t) {
                return t->Status != ImTextureStatus_OK && t->Status != ImTextureStatus_Destroyed;
            });
        if (pending) {
            presenter_->render(data, width_, height_);
        }
    }
}

Pixels Offscreen::shot() {
    frame();
    return presenter_->render(ImGui::GetDrawData(), std::max(width_, 1), std::max(height_, 1));
}

bool Offscreen::play(const std::string& text, std::string& error,
                     const std::function<void()>& idle) {
    Script script(text, error);
    if (!error.empty()) {
        return false;
    }
    Stage stage;
    stage.resize = [this](int w, int h) { resize(w, h); };
    stage.shot = [this](const std::string& path, std::string& problem) {
        const Pixels p = shot();
        return write_png(path, p.rgb, uint32_t(p.width), uint32_t(p.height), problem);
    };
    using Clock = std::chrono::steady_clock;
    Clock::time_point before = Clock::now();
    while (true) {
        const Clock::time_point now = Clock::now();
        ImGui::SetCurrentContext(context_);
        const Script::Step step =
            script.step(*app_, stage, std::chrono::duration<double>(now - before).count());
        before = now;
        if (step != Script::Step::running) {
            error = script.error();
            return step == Script::Step::done;
        }
        frame();
        if (app_->ui.view.quit) {  // as the window does, which ends in the middle of a script too
            return true;
        }
        if (!had_events_ && idle) {
            idle();
        }
    }
}

}  // namespace app::ui
