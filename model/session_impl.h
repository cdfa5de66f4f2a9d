// What a Session is made of. Included by session*.cpp only.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gpu/command_buffer.h"
#include "gpu/recording.h"
#include "model/activations.h"
#include "model/decode_step.h"
#include "model/gemma.h"
#include "model/gpu_sampler.h"
#include "model/kv_cache.h"
#include "model/live_scores.h"
#include "model/session.h"
#include "model/tap_recorder.h"

namespace model {

inline constexpr uint32_t kMaxTileCells = 1 << 20;  // 4 MiB of weights, 8 MiB of scores

/// Queries of one tile of n_keys keys: each is a workgroup in y.
inline uint32_t tile_rows(uint32_t n_keys, uint32_t max_groups_y) {
    return std::clamp(kMaxTileCells / n_keys, 1u, max_groups_y);
}

/// A question that cannot be answered: base::Error(usage).
[[noreturn]] inline void refuse(const std::string& what) {
    throw base::Error(base::ErrorKind::usage, what);
}

/// Steps that draw on the device. Rows at even and at odd positions have their own recording,
/// logits and live scores, so that one step can run while the row before it is looked at.
struct Draws {
    Draws(gpu::Device& device, gpu::KernelCache& kernels, const Config& config, uint32_t n_ctx);
    /// Each slot's row of logits is read where it lies, four numbers at a time; a range must be
    /// able to begin there.
    static bool possible(const gpu::DeviceInfo& device, const Config& config) {
        const uint64_t row_bytes = uint64_t{4} * config.embedding_rows;
        return row_bytes % std::max<uint64_t>(16, device.range_alignment) == 0;
    }
    static uint64_t bytes_for(const Config& config, uint32_t n_ctx);

    GpuSampler sampler;
    std::array<std::unique_ptr<gpu::Recording>, DecodeStep::kSlots> recordings;
    gpu::Buffer logits_host;  // f32 [kSlots, embedding_rows]
    SampleForm form = SampleForm::few;
    bool recorded = false, recorded_live = false;
    bool running = false;
    TokenId next_token = 0;    // of the oldest row that is not taken; its position is tokens.size()
    uint32_t first_row = 0;    // the row of step 0
    uint32_t n_submitted = 0;  // rows computed or in flight, and not taken
    std::array<uint64_t, DecodeStep::kSlots> replays{};
    std::array<bool, DecodeStep::kSlots> live{};  // captured with its live rows
};

struct Session::Impl {
    Impl(Runtime& runtime_in, std::shared_ptr<const Model> model_in,
         const SessionOptions& options_in);

    void warm_up();
    Step step(uint32_t position, uint32_t n);
    void run_chunk(std::span<const TokenId> chunk, WantLogits want, const LogitsSink& on_logits);
    void send_capture(const Step& s);
    /// True when the recorded step of the fast path can compute the next token: nothing is asked
    /// for that only single ops give (taps).
    bool decodes_recorded() const;
    /// Record the step for what is captured now. Makes kernels.
    void record_step();
    void record_into(gpu::CommandBuffer& commands);
    void decode_recorded(TokenId token);
    /// Where a decoded token's scores go; nullptr: its live rows are not wanted.
    const LiveScores* wanted_live() const { return taps.spec().live_rows ? &live : nullptr; }
    void send_live_rows(uint32_t position, uint32_t slot);

    void record_draws();
    void record_one_draw(SampleForm form, uint32_t slot);
    void submit_draw();
    /// Wait for steps in flight. Before anything else that uses the device.
    void settle();
    void stop_drawing();
    void check_room() const;  // for one more token
    void check_tokens(std::span<const TokenId> all) const;
    void check_layer(uint32_t layer) const;
    /// Record and finish; on any exception nothing half-recorded is left behind.
    template <class Record>
    void run(const Record& record) {
        settle();
        try {
            record();
            cmd.finish();
        } catch (...) {
            cmd.abandon();
            throw;
        }
    }
    /// pattern, attn_scores, attn_scores_raw and lse of queries [position, position + n).
    void append_attention_taps(std::vector<TapRows>& out, uint32_t position, uint32_t n);
    void append_cells(std::span<TapRows> square, uint32_t h, uint32_t position, uint32_t n);
    AttentionTile tile(const AttentionRequest& request);
    /// Why the residuals of position `at`, or its resid_mid, are not to be had; empty: they are.
    std::string no_residuals(uint32_t at, Tap tap) const;
    /// Record x = resid_mid of layer l at position `at`, x f32 [1, d].
    void resid_mid(uint32_t l, uint32_t at, const Tensor& x);
    /// The head on n_rows rows: fill(begin, x) puts rows begin, begin + 1... into x, and
    /// on_logits(i, logits) gets what row i gives.
    void head_rows(uint32_t n_rows,
                   const std::function<void(uint32_t begin, const Tensor& x)>& fill,
                   const LogitsSink& on_logits);
    /// Throws base::Error(usage) where these cells cannot be recomputed.
    void check_cells(const AttentionRequest& request) const;
    gpu::Buffer& tile_memory();
    ops::PoolFactors upload_factors(const PoolRequest& request);
    ops::AttentionShape attention_shape(uint32_t layer) const;

    Runtime& runtime;
    const std::shared_ptr<const Model> model;
    const SessionOptions options;
    KvCache cache;
    Activations act;
    gpu::CommandBuffer cmd;
    TapRecorder taps;
    LiveScores live;
    const float scale;  // of the embedding
    std::vector<TokenId> tokens;
    bool logits_valid = false;
    std::vector<float> last_logits;  // [vocab_size] that follow the last position
    CaptureSink sink;
    Stats stats;
    gpu::Profiler* profiler = nullptr;
    std::unique_ptr<DecodeStep> fast_step;  // fast path
    std::unique_ptr<gpu::Recording> recording;
    bool step_recorded = false;                 // `recording` is the step, for what is captured
    std::unique_ptr<Draws> draws;               // fast path, where the device draws
    std::unique_ptr<gpu::Buffer> tile_cells;    // device: pattern and scores of one tile
    std::unique_ptr<gpu::Buffer> pool_factors;  // device: f32 [2, n_ctx], of keys and of queries
};

}  // namespace model
