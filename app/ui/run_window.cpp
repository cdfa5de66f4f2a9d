#include "app/ui/run_window.h"

#include <cstdio>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include <fmt/format.h>

#include "app/engine.h"
#include "app/ui/offscreen.h"
#include "app/ui/window.h"

namespace app {

namespace {

int fail(const std::string& what, int code) {
    fmt::print(stderr, "lapidary: {}\n", what);
    return code;
}

bool read_script(const std::string& path, std::string& text) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream all;
    all << in.rdbuf();
    text = all.str();
    return bool(in);
}

ui::StartOptions start_options(const Options& options) {
    ui::StartOptions start;
    start.model_path = options.model;
    start.device = options.device;
    start.n_ctx = options.session.n_ctx;
    start.seed = options.seed ? *options.seed : uint64_t(std::random_device{}());
    const bool scripted = !options.script.empty();
    start.config_path = scripted ? std::string() : ui::ConfigFile::default_path();
    return start;
}

int run_offscreen(const Options& options, const std::string& script) {
    int width = 0, height = 0;
    char rest = 0;
    if (std::sscanf(options.offscreen.c_str(), "%dx%d%c", &width, &height, &rest) != 2 ||
        width < 1 || height < 1 || width > 8192 || height > 8192) {
        return fail("--offscreen wants a size such as 1280x800, not '" + options.offscreen + "'",
                    2);
    }
    Engine engine([] {});
    ui::Offscreen stage(engine, start_options(options), width, height);
    std::string error;
    const bool ok = stage.play(script, error,
                               [] { std::this_thread::sleep_for(std::chrono::milliseconds(4)); });
    return ok ? 0 : fail(options.script + ": " + error, 1);
}

int run_on_display(const Options& options, const std::string& script) {
    ui::Window window(1440, 900);
    Engine engine(&ui::Window::wake);
    ui::Application application(engine, start_options(options));
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
    return ok ? 0 : fail(options.script + ": " + error, 1);
}

}  // namespace

int run_window(const Options& options) {
    std::string script;
    if (!options.script.empty() && !read_script(options.script, script)) {
        return fail("the script '" + options.script + "' cannot be read", 2);
    }
    try {
        return options.offscreen.empty() ? run_on_display(options, script)
                                         : run_offscreen(options, script);
    } catch (const ui::WindowError& error) {
        return fail(error.what(), 4);
    }
}

}  // namespace app
