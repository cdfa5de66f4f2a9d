#include "app/ui/application.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <new>
#include <utility>

#include <fmt/format.h>

#include "app/chats/chat_export.h"
#include "app/recordings/recording.h"
#include "app/ui/state/device_choice.h"
#include "app/ui/state/text_file.h"
#include "app/ui/widgets/format.h"

namespace app::ui {

namespace {

constexpr std::chrono::milliseconds kLongestOpen{2000};  // of the chats' file

}  // namespace

Application::Application(EngineLink& engine, const StartOptions& options)
    : replays_(!options.replay_text.empty()),
      open_window_(options.open_window),
      engine_(engine),
      config_file_(options.config_path),
      wake_(options.wake),
      end_asked_(options.end_asked) {
    std::string problem;
    ui.view.config = config_file_.load(problem);
    if (!problem.empty()) {
        state.trouble =
            Trouble{problem, "Theme, text size and the list of models start afresh.", false};
    }
    const char* wanted = std::getenv("LAPIDARY_GPU");
    asked_device_ = options.device.empty() && wanted != nullptr ? wanted : options.device;
    ui.view.device = options.device.empty() ? ui.view.config.device : options.device;
    state.next_seed = options.seed;
    ui.view.composer.take_focus = true;
    state.n_ctx = options.n_ctx;
    if (!options.chats_path.empty()) {
        history_ = std::make_unique<HistoryThreads>(options.chats_path, options.wake);
        state.start_history(history_->wait_open(kLongestOpen));
    }
    first_path_ = first_model(options);
    replay_text_ = options.replay_text;
    replay_before_ = options.replay_before;
    replay_given_ = options.replay_given;
    first_waits_ = options.open_at_start && !options.broken && !options.trouble;
    if (options.trouble) {
        state.trouble = options.trouble;
    }
    state.open_elsewhere = [this](const std::string& path) { return open_elsewhere(path); };
    if (options.broken) {
        say_broken(*options.broken);
        forget_broken_ = options.forget_broken;
    }
    if (LibraryLink* library = options.library) {
        ui.view.models.library = library;
        library->remember(ui.view.config.gb_per_s);
        library->look_for_devices();
    }
    open_first();
}

namespace {

/// Why the model that was open last cannot be opened again; empty: it may.
std::string lost_model(const std::string& path) {
    std::error_code ignored;
    const std::filesystem::file_status found = std::filesystem::status(path, ignored);
    if (!std::filesystem::exists(found)) {
        return "is not there any more";
    }
    if (!std::filesystem::is_directory(found)) {
        return {};
    }
    bool config = false, weights = false;
    for (std::filesystem::directory_iterator file(path, ignored), end; file != end && !ignored;
         file.increment(ignored)) {
        config |= file->path().filename() == "config.json";
        weights |= file->path().extension() == ".safetensors";
    }
    return config && weights ? "" : "is a folder without a model";
}

}  // namespace

/// What was asked for, else what was open when the program ended last, if it is still there.
std::string Application::first_model(const StartOptions& options) {
    const std::string& last = ui.view.config.last_model;
    if (!options.model_path.empty() || last.empty()) {
        return options.model_path;
    }
    const std::string lost = lost_model(last);
    if (lost.empty()) {
        return last;
    }
    ui.view.say(fmt::format("The model of last time, {}, {}: this is the shipped one",
                            one_line(last, 80), lost));
    return {};
}

/// Safe mode: what happened, and the ways on.
void Application::say_broken(const BrokenLoad& broken) {
    const std::string name = broken.path.empty() ? "the shipped model" : broken.path;
    Trouble trouble{"Lapidary ended while it was opening " + one_line(name, 200) + ".",
                    "This is safe mode: no model is opened by itself, and Vulkan's implicit layers "
                    "(overlays, recorders) are off.",
                    false};
    trouble.hint += broken.when.empty() ? "" : " It happened on " + broken.when + ".";
    const auto offer = [&](const char* text, const std::string& path, const std::string& device) {
        trouble.offers.push_back({.text = text, .path = path, .device = device, .can_open = true});
    };
    offer("Open it again", broken.path, broken.device);
    offer("Open it on the CPU, which is slow", broken.path, "cpu");
    if (!broken.path.empty()) {
        offer("Open the shipped model", {}, broken.device);
    }
    state.trouble = trouble;
}

/// The first model, once it is clear on which device.
void Application::open_first() {
    if (!first_waits_) {
        return;
    }
    DeviceChoice choice =
        choose_device(ui.view.models.facts(), asked_device_, ui.view.config.device);
    if (ui.view.models.library == nullptr) {
        choice = {DeviceChoice::Step::open, ui.view.device, asked_device_.empty()};
    }
    if (choice.step == DeviceChoice::Step::measure && !std::exchange(measure_asked_, true)) {
        ui.view.models.library->measure();
    }
    if (choice.step != DeviceChoice::Step::open) {
        return;
    }
    first_waits_ = false;
    ui.view.device = choice.device == asked_device_ ? ui.view.device : choice.device;
    const auto trouble = state.trouble;
    state.open_model(first_path_, ui.view.device, state.n_ctx,
                     {.anyway = false, .device_optional = choice.optional});
    state.trouble = trouble;
}

/// What the library has found out since the last frame.
void Application::look_around() {
    ModelsView& models = ui.view.models;
    if (!models.refresh()) {
        return;
    }
    const LibraryFacts& facts = models.facts();
    open_first();
    if (!first_waits_ && !std::exchange(searched_, true)) {
        models.library->search(ui.view.config.model_folders);
    }
    if (!facts.searching) {
        state.known_models = std::make_shared<const std::vector<FoundModel>>(facts.models);
    }
    for (const DeviceFacts& device : facts.devices) {
        if (device.gb_per_s > 0) {
            ui.view.config.gb_per_s[device.key()] = device.gb_per_s;
        }
    }
    if (facts.diagnostics != nullptr && std::exchange(models.wants_diagnostics, false)) {
        ImGui::SetClipboardText(facts.diagnostics->c_str());
        ui.view.say("Diagnostics copied");
    }
}

bool Application::pump() {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point end = Clock::now() + std::chrono::milliseconds(12);
    if (end_asked_ && end_asked_()) {
        ui.view.quit = true;
    }
    const uint64_t seen = ui.view.models.facts().version;
    look_around();
    bool any = ui.view.models.facts().version != seen;
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
            if (ready->info->replayed) {
                show_replay();
                continue;
            }
            if (!ready->info->device_stands_in) {  // the one that works is opened next time
                ui.view.config.device = ui.view.device;
            }
            ui.view.config.last_model = ready->info->shipped ? std::string() : ready->info->path;
            if (!ready->info->shipped) {
                remember_recent(ui.view.config, ready->info->path);
            }
        }
    }
    if (!state.saving.said.empty()) {
        ui.view.say(std::exchange(state.saving.said, {}));
        any = true;
    }
    const bool written = pump_writes(), read = pump_reads();
    return pump_history() || written || read || any;
}

/// The conversation that the recorded answer belongs to, then that answer.
void Application::show_replay() {
    NodeId last = kNoNode;
    for (model::Turn& turn : std::exchange(replay_before_, {})) {
        if (turn.role == model::Role::system) {
            state.chat().info.system = std::move(turn.text);
        } else {
            last = state.chat().add(last, turn.role, std::move(turn.text));
        }
    }
    const std::string text = std::exchange(replay_text_, {});
    replay_given_ ? state.show_text(text) : state.send(text);
}

/// Files that the user asked for are written in threads of their own.
bool Application::pump_writes() {
    for (auto& [path, text] : std::exchange(state.file.exports, {})) {
        writes_.push_back(std::async(std::launch::async, [path = path, text = text, wake = wake_] {
            const std::string problem = write_new_file(path, text);
            if (wake) {
                wake();
            }
            return problem.empty() ? "Saved as " + path : "Not saved: " + problem;
        }));
    }
    bool any = false;
    std::erase_if(writes_, [&](std::future<std::string>& one) {
        const bool done = one.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
        if (done) {
            ui.view.say(one.get());
            any = true;
        }
        return done;
    });
    return any;
}

/// A window shows models or one recording, with an engine for it: the other kind gets a window of
/// its own.
bool Application::open_elsewhere(const std::string& path) {
    std::error_code error;
    if (path.empty() && replays_ && path != first_path_) {
        return open_shipped_elsewhere();
    }
    const bool own = path.empty() || (replays_ && path == first_path_);
    if (own || !std::filesystem::exists(path, error) ||
        (!replays_ && !(std::filesystem::is_regular_file(path, error) && is_recording(path)))) {
        return false;
    }
    const std::string problem =
        open_window_ ? open_window_(path) : std::string("this one has no display.");
    if (problem.empty()) {
        const std::string name = std::filesystem::path(path).filename().string();
        ui.view.say("'" + one_line(name, 40) + "' opens in a window of its own");
        return true;
    }
    const char* const what =
        replays_ ? "This window shows a recording: a model" : "This file is a recording: it";
    state.trouble = Trouble{std::string(what) + " needs a window of its own, and " + problem,
                            "In a terminal: lapidary " + one_line(path, 200), false};
    return true;
}

/// From a recording's window: by its path, as a window without one opens the model of last time.
bool Application::open_shipped_elsewhere() {
    try {
        return open_elsewhere(shipped_model_path());
    } catch (const std::exception& error) {
        state.trouble =
            Trouble{error.what(), "Install the program again, or open another model.", false};
        return true;
    }
}

/// What the system shows as the window's name.
std::string Application::window_title() const {
    const std::string chat = one_line(state.chat().title(), 80);
    return replays_ ? (chat.empty() ? "Recording" : "Recording: " + chat) + " – Lapidary"
                    : "Lapidary";
}

/// A chat that was saved as a file comes back, read in a thread of its own; false: it is none.
bool Application::drop_chat(const std::string& path) {
    std::error_code error;
    if (!path.ends_with(".json") || !std::filesystem::is_regular_file(path, error)) {
        return false;
    }
    reads_.push_back(std::async(std::launch::async, [path, wake = wake_] {
        ReadChat read{path, {}, {}};
        try {
            read_chat_file(path, read.chat, read.problem);
        } catch (const std::bad_alloc&) {
            read.problem = "there is not enough memory for it";
        }
        if (wake) {
            wake();
        }
        return read;
    }));
    return true;
}

bool Application::pump_reads() {
    bool any = false;
    std::erase_if(reads_, [&](std::future<ReadChat>& one) {
        if (one.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
            return false;
        }
        any = true;
        const ReadChat read = one.get();
        if (read.problem.empty()) {
            state.import_chat(read.chat);
        } else {
            ui.view.say("'" + read.path + "' was not read: " + read.problem);
        }
        return true;
    });
    return any;
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
    if (const std::optional<HistoryStart> start = history_->taken_over()) {
        state.take_over_history(*start);
        ui.view.say("The other window has ended: chats are saved again, those of this window too");
        any = true;
    }
    const bool held = state.file.held.has_value();
    const bool problem = state.file.problem.has_value();
    state.note_saved(history_->saved(), history_->problem());
    return any || held != state.file.held.has_value() || problem != state.file.problem.has_value();
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

Application::~Application() {
    state.purge_deleted();
    flush_history();  // the threads write what they were given before they end
}

void Application::flush() {
    // No clock of the drawing: an application may run without a frame.
    const std::chrono::duration<double> age = std::chrono::steady_clock::now() - begun_;
    state.forget_deleted(age.count());
    flush_history();
    if (forget_broken_ && (!state.trouble || state.ready())) {
        std::exchange(forget_broken_, {})();
    }
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
    if (path.ends_with(".txt") || path.ends_with(".md")) {
        std::string problem;
        const auto text = read_text_file(path, problem);
        const std::string obstacle = state.text_obstacle();
        if (text && obstacle.empty()) {
            state.read_text(*text);
        } else {
            ui.view.say(text ? obstacle : "'" + path + "' was not read: " + problem);
        }
    } else if (!drop_chat(path)) {
        state.open_model(path, ui.view.device, state.n_ctx);
    }
}

}  // namespace app::ui
