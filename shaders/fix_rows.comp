#version 460
// fix_rows    rows of x as 16-bit fixed point: x[t, i] = scales[t, i / 32] * codes[t, i]
//
//   binding  name    type      shape             access
//   0        x       f32       [n_rows, dim]     read
//   1        codes   i16       [n_rows, dim]     write   two a word
//   2        scales  f32       [n_rows, dim/32]  write   largest of 32 / 32767
//
// dispatch   x: invocations over sub-blocks of 32, folded into y
// spec 0     workgroup size
// cost       reads x once, writes half of it
// reference  tests/ops/fix_rows.cpp

#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "params.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) readonly buffer X { vec4 x[]; };
layout(binding = 1) writeonly buffer Codes { uvec4 codes[]; };
layout(binding = 2) writeonly buffer CodeScales { float code_scales[]; };
layout(push_constant) uniform Push { Elementwise p; };

#include "fixed_point.glsl"

void main() {
    const uint b = gl_GlobalInvocationID.y * gl_NumWorkGroups.x * gl_WorkGroupSize.x +
                   gl_GlobalInvocationID.x;
    if (b >= p.n) {
        return;
    }
    vec4 v[8];
    [[unroll]] for (uint i = 0u; i < 8u; i++) {
        v[i] = x[8u * b + i];
    }
    const float largest = largest_of(v);
    const float to_code = code_of_one(largest);
    [[unroll]] for (uint i = 0u; i < 4u; i++) {
        codes[4u * b + i] = fixed_eight(v[2u * i], v[2u * i + 1u], to_code);
    }
    code_scales[b] = largest / kLargestCode;
}
