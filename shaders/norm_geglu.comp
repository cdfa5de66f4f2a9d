#version 460
// norm_geglu    y = gelu(W_gate h) * (W_up h), h = rms_norm(x + rms_norm(added))     one token, fast
//               gelu is the tanh form (spec 2.8)
//
//   binding  name    type     shape                    access
//   0,1,2    planes  packed   rows of one slab, gate   read
//   3..9     see norm_x.glsl
//   10,11,12 planes  packed   the same rows, up        read
//
// dispatch   workgroups with tiles_per_group tiles of ROWS rows each
// spec 0     workgroup size, whole subgroups
// spec 1..   TYPE of both, COLS (a multiple of 32), LANES, ROWS, FIXED, WHOLE, ONE_SUBGROUP, RESIDUAL
// cost       reads both matrices once; every workgroup reads x, added and both norms' weights
// reference  ref::rms_norm, ref::matmul and ref::geglu in tests/support/twins.h, within rounding

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

QUADS(0, GateQuants, gate_quants);
QUADS(1, GateHighs, gate_highs);
QUADS(2, GateScales, gate_scales);
QUADS(10, UpQuants, up_quants);
QUADS(11, UpHighs, up_highs);
QUADS(12, UpScales, up_scales);
layout(push_constant) uniform Push { Matvec p; };

const uint kGate = 0u, kUp = 1u;
uvec4 unit_at(uint matrix, uint i) {
    return matrix == kGate ? QUAD_AT(gate_quants, i) : QUAD_AT(up_quants, i);
}
uvec4 high_quad_at(uint matrix, uint i) {
    return matrix == kGate ? QUAD_AT(gate_highs, i) : QUAD_AT(up_highs, i);
}
uvec4 scale_quad_at(uint matrix, uint i) {
    return matrix == kGate ? QUAD_AT(gate_scales, i) : QUAD_AT(up_scales, i);
}

#include "norm_x.glsl"
#include "row_tile.glsl"
#include "team_tiles.glsl"

void main() {
    stage_x();
    for (uint tile = first_tile(); tile < end_tile(); tile += n_teams()) {
        row_tile(kGate, tile * ROWS);
        float gate[ROWS];
        [[unroll]] for (uint i = 0u; i < ROWS; i++) {
            gate[i] = tile_sum[i];
        }
        row_tile(kUp, tile * ROWS);
        if (team_lane() == 0u) {
            [[unroll]] for (uint i = 0u; i < ROWS; i++) {
                if (tile * ROWS + i < p.n_rows) {
                    y[p.y_begin + tile * ROWS + i] = exact_gelu(gate[i]) * tile_sum[i];
                }
            }
        }
    }
}
