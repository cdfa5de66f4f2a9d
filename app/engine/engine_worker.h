// What runs in the engine's thread, and the mailbox it shares with the other threads. Included by
// engine*.cpp and by tests that want a small event queue; everybody else uses app/engine/engine.h.
// long file: one class, the state that all parts of the engine work on.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "app/engine/attention_tiles.h"
#include "app/engine/head_values.h"
#include "app/engine/messages.h"
#include "app/engine/queue.h"
#include "app/engine/stop_filter.h"
#include "app/engine/thumbnails.h"
#include "app/state_folder.h"
#include "gpu/base.h"
#include "model/session.h"

namespace app {

/// Both queues and what else two threads touch. Outlives the thread.
struct Mailbox {
    explicit Mailbox(size_t n_events = 1024) : event_capacity(n_events), events(n_events) {}

    /// Both sides' end: nothing waits any more, the worker leaves at its next look.
    void close();
    bool send(Command command) { return commands.try_push(std::move(command)); }
    std::optional<Event> poll();

    const size_t event_capacity;
    Queue<Command> commands{256};
    Queue<Event> events;
    std::atomic<bool> closed{false};
    std::atomic<uint64_t> capture_bytes{0};  // of captures that wait in `events`
};

/// One question in work. Long ones are answered in blocks of rows, between which commands are read.
struct Inspection {
    Inspect request;
    std::shared_ptr<model::AttentionTile> tile;  // rows [0, n_rows_done) are there
    uint32_t n_rows_done = 0;                    // heads: layers
    std::vector<HeadShare> shares;
    uint32_t n_positions = 0;              // thumbnails: rows to pool; 0: not begun
    std::unique_ptr<TileBuilder> builder;  // pyramid: the tile in work
    size_t n_tiles_done = 0;
};

class Worker {
public:
    Worker(Mailbox& mailbox, std::function<void()> wake, LoadMarker marker = LoadMarker({}));
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Until Shutdown or Mailbox::close().
    void run();

    /// For tests, from the engine's thread (that is, from `wake`): null until a model was asked
    /// for.
    model::Runtime* runtime() { return runtime_.get(); }

private:
    using Clock = std::chrono::steady_clock;
    enum class Activity : uint8_t { idle, loading, generating };
    struct Generation;
    struct RecordJob;

    // engine.cpp: commands, events, errors
    std::optional<Command> next_command();
    void handle(Command command);
    void receive(Command command);
    void stop(Activity activity, RequestId id);
    bool should_stop();
    bool quitting() const { return quit_ || mail_.closed; }
    void finish();
    void begin(Activity activity, RequestId id);
    void guarded(RequestId id, const std::function<void()>& work);
    void fail(RequestId id, const base::Error& error);
    void check_device() const;
    void emit(Event event, bool urgent = true);
    void offer(Event event);
    void offer_capture(std::shared_ptr<const model::Capture> capture);
    void wake_now();
    void wake_if_due();

    // engine_load.cpp
    void load(const LoadModel& request);
    model::LoadOptions load_options(RequestId id);
    std::unique_ptr<model::Runtime> open_device(const LoadModel& request);
    void check_room(const LoadModel& request, const model::ModelSource& source,
                    const gpu::Device& device);
    void replace_model(const LoadModel& request, const std::string& path, model::ModelFiles files);
    void make_session(const LoadModel& request, std::vector<std::string>& notices);
    bool try_session(const model::SessionOptions& options);
    void report_load(RequestId id, const model::LoadProgress& progress);
    std::shared_ptr<const ModelInfo> describe_model(const std::string& path,
                                                    std::vector<std::string> notices) const;
    void unload();
    void drop_model();
    uint64_t free_bytes() const;

    // engine_generate.cpp
    void generate(const Generate& request);
    void prepare(Generation& g);
    void prefill(Generation& g);
    /// Scores that came with the request, where there are none yet.
    void take_known(Generation& g);
    model::SyncResult sync_in_steps(std::span<const TokenId> ids, uint32_t n_same, bool all,
                                    const model::LogitsSink& on_logits);
    FinishReason decode(Generation& g);
    std::optional<FinishReason> next_token(Generation& g);
    TokenInfo draw(Generation& g);
    void apply_capture();
    void report_prefill();
    void report_stats(Generation& g);
    TokenInfo token_info(uint32_t position, TokenId id) const;
    void score(TokenInfo& info, std::span<const float> logits) const;
    TopToken top_token(TokenId id, float logprob) const;
    double decode_bytes() const;

    // engine_inspect.cpp
    void queue_inspection(Inspect request);
    void sequence_changes(uint32_t n_kept);
    std::deque<Inspection>::iterator next_inspection(double budget_ms);
    bool is_newest_row(uint32_t position) const;
    double budget_between_tokens() const;
    void inspect_between_tokens();
    void inspect(const std::deque<Inspection>::iterator& next);
    bool answer(Inspection& job, InspectReady& ready);
    bool answer_tile(Inspection& job, InspectReady& ready);
    bool answer_thumbnails(Inspection& job, InspectReady& ready);
    void answer_distribution(const Inspection& job, InspectReady& ready);
    void answer_lens(const Inspection& job, InspectReady& ready);
    bool answer_values(Inspection& job, InspectReady& ready);  // both: engine_values.cpp
    bool answer_heads(Inspection& job, InspectReady& ready);
    void check_request(const Inspect& request) const;
    void begin_tile(Inspection& job) const;
    uint32_t block_rows(uint32_t n_keys, double cells_per_ms) const;
    uint32_t block_rows(uint32_t n_keys) const { return block_rows(n_keys, cells_per_ms_); }
    model::AttentionTile timed_attention(const model::Session::AttentionRequest& request);

    // engine_tiles.cpp
    void check_tiles(const Inspect& request) const;
    bool answer_pyramid(Inspection& job, InspectReady& ready);
    void add_exact_rows(TileBuilder& builder);
    void add_pooled_rows(TileBuilder& builder);
    std::span<const float> without_sink(uint32_t layer, uint32_t head);
    std::vector<float> sinks_of(uint32_t layer, uint32_t head, uint32_t begin, uint32_t end);
    bool answer_sink(Inspection& job, InspectReady& ready);
    void pool_block(ThumbnailPool& pool, uint32_t layer, uint32_t head, uint32_t end);
    model::PooledRows timed_pool(const model::Session::PoolRequest& request);

    // engine_record.cpp
    void record(Record request);
    void record_some();
    RequestId record_id() const;
    void end_recording(uint32_t n_kept);
    void cancel_recording(RequestId id);

    Mailbox& mail_;
    std::function<void()> wake_;
    LoadMarker marker_;
    Clock::time_point last_wake_{};
    uint64_t n_dropped_ = 0;

    RequestId active_id_ = 0;
    std::deque<Command> waiting_;         // loads, unloads, a Generate after Stop
    std::deque<Inspection> inspections_;  // at most one of a kind (thumbnails: and layer)

    // Destroyed from the bottom up: session, model, device.
    std::string device_selector_;
    std::string device_warning_;             // why it is another device than was asked for
    std::shared_ptr<const NoRoom> refusal_;  // of the load that is failing
    std::unique_ptr<model::Runtime> runtime_;
    std::shared_ptr<const model::Model> model_;
    std::unique_ptr<model::Session> session_;
    std::unique_ptr<model::Sampler> sampler_;
    std::shared_ptr<const ModelInfo> info_;
    std::string not_kept_;  // why the session keeps less than the inspector could use; or empty
    double load_ms_ = 0;
    Clock::time_point last_progress_{};
    std::string last_stage_;

    model::CaptureSpec capture_;
    std::vector<TokenInfo> sequence_;  // what is known of the newest sequence; prefixes are re-used
    double decode_ms_ = 0;             // of the newest token, or chunk of a prompt

    std::vector<std::vector<ThumbnailPool>> pools_;  // [layer][head]; an untouched layer is empty
    double cells_per_ms_ = 20000;                    // attention cells, measured
    double pooled_cells_per_ms_ = 40000;             // the same of attention_pool
    std::unique_ptr<TileBuilder> begun_tile_;        // of a request that was replaced
    SinkFactors sink_factors_;                       // of the head that was asked for last
    HeadValues values_;
    std::unique_ptr<RecordJob> record_;  // may be null; gone before its session is
    double last_head_ms_ = 0;            // logits of an earlier row, or lens; measured
    uint32_t prefill_total_ = 0;         // not 0: session_->sync() runs
    uint32_t prefill_reported_ = 0;
    Activity activity_ = Activity::idle;
    bool stop_requested_ = false, quit_ = false;
    bool wake_pending_ = false;     // an event was queued and nobody was told
    bool capture_changed_ = false;  // the session has not heard of capture_
    bool capture_refused_ = false;  // nor could it set it: there was no room
    bool logits_valid_ = false;     // session_->logits() follow its last position
};

}  // namespace app
