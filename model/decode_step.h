// DecodeStep: the fast path's forward pass of one token, recorded once and submitted for every
// token. Five dependent levels a layer (one more where a device splits the keys, and where gate and
// up have no kernel together), against some twelve of the plain path; the same weights, cache and
// inspection buffers.
#pragma once

#include <cstdint>

#include "gpu/buffer.h"
#include "gpu/command_buffer.h"
#include "model/activations.h"
#include "model/fast_ops.h"
#include "model/kv_cache.h"
#include "model/live_scores.h"
#include "model/model.h"

namespace model {

struct DecodeStepOptions {
    uint32_t n_ctx = 0;
    uint32_t n_ubatch = 0;
    float embedding_scale = 1;
};

class DecodeStep {
public:
    DecodeStep(gpu::Device& device, const Model& model, const KvCache& cache,
               const Activations& act, const DecodeStepOptions& options);

    /// Record embedding, all layers and the head: from `state` to row `slot` of act.logits (f32,
    /// after the final cap). Keys, values, LSE, and Q and residuals where kept, land where the
    /// plain path puts them. `live`, where set: the capped scores of every head are kept too, in
    /// its slot `slot`, f32 [n_heads, n_ctx] of every layer.
    void record(gpu::CommandBuffer& cmd, const LiveScores* live, uint32_t slot = 0) const;

    /// Two steps may be in flight, each with its own logits and live scores.
    static constexpr uint32_t kSlots = 2;

    /// For the products of a prompt's chunks.
    const ops::ProductScratch& products() const { return products_; }
    void set_product_kind(ops::ProductKind kind) { products_.kind = kind; }

    /// params::StepState, which the recorded commands read.
    const gpu::Range& state() const { return state_; }
    /// The next step computes `token` at `position`. No step may be running.
    void set_state(TokenId token, uint32_t position);

    static uint64_t bytes_for(const Config& config, const DecodeStepOptions& options);

private:
    void record_attention(gpu::CommandBuffer& cmd, uint32_t l, const gpu::Range& live) const;
    void record_mlp(gpu::CommandBuffer& cmd, uint32_t l) const;
    ops::NormInput layer_input(uint32_t l) const;
    ops::ResidualRow after_layer(uint32_t l) const;
    gpu::Range upload_rope(bool local, gpu::Device& device);

    const Model& model_;
    const KvCache& cache_;
    const Activations& act_;
    const uint32_t n_ctx_;
    const float embedding_scale_;
    gpu::Buffer host_;  // state
    gpu::Arena arena_;
    gpu::Range state_;
    gpu::Range rope_local_, rope_global_;  // split_rope_table, f32 [., head_dim / 2, 2]
    Tensor mid_;                           // f32 [1, d]: residual between the two blocks
    Tensor attn_out_, mlp_out_;            // f32 [1, d]
    Tensor activated_;                     // f32 [1, ff]
    gpu::Range parts_, part_stats_;        // of split attention
    ops::ProductScratch products_;
    gpu::Range unused_[3];
};

}  // namespace model
