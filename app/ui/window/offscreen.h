// Offscreen: the same application drawn into a picture, without a display. Time is counted in
// frames, so that runs repeat.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/ui/application.h"
#include "app/ui/script.h"
#include "app/ui/window/present.h"

struct ImGuiContext;

namespace app::ui {

class Offscreen {
public:
    /// Throws WindowError when fonts or a device are missing.
    Offscreen(EngineLink& engine, const StartOptions& options, int width, int height);
    ~Offscreen();
    Offscreen(const Offscreen&) = delete;
    Offscreen& operator=(const Offscreen&) = delete;

    /// One frame; pixels only when asked for.
    void frame();
    Pixels shot();
    void resize(int width, int height);
    /// Plays it to the end; false with `error`. `idle`: called when there is nothing new, to wait.
    bool play(const std::string& script, std::string& error,
              const std::function<void()>& idle = {});

    Application& app() { return *app_; }
    Registry& registry() { return app_->ui.registry(); }

private:
    ImGuiContext* context_ = nullptr;
    std::unique_ptr<Presenter> presenter_;
    std::unique_ptr<Application> app_;
    int width_, height_;
    std::string clipboard_;
    bool had_events_ = false;
};

}  // namespace app::ui
