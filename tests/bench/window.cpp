// window_bench: what the window costs, on a real display (Xvfb will do), with the fake engine.
//
//   window_bench              all three: a chat of 2,000 messages scrolled from end to end, an
//   answer
//                             of 200 tokens a second, five seconds of nothing
//   window_bench scroll|stream|idle
//   window_bench shot WIDTHxHEIGHT SCRIPT [ANSWER]
//                             no display: plays the script; ANSWER is a file with what the model
//                             says; for looking at pictures
//
// Aims: scrolling p99 <= 25 ms; streaming < 10 % of a core; idle <= 12 frames and <= 3 % of a core.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <thread>

#include <fmt/format.h>
#include <imgui.h>

#include "app/ui/window/offscreen.h"
#include "app/ui/window/window.h"
#include "tests/support/fake_engine.h"

namespace {

using namespace app;
using Clock = std::chrono::steady_clock;

double seconds_of(clockid_t which) {
    timespec t{};
    clock_gettime(which, &t);
    return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

/// CPU time of the process and of this thread, which is the window's.
struct Cost {
    double process = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    double thread = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    Clock::time_point wall = Clock::now();

    std::string since() const {
        const double s = std::chrono::duration<double>(Clock::now() - wall).count();
        return fmt::format(
            "{:.1f} s, {:.1f} % of a core in the window's thread, {:.1f} % with the driver's", s,
            100 * (seconds_of(CLOCK_THREAD_CPUTIME_ID) - thread) / s,
            100 * (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - process) / s);
    }
};

std::string paragraph(int i) {
    std::string text = fmt::format("Message {}. ", i);
    for (int j = 0; j < 3 + i % 9; ++j) {
        text += "The quick brown fox jumps over the lazy dog and then has a rest. ";
    }
    if (i % 4 == 1) {
        text +=
            "\n\n```python\ndef f(n):\n    if n == 0:\n        return 1  # done\n    return n * "
            "f(n - 1)\n```\n\n- one **bold** thing\n- another `thing`\n";
    }
    if (i % 12 == 3) {
        text += "\n\n| a | b | c |\n|---|--:|:-:|\n| one | 2 | three |\n| four | 5 | six |\n";
    }
    return text;
}

void fill(ui::UiState& state, int n) {
    ui::Conversation& chat = state.chat();
    ui::NodeId at = ui::kNoNode;
    for (int i = 0; i < n; ++i) {
        const auto role = i % 2 == 0 ? model::Role::user : model::Role::model;
        at = chat.add(at, role, paragraph(i));
        chat.at(at).state =
            role == model::Role::user ? ui::AnswerState::none : ui::AnswerState::done;
    }
}

/// Hands out the fake engine's events no faster than so many tokens a second.
class PacedEngine : public EngineLink {
public:
    PacedEngine(test::FakeOptions options, double per_second)
        : engine_(std::move(options)), per_second_(per_second) {}

    bool send(Command command) override { return engine_.send(std::move(command)); }
    std::optional<Event> poll() override {
        const double now = std::chrono::duration<double>(Clock::now() - begin_).count();
        if (held_ && now < next_) {
            return std::nullopt;
        }
        std::optional<Event> event = held_ ? std::exchange(held_, std::nullopt) : engine_.poll();
        if (event && std::holds_alternative<TokenReady>(*event)) {
            if (now < next_) {
                held_ = std::move(event);
                return std::nullopt;
            }
            next_ = std::max(next_ + 1 / per_second_, now - 1);
            ++n_tokens;
        }
        return event;
    }
    size_t n_tokens = 0;

private:
    test::FakeEngine engine_;
    double per_second_, next_ = 0;
    Clock::time_point begin_ = Clock::now();
    std::optional<Event> held_;
};

/// A window with this engine behind it; `play` draws until the script is over, or for some seconds.
class Stage {
public:
    explicit Stage(EngineLink& engine) : window_(1280, 800), app_(engine, {}) {
        std::string problem;
        if (!app_.ui.load_fonts(problem)) {
            throw ui::WindowError(problem);
        }
        window_.log_frames(&frames);
    }
    ~Stage() {
        window_.stop_drawing();
        app_.ui.release();
    }
    void play(const std::string& script) {
        std::string error;
        if (!window_.run(app_, script, error)) {
            throw ui::WindowError(error);
        }
    }
    /// As a user's window: asleep unless something wakes it, here every `wake_ms` (0: nothing).
    void live(double seconds, int wake_ms) {
        std::atomic<bool> over{false};
        std::thread clock([&] {
            const auto end = Clock::now() + std::chrono::duration<double>(seconds);
            while (Clock::now() < end) {
                std::this_thread::sleep_for(std::chrono::milliseconds(wake_ms > 0 ? wake_ms : 50));
                if (wake_ms > 0) {
                    ui::Window::wake();
                }
            }
            over = true;
            app_.ui.view.quit = true;
            ui::Window::wake();
        });
        std::string error;
        window_.run(app_, {}, error);
        clock.join();
        app_.ui.view.quit = false;
    }
    ui::Application& app() { return app_; }
    ui::FrameLog frames;

private:
    ui::Window window_;
    ui::Application app_;
};

/// Moves the chat by a step before every frame, and so keeps frames coming.
class ScrollingEngine : public EngineLink {
public:
    bool send(Command command) override { return engine_.send(std::move(command)); }
    std::optional<Event> poll() override {
        if (view == nullptr) {
            return engine_.poll();
        }
        if (std::exchange(asked_, !asked_)) {
            return std::nullopt;
        }
        // Through the chat a page at a time, up and down, as by a wheel that spins freely; every
        // now and then as far as by a drag of the scroll bar.
        const int n = n_frames++;
        const float step = n % 60 == 59 ? 20000.0f : 700.0f;
        view->messages.scroll_by = n / 240 % 2 == 0 ? -step : step;
        return LoadProgressed{~RequestId{0}, "", 0, 0};
    }
    ui::View* view = nullptr;

private:
    test::FakeEngine engine_;
    bool asked_ = false;
    int n_frames = 0;
};

void scroll() {
    ScrollingEngine engine;
    Stage stage(engine);
    stage.play("wait ready\ninspector off\n");
    fill(stage.app().state, 2000);
    stage.app().ui.view.scroll_to_bottom = true;
    stage.play("wait frames 10\n");
    stage.frames.clear();
    engine.view = &stage.app().ui.view;
    const Cost cost;
    stage.live(10, 4);
    fmt::print("scroll, 2,000 messages: {}; {}\n", stage.frames.summary(), cost.since());
}

void stream() {
    std::string answer;
    for (int i = 1; answer.size() < 24000; i += 2) {
        answer += paragraph(i) + "\n\n";
    }
    PacedEngine engine({.answer = test::answer_tokens(answer)}, 200);
    Stage stage(engine);
    stage.play("wait ready\ninspector off\nsend Tell me\nwait tokens 100\n");
    stage.frames.clear();
    const size_t before = engine.n_tokens;
    const Cost cost;
    stage.live(8, 33);
    fmt::print("stream, {} tokens: {}; {}\n", engine.n_tokens - before, cost.since(),
               stage.frames.summary());
}

void idle() {
    test::FakeEngine engine;
    Stage stage(engine);
    stage.play("wait ready\ninspector off\n");
    fill(stage.app().state, 2000);
    stage.play("wait frames 10\n");
    stage.frames.clear();
    const Cost cost;
    stage.live(5, 0);
    fmt::print("idle: {} frames; {}\n", stage.frames.size(), cost.since());
}

std::string file(const char* path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

int shot(int argc, char** argv) {
    int w = 0, h = 0;
    if (argc < 4 || std::sscanf(argv[2], "%dx%d", &w, &h) != 2) {
        fmt::print(stderr, "shot SIZE SCRIPT [ANSWER]\n");
        return 2;
    }
    test::FakeOptions options;
    if (argc > 4) {
        options.answer = test::answer_tokens(file(argv[4]));
    }
    test::FakeEngine engine(options);
    ui::Offscreen screen(engine, {}, w, h);
    std::string error;
    if (!screen.play(file(argv[3]), error)) {
        fmt::print(stderr, "{}\n", error);
        return 1;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "all";
    try {
        if (what == "shot") {
            return shot(argc, argv);
        }
        if (what == "scroll" || what == "all") {
            scroll();
        }
        if (what == "stream" || what == "all") {
            stream();
        }
        if (what == "idle" || what == "all") {
            idle();
        }
    } catch (const ui::WindowError& error) {
        fmt::print(stderr, "window_bench: {}\n", error.what());
        return 1;
    }
    return 0;
}
