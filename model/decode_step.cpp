#include "model/decode_step.h"

#include <algorithm>
#include <cstring>

#include "gpu/sizes.h"
#include "model/ops.h"
#include "model/rope.h"
#include "shaders/params.h"

namespace model {
namespace {

/// Longest row that a product of many tokens takes.
uint32_t longest_row(const Config& config) {
    return std::max({config.hidden_size, config.q_width(), config.intermediate_size});
}

uint64_t arena_bytes(const Config& config, const DecodeStepOptions& o) {
    const uint64_t rope = uint64_t{split_rope_rows(o.n_ctx)} * config.head_dim * 4;
    const uint64_t products = ops::ProductScratch::codes_bytes(o.n_ubatch, longest_row(config)) +
                              ops::ProductScratch::scales_bytes(o.n_ubatch, longest_row(config));
    const uint64_t rows = 4 * (uint64_t{3} * config.hidden_size + config.intermediate_size);
    const uint32_t n_heads = config.num_attention_heads;
    const uint64_t parts =
        uint64_t{ops::most_attention_splits(n_heads)} * (4 * config.q_width() + 8 * n_heads);
    return 2 * rope + products + rows + parts + (uint64_t{1} << 16);
}

}  // namespace

DecodeStep::DecodeStep(gpu::Device& device, const Model& model, const KvCache& cache,
                       const Activations& act, const DecodeStepOptions& options)
    : model_(model),
      cache_(cache),
      act_(act),
      n_ctx_(options.n_ctx),
      embedding_scale_(options.embedding_scale),
      host_(device, sizeof(params::StepState), gpu::Memory::upload, "step state"),
      arena_(device, gpu::Memory::device, "decode step", arena_bytes(model.config, options)) {
    const Config& c = model.config;
    state_ = host_.range();
    const auto row = [&](const char* name, uint32_t dim) {
        return Tensor{name, DType::f32, {1, dim}, arena_.allocate(4 * uint64_t{dim})};
    };
    mid_ = row("resid_mid", c.hidden_size);
    attn_out_ = row("attn_proj", c.hidden_size);
    mlp_out_ = row("mlp_proj", c.hidden_size);
    activated_ = row("mlp_post", c.intermediate_size);
    const uint32_t longest = longest_row(c);
    products_ = {arena_.allocate(ops::ProductScratch::codes_bytes(options.n_ubatch, longest)),
                 arena_.allocate(ops::ProductScratch::scales_bytes(options.n_ubatch, longest))};
    for (gpu::Range& range : unused_) {
        range = arena_.allocate(16);
    }
    const uint32_t splits = ops::attention_splits(device.info(), c.num_attention_heads);
    parts_ = splits > 1 ? arena_.allocate(4 * uint64_t{splits} * c.q_width()) : unused_[0];
    part_stats_ =
        splits > 1 ? arena_.allocate(8 * uint64_t{splits} * c.num_attention_heads) : unused_[1];
    rope_local_ = upload_rope(true, device);
    rope_global_ = upload_rope(false, device);
}

gpu::Range DecodeStep::upload_rope(bool local, gpu::Device& device) {
    const Config& c = model_.config;
    const LayerConfig* const layer = layer_of_kind(c, local);
    if (layer == nullptr) {
        return unused_[2];
    }
    const std::vector<float> table = split_rope_table(*layer, c.head_dim, n_ctx_);
    const gpu::Range range = arena_.allocate(4 * table.size());
    gpu::upload(device, range, std::as_bytes(std::span(table)));
    return range;
}

void DecodeStep::set_state(TokenId token, uint32_t position) {
    const params::StepState state{
        .token = uint32_t(token), .position = position, .step = 0, .n_ctx = n_ctx_};
    std::memcpy(host_.mapped(), &state, sizeof(state));
}

/// The residual stream after layer l: kept where the session keeps it, else one row.
ops::ResidualRow DecodeStep::after_layer(uint32_t l) const {
    return act_.residuals.empty() ? ops::ResidualRow{act_.x.first_rows(1), false}
                                  : ops::ResidualRow{act_.residuals[l], true};
}

/// What layer l (or the head, l = L) normalises, without the norm's own weight.
ops::NormInput DecodeStep::layer_input(uint32_t l) const {
    ops::NormInput in;
    in.eps = model_.config.rms_norm_eps;
    in.state = state_;
    if (l == 0) {
        in.x = {act_.x.first_rows(1), false};  // the embedding
        return in;
    }
    in.x = {mid_, false};
    in.added = mlp_out_;
    in.added_norm = model_.weights.layers[l - 1].post_ffw_norm;
    return in;
}

/// Level 1: q, k, v. Level 2: attention. Level 3: W_O.
void DecodeStep::record_attention(gpu::CommandBuffer& cmd, uint32_t l,
                                  const gpu::Range& live) const {
    const Config& c = model_.config;
    const LayerWeights& w = model_.weights.layers[l];
    ops::NormInput in = layer_input(l);
    in.norm = w.attn_norm;
    const ops::ResidualRow kept = l == 0 ? ops::ResidualRow{} : after_layer(l - 1);
    const Tensor q = act_.q.first_rows(1);
    const Tensor k = act_.k.first_rows(1);
    const Tensor v = act_.v.first_rows(1);
    ops::norm_matvec(cmd, q, w.attn_q, in, {kept, unused_[0]}, 0);
    ops::norm_matvec(cmd, k, w.attn_k, in, {{}, unused_[1]}, 0);
    ops::norm_matvec(cmd, v, w.attn_v, in, {{}, unused_[2]}, 0);

    const KvLayer& kv = cache_.layer(l);
    const LayerConfig& layer = c.layers[l];
    const bool keep_q = !act_.kept_q.empty();
    const Tensor z = act_.z.first_rows(1);
    ops::attention_decode(cmd,
                          {.q = q,
                           .k = k,
                           .v = v,
                           .q_norm = w.attn_q_norm,
                           .k_norm = w.attn_k_norm,
                           .rope = layer.is_local() ? rope_local_ : rope_global_,
                           .state = state_,
                           .k_cache = kv.k,
                           .v_cache = kv.v,
                           .stored_q = keep_q ? act_.kept_q[l] : act_.chunk_q.first_rows(1),
                           .z = z,
                           .lse = act_.lse[l],
                           .parts = parts_,
                           .part_stats = part_stats_,
                           .live = live,
                           .unused = unused_[0]},
                          {.n_heads = c.num_attention_heads,
                           .n_kv_heads = c.num_key_value_heads,
                           .head_dim = c.head_dim,
                           .n_ctx = n_ctx_,
                           .window = layer.sliding_window,
                           .scale = c.attention_scale(),
                           .cap = c.attn_logit_softcapping,
                           .eps = c.rms_norm_eps,
                           .q_at_position = keep_q});
    ops::matvec(cmd, attn_out_, w.attn_output, z);
}

/// Level 4: gate and up. Level 5: W_down.
void DecodeStep::record_mlp(gpu::CommandBuffer& cmd, uint32_t l) const {
    const Config& c = model_.config;
    const LayerWeights& w = model_.weights.layers[l];
    const ops::NormInput in{
        .x = l == 0 ? ops::ResidualRow{act_.x.first_rows(1), false} : after_layer(l - 1),
        .added = attn_out_,
        .added_norm = w.post_attention_norm,
        .norm = w.ffn_norm,
        .eps = c.rms_norm_eps,
        .state = state_};
    const ops::ResidualOut out{{mid_, false}, unused_[0]};
    if (ops::can_norm_geglu(w.ffn_gate, w.ffn_up)) {
        ops::norm_geglu(cmd, activated_, w.ffn_gate, w.ffn_up, in, out);
    } else {
        const Tensor gate = act_.gate.first_rows(1);
        const Tensor up = act_.up.first_rows(1);
        ops::norm_matvec(cmd, gate, w.ffn_gate, in, out, 0);
        ops::norm_matvec(cmd, up, w.ffn_up, in, {{}, unused_[1]}, 0);
        ops::geglu(cmd, activated_, gate, up);  // a level more
    }
    ops::matvec(cmd, mlp_out_, w.ffn_down, activated_);
}

void DecodeStep::record(gpu::CommandBuffer& cmd, const LiveScores* live, uint32_t slot) const {
    const Config& c = model_.config;
    const uint32_t n_layers = c.num_hidden_layers;
    const Tensor token{"token", DType::i32, {1, 1}, state_.slice(0, 4)};
    ops::embed(cmd, act_.x.first_rows(1), model_.weights.token_embd, token, embedding_scale_);
    for (uint32_t l = 0; l < n_layers; l++) {
        record_attention(cmd, l, live != nullptr ? live->range(l, slot) : gpu::Range{});
        record_mlp(cmd, l);
    }
    ops::NormInput in = layer_input(n_layers);
    in.norm = model_.weights.output_norm;
    ops::norm_matvec(cmd, act_.logits.rows(slot, 1), model_.weights.head(), in,
                     {after_layer(n_layers - 1), unused_[0]}, c.final_logit_softcapping);
}

uint64_t DecodeStep::bytes_for(const Config& config, const DecodeStepOptions& options) {
    return arena_bytes(config, options) + sizeof(params::StepState);
}

}  // namespace model
