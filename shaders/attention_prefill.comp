#version 460
// attention_prefill    attention of many queries over the cache, fast path; no score leaves the kernel
//
//   binding  name        type        shape                            access
//   0        q           as K        [., n_heads * HEAD_DIM]          read   rows q_row + t; rotated, rounded
//   1, 2     k, v cache  f16 or f32  [capacity, n_kv_heads * HEAD_DIM]  read, the queries' own included
//   3        z           f32         [n_tokens, n_heads * HEAD_DIM]   write
//   4        lse         f32         [n_heads, n_ctx]                 write  columns of the queries
//
// dispatch   x: n_heads / GROUP, y: queries; only the visible keys are touched
// spec 0     workgroup size, whole subgroups
// spec 1..   HEAD_DIM (a multiple of 8 LANES), GROUP, LANES, Q_HALF (q and K are f16), V_HALF,
//            CAPPED (1: with soft-cap), WHOLE, ONE_SUBGROUP
// cost       reads K and V of the visible keys once per query and group of heads, mostly from caches
// reference  ref::attention_* in tests/support/twins.h in double (tests/ops/attention_prefill.cpp)

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
layout(constant_id = 7) const uint WHOLE = 0;
layout(constant_id = 8) const uint ONE_SUBGROUP = 0;

QUADS(0, QRows, q);
QUADS(1, KeyCache, k_seen);
QUADS(2, ValueCache, v_seen);
layout(binding = 3) writeonly buffer ZRows { vec4 z[]; };
layout(binding = 4) writeonly buffer Lse { float lse[]; };
layout(push_constant) uniform Push { AttentionPrefill p; };

void saw_score(uint g, uint position, float s) {}

#include "attention_online.glsl"

// The query's row of one head, this lane's part.
void read_query(uint g, uint row) {
    [[unroll]] for (uint u = 0u; u < kUnits; u++) {
        const uint unit = row + u * LANES + team_lane();
        const uint at = (g * kUnits + u) * 2u;
        if (Q_HALF == 1u) {
            unpack_unit(QUAD_AT(q, unit), q_lane[at], q_lane[at + 1u]);
        } else {
            q_lane[at] = FLOATS_AT(q, 2u * unit);
            q_lane[at + 1u] = FLOATS_AT(q, 2u * unit + 1u);
        }
    }
}

void main() {
    const uint first_head = gl_WorkGroupID.x * GROUP;
    const uint kv_head = first_head / (p.n_heads / p.n_kv_heads);
    const uint t = gl_WorkGroupID.y;
    const uint position = p.position + t;
    [[unroll]] for (uint g = 0u; g < GROUP; g++) {
        read_query(g, ((p.q_row + t) * p.n_heads + first_head + g) * kUnitsRow);
        row_max[g] = kLowest;
        row_sum[g] = 0.0;
        [[unroll]] for (uint u = 0u; u < kUnits * 2u; u++) {
            row_z[g * kUnits * 2u + u] = vec4(0.0);
        }
    }
    const uint end = position + 1u;
    for (uint k = first_visible(position, p.window) + team(); k < end; k += kKeys * n_teams()) {
        add_keys(k, end, kv_head);
    }
    [[unroll]] for (uint g = 0u; g < GROUP; g++) {
        merge_teams(g);
        if (team() == 0u) {
            const uint row = t * p.n_heads + first_head + g;
            [[unroll]] for (uint u = 0u; u < kUnits * 2u; u++) {
                z[row * HEAD_DIM / 4u + lane_quad(u)] = row_z[g * kUnits * 2u + u] / row_sum[g];
            }
            if (team_lane() == 0u) {
                lse[(first_head + g) * p.n_ctx + position] = row_max[g] + exact_log(row_sum[g]);
            }
        }
    }
}
