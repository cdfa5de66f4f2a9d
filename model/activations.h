// Activations: every buffer one step of the forward pass works in, allocated once per session.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "gpu/buffer.h"
#include "model/config.h"
#include "model/ops.h"
#include "model/tensor.h"

namespace model {

struct ActivationOptions {
    uint32_t n_ctx = 0;
    uint32_t n_ubatch = 0;       // largest chunk, rows of everything below
    DType q_dtype = DType::f16;  // storage of q: the type of the K cache
    bool keep_q = false;
    bool keep_residuals = false;
};

/// Rows of logits that the head computes at a time.
inline constexpr uint32_t kHeadRows = 8;

struct ActivationTensors {
    // T = n_ubatch
    Tensor tokens;       // i32 [1, T]                host writes
    Tensor rope_local;   // f32 [T, head_dim]         host writes: cos, sin pairs
    Tensor rope_global;  // f32 [T, head_dim]
    Tensor x;            // f32 [T, d]                the residual stream
    Tensor h;            // f32 [T, d]                normalised input, then the block's output
    Tensor scale;        // f32 [T * Hq, 1]           roots of the last norm
    Tensor q;            // f32 [T, Hq*hd]
    Tensor k, v;         // f32 [T, Hkv*hd]
    Tensor z;            // f32 [T, Hq*hd]
    Tensor gate, up;     // f32 [T, ff]
    Tensor logits;       // f32 [kHeadRows, embedding_rows]
    Tensor logits_host;  // the same, where the host reads
    ops::AttentionScratch attention;
    std::vector<Tensor> lse;        // per layer, f32 [Hq, n_ctx]
    std::vector<Tensor> kept_q;     // per layer, q_dtype [n_ctx, Hq*hd]; empty: not kept
    Tensor chunk_q;                 // q_dtype [T, Hq*hd], used where Q is not kept
    std::vector<Tensor> residuals;  // per layer, f32 [n_ctx, d]: resid_post; empty: not kept

protected:
    using Allocate = std::function<Tensor(const char* name, DType, uint32_t rows, uint32_t dim)>;
    /// Asks for everything that lies in the device's own memory, always in this order.
    void lay_out(const Config& config, const ActivationOptions& options, const Allocate& allocate);
};

struct Activations : ActivationTensors {
    Activations(gpu::Device& device, const Config& config, const ActivationOptions& options);
    /// To the byte, where the device binds ranges at 256 bytes or finer.
    static uint64_t bytes_for(const Config& config, const ActivationOptions& options);

    /// Where the q rows of a chunk of n tokens at `position` in layer l are stored.
    Tensor q_rows(uint32_t l, uint32_t position, uint32_t n) const;
    /// All rows that they are among, and which is the first of the step at `position`.
    ops::QueryRows all_q(uint32_t l, uint32_t position) const {
        return kept_q.empty() ? ops::QueryRows{chunk_q, 0} : ops::QueryRows{kept_q[l], position};
    }

    std::byte* host_tokens() const;
    std::byte* host_rope(bool local) const;
    const float* host_logits(uint32_t row) const;

private:
    struct Plan;

    gpu::Buffer inputs_;
    gpu::Buffer readback_;
    gpu::Arena arena_;
};

}  // namespace model
