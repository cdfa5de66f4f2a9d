#include "app/ui/application.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace app::ui {

namespace {

constexpr std::chrono::milliseconds kLongestOpen{2000};  // of the chats' file

}  // namespace

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
    if (!options.chats_path.empty()) {
        history_ = std::make_unique<HistoryThreads>(options.chats_path, options.wake);
        state.start_history(history_->wait_open(kLongestOpen));
    }
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
    return pump_history() || any;
}

bool Application::pump_history() {
    if (history_ == nullptr) {
        return false;
    }
    bool any = false;
    while (const std::optional<HistoryAnswer> answer = history_->poll()) {
        state.apply_history(*answer);
        any = true;
    }
    const bool held = state.file.held.has_value();
    const bool problem = state.file.problem.has_value();
    state.note_saved(history_->saved(), history_->problem());
    return any || held != state.file.held.has_value() ||
           problem != state.file.problem.has_value();
}

/// Changes that find the queue full stay for the next time.
void Application::flush_history() {
    if (history_ == nullptr) {
        state.file.questions.clear();
        return;
    }
    auto& changes = state.file.saver.outbox;
    while (!changes.empty() && history_->has_room()) {
        ChatSaver::Outgoing& next = changes.front();
        history_->write(next.serial, next.urgent, std::move(next.change));
        changes.pop_front();
    }
    for (HistoryQuestion& question : state.file.questions) {
        history_->ask(std::move(question));
    }
    state.file.questions.clear();
}

void Application::prepare_frame() {
    ui.refresh_fonts();
}

void Application::draw() {
    ui.draw(state);
}

void Application::flush() {
    flush_history();
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
