// Session: one sequence of tokens on the device: KV cache, activations, position, logits; and what
// the inspector asks about it. The only thing that changes while the program runs a model.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "gpu/profiler.h"
#include "model/capture.h"
#include "model/kv_cache.h"
#include "model/model.h"

namespace model {

/// Which kernels run. plain: exact, the same bits everywhere, the reference. fast: fewer dependent
/// levels, sums in the device's own order; within rounding of the plain path.
enum class Path : uint8_t { plain, fast };

struct GpuDraw;         // model/gpu_sampler.h
struct SamplingParams;  // model/sampler.h

namespace ops {
enum class ProductKind : uint8_t;  // model/fast_ops.h
}

/// Rows of a prompt's chunk; larger ones are split.
inline constexpr uint32_t kDefaultChunk = 256, kLargestChunk = 512;
/// What suits a device: a GPU with memory of its own wants more rows at once.
uint32_t default_chunk(const gpu::DeviceInfo& device);

struct SessionOptions {
    Path path = Path::plain;
    uint32_t n_ctx = 0;     // 0: min(kDefaultContext, the model's)
    uint32_t n_ubatch = 0;  // largest prefill chunk; 0: default_chunk(), without a device 256
    DType type_k = DType::f16;
    DType type_v = DType::f16;
    std::optional<ops::ProductKind>
        product;              // fast path; unset: the winner of a race on this device
    bool full_cache = false;  // local layers keep all positions
    std::optional<bool> bf16_embedding_scale;  // unset: the source's default (spec 2.2)
    bool keep_q = false;                       // Q of all positions, for attention()
    bool keep_residuals = false;  // resid_post of every layer and position, for lens(), logits_at()
    std::function<bool()> stop;  // asked during the warm-up; true: the constructor throws Cancelled
};

/// Which positions' logits a step computes and hands to `on_logits`.
enum class WantLogits : uint8_t { last, all, none };

/// Called on the calling thread with the logits [vocab_size] that follow `position` (raw, after the
/// final cap). The span is valid during the call only.
using LogitsSink = std::function<void(uint32_t position, std::span<const float> logits)>;
using CaptureSink = std::function<void(std::shared_ptr<const Capture>)>;

struct SyncResult {
    uint32_t n_reused = 0;     // positions kept from the cache
    uint32_t n_prefilled = 0;  // positions computed
    bool refilled = false;     // a ring had wrapped past the common prefix: started from 0
};

/// One lens row: the distribution the model would give if it ended in layer l (final norm, head and
/// cap applied to resid_post of layer l, or to its resid_mid).
struct LensRow {
    uint32_t layer = 0;
    std::vector<std::pair<TokenId, float>> top;  // id, log-probability; best first
    std::vector<float> asked;                    // log-probability of each asked id
};

class Session {
public:
    /// Allocates every buffer and runs one warm-up step of each kind, so that all kernels exist;
    /// from then on the runtime's kernel cache is frozen. Throws base::Error(out_of_memory), and
    /// (usage) where the device cannot run the fast path that was asked for.
    Session(Runtime& runtime, std::shared_ptr<const Model> model, const SessionOptions& options);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    const Model& model() const;
    const SessionOptions& options() const;  // with defaults filled in
    uint32_t n_ctx() const;
    const std::vector<TokenId>& tokens() const;  // what the cache holds
    uint32_t position() const;                   // == tokens().size()

    /// Make the cache hold exactly `tokens`: keep the common prefix, rewind what differs (a kept
    /// prefix as long as the whole is shortened by one, so that logits exist), prefill the rest in
    /// chunks. Logits of the last position are in logits() afterwards.
    /// Throws base::Error(usage) when tokens exceed n_ctx or an id is out of range, base::Cancelled
    /// when stopped (the session holds what was finished and stays usable).
    SyncResult sync(std::span<const TokenId> tokens);

    /// As sync, with the logits of every computed position (WantLogits::all) or none handed out.
    SyncResult sync(std::span<const TokenId> tokens, WantLogits want, const LogitsSink& on_logits);

    /// Append one token and compute its logits. Allocates nothing on the device.
    void decode(TokenId token);

    /// Whether start_drawing() is possible now: the fast path, rows of logits that are whole units
    /// of four numbers, no taps captured, no profiler.
    bool draws_on_device() const;
    /// Go on by drawing on the device: `first`, drawn from logits() by a Sampler, is computed next,
    /// and every token after it is drawn with these parameters (validated) at the end of the step
    /// before. The same tokens as Sampler's, except where a draw lies within 1e-5 of a boundary.
    void start_drawing(TokenId first, const SamplingParams& params);
    /// The next drawn token. As decode(): the token before it has been appended, logits() is what
    /// the draw came from. The step that computes the drawn token runs already. Throws
    /// base::Error(usage) when the context is full, base::Cancelled when stopped. Any other call
    /// that changes the session ends the drawing and drops the row that was computed ahead.
    GpuDraw next_drawn();

    /// Keep the first n positions. False when a ring has wrapped: then the cache is empty and the
    /// next sync refills it.
    bool rewind(uint32_t n);

    /// Logits [vocab_size] that follow the last position; f32 after the final cap. Valid until the
    /// next call that changes the session.
    std::span<const float> logits() const;
    /// xxh64 of those logits' bytes: the run's fingerprint.
    uint64_t logits_hash() const;

    void set_capture(const CaptureSpec& spec, CaptureSink sink);
    void set_stop(std::function<bool()> stop);

    // What the inspector asks. Each throws base::Error(usage) with the reason when the data is not
    // there (Q not kept, ring overwritten, residuals not kept, position not computed).
    struct AttentionRequest {
        uint32_t layer = 0;
        uint32_t head = 0;
        uint32_t query_begin = 0, n_queries = 0;
        uint32_t key_begin = 0, n_keys = 0;
        bool scores = false;  // also scores and scores_raw
    };
    AttentionTile attention(const AttentionRequest& request);
    struct PoolRequest {
        uint32_t layer = 0;
        uint32_t head = 0;
        uint32_t query_begin = 0, n_queries = 0;
        uint32_t key_begin = 0, bin = 1, n_bins = 0;  // bins may reach beyond the last position
        bool by_distance = false;  // bins count back from the query; key_begin is a distance
        // Every weight times the factors of its key and of its query: by position, at least
        // position() of them and none negative; empty: 1.
        std::span<const float> key_factor, row_factor;
    };
    /// At most kMaxPooled values a call.
    static constexpr uint32_t kMaxPooled = 1U << 20;
    PooledRows pooled_attention(const PoolRequest& request);
    /// What each head adds for a key: |g * W_O,h v| of positions [begin, begin + n), [n_heads][n];
    /// g is the gain of the norm behind the projection (Gemma 2, 3), else 1. May make a kernel.
    std::vector<float> value_norms(uint32_t layer, uint32_t begin, uint32_t n);
    /// LSE of all heads and positions of one layer: [n_heads][position()].
    std::vector<float> lse(uint32_t layer);
    /// Full logits that follow `position`, from the kept residual: same bits as when computed.
    std::vector<float> logits_at(uint32_t position);
    /// One row a layer. `tap`: resid_post, as kept, or resid_mid, between attention and MLP: that
    /// is computed again from what was kept of Q, K and V (plain path: the same bits).
    std::vector<LensRow> lens(uint32_t position, uint32_t n_top, std::span<const TokenId> ids,
                              Tap tap = Tap::resid_post);
    /// Why lens() cannot tell of this position, or empty.
    std::string lens_obstacle(uint32_t position, Tap tap) const;
    /// The logits that each row of a residual stream (any captured one, [n, d]) would give if it
    /// were the model's last: final norm, head, cap. Handed out in order; a row's index stands
    /// where a position does otherwise. Changes nothing of the session; a CaptureSink may call it.
    void read_out(std::span<const float> rows, const LogitsSink& on_logits);
    /// rot_q, rot_k, v or (where kept) resid_post of positions [begin, begin + n) of one layer as
    /// stored: [n, width] f32.
    std::vector<float> stored(Tap tap, uint32_t layer, uint32_t begin, uint32_t n);
    const KvCache& cache() const;

    struct Stats {
        double prompt_ms = 0, predicted_ms = 0;
        uint64_t prompt_n = 0, predicted_n = 0;
        double longest_planned_ms = 0, longest_submit_ms = 0;
        uint64_t n_submits = 0, n_dispatches = 0, n_barriers = 0;
        uint64_t n_layer_levels = 0;  // of all layers and steps: groups that wait for one another
        double bytes = 0;             // moved on the device, by the kernels' own account
    };
    const Stats& stats() const;
    void reset_stats();
    /// GPU time per kernel goes there while set (LAPIDARY_PERF); nullptr: none.
    void set_profiler(gpu::Profiler* profiler);
    /// Bytes of device memory a session with these options takes, without making one.
    static uint64_t bytes_for(const Config& config, const SessionOptions& options);
    /// Why this device cannot run the fast path for a model, or empty.
    static std::string fast_obstacle(const gpu::DeviceInfo& device, const Config& config);
    /// The part of bytes_for that is the KV cache.
    static uint64_t kv_bytes_for(const Config& config, const SessionOptions& options);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace model
