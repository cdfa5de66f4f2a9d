// Host side of attention_decode, attention_combine and attention_prefill; and what the decode ops
// need of a device.
#include <algorithm>
#include <bit>

#include "gpu/base.h"
#include "model/fast_ops.h"
#include "model/ops/dispatch.h"
#include "shaders/params.h"

namespace model::ops {
namespace {

struct Form {
    uint32_t workgroup;
    uint32_t group;  // heads of one workgroup
    uint32_t lanes;  // of one team
    uint32_t one_subgroup;
};

/// What attention_decode.comp merges its teams in; with the rotated rows it must fit.
uint64_t shared_bytes(uint32_t workgroup, uint32_t lanes, uint32_t group, uint32_t head_dim) {
    const uint64_t n_teams = workgroup / lanes;
    return 4 * (uint64_t{group + 2} * head_dim + n_teams * head_dim + 2 * n_teams) + 64;
}

/// Largest power of two that is at most `most` and divides n.
uint32_t dividing_power(uint32_t n, uint32_t most) {
    return std::min(std::bit_floor(most), n & (~n + 1));
}

Form form_of(const gpu::DeviceInfo& device, uint32_t n_heads, uint32_t n_kv_heads,
             uint32_t head_dim) {
    const uint32_t lanes = dividing_power(head_dim / 8, device.subgroup_size);
    const uint32_t per_kv_head = n_heads / n_kv_heads;
    if (device.type == gpu::DeviceType::cpu) {
        // Keys are read once for two heads; more would leave a core without work.
        const uint32_t group = per_kv_head % 2 == 0 && n_heads >= 4 ? 2 : 1;
        return {device.subgroup_size, group, lanes, 1};
    }
    uint32_t workgroup = std::max(128u, device.subgroup_size);
    while (workgroup > device.subgroup_size &&
           shared_bytes(workgroup, lanes, 1, head_dim) > device.max_shared_bytes) {
        workgroup /= 2;
    }
    return {workgroup, 1, lanes, 0};
}

bool is_half(const Tensor& t) {
    return t.dtype == DType::f16;
}

uint64_t norm_shared_bytes(const Config& config) {
    const uint64_t d = config.hidden_size;
    return 4 * d + d / params::kBlock * 4 + 4 * 128;
}

}  // namespace

std::string decode_obstacle(const gpu::DeviceInfo& device, const Config& config) {
    if (!device.subgroup_arithmetic) {
        return "the device has no subgroup arithmetic";
    }
    if (device.subgroup_size > 64 || !std::has_single_bit(device.subgroup_size)) {
        return fmt::format("subgroups of {} invocations", device.subgroup_size);
    }
    if (norm_shared_bytes(config) > device.max_shared_bytes) {
        return fmt::format("a row of {} numbers does not fit into {} bytes of shared memory",
                           config.hidden_size, device.max_shared_bytes);
    }
    for (const uint32_t width : {config.hidden_size, config.q_width(), config.intermediate_size}) {
        if (width % params::kBlock != 0) {
            return fmt::format("rows of {} numbers are no whole blocks of {}", width,
                               params::kBlock);
        }
    }
    if (config.head_dim % 8 != 0) {
        return fmt::format("a head size of {} is no multiple of 8", config.head_dim);
    }
    return {};
}

/// Enough workgroups for a large GPU; each still has four teams.
uint32_t most_attention_splits(uint32_t n_heads) {
    return std::clamp(256u / n_heads, 1u, params::kMostSplits);
}

uint32_t attention_splits(const gpu::DeviceInfo& device, uint32_t n_heads) {
    if (device.type == gpu::DeviceType::cpu) {
        return 1;
    }
    return most_attention_splits(n_heads);
}

void attention_decode(gpu::CommandBuffer& cmd, const AttentionDecodeTensors& t,
                      const AttentionDecodeShape& s) {
    const gpu::DeviceInfo& device = cmd.device().info();
    check(t.q, DType::f32, {1, s.n_heads * s.head_dim});
    check(t.k, DType::f32, {1, s.n_kv_heads * s.head_dim});
    check(t.v, DType::f32, {1, s.n_kv_heads * s.head_dim});
    check(t.z, DType::f32, {1, s.n_heads * s.head_dim});
    check(t.lse, DType::f32, {s.n_heads, s.n_ctx});
    CHECK(t.stored_q.dtype == t.k_cache.dtype);
    const Form form = form_of(device, s.n_heads, s.n_kv_heads, s.head_dim);
    const uint32_t splits = attention_splits(device, s.n_heads);
    const bool qk_norm = !t.q_norm.range.empty();
    const gpu::Range& no_weight = t.q.range;
    const bool live = !t.live.empty();
    const gpu::Kernel& kernel = cmd.kernel(
        "attention_decode",
        {form.workgroup, s.head_dim, form.group, form.lanes, is_half(t.k_cache), is_half(t.v_cache),
         s.cap > 0, qk_norm, splits, live, form.lanes == device.subgroup_size, form.one_subgroup});
    // The work of a full window or context: a recording is planned for its longest step.
    const double keys = s.window == 0 ? s.n_ctx : std::min(s.window, s.n_ctx);
    const gpu::Work work{
        .flops = 4.0 * keys * s.n_heads * s.head_dim,
        .bytes = 4.0 * keys * (s.n_kv_heads * s.head_dim + (live ? s.n_heads : 0))};
    cmd.dispatch(kernel, {.x = s.n_heads / form.group, .y = splits},
                 params::AttentionDecode{.n_heads = s.n_heads,
                                         .n_kv_heads = s.n_kv_heads,
                                         .capacity = t.k_cache.shape.rows,
                                         .n_ctx = s.n_ctx,
                                         .window = s.window,
                                         .q_at_position = s.q_at_position,
                                         .scale = s.scale,
                                         .cap = s.cap,
                                         .eps = s.eps},
                 {t.q.range, t.k.range, t.v.range, qk_norm ? t.q_norm.range : no_weight,
                  qk_norm ? t.k_norm.range : no_weight, t.rope, t.state, t.k_cache.range,
                  t.v_cache.range, t.stored_q.range, splits == 1 ? t.z.range : t.parts,
                  splits == 1 ? t.lse.range : t.part_stats, live ? t.live : t.unused,
                  t.k_cache.range, t.v_cache.range},
                 work);
    if (splits > 1) {
        const double floats = double(splits) * s.n_heads * s.head_dim;
        cmd.dispatch(cmd.kernel("attention_combine", {kElementwiseGroup}), {.x = s.n_heads},
                     params::AttentionCombine{s.n_heads, s.head_dim, splits, s.n_ctx},
                     {t.parts, t.part_stats, t.state, t.z.range, t.lse.range},
                     {.flops = 4 * floats, .bytes = 4 * floats});
    }
}

void attention_prefill(gpu::CommandBuffer& cmd, const Tensor& z, const Tensor& lse,
                       const QueryRows& queries, const Tensor& k, const Tensor& v,
                       const AttentionShape& s) {
    const gpu::DeviceInfo& device = cmd.device().info();
    const Tensor& q = queries.q;
    const uint32_t n_tokens = z.shape.rows;
    check(q, k.dtype, {q.shape.rows, s.n_heads * s.head_dim});
    check(z, DType::f32, {n_tokens, s.n_heads * s.head_dim});
    CHECK(queries.first + n_tokens <= q.shape.rows, "queries {} + {} of {}", queries.first,
          n_tokens, q.shape.rows);
    check(lse, DType::f32, {s.n_heads, lse.shape.dim});
    CHECK(s.position + n_tokens <= lse.shape.dim, "position {} + {} of {}", s.position, n_tokens,
          lse.shape.dim);
    const Form form = form_of(device, s.n_heads, s.n_kv_heads, s.head_dim);
    const gpu::Kernel& kernel =
        cmd.kernel("attention_prefill",
                   {form.workgroup, s.head_dim, form.group, form.lanes, is_half(k), is_half(v),
                    s.cap > 0, form.lanes == device.subgroup_size, form.one_subgroup});
    const uint32_t longest = s.position + n_tokens;
    const double keys = s.window == 0 ? longest : std::min(s.window, longest);
    const gpu::Work all{.flops = 4.0 * keys * s.n_heads * s.head_dim * n_tokens,
                        .bytes = 4.0 * keys * s.n_kv_heads * s.head_dim};
    const uint32_t parts = std::min(cmd.parts(kernel, all), n_tokens);
    for (uint32_t part = 0; part < parts; part++) {
        const auto begin = uint32_t(uint64_t{n_tokens} * part / parts);
        const auto end = uint32_t(uint64_t{n_tokens} * (part + 1) / parts);
        cmd.dispatch(kernel, {.x = s.n_heads / form.group, .y = end - begin},
                     params::AttentionPrefill{.position = s.position + begin,
                                              .q_row = queries.first + begin,
                                              .n_heads = s.n_heads,
                                              .n_kv_heads = s.n_kv_heads,
                                              .capacity = k.shape.rows,
                                              .n_ctx = lse.shape.dim,
                                              .window = s.window,
                                              .scale = s.scale,
                                              .cap = s.cap},
                     {q.range, k.range, v.range, z.rows(begin, end - begin).range, lse.range},
                     {.flops = all.flops / parts, .bytes = all.bytes});
    }
}

}  // namespace model::ops
