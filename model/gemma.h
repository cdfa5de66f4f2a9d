// The network: forward() and head(), in the paper's order, made of the single-purpose ops of ops.h.
// This is the plain path; it is exact (same bits however a sequence is reached) and it is the
// reference of every faster one. The fast path takes the same way through a prompt, with products
// of its own; its single tokens are decode_step.h.
#pragma once

#include <cstdint>

#include "gpu/command_buffer.h"
#include "model/activations.h"
#include "model/fast_ops.h"
#include "model/kv_cache.h"
#include "model/live_scores.h"
#include "model/model.h"
#include "model/tap_recorder.h"

namespace model {

/// One step: a chunk of the prompt, or one decoded token.
struct Step {
    const Model& model;
    gpu::CommandBuffer& cmd;
    Activations& act;  // tokens and rope tables of the chunk are filled in by the host
    const KvCache& cache;
    TapRecorder& taps;
    const LiveScores* live = nullptr;  // set, for one token: its scores are kept in slot 0
    uint32_t position = 0;             // of the first token
    uint32_t n_tokens = 1;
    float embedding_scale = 1;
    const ops::ProductScratch* fast = nullptr;  // set: the fast path's products
};

/// sqrt(d), rounded to bf16 where asked (spec 2.2).
float embedding_scale(const Config& config, bool bf16);

/// Fill the rope tables of positions [position, position + n): angles in double, rounded once.
void fill_rope_tables(const Config& config, const Activations& act, uint32_t position, uint32_t n);

/// Record embedding and all layers. Leaves the residual stream in act.x, keys and values in the
/// cache, LSE (and Q, residuals where kept) in act.
void forward(const Step& step);

/// Record the token embedding: x = embedding_scale * table[act.tokens], f32 [n_tokens, d].
void embed(const Step& step, const Tensor& x);

/// Record the second half of layer l's attention block, for queries whose Q, K and V are stored:
/// x += post_norm(W_O attention(q)), so that resid_pre becomes resid_mid.
///   x    f32 [n_tokens, d]
///   q    as Activations::q_rows gives them
///   lse  f32 [n_heads, n_ctx]  columns position .. position + n_tokens are written
void finish_attention(const Step& step, uint32_t l, const Tensor& x, const Tensor& q,
                      const Tensor& lse);

/// Record final norm, head and cap of n <= kHeadRows rows of the residual stream `x`
/// (f32 [n, d], unchanged) into act.logits_host. `h` and `scale` of act are overwritten.
/// `first_row`: row of the step that x begins at, for the taps.
void head(const Step& step, const Tensor& x, uint32_t first_row);

}  // namespace model
