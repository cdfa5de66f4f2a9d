#version 460
// attention_decode    one token's attention, all of it: QK-norm, RoPE, KV write, window, soft-cap,
//                     softmax, values, log-sum-exp; GROUP query heads of one KV head a workgroup
//
//   binding  name        type        shape                    access
//   0        q           f32         [n_heads, HEAD_DIM]      read    before norm and RoPE
//   1        k           f32         [n_kv_heads, HEAD_DIM]   read
//   2        v           f32         [n_kv_heads, HEAD_DIM]   read
//   3, 4     wq, wk      f32         [HEAD_DIM]               read    QK-norm; unused without
//   5        rope        vec2        [64 + n_ctx/64 + 1, HEAD_DIM/2]  read  cos, sin of p = 0..63 (kRopeLow),
//                                    then of p = 0, 64, 128 ... up to n_ctx
//   6        state       StepState                            read
//   7, 8     k, v cache  f16 or f32  [capacity, n_kv_heads * HEAD_DIM]  row `position` written
//   9        stored_q    as K        [n_heads, HEAD_DIM] of row 0 or `position`   write
//   10       z           f32         SPLITS 1: [n_heads, HEAD_DIM]
//                                    else [SPLITS, n_heads, HEAD_DIM], not normalised   write
//   11       stats       f32         SPLITS 1: lse [n_heads, n_ctx], column `position`
//                                    else (max, sum) [SPLITS, n_heads]                  write
//   12       live        f32         [n_heads, n_ctx] capped scores, CAPTURE 1          write
//   13, 14   k, v cache  the same    read: the other positions
//
// A team of LANES invocations works on one key at a time, HEAD_DIM / LANES elements each; teams and
// splits take keys in turn and merge by their maxima and sums. q, k and v are rounded to the cache's
// types before use, so cells recomputed later agree with the log-sum-exp. exp, log, tanh and the
// rounding to f16 are exact.h's: drivers' own may be far off (llvmpipe's f16 cuts digits off).
//
// dispatch   x: n_heads / GROUP, y: SPLITS
// spec 0     workgroup size, whole subgroups
// spec 1..   HEAD_DIM (a multiple of 8 LANES), GROUP, LANES, Q_HALF (q and K are f16), V_HALF,
//            CAPPED (1: with soft-cap), QK_NORM, SPLITS, CAPTURE, WHOLE, ONE_SUBGROUP
// cost       reads K and V of the visible keys once per group of heads
// reference  Reference64 in tests/support, within rounding; tests/ops/attention_decode.cpp

#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "params.h"
#include "quads.glsl"
#include "visible.h"
#include "exact.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint HEAD_DIM = 64;
layout(constant_id = 2) const uint GROUP = 1;
layout(constant_id = 3) const uint LANES = 1;
layout(constant_id = 4) const uint Q_HALF = 1;
layout(constant_id = 5) const uint V_HALF = 1;
layout(constant_id = 6) const uint CAPPED = 0;
layout(constant_id = 7) const uint QK_NORM = 0;
layout(constant_id = 8) const uint SPLITS = 1;
layout(constant_id = 9) const uint CAPTURE = 0;
layout(constant_id = 10) const uint WHOLE = 0;
layout(constant_id = 11) const uint ONE_SUBGROUP = 0;

layout(binding = 0) readonly buffer QRows { float q[]; };
layout(binding = 1) readonly buffer KRows { float k[]; };
layout(binding = 2) readonly buffer VRows { float v[]; };
layout(binding = 3) readonly buffer QWeight { float wq[]; };
layout(binding = 4) readonly buffer KWeight { float wk[]; };
layout(binding = 5) readonly buffer RopeTable { vec2 rope[]; };
layout(binding = 6) readonly buffer State { StepState state; };
layout(binding = 7) writeonly buffer KCache { uvec4 k_cache[]; };
layout(binding = 8) writeonly buffer VCache { uvec4 v_cache[]; };
layout(binding = 9) writeonly buffer StoredQ { uvec4 stored_q[]; };
layout(binding = 10) writeonly buffer ZRows { vec4 z[]; };
layout(binding = 11) writeonly buffer Stats { float stats[]; };
layout(binding = 12) writeonly buffer Live { float live[]; };
QUADS(13, KeyCache, k_seen);
QUADS(14, ValueCache, v_seen);
layout(push_constant) uniform Push { AttentionDecode p; };

shared vec4 rotated[(GROUP + 2u) * HEAD_DIM / 4u];  // q of each head, then k, then v

void saw_score(uint g, uint position, float s);

#include "attention_online.glsl"
#include "attention_rows.glsl"

void saw_score(uint g, uint position, float s) {
    if (CAPTURE == 1u && team_lane() == 0u) {
        live[(gl_WorkGroupID.x * GROUP + g) * p.n_ctx + position] = s;
    }
}

// The token's own key: the first team of the first split starts with it.
void begin_rows(bool own) {
    [[unroll]] for (uint u = 0u; u < kUnits * 2u; u++) {
        key[u] = rotated[GROUP * HEAD_DIM / 4u + lane_quad(u)];
    }
    [[unroll]] for (uint g = 0u; g < GROUP; g++) {
        const float s = score_of(g);
        row_max[g] = own ? s : kLowest;
        row_sum[g] = own ? 1.0 : 0.0;
        if (own) {
            saw_score(g, state.position, s);
        }
        [[unroll]] for (uint u = 0u; u < kUnits * 2u; u++) {
            row_z[g * kUnits * 2u + u] =
                own ? rotated[(GROUP + 1u) * HEAD_DIM / 4u + lane_quad(u)] : vec4(0.0);
        }
    }
}

void main() {
    const uint first_head = gl_WorkGroupID.x * GROUP;
    const uint kv_head = first_head / (p.n_heads / p.n_kv_heads);
    const uint split = gl_WorkGroupID.y;
    const bool writes_kv = split == 0u && first_head % (p.n_heads / p.n_kv_heads) == 0u;
    rotate_all(first_head, kv_head);
    if (split == 0u) {
        store_rows(first_head, kv_head, writes_kv);
    }
    [[unroll]] for (uint g = 0u; g < GROUP; g++) {
        [[unroll]] for (uint u = 0u; u < kUnits * 2u; u++) {
            q_lane[g * kUnits * 2u + u] = rotated[g * HEAD_DIM / 4u + lane_quad(u)];
        }
    }
    begin_rows(split == 0u && team() == 0u);

    const uint begin = first_visible(state.position, p.window);
    const uint share = (state.position - begin + SPLITS - 1u) / SPLITS;
    const uint from = begin + split * share;
    const uint end = min(from + share, state.position);
    for (uint t = from + team(); t < end; t += kKeys * n_teams()) {
        add_keys(t, end, kv_head);
    }
    [[unroll]] for (uint g = 0u; g < GROUP; g++) {
        merge_teams(g);
        finish_row(g, first_head + g, split);
    }
}
