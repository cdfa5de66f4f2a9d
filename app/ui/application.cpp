#include "app/ui/application.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace app::ui {

Application::Application(EngineLink& engine, const StartOptions& options)
    : engine_(engine), config_file_(options.config_path) {
    std::string problem;
    ui.view.config = config_file_.load(problem);
    if (!problem.empty()) {
        state.trouble =
            Trouble{problem, "Theme, text size and the list of models start afresh.", false};
    }
    ui.view.device = options.device.empty() ? ui.view.config.device : options.device;
    state.next_seed = options.seed;
    ui.view.composer.take_focus = true;
    if (options.open_at_start) {
        const auto trouble = state.trouble;
        state.open_model(options.model_path, ui.view.device, options.n_ctx);
        state.trouble = trouble;
    }
    state.n_ctx = options.n_ctx;
}

bool Application::pump() {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point end = Clock::now() + std::chrono::milliseconds(12);
    bool any = false;
    // A flood of events must not keep the window from drawing.
    while (Clock::now() < end) {
        std::optional<Event> event = engine_.poll();
        if (!event) {
            break;
        }
        const bool was_loading = state.loading();
        state.apply(*event);
        any = true;
        if (const auto* ready = std::get_if<ModelReady>(&*event);
            ready != nullptr && was_loading && !state.loading()) {
            ui.view.config.device = ui.view.device;
            if (!ready->info->shipped) {
                remember_recent(ui.view.config, ready->info->path);
            }
        }
    }
    return any;
}

void Application::draw() {
    ui.draw(state);
}

void Application::flush() {
    size_t sent = 0;
    while (sent < state.outbox.size() && engine_.send(state.outbox[sent])) {
        ++sent;
    }
    state.outbox.erase(state.outbox.begin(), state.outbox.begin() + int64_t(sent));
    save_config();
}

void Application::save_config() {
    std::string problem;
    if (!config_file_.save(ui.view.config, problem)) {
        config_file_ = ConfigFile({});  // say it once, not with every frame
        state.trouble = Trouble{problem, "Settings are kept until the window closes.", false};
    }
}

void Application::drop(const std::string& path) {
    state.open_model(path, ui.view.device, state.n_ctx);
}

}  // namespace app::ui
