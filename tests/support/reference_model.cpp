#include "tests/support/reference_model.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "gpu/base.h"
#include "model/quant.h"
#include "model/score_hash.h"
#include "tests/support/parallel.h"
#include "tests/support/twins.h"

namespace support {

using model::Tap;

ReferenceWeights::ReferenceWeights(const model::ModelSource& source) : config(source.config) {
    const auto read = [&](const std::string& name, size_t elements) {
        const model::SourceTensor* tensor = source.find(name);
        CHECK(tensor != nullptr, "{} lacks {}", source.path, name);
        std::vector<float> values = source.read_f32(*tensor);
        CHECK(values.size() == elements, "{} has {}, expected {}", name, values.size(), elements);
        return values;
    };
    const size_t d = config.hidden_size, ff = config.intermediate_size;
    const size_t q = config.q_width(), kv = config.kv_width(), hd = config.head_dim;
    token_embd = read("token_embd.weight", config.embedding_rows * d);
    output_norm = read("output_norm.weight", d);
    if (!config.tied_embeddings) {
        output = read("output.weight", config.embedding_rows * d);
    }
    for (uint32_t l = 0; l < config.num_hidden_layers; ++l) {
        const auto block = [&](const char* name, size_t elements) {
            return read(fmt::format("blk.{}.{}.weight", l, name), elements);
        };
        Layer& layer = layers.emplace_back();
        layer.attn_norm = block("attn_norm", d);
        layer.attn_q = block("attn_q", q * d);
        layer.attn_k = block("attn_k", kv * d);
        layer.attn_v = block("attn_v", kv * d);
        layer.attn_output = block("attn_output", d * q);
        layer.ffn_norm = block("ffn_norm", d);
        layer.ffn_gate = block("ffn_gate", ff * d);
        layer.ffn_up = block("ffn_up", ff * d);
        layer.ffn_down = block("ffn_down", d * ff);
        if (config.qk_norm) {
            layer.attn_q_norm = block("attn_q_norm", hd);
            layer.attn_k_norm = block("attn_k_norm", hd);
        }
        if (config.post_norms) {
            layer.post_attention_norm = block("post_attention_norm", d);
            layer.post_ffw_norm = block("post_ffw_norm", d);
        }
    }
}

template <class Real>
Forward<Real>::Forward(const ReferenceWeights& weights, const ReferenceOptions& options)
    : weights_(weights), config_(weights.config), options_(options) {}

template <class Real>
void Forward<Real>::set_taps(model::TapSet taps, TapSink sink) {
    taps_ = taps;
    sink_ = std::move(sink);
}

template <class Real>
void Forward<Real>::emit(Tap tap, uint32_t l, std::span<const Real> values) const {
    if (sink_ && taps_.has(tap)) {
        sink_(tap, l, values);
    }
}

template <class Real>
void Forward<Real>::run(std::span<const uint32_t> tokens) {
    n_tokens_ = static_cast<uint32_t>(tokens.size());
    const size_t d = config_.hidden_size;
    // sqrt(d), rounded to f32 and, where asked for, on to bf16 (spec 2.2).
    float scale = static_cast<float>(std::sqrt(static_cast<double>(d)));
    if (options_.bf16_embedding_scale) {
        scale = model::bf16_to_float(model::float_to_bf16(scale));
    }
    x_.assign(n_tokens_ * d, Real(0));
    ref::embed<Real>(x_, weights_.token_embd, d, tokens, static_cast<Real>(scale));
    emit(Tap::embed, 0, x_);
    for (uint32_t l = 0; l < config_.num_hidden_layers; ++l) {
        emit(Tap::resid_pre, l, x_);
        attention_block(l);
        emit(Tap::resid_mid, l, x_);
        mlp_block(l);
        emit(Tap::resid_post, l, x_);
    }
    std::vector<Real> final(x_.size());
    norm(final, weights_.output_norm, Tap::ln_final, Tap::ln_final_scale, 0);
}

template <class Real>
void Forward<Real>::norm(std::vector<Real>& y, std::span<const float> gain, Tap tap, Tap scale_tap,
                         uint32_t l) {
    std::vector<Real> scale(n_tokens_);
    y.resize(x_.size());
    ref::rms_norm<Real>(y, scale, x_, gain, config_.rms_norm_eps);
    emit(scale_tap, l, scale);
    emit(tap, l, y);
}

template <class Real>
void Forward<Real>::head_norm(std::vector<Real>& x, const std::vector<float>& gain) const {
    if (config_.qk_norm) {
        ref::rms_norm<Real>(x, {}, x, gain, config_.rms_norm_eps);
    }
}

template <class Real>
void Forward<Real>::project(std::vector<Real>& y, std::span<const float> w,
                            std::span<const Real> x) const {
    const size_t cols = x.size() / n_tokens_;
    const size_t rows = w.size() / cols;
    y.resize(n_tokens_ * rows);
    ref::matmul(std::span<Real>(y), w, rows, cols, x, n_tokens_);
}

template <class Real>
void Forward<Real>::add_branch(std::vector<Real>& branch, const std::vector<float>& post_norm,
                               Tap out_tap, uint32_t l) {
    if (config_.post_norms) {
        ref::rms_norm<Real>(branch, {}, branch, post_norm, config_.rms_norm_eps);
    }
    emit(out_tap, l, branch);
    ref::add<Real>(x_, branch);
}

template <class Real>
void Forward<Real>::store(std::vector<Real>& x, bool half, Tap tap, uint32_t l) {
    if (half) {
        ref::round_to_half(std::span<Real>(x));
    }
    if (store_hook_) {
        store_hook_(tap, l, x);
    }
}

template <class Real>
void Forward<Real>::attention_block(uint32_t l) {
    const ReferenceWeights::Layer& w = weights_.layers[l];
    std::vector<Real> a;
    norm(a, w.attn_norm, Tap::ln1, Tap::ln1_scale, l);
    project(q_, w.attn_q, a);
    project(k_, w.attn_k, a);
    project(v_, w.attn_v, a);
    emit(Tap::q, l, q_);
    emit(Tap::k, l, k_);
    emit(Tap::v, l, v_);
    head_norm(q_, w.attn_q_norm);
    head_norm(k_, w.attn_k_norm);

    const model::LayerConfig& layer = config_.layers[l];
    const std::vector<Real> table =
        ref::rope_table<Real>(0, n_tokens_, config_.head_dim, layer.rope_theta, layer.rope_factor);
    ref::rope<Real>(q_, table, {config_.num_attention_heads, config_.head_dim});
    ref::rope<Real>(k_, table, {config_.num_key_value_heads, config_.head_dim});
    store(q_, options_.half_q, Tap::rot_q, l);
    store(k_, options_.half_k, Tap::rot_k, l);
    store(v_, options_.half_v, Tap::v, l);
    emit(Tap::rot_q, l, q_);
    emit(Tap::rot_k, l, k_);

    attend(l);
    emit(Tap::z, l, z_);
    std::vector<Real> branch;
    project(branch, w.attn_output, z_);
    emit(Tap::attn_proj, l, branch);
    add_branch(branch, w.post_attention_norm, Tap::attn_out, l);
}

namespace {

params::Attention attention_params(const model::Config& config, uint32_t l, uint32_t n_tokens) {
    const uint32_t tile = params::kKeyTile;
    return {.n_tokens = n_tokens,
            .position = 0,
            .n_heads = config.num_attention_heads,
            .n_kv_heads = config.num_key_value_heads,
            .head_dim = config.head_dim,
            .capacity = n_tokens,
            .window = config.layers[l].sliding_window,
            .key_begin = 0,
            .n_keys = (n_tokens + tile - 1) / tile * tile,
            .q_row = 0,
            .lse_stride = n_tokens,
            .scale = config.attention_scale(),
            .cap = config.attn_logit_softcapping};
}

}  // namespace

template <class Real>
void Forward<Real>::attend(uint32_t l) {
    const params::Attention p = attention_params(config_, l, n_tokens_);
    const size_t rows = size_t{n_tokens_} * p.n_heads;
    std::vector<Real> scores(rows * p.n_keys), prob(rows * p.n_keys);
    std::vector<Real> tiles(rows * p.n_keys / params::kKeyTile * 2), stats(rows * 2), lse(rows);
    z_.resize(rows * p.head_dim);
    ref::attention_scores<Real>(scores, q_, k_, p);
    ref::attention_softmax<Real>(prob, tiles, scores, p);
    ref::attention_lse<Real>(stats, lse, tiles, p);
    ref::attention_values<Real>(z_, prob, tiles, stats, v_, p);
    emit(Tap::lse, l, lse);
    emit_square_taps(l, lse);
}

template <class Real>
void Forward<Real>::emit_square_taps(uint32_t l, std::span<const Real> lse) const {
    if (!taps_.has(Tap::attn_scores_raw) && !taps_.has(Tap::attn_scores) &&
        !taps_.has(Tap::pattern)) {
        return;
    }
    const params::Attention p = attention_params(config_, l, n_tokens_);
    const size_t n = n_tokens_;
    std::vector<Real> raw(p.n_heads * n * n), capped(raw.size()), pattern(raw.size());
    parallel_for(p.n_heads * n, 1, [&](size_t begin, size_t end) {
        for (size_t row = begin; row < end; ++row) {
            const size_t head = row / n, i = row % n;
            const size_t kv_head = config_.kv_head(static_cast<uint32_t>(head));
            const Real* q = q_.data() + (i * p.n_heads + head) * p.head_dim;
            for (size_t j = 0; j < n; ++j) {
                const Real* k = k_.data() + (j * p.n_kv_heads + kv_head) * p.head_dim;
                const Real s = ref::raw_score(q, k, p.head_dim, p.scale);
                const bool visible = model::AttentionTile::visible(
                    static_cast<uint32_t>(i), static_cast<uint32_t>(j), p.window);
                const Real cap = static_cast<Real>(p.cap);
                const Real after_cap = p.cap > 0 ? ref::Math<Real>::softcap(s, cap) : s;
                const size_t cell = row * n + j;
                raw[cell] = s;
                capped[cell] = visible ? after_cap : -std::numeric_limits<Real>::infinity();
                pattern[cell] = visible ? ref::Math<Real>::exp(after_cap - lse[row]) : Real(0);
            }
        }
    });
    emit(Tap::attn_scores_raw, l, raw);
    emit(Tap::attn_scores, l, capped);
    emit(Tap::pattern, l, pattern);
}

template <class Real>
void Forward<Real>::mlp_block(uint32_t l) {
    const ReferenceWeights::Layer& w = weights_.layers[l];
    std::vector<Real> b, gate, up;
    norm(b, w.ffn_norm, Tap::ln2, Tap::ln2_scale, l);
    project(gate, w.ffn_gate, b);
    project(up, w.ffn_up, b);
    emit(Tap::mlp_pre, l, gate);
    emit(Tap::mlp_pre_linear, l, up);
    std::vector<Real> post(gate.size());
    ref::geglu<Real>(post, gate, up);
    emit(Tap::mlp_post, l, post);
    std::vector<Real> branch;
    project(branch, w.ffn_down, post);
    emit(Tap::mlp_proj, l, branch);
    add_branch(branch, w.post_ffw_norm, Tap::mlp_out, l);
}

template <class Real>
std::vector<Real> Forward<Real>::logits(uint32_t begin, uint32_t n) const {
    CHECK(begin + n <= n_tokens_, "rows [{}, +{}) of {}", begin, n, n_tokens_);
    const size_t d = config_.hidden_size;
    const size_t vocab = config_.vocab_size;  // rows beyond it are never drawn (spec 1.3)
    std::vector<Real> normed(n * d), y(n * vocab);
    ref::rms_norm<Real>(normed, {}, std::span<const Real>(x_).subspan(begin * d, n * d),
                        weights_.output_norm, config_.rms_norm_eps);
    ref::matmul(std::span<Real>(y), weights_.head().subspan(0, vocab * d), vocab, d,
                std::span<const Real>(normed), n);
    emit(Tap::logits_raw, 0, y);
    if (config_.final_logit_softcapping > 0) {
        ref::softcap<Real>(y, static_cast<Real>(config_.final_logit_softcapping));
    }
    emit(Tap::logits, 0, y);
    return y;
}

template class Forward<double>;
template class Forward<float>;

template <class Real>
double log_probability(std::span<const Real> logits, uint32_t id) {
    double largest = -std::numeric_limits<double>::infinity();
    for (const Real z : logits) {
        largest = std::max(largest, static_cast<double>(z));
    }
    double sum = 0;
    for (const Real z : logits) {
        sum += std::exp(static_cast<double>(z) - largest);
    }
    return static_cast<double>(logits[id]) - largest - std::log(sum);
}
template double log_probability(std::span<const double>, uint32_t);
template double log_probability(std::span<const float>, uint32_t);

uint64_t score_hash(const ExactScalar& forward, uint32_t n_tokens) {
    std::vector<float> logits;
    for (uint32_t i = 0; i < 8; ++i) {
        const std::vector<float> row = forward.logits(i * (n_tokens - 1) / 7, 1);
        logits.insert(logits.end(), row.begin(), row.end());
    }
    return model::score_hash(forward.resid(), logits);
}

}  // namespace support
