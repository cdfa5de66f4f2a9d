#include "model/capture.h"

#include <algorithm>
#include <cmath>

namespace model {

const std::array<TapInfo, size_t(Tap::count_)>& tap_table() {
    static const std::array<TapInfo, size_t(Tap::count_)> table = {{
        {Tap::embed, "embed", "[T,d]", "hook_embed", "Token embeddings after the sqrt(d) scale",
         false},
        {Tap::resid_pre, "resid_pre", "[T,d]", "hook_resid_pre", "Residual stream before the layer",
         true},
        {Tap::ln1_scale, "ln1_scale", "[T,1]", "ln1.hook_scale",
         "sqrt(mean x^2 + eps) of the attention block's norm", true},
        {Tap::ln1, "ln1", "[T,d]", "ln1.hook_normalized x gain",
         "Normalised input of the attention block", true},
        {Tap::q, "q", "[T,Hq,hd]", "attn.hook_q", "Queries before QK-norm and rotation", true},
        {Tap::k, "k", "[T,Hkv,hd]", "attn.hook_k", "Keys before QK-norm and rotation", true},
        {Tap::v, "v", "[T,Hkv,hd]", "attn.hook_v", "Values, neither normalised nor rotated", true},
        {Tap::rot_q, "rot_q", "[T,Hq,hd]", "attn.hook_rot_q",
         "Queries after QK-norm and rotation, as multiplied", true},
        {Tap::rot_k, "rot_k", "[T,Hkv,hd]", "attn.hook_rot_k",
         "Keys after QK-norm and rotation, as cached", true},
        {Tap::attn_scores_raw, "attn_scores_raw", "[Hq,T,T]", "none",
         "Scaled scores before cap and mask", true},
        {Tap::attn_scores, "attn_scores", "[Hq,T,T]", "attn.hook_attn_scores",
         "Scores after the cap; masked are -inf", true},
        {Tap::pattern, "pattern", "[Hq,T,T]", "attn.hook_pattern",
         "Attention weights; rows sum to 1", true},
        {Tap::lse, "lse", "[Hq,T]", "none", "Log of the sum of exp(score) of every row", true},
        {Tap::z, "z", "[T,Hq,hd]", "attn.hook_z", "Attention-weighted values of every head", true},
        {Tap::result, "result", "[T,Hq,d]", "attn.hook_result",
         "What every head adds, before the post-norm", true},
        {Tap::attn_proj, "attn_proj", "[T,d]", "none", "Sum over heads, before the post-norm",
         true},
        {Tap::attn_out, "attn_out", "[T,d]", "hook_attn_out",
         "What the attention block adds to the residual", true},
        {Tap::resid_mid, "resid_mid", "[T,d]", "hook_resid_mid",
         "Residual stream between the two blocks", true},
        {Tap::ln2_scale, "ln2_scale", "[T,1]", "ln2.hook_scale",
         "sqrt(mean x^2 + eps) of the MLP block's norm", true},
        {Tap::ln2, "ln2", "[T,d]", "ln2.hook_normalized x gain",
         "Normalised input of the MLP block", true},
        {Tap::mlp_pre, "mlp_pre", "[T,ff]", "mlp.hook_pre", "Gate before GELU", true},
        {Tap::mlp_pre_linear, "mlp_pre_linear", "[T,ff]", "mlp.hook_pre_linear", "Up projection",
         true},
        {Tap::mlp_post, "mlp_post", "[T,ff]", "mlp.hook_post", "gelu(gate) x up: the neurons",
         true},
        {Tap::mlp_proj, "mlp_proj", "[T,d]", "none", "Down projection, before the post-norm", true},
        {Tap::mlp_out, "mlp_out", "[T,d]", "hook_mlp_out",
         "What the MLP block adds to the residual", true},
        {Tap::resid_post, "resid_post", "[T,d]", "hook_resid_post",
         "Residual stream after the layer", true},
        {Tap::ln_final_scale, "ln_final_scale", "[T,1]", "ln_final.hook_scale",
         "sqrt(mean x^2 + eps) of the final norm", false},
        {Tap::ln_final, "ln_final", "[T,d]", "ln_final.hook_normalized x gain",
         "Normalised input of the head", false},
        {Tap::logits_raw, "logits_raw", "[T,V]", "none", "Logits before the final cap", false},
        {Tap::logits, "logits", "[T,V]", "model output", "Logits after the final cap", false},
    }};
    return table;
}

const TapInfo& tap_info(Tap tap) {
    return tap_table()[size_t(tap)];
}

std::optional<Tap> tap_from_name(std::string_view name) {
    for (const TapInfo& info : tap_table()) {
        if (info.name == name) {
            return info.tap;
        }
    }
    return std::nullopt;
}

TapSet TapSet::all() {
    TapSet set;
    for (const TapInfo& info : tap_table()) {
        set.add(info.tap);
    }
    return set;
}

bool CaptureSpec::wants(Tap tap, uint32_t layer) const {
    if (!taps.has(tap)) {
        return false;
    }
    return layers.empty() || !tap_info(tap).per_layer ||
           std::find(layers.begin(), layers.end(), layer) != layers.end();
}

uint16_t LiveRows::log16_of(float max, float score) {
    const double steps = (double(max) - double(score)) * 2048;
    return steps < 65534.5 ? uint16_t(steps + 0.5) : uint16_t(65535);  // none is negative
}

void LiveRows::append(std::span<const float> scores) {
    const float largest = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (const float s : scores) {
        sum += std::exp(double(s) - double(largest));
        log16.push_back(log16_of(largest, s));
    }
    max.push_back(largest);
    lse.push_back(float(double(largest) + std::log(sum)));
}

float LiveRows::weight(uint32_t head, uint32_t column) const {
    const uint16_t u = log16[size_t{head} * n_keys + column];
    return u == 65535 ? 0.0f : std::exp(max[head] - float(u) / 2048.0f - lse[head]);
}

}  // namespace model
