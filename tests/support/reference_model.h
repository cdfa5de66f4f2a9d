// A whole Gemma forward pass on the CPU, made of the twins (tests/support/twins.h):
//   Forward<double>  the reference: dequantized weights, everything else in double
//   Forward<float>   the exact scalar forward: bit by bit what the kernels of the plain path
//   compute
// All tokens of a sequence go through a layer before the next layer begins; there is no cache, no
// ring, no chunk and no batch, so none of these can be wrong in the same way as the product.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/capture.h"
#include "model/source.h"

namespace support {

/// Weights dequantized to f32 (exact); norms hold the effective gain.
struct ReferenceWeights {
    struct Layer {
        std::vector<float> attn_norm, attn_q, attn_k, attn_v, attn_q_norm, attn_k_norm;
        std::vector<float> attn_output, post_attention_norm;
        std::vector<float> ffn_norm, ffn_gate, ffn_up, ffn_down, post_ffw_norm;
    };
    explicit ReferenceWeights(const model::ModelSource& source);

    model::Config config;
    std::vector<float> token_embd, output, output_norm;
    std::vector<Layer> layers;

    std::span<const float> head() const { return output.empty() ? token_embd : output; }
};

struct ReferenceOptions {
    bool half_q = false, half_k = false, half_v = false;  // round through f16, as a cache may
    bool bf16_embedding_scale = false;
};

template <class Real>
class Forward {
public:
    /// Values of one tap of one layer, all tokens, laid out as tap_table() says: [T, ...] or
    /// [Hq, T, T]. Cells that are masked: pattern 0, attn_scores -inf, attn_scores_raw the number
    /// that the mask hides. `result` is not computed.
    using TapSink = std::function<void(model::Tap, uint32_t layer, std::span<const Real>)>;
    /// Changes q, k or v as stored, after rounding: [T, width].
    using StoreHook = std::function<void(model::Tap, uint32_t layer, std::span<Real>)>;

    Forward(const ReferenceWeights& weights, const ReferenceOptions& options);

    void set_taps(model::TapSet taps, TapSink sink);
    void set_store_hook(StoreHook hook) { store_hook_ = std::move(hook); }

    /// The forward of a whole sequence up to the final norm. Afterwards resid() and logits().
    void run(std::span<const uint32_t> tokens);

    /// resid_post of the last layer, [T, d].
    std::span<const Real> resid() const { return x_; }
    /// Logits after the final cap of positions [begin, begin + n): [n, vocab_size].
    std::vector<Real> logits(uint32_t begin, uint32_t n) const;

private:
    void attention_block(uint32_t l);
    void attend(uint32_t l);
    void mlp_block(uint32_t l);
    void norm(std::vector<Real>& y, std::span<const float> gain, model::Tap tap,
              model::Tap scale_tap, uint32_t l);
    void head_norm(std::vector<Real>& x, const std::vector<float>& gain) const;
    void project(std::vector<Real>& y, std::span<const float> w, std::span<const Real> x) const;
    void add_branch(std::vector<Real>& branch, const std::vector<float>& post_norm,
                    model::Tap out_tap, uint32_t l);
    void store(std::vector<Real>& x, bool half, model::Tap tap, uint32_t l);
    void emit(model::Tap tap, uint32_t l, std::span<const Real> values) const;
    void emit_square_taps(uint32_t l, std::span<const Real> lse) const;

    const ReferenceWeights& weights_;
    const model::Config& config_;
    ReferenceOptions options_;
    model::TapSet taps_;
    TapSink sink_;
    StoreHook store_hook_;
    uint32_t n_tokens_ = 0;
    std::vector<Real> x_;              // the residual stream [T, d]
    std::vector<Real> q_, k_, v_, z_;  // [T, heads, head_dim]
};

using Reference64 = Forward<double>;
using ExactScalar = Forward<float>;

/// log-softmax of one row of logits at `id`, in double.
template <class Real>
double log_probability(std::span<const Real> logits, uint32_t id);

/// The fingerprint that `score --hash` prints: xxh64, seed 0, of the f32 bytes of the last layer's
/// resid_post rows in order, then of eight rows of logits, of the positions i * (T - 1) / 7.
uint64_t score_hash(const ExactScalar& forward, uint32_t n_tokens);

}  // namespace support
