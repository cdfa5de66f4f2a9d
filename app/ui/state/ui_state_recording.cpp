// The user's wish to keep an answer and all that the inspector shows of it as a recording.
#include <memory>
#include <utility>

#include "app/commands/args.h"
#include "app/recordings/recording.h"
#include "app/ui/state/ui_state.h"

namespace app::ui {

std::string UiState::recording_obstacle() const {
    const Message* m = selected();
    if (m == nullptr || m->tokens.empty()) {
        return "there is no answer yet";
    }
    if (!ready() || model->replayed) {
        return ready() ? "this is a recording already" : "no model is loaded";
    }
    if (!from_loaded(*m)) {
        return "the answer came from another model than the one that is loaded";
    }
    if (busy()) {
        return "an answer is being written";
    }
    return saving.running() ? "a recording is being saved" : "";
}

void UiState::save_recording(const std::string& path) {
    const std::string obstacle = recording_obstacle();
    if (!obstacle.empty()) {
        saving.said = "Not recorded: " + obstacle;
        return;
    }
    saving = SavingRecording{};
    saving.path = path;
    if (selected_cached()) {
        start_recording();
    } else {  // the model goes through it again first
        saving.waiting = true;
        restore_selected();
    }
}

/// The selected answer's sequence is in the engine's cache.
void UiState::start_recording() {
    saving.waiting = false;
    const Message* m = selected();
    if (m == nullptr || !selected_cached() || busy()) {
        saving.said = "Not recorded: another answer was shown before the work began";
        return;
    }
    auto draft = std::make_shared<Recording>();
    draft->program = "Lapidary " + std::string(version());
    draft->before = chat().turns(m->parent);
    if (!draft->before.empty() && draft->before.back().role == model::Role::user) {
        draft->text = std::move(draft->before.back().text);
        draft->before.pop_back();
    }
    draft->tokens = m->tokens;
    draft->answer_begin = m->answer_begin;
    draft->sampling = m->sampling;
    draft->finish = m->finish.value_or(FinishReason::length);
    draft->stats = m->stats;
    saving.id = next_id_++;
    outbox.push_back(Record{saving.id, saving.path, std::move(draft)});
}

void UiState::cancel_recording() {
    if (saving.id != 0) {
        outbox.push_back(Stop{saving.id});
    } else if (saving.waiting) {
        saving.waiting = false;
        stop();
    }
}

void UiState::on(const RecordProgressed& e) {
    if (e.id == saving.id) {
        saving.done = e.done;
        saving.total = e.total;
    }
}

void UiState::on(const Recorded& e) {
    if (e.id == saving.id && e.id != 0) {
        saving = SavingRecording{};
        saving.said = "Recorded in " + e.path;
    }
}

/// The work, or what it waited for, came to nothing.
void UiState::recording_failed(const Failed& e) {
    saving = SavingRecording{};
    saving.said = e.message == "cancelled" ? "Nothing was recorded"
                                           : "Not recorded: " + e.message + ". " + e.hint;
}

}  // namespace app::ui
