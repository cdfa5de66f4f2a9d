#version 460
// norm_matvec    y = cap(W h), h = rms_norm(x + rms_norm(added))     one token, fast path
//
//   binding  name    type     shape              access
//   0,1,2    planes  packed   rows of one slab   read
//   3..9     see norm_x.glsl
//
// cap(v) = p.cap * tanh(v / p.cap); p.cap 0: none.
//
// dispatch   workgroups with tiles_per_group tiles of ROWS rows each
// spec 0     workgroup size, whole subgroups
// spec 1..   TYPE, COLS (a multiple of 32), LANES, ROWS, FIXED, WHOLE, ONE_SUBGROUP, RESIDUAL
// cost       reads W once; every workgroup reads x, added and both norms' weights
// reference  ref::rms_norm and ref::matmul in tests/support/twins.h, within rounding

#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_vote : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "params.h"
#include "quads.glsl"
#include "exact.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint TYPE = 0;
layout(constant_id = 2) const uint COLS = 32;
layout(constant_id = 3) const uint LANES = 1;
layout(constant_id = 4) const uint ROWS = 1;
layout(constant_id = 5) const uint FIXED = 0;
layout(constant_id = 6) const uint WHOLE = 0;
layout(constant_id = 7) const uint ONE_SUBGROUP = 0;
layout(constant_id = 8) const uint RESIDUAL = 0;
const uint TOKENS = 1u;

layout(push_constant) uniform Push { Matvec p; };

#include "weight_quads.glsl"
#include "norm_x.glsl"
#include "row_tile.glsl"
#include "team_tiles.glsl"

void main() {
    stage_x();
    for (uint tile = first_tile(); tile < end_tile(); tile += n_teams()) {
        row_tile(0u, tile * ROWS);
        if (team_lane() == 0u) {
            [[unroll]] for (uint i = 0u; i < ROWS; i++) {
                if (tile * ROWS + i < p.n_rows) {
                    const float v = tile_sum[i];
                    y[p.y_begin + tile * ROWS + i] = p.cap > 0.0 ? exact_softcap(v, p.cap) : v;
                }
            }
        }
    }
}
