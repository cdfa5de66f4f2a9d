// Application: engine, state and window contents put together, without a window. What drives it (a
// real window, or a picture off the screen) calls pump, draw and flush once a frame.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/chats/history_threads.h"
#include "app/engine/engine.h"
#include "app/library/library.h"
#include "app/state_folder.h"
#include "app/ui/state/config_file.h"
#include "app/ui/state/ui_state.h"
#include "app/ui/ui.h"

namespace app::ui {

struct StartOptions {
    std::string model_path;  // empty: the shipped model
    std::string device;
    uint32_t n_ctx = 0;
    bool open_at_start = true;
    std::string config_path;          // empty: nothing is read or written
    std::string chats_path;           // empty: chats are kept in memory only
    std::function<void()> wake = {};  // called from other threads when there is something to take
    uint64_t seed = 1;
    std::function<bool()> end_asked = {};   // from outside the window: it closes in order
    std::vector<std::string> font_folders;  // none: the system's
    LibraryLink* library = nullptr;         // null: models and devices are not looked for
    /// A load of an earlier session that did not come to its end: nothing is opened by itself.
    std::optional<BrokenLoad> broken;
    std::function<void()> forget_broken;          // the user has decided
    std::string replay_text;                      // of a recording: sent when its "model" is there
    std::vector<model::Turn> replay_before = {};  // what was said before it
    bool replay_given = false;                    // a text that was read: there is no answer
    /// The first file cannot be opened, and nothing is opened in its place.
    std::optional<Trouble> trouble = {};
    /// Another window of the program with this file; what went wrong. Null: there can be none.
    std::function<std::string(const std::string& path)> open_window = {};
};

class Application {
public:
    Application(EngineLink& engine, const StartOptions& options);
    /// The orderly end: what was deleted is gone for good.
    ~Application();
    Application(const Application&) = delete;
    Application& operator=(const Application&) = delete;

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
    std::string window_title() const;

    UiState state;
    Ui ui;

private:
    void save_config();
    bool drop_chat(const std::string& path);
    bool open_elsewhere(const std::string& path);
    bool open_shipped_elsewhere();
    bool pump_history();
    bool pump_writes();
    bool pump_reads();
    void show_replay();
    void flush_history();
    void say_broken(const BrokenLoad& broken);
    void look_around();
    std::string first_model(const StartOptions& options);
    void open_first();

    std::string first_path_, asked_device_, replay_text_;
    std::vector<model::Turn> replay_before_;
    bool replay_given_ = false;
    const bool replays_;
    const std::function<std::string(const std::string&)> open_window_;
    bool first_waits_ = false;  // the first model, for the device it is opened on
    bool measure_asked_ = false, searched_ = false;
    std::function<void()> forget_broken_;  // set in safe mode

    EngineLink& engine_;
    ConfigFile config_file_;
    const std::function<void()> wake_;
    const std::function<bool()> end_asked_;
    const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    std::unique_ptr<HistoryThreads> history_;
    std::vector<std::future<std::string>> writes_;  // each gives what is to be said of it
    struct ReadChat {
        std::string path;
        LoadedChat chat;
        std::string problem;  // empty: it was read
    };
    std::vector<std::future<ReadChat>> reads_;
};

}  // namespace app::ui
