#version 460
// matmul_tile    y[t, r] = sum_k W[r, k] x[t, k]     many tokens, fast path without matrix units
//
//   binding  name    type        shape                   access
//   0,1,2    planes  packed      rows of one slab        read
//   3        x       i16 or f32  [n_tokens, COLS]        read    fixed point where FIXED is 1
//   4        scales  f32         [n_tokens, COLS / 32]   read    of fixed point
//   5        y       f32         [n_tokens, y_stride]    write
//
// dispatch   x: runs of tiles_per_group tiles of ROWS rows, y: tiles of TOKENS tokens
//            from token_begin
// spec 0     workgroup size, whole subgroups
// spec 1..   TYPE, COLS (a multiple of 32), LANES, ROWS, TOKENS, FIXED, WHOLE
// cost       reads W once per tile of tokens, mostly from caches
// reference  ref::matmul in tests/support/twins.h, within rounding (row_tile.glsl)

#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "params.h"
#include "quads.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint TYPE = 0;
layout(constant_id = 2) const uint COLS = 32;
layout(constant_id = 3) const uint LANES = 1;
layout(constant_id = 4) const uint ROWS = 1;
layout(constant_id = 5) const uint TOKENS = 1;
layout(constant_id = 6) const uint FIXED = 0;
layout(constant_id = 7) const uint WHOLE = 0;

QUADS(3, X, x);
layout(binding = 4) readonly buffer XScales { float x_scales[]; };
layout(binding = 5) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { MatmulTile p; };

#include "weight_quads.glsl"

// A tile of tokens holds too much for a lane to keep to itself (own_x.glsl).
const bool kOwn = false;
const uint kSteps = 1u;

uint wanted_token(uint t) { return p.token_begin + gl_WorkGroupID.y * TOKENS + t; }
uint token(uint t) { return min(wanted_token(t), p.token_end - 1u); }
uvec4 x_pairs(uint t, uint step, uint b, uint u) {
    return QUAD_AT(x, token(t) * (COLS / 8u) + 4u * b + u);
}
float x_scale(uint t, uint step, uint b) { return x_scales[token(t) * (COLS / kBlock) + b]; }
vec4 x_four(uint t, uint i) { return FLOATS_AT(x, token(t) * (COLS / 4u) + i); }

#include "row_tile.glsl"
#include "team_tiles.glsl"

void main() {
    for (uint tile = first_tile(); tile < end_tile(); tile += n_teams()) {
        row_tile(0u, tile * ROWS);
        if (team_lane() == 0u) {
            [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
                const uint row = wanted_token(t);
                [[unroll]] for (uint i = 0u; i < ROWS; i++) {
                    if (row < p.token_end && tile * ROWS + i < p.n_rows) {
                        y[row * p.y_stride + p.y_begin + tile * ROWS + i] = tile_sum[i * TOKENS + t];
                    }
                }
            }
        }
    }
}
