// staged_x.glsl    one row of x in shared memory, for the matrix-vector kernels of the fast path
//
// Staged as f32 (FIXED 0), or as 16-bit fixed point with one scale a sub-block (FIXED 1):
//   x[i] = x_scale(i / 32) * code[i],  x_scale = max |x| of the sub-block / 32767
// whose rounding error is at most 2^-16 of the sub-block's largest element.
//
// Needs: COLS, FIXED, ONE_SUBGROUP (1: the workgroup is a single subgroup), and kSubUnits: units of 16
// bytes that a sub-block takes, 8 where it may hold f32, 4 for fixed point alone.

// A kernel that stages nothing, or no scales, must not ask for the memory: rows may be longer.
const uint kStages = FIXED == 1u || kSubUnits == 8u ? 1u : 0u;
shared uvec4 staged[kStages == 1u ? COLS / kBlock * kSubUnits : 1u];
shared float staged_scale[FIXED == 1u ? COLS / kBlock : 1u];

#include "workgroup_sync.glsl"

#include "own_x.glsl"

uvec4 x_pairs(uint t, uint step, uint b, uint u) {
    return kOwn ? own_x[4u * step + u] : staged[kSubUnits * b + u];
}
float x_scale(uint t, uint step, uint b) {
    return kOwn ? own_scale[step] : staged_scale[b];
}

#include "fixed_point.glsl"

void own_fixed(uint step, vec4 v[8]) {
    const float largest = largest_of(v);
    const float to_code = code_of_one(largest);
    [[unroll]] for (uint u = 0u; u < 4u; u++) {
        own_x[4u * step + u] = fixed_eight(v[2u * u], v[2u * u + 1u], to_code);
    }
    own_scale[step] = own_inside(step) ? largest / kLargestCode : 0.0;
}

// Sub-block b out of its 32 numbers; takes the first four units of its place.
void stage_fixed(uint b, vec4 v[8]) {
    const float largest = largest_of(v);
    const float to_code = code_of_one(largest);
    [[unroll]] for (uint i = 0u; i < 4u; i++) {
        staged[kSubUnits * b + i] = fixed_eight(v[2u * i], v[2u * i + 1u], to_code);
    }
    staged_scale[b] = largest / kLargestCode;
}
