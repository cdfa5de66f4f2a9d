// UiState: everything the window knows, and what each event and each wish of the user does to it.
// Pure: no drawing, no threads, no clock. Commands for the engine are left in `outbox`.
// long file: one class that every event and every wish goes through.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/engine/messages.h"
#include "app/ui/state/attention_data.h"
#include "app/ui/state/branch_tree.h"
#include "app/ui/state/chat_saver.h"
#include "app/ui/state/conversation.h"
#include "app/ui/state/head_ranks.h"
#include "app/ui/state/saving_recording.h"
#include "app/ui/state/ui_types.h"
#include "app/ui/widgets/head_sight.h"

namespace app::ui {

class UiState {
public:
    // ---- what the engine said ----
    void apply(const Event& event);

    // ---- what the user wants; each leaves commands in the outbox ----
    void open_model(const std::string& path, const std::string& device, uint32_t context,
                    const OpenOptions& how = {});
    void cancel_load();
    void send(const std::string& text);
    /// A prompt of the start page; with the shipped model what it shows is looked at.
    void send_starter(const Starter& starter);
    /// Another answer to the same message. same_seed: drawn as this one was.
    void regenerate(NodeId answer, bool same_seed = false);
    /// Answer a message that has no answer.
    void answer(NodeId user);
    /// Why a message's new wording cannot be taken now; empty: it can.
    std::string edit_obstacle(NodeId message) const;
    /// False: nothing was sent.
    bool edit_and_resend(NodeId message, const std::string& text);
    /// The user's wording of an answer, beside the model's. False: it was not taken; the same
    /// wording is, and makes no version.
    bool edit_answer(NodeId answer, const std::string& text);
    /// Why an answer cannot go on; empty: it can.
    std::string continue_obstacle(NodeId answer) const;
    /// A model is at hand that can write; not of a recording.
    bool computes() const { return ready() && !model->replayed; }
    /// Why nothing new can be asked in this window, which shows a recording; empty: it is no such.
    std::string replay_obstacle() const;
    /// From its last token, with the seed it was begun with.
    void continue_answer(NodeId answer);
    void choose_context(ContextChoice choice);
    /// The same ids before `position`, then this one, then the model goes on.
    void branch(uint32_t position, TokenId id);
    /// Any message of the chat, with the branch it stands in; where one was is remembered.
    void show_branch(NodeId id);
    /// Back to the selection that the last branch or show_branch left; a running answer is stopped.
    void leave_branch();
    void stop();
    /// A chat of its own for a text that is read and scored, not answered; shown.
    void read_text(const std::string& text);
    /// The text of a recording that drew no token: it is played, nothing is computed.
    void show_text(const std::string& text);
    /// Why no text can be read now, as a sentence; empty: it can.
    std::string text_obstacle() const;
    /// Compute the selected answer's sequence again, so that it can be looked into.
    void restore_selected();
    /// So many tokens are computed again without being asked for.
    static constexpr size_t kCheapTokens = 512;
    void show_sibling(NodeId id, int step);
    void new_chat();
    void show_chat(size_t index);
    /// This message and those before it, as a chat of its own.
    void fork(NodeId message);
    void rename_chat(size_t index, const std::string& name);
    void set_system(const std::string& text);
    void delete_chat(size_t index);
    void undelete_chat(size_t index);
    /// Once a frame; `now` in seconds of any clock: what was deleted is gone for good this long
    /// after the last deletion.
    void forget_deleted(double now);
    static constexpr double kDeletedSeconds = 600;
    /// For good, now.
    void purge_deleted();
    /// Indices of the chats to be listed, newest use first.
    std::vector<size_t> listed_chats() const;

    // ---- the chats' file; without it everything stays in memory ----
    void start_history(const HistoryStart& start);
    /// The file is ours after all: what the other window left in it, and what was written here
    /// meanwhile, become one list; all of it is saved.
    void take_over_history(const HistoryStart& start);
    void apply_history(const HistoryAnswer& answer);
    /// Changes up to this serial are on the disk; `problem`: why the later ones are not.
    void note_saved(uint64_t serial, const std::optional<HistoryProblem>& problem);
    void search_chats(const std::string& words);
    void export_chat(const std::string& path, bool as_json);
    /// As a new chat, which is shown.
    void import_chat(const LoadedChat& chat);
    void open_hit(const SearchHit& hit);

    // ---- a recording of the selected answer (ui_state_recording.cpp) ----
    /// Why none can be made now; empty: it can.
    std::string recording_obstacle() const;
    /// Into a new file. What is no longer in the engine's cache is computed again first.
    void save_recording(const std::string& path);
    void cancel_recording();

    void select_position(int64_t position);
    void select_query(uint32_t query);
    /// Every token of the selected text has been read and none was written: there is a row after
    /// its last token.
    bool has_row_after_last() const;
    void select_key(std::optional<uint32_t> key);
    void select_head(int64_t layer, int64_t head);
    /// To the last token of the newest answer that is shown.
    void go_live();
    void reset_sampling();
    /// Once a frame: ask for what the open views lack, one question of a kind at a time.
    void ask_for_data(bool inspector_open);

    // ---- looking ----
    bool ready() const { return model != nullptr; }
    bool loading() const { return load.has_value(); }
    bool busy() const { return generating != 0; }
    /// A question to the engine is out.
    bool asking() const {
        return std::any_of(asked_.begin(), asked_.end(), [](RequestId id) { return id != 0; });
    }
    bool restoring() const { return busy() && restoring_; }
    Conversation& chat() { return chats[current_chat]; }
    const Conversation& chat() const { return chats[current_chat]; }
    /// The answer looked at; null when there is none.
    const Message* selected() const;
    /// Why branching here is not possible; empty: it is.
    std::string branch_obstacle(uint32_t position) const;
    /// Rows the engine has computed for the sequence in its cache.
    uint32_t rows_in_cache() const;
    bool selected_in_cache() const { return selection.branch != kNoNode && selected_cached(); }
    std::string not_in_cache_reason() const;
    /// The selected answer is not in the engine's cache, but the loaded model can compute it again.
    bool can_restore() const;
    /// The lens tells of the selected row and of the residual that is chosen.
    bool lens_is_here() const;
    /// What the lens shows has been asked for or will be; false: nothing will come.
    bool lens_coming() const;
    /// Tokens of the selected answer in the loaded model's context.
    size_t context_used() const;
    /// Names the loaded model; equal keys: the same ids mean the same.
    std::string model_key() const;
    const std::string& token_text(TokenId id) const;
    std::vector<TokenId> ids_before(const Message& answer, uint32_t position) const;

    std::shared_ptr<const ModelInfo> model;
    std::string device_selector;
    uint32_t n_ctx = 0;
    std::optional<LoadStatus> load;
    std::optional<Trouble> trouble;
    /// For what to offer where a model does not fit; may be null.
    std::shared_ptr<const std::vector<FoundModel>> known_models;
    std::vector<std::string> log;

    std::vector<Conversation> chats = std::vector<Conversation>(1);
    size_t current_chat = 0;
    std::vector<size_t> deleted_chats;  // that can be brought back, the newest last
    ChatFile file;
    std::optional<ContextQuestion> context_question;
    Selection selection;
    BranchTrail trail;
    bool head_chosen = false;  // by the user; until then the data choose
    model::SamplingParams sampling;
    SinkMode sink = SinkMode::gutter;

    LiveRowStore live;
    ThumbStore thumbs;
    HeadMatrix matrix;
    HeadSight sight;
    HeadRanks ranks;
    std::string matrix_not_captured, thumbs_not_captured;
    Distribution distribution;
    Lens lens;
    bool lens_mid = false;  // the lens is asked about resid_mid, not resid_post
    SavingRecording saving;

    RequestId generating = 0;
    bool stopping = false;
    /// True: the path is shown by another window, and this one stays as it is. May be empty.
    std::function<bool(const std::string& path)> open_elsewhere;
    uint64_t next_seed = 1;
    uint64_t n_events = 0, n_stale = 0;  // late answers that were ignored
    std::vector<Command> outbox;

private:
    void on(const LoadProgressed& e);
    void on(const ModelReady& e);
    void on(const ModelUnloaded& e);
    void on(const PromptReady& e);
    void on(const PrefillProgressed& e);
    void on(const TokenReady& e);
    void on(const CaptureReady& e);
    void on(const InspectReady& e);
    void on(const StatsReady& e);
    void on(const Finished& e);
    void on(const Failed& e);
    void on(const RecordProgressed& e);
    void on(const Recorded& e);
    void on(const Logged& e);

    Message* writing(RequestId id);
    void take_prompt(Message& m, const PromptReady& e);
    void resume_prompt(Message& m, const PromptReady& e);
    void context_is_full(NodeId answer, bool begun);
    void hand_over(Generate command, NodeId answer);
    void end_generation();
    void ask_tokens();
    void show_loaded_chat();
    void save_unsaved(Conversation& c);
    bool from_loaded(const Message& m) const;
    bool selected_cached() const;
    void restore_if_cheap();
    void start(NodeId answer, Generate command, const model::SamplingParams* drawn = nullptr);
    void forget_cache();
    void forget_row_answers();
    void show_starter(NodeId answer);
    void stand_at(const Message& m, int64_t position);
    void follow();
    NodeId newest_answer() const;
    void choose_head(const model::LiveRows& rows, float& best);
    void choose_head_of_last_row(const Message& m);
    void fail_generation(const Failed& e);
    void lose_device(const Failed& e);
    void start_recording();
    void recording_failed(const Failed& e);
    void choose_sight();
    void hold_rows();
    void ask_thumbnails();
    void ask_rows();
    void ask_sight();
    void ask_heads();
    void add_live(const model::LiveRows& rows);
    void on_attention(const InspectReady& e);
    void ask_distribution();
    void ask_lens();
    Inspect& ask(InspectKind kind);
    bool waiting(InspectKind kind) const { return asked_[size_t(kind)] != 0; }

    RequestId next_id_ = 1;
    std::array<RequestId, kInspectKinds> asked_{};  // per InspectKind: the question that is out
    size_t generating_chat_ = 0;
    std::optional<double> deleted_at_;  // the last deletion, by the clock of forget_deleted
    NodeId cache_node_ = kNoNode;       // whose sequence the engine holds
    size_t cache_chat_ = 0;
    uint64_t cache_serial_ = 0;  // changes with every generation
    std::array<uint64_t, kInspectKinds> asked_serial_{};
    SightQuestions out_;
    uint32_t asked_row_ = ~0u;     // the row that was asked for ahead of its token
    bool restore_wanted_ = false;  // an answer that may not be in the cache was turned to
    bool restoring_ = false;       // the generation only brings a sequence back
    Resuming resuming_;
    Reopening reopening_;
    std::optional<StarterShown> starter_;  // whose answer is being written
};

}  // namespace app::ui
