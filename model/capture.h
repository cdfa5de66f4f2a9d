// What the forward pass is asked to keep (CaptureSpec) and what it kept (Capture). Plain data: no
// GPU types, so that the window may include it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace model {

/// Every named activation of the forward pass (inspector.md 3; TransformerLens names, no `hook_`).
enum class Tap : uint8_t {
    embed,
    resid_pre,
    ln1_scale,
    ln1,
    q,
    k,
    v,
    rot_q,
    rot_k,
    attn_scores_raw,
    attn_scores,
    pattern,
    lse,
    z,
    result,
    attn_proj,
    attn_out,
    resid_mid,
    ln2_scale,
    ln2,
    mlp_pre,
    mlp_pre_linear,
    mlp_post,
    mlp_proj,
    mlp_out,
    resid_post,
    ln_final_scale,
    ln_final,
    logits_raw,
    logits,
    count_,
};

struct TapInfo {
    Tap tap;
    std::string_view name;
    std::string_view shape;             // "[T,d]", "[T,Hq,hd]", "[Hq,T,T]"
    std::string_view transformer_lens;  // its name there, or "none"
    std::string_view description;       // one line; also the tooltip
    bool per_layer;
};

/// One row per tap, in the order of the enum.
const std::array<TapInfo, size_t(Tap::count_)>& tap_table();
const TapInfo& tap_info(Tap tap);
std::optional<Tap> tap_from_name(std::string_view name);

/// A set of taps.
class TapSet {
public:
    TapSet() = default;
    TapSet(std::initializer_list<Tap> taps) {
        for (const Tap t : taps) {
            add(t);
        }
    }
    static TapSet all();
    void add(Tap tap) { bits_ |= uint64_t{1} << uint32_t(tap); }
    bool has(Tap tap) const { return (bits_ >> uint32_t(tap)) & 1; }
    bool empty() const { return bits_ == 0; }

private:
    uint64_t bits_ = 0;
};

/// Asked of every step from now on; may be changed between steps.
struct CaptureSpec {
    TapSet taps;                   // copied to the host for every row that is computed
    std::vector<uint32_t> layers;  // for per-layer taps; empty: all
    bool live_rows = false;        // attention rows of each decoded token, log16, all layers

    bool wants(Tap tap, uint32_t layer) const;
};

/// Rows of one tap of one layer: [n_rows, dim], f32. For the attention square taps
/// (attn_scores_raw, attn_scores, pattern): rows = query x head, dim = keys; see
/// Session::attention.
struct TapRows {
    Tap tap = Tap::embed;
    uint32_t layer = 0;
    uint32_t first_position = 0;
    uint32_t n_rows = 0;
    uint32_t dim = 0;
    std::vector<float> values;
};

/// Attention rows of one query position, one layer, all query heads, in log16 (inspector.md 2):
/// u16 = round((max - s) * 2048), s the score after cap, max the row's own maximum; 65535 = zero.
struct LiveRows {
    uint32_t layer = 0;
    uint32_t position = 0;        // the query
    uint32_t first_key = 0;       // column 0 of the rows; columns are absolute positions
    uint32_t n_keys = 0;          // keys [first_key, first_key + n_keys), the visible ones
    std::vector<float> max;       // [n_heads]
    std::vector<float> lse;       // [n_heads]
    std::vector<uint16_t> log16;  // [n_heads, n_keys]

    /// Attention weight of head h on column j (0 <= j < n_keys): exp(max - u / 2048 - lse).
    float weight(uint32_t head, uint32_t column) const;

    /// A visible score of a row whose largest is `max`; 65535 from 32 nats below it on.
    static uint16_t log16_of(float max, float score);
    /// The next head, from its scores after the cap: one of each visible key, in their order.
    void append(std::span<const float> scores);
};

/// What one step (a chunk of prompt tokens, or one decoded token) left behind. Immutable once sent.
struct Capture {
    uint32_t first_position = 0;
    uint32_t n_positions = 0;
    std::vector<TapRows> taps;
    std::vector<LiveRows> live;  // one per layer when live rows were asked for
};

/// Cells of one head's attention, recomputed from kept Q, cached K and LSE by the plain path's
/// formula: p(i,j) = exp(cap(scale * q_i.k_j) - LSE_i), 0 where masked. After the plain path these
/// are the very bits that it weighed the values with; after the fast path, whose sums have another
/// order, they are its weights within rounding.
struct AttentionTile {
    uint32_t layer = 0;
    uint32_t head = 0;
    uint32_t query_begin = 0, n_queries = 0;
    uint32_t key_begin = 0, n_keys = 0;
    uint32_t window = 0;  // of the layer; 0: global. Masked is decided by this rule:
                          // query i sees key j iff j <= i and (window == 0 or i - j < window)
    std::vector<float> pattern;  // [n_queries, n_keys], masked = 0
    std::vector<float> scores;   // after cap, masked = -inf; only when asked for
    std::vector<float>
        scores_raw;          // scaled, before cap and mask; masked = NaN; only when asked for
    std::vector<float> lse;  // [n_queries]

    static bool visible(uint32_t query, uint32_t key, uint32_t window) {
        return key <= query && (window == 0 || query - key < window);
    }
};

/// Attention rows of one head, pooled over bins of keys: bin b covers keys
/// [key_begin + b * bin, key_begin + (b + 1) * bin). Key 0, which takes most of many rows, is not
/// in the bins but beside them.
struct PooledRows {
    uint32_t layer = 0;
    uint32_t head = 0;
    uint32_t query_begin = 0, n_queries = 0;
    uint32_t key_begin = 0, bin = 1, n_bins = 0;
    bool by_distance = false;     // key_begin and the bins count back from the query
    std::vector<float> max, sum;  // [n_queries, n_bins]: largest weight, sum of the weights
    std::vector<float> sink;      // [n_queries]: the weight on key 0, without factors
};

}  // namespace model
