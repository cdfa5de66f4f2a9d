#include "model/gemma.h"

#include <cmath>
#include <cstring>
#include <initializer_list>

#include "model/ops.h"
#include "model/quant.h"
#include "model/rope.h"

namespace model {
namespace {

/// What the products of one tensor, with weights of these types, share.
ops::ProductInput input(const Step& s, const Tensor& x, std::initializer_list<DType> weights) {
    return s.fast ? ops::product_input(s.cmd, x, *s.fast, weights) : ops::ProductInput{x, {}, {}};
}

void product(const Step& s, const Tensor& y, const Matrix& w, const ops::ProductInput& x) {
    if (s.fast) {
        ops::product(s.cmd, y, w, x);
    } else {
        ops::matmul(s.cmd, y, w, x.x);
    }
}

/// Attention block: x += post_norm(W_O attention(rope(qk_norm(W_QKV norm(x)))))
void attention_block(const Step& s, uint32_t l) {
    const Config& config = s.model.config;
    const LayerConfig& layer = config.layers[l];
    const LayerWeights& w = s.model.weights.layers[l];
    const uint32_t n = s.n_tokens;
    const uint32_t n_heads = config.num_attention_heads;
    const uint32_t n_kv_heads = config.num_key_value_heads;
    const float eps = config.rms_norm_eps;
    gpu::CommandBuffer& cmd = s.cmd;

    const Tensor x = s.act.x.first_rows(n);          // [T, d]
    const Tensor h = s.act.h.first_rows(n);          // [T, d]
    const Tensor scale = s.act.scale.first_rows(n);  // [T, 1]
    const Tensor q = s.act.q.first_rows(n);          // [T, Hq*hd]
    const Tensor k = s.act.k.first_rows(n);          // [T, Hkv*hd]
    const Tensor v = s.act.v.first_rows(n);          // [T, Hkv*hd]

    s.taps.tap(cmd, Tap::resid_pre, l, x);
    ops::rms_norm(cmd, h, scale, x, w.attn_norm, eps);
    s.taps.tap(cmd, Tap::ln1_scale, l, scale);
    s.taps.tap(cmd, Tap::ln1, l, h);

    const ops::ProductInput normed = input(s, h, {w.attn_q.dtype, w.attn_k.dtype, w.attn_v.dtype});
    product(s, q, w.attn_q, normed);
    product(s, k, w.attn_k, normed);
    product(s, v, w.attn_v, normed);
    s.taps.tap(cmd, Tap::q, l, q);
    s.taps.tap(cmd, Tap::k, l, k);
    s.taps.tap(cmd, Tap::v, l, v);
    if (config.qk_norm) {
        const Tensor q_heads = q.reshaped(n * n_heads, config.head_dim);
        const Tensor k_heads = k.reshaped(n * n_kv_heads, config.head_dim);
        ops::rms_norm(cmd, q_heads, s.act.scale.first_rows(n * n_heads), q_heads, w.attn_q_norm,
                      eps);
        ops::rms_norm(cmd, k_heads, s.act.scale.first_rows(n * n_kv_heads), k_heads, w.attn_k_norm,
                      eps);
    }
    const Tensor table = (layer.is_local() ? s.act.rope_local : s.act.rope_global).first_rows(n);
    ops::rope(cmd, q, table, n_heads);
    ops::rope(cmd, k, table, n_kv_heads);

    // From here on q, k and v are what is stored: scores, LSE and later tiles agree to the bit.
    const KvLayer& cache = s.cache.layer(l);
    const Tensor stored_q = s.act.q_rows(l, s.position, n);
    ops::kv_write(cmd, stored_q, q, 0);
    ops::kv_write(cmd, cache.k, k, s.position);
    ops::kv_write(cmd, cache.v, v, s.position);
    s.taps.tap(cmd, Tap::rot_q, l, q);
    s.taps.tap(cmd, Tap::rot_k, l, k);
    finish_attention(s, l, x, stored_q, s.act.lse[l]);
}

/// MLP block: x += post_norm(W_down (gelu(W_gate norm(x)) * (W_up norm(x))))
void mlp_block(const Step& s, uint32_t l) {
    const Config& config = s.model.config;
    const LayerWeights& w = s.model.weights.layers[l];
    const uint32_t n = s.n_tokens;
    const float eps = config.rms_norm_eps;
    gpu::CommandBuffer& cmd = s.cmd;

    const Tensor x = s.act.x.first_rows(n);          // [T, d]
    const Tensor h = s.act.h.first_rows(n);          // [T, d]
    const Tensor scale = s.act.scale.first_rows(n);  // [T, 1]
    const Tensor gate = s.act.gate.first_rows(n);    // [T, ff]
    const Tensor up = s.act.up.first_rows(n);        // [T, ff]

    ops::rms_norm(cmd, h, scale, x, w.ffn_norm, eps);
    s.taps.tap(cmd, Tap::ln2_scale, l, scale);
    s.taps.tap(cmd, Tap::ln2, l, h);
    const ops::ProductInput normed = input(s, h, {w.ffn_gate.dtype, w.ffn_up.dtype});
    product(s, gate, w.ffn_gate, normed);
    product(s, up, w.ffn_up, normed);
    s.taps.tap(cmd, Tap::mlp_pre, l, gate);
    s.taps.tap(cmd, Tap::mlp_pre_linear, l, up);
    ops::geglu(cmd, gate, gate, up);
    s.taps.tap(cmd, Tap::mlp_post, l, gate);
    product(s, h, w.ffn_down, input(s, gate, {w.ffn_down.dtype}));
    s.taps.tap(cmd, Tap::mlp_proj, l, h);
    if (config.post_norms) {
        ops::rms_norm(cmd, h, scale, h, w.post_ffw_norm, eps);
    }
    s.taps.tap(cmd, Tap::mlp_out, l, h);
    ops::add(cmd, x, h);
    s.taps.tap(cmd, Tap::resid_post, l, x);
    if (!s.act.residuals.empty()) {
        cmd.copy(s.act.residuals[l].rows(s.position, n).range, x.range);
    }
}

}  // namespace

float embedding_scale(const Config& config, bool bf16) {
    const auto root = float(std::sqrt(double(config.hidden_size)));
    return bf16 ? bf16_to_float(float_to_bf16(root)) : root;
}

void fill_rope_tables(const Config& config, const Activations& act, uint32_t position, uint32_t n) {
    for (const bool local : {false, true}) {
        const LayerConfig* const layer = layer_of_kind(config, local);
        auto* const table = reinterpret_cast<float*>(act.host_rope(local));
        for (uint32_t t = 0; t < n && layer != nullptr; t++) {
            rope_row({table + size_t{t} * config.head_dim, config.head_dim}, *layer, position + t);
        }
    }
}

void forward(const Step& s) {
    const Tensor x = s.act.x.first_rows(s.n_tokens);
    embed(s, x);
    s.taps.tap(s.cmd, Tap::embed, 0, x);
    for (uint32_t l = 0; l < s.model.config.num_hidden_layers; l++) {
        attention_block(s, l);
        mlp_block(s, l);
    }
}

void finish_attention(const Step& s, uint32_t l, const Tensor& x, const Tensor& q,
                      const Tensor& lse) {
    const Config& config = s.model.config;
    const LayerWeights& w = s.model.weights.layers[l];
    const KvLayer& cache = s.cache.layer(l);
    const uint32_t n = s.n_tokens;
    const uint32_t n_heads = config.num_attention_heads;
    gpu::CommandBuffer& cmd = s.cmd;

    const Tensor h = s.act.h.first_rows(n);          // [T, d]
    const Tensor scale = s.act.scale.first_rows(n);  // [T, 1]
    const Tensor z = s.act.z.first_rows(n);          // [T, Hq*hd]
    const ops::AttentionShape shape{.position = s.position,
                                    .n_heads = n_heads,
                                    .n_kv_heads = config.num_key_value_heads,
                                    .head_dim = config.head_dim,
                                    .window = config.layers[l].sliding_window,
                                    .scale = config.attention_scale(),
                                    .cap = config.attn_logit_softcapping};
    ops::AttentionScratch scratch = s.act.attention;
    if (s.live != nullptr) {
        const gpu::Range kept = s.live->range(l, 0);
        scratch.scores = {"live scores", DType::f32, {1, uint32_t(kept.size / 4)}, kept};
    }
    if (s.fast) {
        ops::attention_prefill(cmd, z, lse, s.act.all_q(l, s.position), cache.k, cache.v, shape);
        if (s.live != nullptr) {  // beside it: what is captured changes no bit of z
            ops::attention_scores(cmd, scratch.scores, q, cache.k, shape);
        }
    } else {
        ops::attention(cmd, z, lse, q, cache.k, cache.v, scratch, shape);
    }
    s.taps.tap(cmd, Tap::z, l, z);
    s.taps.tap_per_head(cmd, l, w.attn_output, z, n_heads);

    product(s, h, w.attn_output, input(s, z, {w.attn_output.dtype}));
    s.taps.tap(cmd, Tap::attn_proj, l, h);
    if (config.post_norms) {
        ops::rms_norm(cmd, h, scale, h, w.post_attention_norm, config.rms_norm_eps);
    }
    s.taps.tap(cmd, Tap::attn_out, l, h);
    ops::add(cmd, x, h);
    s.taps.tap(cmd, Tap::resid_mid, l, x);
}

void embed(const Step& s, const Tensor& x) {
    const Tensor tokens{"tokens",
                        DType::i32,
                        {1, s.n_tokens},
                        s.act.tokens.range.slice(0, 4 * uint64_t{s.n_tokens})};
    ops::embed(s.cmd, x, s.model.weights.token_embd, tokens, s.embedding_scale);
}

void head(const Step& s, const Tensor& x, uint32_t first_row) {
    const Config& config = s.model.config;
    const uint32_t n = x.shape.rows;
    const Tensor h = s.act.h.first_rows(n);            // [n, d]
    const Tensor scale = s.act.scale.first_rows(n);    // [n, 1]
    const Tensor logits = s.act.logits.first_rows(n);  // [n, embedding_rows]
    const Matrix& w = s.model.weights.head();

    ops::rms_norm(s.cmd, h, scale, x, s.model.weights.output_norm, config.rms_norm_eps);
    s.taps.tap_rows(s.cmd, Tap::ln_final_scale, first_row, scale);
    s.taps.tap_rows(s.cmd, Tap::ln_final, first_row, h);
    product(s, logits, w, input(s, h, {w.dtype}));
    s.taps.tap_rows(s.cmd, Tap::logits_raw, first_row, logits);
    if (config.final_logit_softcapping > 0) {
        ops::softcap(s.cmd, logits, config.final_logit_softcapping);
    }
    s.taps.tap_rows(s.cmd, Tap::logits, first_row, logits);
    s.cmd.copy(s.act.logits_host.first_rows(n).range, logits.range);
}

}  // namespace model
