#include "app/ui/window/run_window.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <system_error>
#include <thread>

#include <fmt/format.h>

#include "app/chats/history.h"
#include "app/engine/engine.h"
#include "app/engine/link_thread.h"
#include "app/library/library.h"
#include "app/recordings/recording.h"
#include "app/recordings/replay_engine.h"
#include "app/state_folder.h"
#include "app/ui/script.h"
#include "app/ui/window/end_signals.h"
#include "app/ui/window/offscreen.h"
#include "app/ui/window/open_address.h"
#include "app/ui/window/window.h"

namespace app {

namespace {

int fail(const std::string& what, int code) {
    fmt::print(stderr, "lapidary: {}\n", what);
    return code;
}

/// Empty: `text` is the script. Else why there is none.
std::string read_script(const std::string& path, std::string& text) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
        return "it is a folder";
    }
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        return std::generic_category().message(errno != 0 ? errno : ENOENT);
    }
    constexpr size_t kMostBytes = size_t{16} << 20;  // a script that never ends, such as /dev/zero
    text.resize(kMostBytes + 1);
    in.read(text.data(), std::streamsize(text.size()));
    text.resize(size_t(in.gcount()));
    if (text.size() > kMostBytes) {
        return "it has more than 16 MiB";
    }
    return in.bad() ? std::generic_category().message(errno != 0 ? errno : EIO) : std::string();
}

/// A script that cannot be played is refused before a model is loaded for it.
std::string check_script(const std::string& path, std::string& text) {
    const std::string why = read_script(path, text);
    if (!why.empty()) {
        return fmt::format("the script '{}' cannot be opened: {}", ui::printable(path), why);
    }
    std::string problem;
    const ui::Script script(text, problem);
    return problem.empty() ? problem : ui::printable(path) + ": " + problem;
}

/// "1280x800"; whole numbers in 64 bits, so that no size wraps around into a fitting one.
bool read_size(const std::string& text, int64_t& width, int64_t& height) {
    const char* end = text.data() + text.size();
    const auto w = std::from_chars(text.data(), end, width);
    if (w.ec != std::errc() || w.ptr == end || *w.ptr != 'x') {
        return false;
    }
    const auto h = std::from_chars(w.ptr + 1, end, height);
    return h.ec == std::errc() && h.ptr == end;
}

ui::StartOptions start_options(const Options& options) {
    ui::StartOptions start;
    start.model_path = options.model;
    start.device = options.device;
    start.n_ctx = options.session.n_ctx;
    start.seed = options.seed ? *options.seed : uint64_t(std::random_device{}());
    start.open_at_start = !options.safe_mode;
    const bool scripted = !options.script.empty();
    start.config_path = scripted ? std::string() : ui::ConfigFile::default_path();
    start.chats_path = scripted ? options.script_chats : HistoryStore::default_path();
    return start;
}

/// What a crash left behind decides how this session starts. Before anything touches Vulkan.
void check_last_load(const LoadMarker& marker, bool safe_mode, ui::StartOptions& start) {
    start.broken = marker.broken();
    start.forget_broken = [marker] { marker.forget(); };
    if (start.broken || safe_mode) {
        ::setenv("VK_LOADER_LAYERS_DISABLE", "~implicit~", 1);
    }
}

/// The engine of this session: a recording plays itself, with nothing kept and nothing looked for.
std::unique_ptr<EngineLink> make_engine(const Options& options, const std::string& state,
                                        const std::function<void()>& wake,
                                        ui::StartOptions& start) {
    // By its name too: a damaged recording is to be called that, and no GGUF file.
    const bool recording = options.model.ends_with(kRecordingEnding) || is_recording(options.model);
    if (options.model.empty() || !recording) {
        return std::make_unique<Engine>(wake, state);
    }
    auto replay = std::make_unique<ReplayEngine>(read_recording(options.model));
    const std::string& text = replay->recording().text;
    start.replay_text = text.empty() ? "Recording" : text;
    start.replay_before = replay->recording().before;
    start.replay_given = !replay->recording().drawn();
    start.chats_path.clear();
    start.config_path.clear();
    start.broken.reset();
    start.library = nullptr;
    return std::make_unique<LinkThread>(std::move(replay), wake);
}

/// The same for a window that somebody looks at: what is wrong with the recording is said there.
std::unique_ptr<EngineLink> make_engine_or_say(const Options& options, const std::string& state,
                                               ui::StartOptions& start) {
    try {
        return make_engine(options, state, &ui::Window::wake, start);
    } catch (const base::Error& error) {
        start.trouble = ui::Trouble{error.what(), error.hint(), false};
        return std::make_unique<Engine>(&ui::Window::wake, state);
    }
}

int run_offscreen(const Options& options, const std::string& script) {
    constexpr int64_t kLargest = 8192;
    int64_t width = 0, height = 0;
    if (!read_size(options.offscreen, width, height) || width < 1 || height < 1 ||
        width > kLargest || height > kLargest) {
        return fail(fmt::format("--offscreen wants WIDTHxHEIGHT such as 1280x800, each from 1 to "
                                "{}, not '{}'",
                                kLargest, ui::printable(options.offscreen)),
                    2);
    }
    const ui::EndSignals signals([] {});  // the loop looks without being woken
    ui::StartOptions start = start_options(options);
    start.end_asked = [&signals] { return signals.came() != 0; };
    const std::unique_ptr<EngineLink> engine = make_engine(
        options, {}, [] {}, start);
    ui::Offscreen stage(*engine, start, int(width), int(height));
    std::string error;
    const bool ok = stage.play(script, error,
                               [] { std::this_thread::sleep_for(std::chrono::milliseconds(4)); });
    return ok ? signals.exit_code(0) : fail(options.script + ": " + error, 1);
}

int run_on_display(const Options& options, const std::string& script) {
    const ui::EndSignals signals(&ui::Window::wake);
    const std::string state = state_folder();
    const LogFile log(state);
    ui::StartOptions start = start_options(options);
    start.end_asked = [&signals] { return signals.came() != 0; };
    check_last_load(LoadMarker(state), options.safe_mode, start);
    ui::FrameLog frames;
    ui::Window window(1440, 900);
    if (!options.frame_log.empty()) {
        window.log_frames(&frames);
    }
    Library library(&ui::Window::wake, state);
    start.library = &library;
    start.wake = &ui::Window::wake;
    start.open_window = &ui::open_window;
    const std::unique_ptr<EngineLink> engine = make_engine_or_say(options, state, start);
    ui::Application application(*engine, start);
    application.ui.view.messages.open_address = ui::open_address;
    std::string error;
    if (!application.ui.load_fonts(error)) {
        return fail(error, 1);
    }
    // In this order, also when drawing fails: the renderer's textures, then the pixels behind them.
    struct Ending {
        ui::Window& window;
        ui::Application& application;
        ~Ending() {
            window.stop_drawing();
            application.ui.release();
        }
    } ending{window, application};
    const bool ok = window.run(application, script, error);
    if (!options.frame_log.empty()) {
        std::string problem;
        if (!frames.write(options.frame_log, problem)) {
            return fail(problem, 1);
        }
        fmt::print(stderr, "{}\n", frames.summary());
    }
    return ok ? signals.exit_code(0) : fail(options.script + ": " + error, 1);
}

}  // namespace

int run_window(const Options& options) {
    std::string script;
    if (!options.script.empty()) {
        if (const std::string problem = check_script(options.script, script); !problem.empty()) {
            return fail(problem, 2);
        }
    }
    try {
        return options.offscreen.empty() ? run_on_display(options, script)
                                         : run_offscreen(options, script);
    } catch (const ui::WindowError& error) {
        return fail(error.what(), 4);
    }
}

}  // namespace app
