#version 460
// matvec    y[r] = sum_k W[r, k] x[k]     one token, fast path
//
//   binding  name    type     shape              access
//   0,1,2    planes  packed   rows of one slab   read
//   3        x       f32      [1, COLS]          read
//   4        y       f32      [1, rows of W]     write
//
// dispatch   workgroups with tiles_per_group tiles of ROWS rows each
// spec 0     workgroup size, whole subgroups
// spec 1..   TYPE, COLS (a multiple of 32), LANES, ROWS, FIXED, WHOLE, ONE_SUBGROUP
// cost       reads W once; every workgroup reads x
// reference  ref::matmul in tests/support/twins.h, within rounding (row_tile.glsl, staged_x.glsl)

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
layout(constant_id = 5) const uint FIXED = 0;
layout(constant_id = 6) const uint WHOLE = 0;
layout(constant_id = 7) const uint ONE_SUBGROUP = 0;
const uint TOKENS = 1u;

QUADS(3, X, x);
layout(binding = 4) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { Matvec p; };

#include "weight_quads.glsl"
const uint kSubUnits = 4u;
#include "staged_x.glsl"
vec4 x_four(uint t, uint i) { return FLOATS_AT(x, i); }
#include "row_tile.glsl"
#include "team_tiles.glsl"

void stage_x() {
    if (kOwn) {
        [[unroll]] for (uint step = 0u; step < kSteps; step++) {
            vec4 v[8];
            [[unroll]] for (uint i = 0u; i < 8u; i++) {
                v[i] = FLOATS_AT(x, 8u * own_block(step) + i);
            }
            own_fixed(step, v);
        }
        return;
    }
    for (uint b = gl_LocalInvocationID.x; b < COLS / kBlock; b += gl_WorkGroupSize.x) {
        vec4 v[8];
        [[unroll]] for (uint i = 0u; i < 8u; i++) {
            v[i] = FLOATS_AT(x, 8u * b + i);
        }
        stage_fixed(b, v);
    }
    workgroup_sync();
}

void main() {
    if (FIXED == 1u) {
        stage_x();
    }
    for (uint tile = first_tile(); tile < end_tile(); tile += n_teams()) {
        row_tile(0u, tile * ROWS);
        if (team_lane() == 0u) {
            [[unroll]] for (uint i = 0u; i < ROWS; i++) {
                if (tile * ROWS + i < p.n_rows) {
                    y[p.y_begin + tile * ROWS + i] = tile_sum[i];
                }
            }
        }
    }
}
