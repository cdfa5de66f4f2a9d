// Weights: one member per tensor of the network, bound by name, repacked and uploaded.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "gpu/buffer.h"
#include "model/config.h"
#include "model/source.h"
#include "model/tensor.h"

namespace model {

struct LayerWeights {
    Tensor attn_norm;            // f32 [1, d]    effective gain g = 1 + w
    Matrix attn_q;               // [Hq*hd, d]
    Matrix attn_k, attn_v;       // [Hkv*hd, d]
    Tensor attn_q_norm;          // f32 [1, hd]   Gemma 3
    Tensor attn_k_norm;          // f32 [1, hd]   Gemma 3
    Matrix attn_output;          // [d, Hq*hd]
    Tensor post_attention_norm;  // f32 [1, d]    Gemma 2, 3
    Tensor ffn_norm;             // f32 [1, d]
    Matrix ffn_gate, ffn_up;     // [ff, d]
    Matrix ffn_down;             // [d, ff]
    Tensor post_ffw_norm;        // f32 [1, d]    Gemma 2, 3
};

struct Weights {
    Matrix token_embd;   // [embedding_rows, d]; also the head where embeddings are tied
    Matrix output;       // [embedding_rows, d]; only untied models, else no slabs
    Tensor output_norm;  // f32 [1, d]
    std::vector<LayerWeights> layers;
    std::vector<gpu::Arena> memory;  // what the ranges above point into
    uint64_t n_params = 0;           // embedding counted once

    const Matrix& head() const { return output.slabs.empty() ? token_embd : output; }
    uint64_t bytes() const;
};

/// What a device allows and asks for, as far as it shapes the weights' memory.
struct WeightLimits {
    uint64_t max_range_bytes = 0, max_buffer_bytes = 0;
    uint32_t range_alignment = 0;
};
WeightLimits weight_limits(const gpu::DeviceInfo& device);

/// Device memory that load_weights will take, to the byte, before anything is read or allocated.
uint64_t planned_weight_bytes(const ModelSource& source, const WeightLimits& limits);

/// Read, repack and upload everything. `progress(bytes_done, bytes_total)` is called often and may
/// throw base::Cancelled.
Weights load_weights(gpu::Device& device, const ModelSource& source,
                     const std::function<void(uint64_t, uint64_t)>& progress);

}  // namespace model
