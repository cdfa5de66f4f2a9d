// ChatWindow: the window's state with the fake engine and a real chats' file, without drawing: what
// Application does each frame, by hand.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "app/chats/history_threads.h"
#include "app/ui/state/ui_state.h"
#include "tests/support/fake_engine.h"

namespace test {

struct ChatWindow {
    FakeEngine engine;
    app::ui::UiState state;
    std::unique_ptr<app::HistoryThreads> history;

    explicit ChatWindow(const std::string& path, FakeOptions options = {})
        : engine(std::move(options)) {
        if (!path.empty()) {
            history = std::make_unique<app::HistoryThreads>(path, [] {});
            state.start_history(history->wait_open(std::chrono::seconds(10)));
        }
        state.open_model("", "", 0);
        settle();
    }

    /// One frame; false when there was nothing to do.
    bool frame(bool draws_inspector = false) {
        bool any = false;
        if (const auto event = engine.poll()) {
            state.apply(*event);
            any = true;
        }
        if (history != nullptr) {
            if (const auto start = history->taken_over()) {
                state.take_over_history(*start);
                any = true;
            }
            while (const auto answer = history->poll()) {
                state.apply_history(*answer);
                any = true;
            }
            state.note_saved(history->saved(), history->problem());
        }
        state.ask_for_data(draws_inspector);
        return flush() || any;
    }
    bool flush() {
        bool any = !state.outbox.empty();
        auto& changes = state.file.saver.outbox;
        while (history != nullptr && !changes.empty() && history->has_room()) {
            history->write(changes.front().serial, changes.front().urgent,
                           std::move(changes.front().change));
            changes.pop_front();
            any = true;
        }
        for (app::HistoryQuestion& question : state.file.questions) {
            if (history != nullptr) {
                history->ask(std::move(question));
            }
        }
        state.file.questions.clear();
        for (const app::Command& command : state.outbox) {
            engine.send(command);
        }
        state.outbox.clear();
        return any;
    }
    bool waiting() const {
        const bool coming = state.chat().info.content == app::ui::ChatContent::coming;
        const app::ui::Message* m = state.selected();
        const bool tokens = m != nullptr && m->stored_tokens > 0 && history != nullptr;
        return state.busy() || state.loading() || coming || tokens || state.file.search.waiting;
    }
    /// Until nothing is left to do, at most ten seconds.
    void settle() {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (std::chrono::steady_clock::now() < end) {
            if (!frame()) {
                if (!waiting()) {
                    return;
                }
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        }
    }
    /// Until the running answer has this many tokens of its own.
    void write_tokens(size_t n) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (std::chrono::steady_clock::now() < end) {
            const app::ui::Message* m = state.selected();
            if (m != nullptr && m->n_prompt > 0 && m->tokens.size() >= m->answer_begin + n) {
                return;
            }
            frame();
        }
    }
    void send(const std::string& text) {
        state.send(text);
        settle();
    }
    const app::ui::Message& answer() const { return *state.selected(); }
    size_t chat_named(const std::string& title) const {
        for (size_t i = 0; i < state.chats.size(); ++i) {
            if (state.chats[i].title() == title && !state.chats[i].info.deleted) {
                return i;
            }
        }
        return size_t(-1);
    }
};

}  // namespace test
