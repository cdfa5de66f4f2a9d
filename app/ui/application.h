// Application: engine, state and window contents put together, without a window. What drives it (a
// real window, or a picture off the screen) calls pump, draw and flush once a frame.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/engine.h"
#include "app/history_threads.h"
#include "app/ui/config_file.h"
#include "app/ui/ui.h"
#include "app/ui/ui_state.h"

namespace app::ui {

struct StartOptions {
    std::string model_path;  // empty: the shipped model
    std::string device;
    uint32_t n_ctx = 0;
    bool open_at_start = true;
    std::string config_path;  // empty: nothing is read or written
    std::string chats_path;   // empty: chats are kept in memory only
    std::function<void()> wake = {};  // called from other threads when there is something to take
    uint64_t seed = 1;
    std::vector<std::string> font_folders;  // none: the system's
};

class Application {
public:
    Application(EngineLink& engine, const StartOptions& options);

    /// Take at most a frame's worth of events; true when there were any.
    bool pump();
    /// Before NewFrame: fonts that were found since the last frame.
    void prepare_frame();
    /// Between NewFrame and Render.
    void draw();
    /// Hand the commands over; those that find the queue full stay for the next time. Writes the
    /// settings when they changed.
    void flush();
    /// A file or folder was dropped on the window.
    void drop(const std::string& path);

    UiState state;
    Ui ui;

private:
    void save_config();
    bool pump_history();
    void flush_history();

    EngineLink& engine_;
    ConfigFile config_file_;
    std::unique_ptr<HistoryThreads> history_;
};

}  // namespace app::ui
