#version 460
// half_rows    rows of x as f16 with a power of two a row: x[t, i] ~ scales[t] * halves[t, i]
//
//   binding  name    type  shape          access
//   0        x       f32   [n_rows, dim]  read
//   1        halves  f16   [n_rows, dim]  write   two a word
//   2        scales  f32   [n_rows]       write
//
// The row's largest magnitude becomes 2^14 .. 2^15, so nothing overflows and 28 binary orders below
// it are normal numbers. Error of an element: one rounding to f16, 2^-11 of it (2^-10 if a device should
// round towards zero), or, below 2^-28 of the row's largest, at most 2^-28 of that largest.
//
// dispatch   x: rows
// spec 0     workgroup size, one whole subgroup
// cost       reads x twice (once from caches), writes half of it
// reference  tests/ops/half_rows.cpp, the bounds above

#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#include "params.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) readonly buffer X { vec4 x[]; };
layout(binding = 1) writeonly buffer Halves { uvec4 halves[]; };
layout(binding = 2) writeonly buffer RowScales { float row_scales[]; };
layout(push_constant) uniform Push { HalfRows p; };

#include "halves.glsl"

void main() {
    const uint n = p.dim / 8u;
    const uint first = gl_WorkGroupID.x * n;
    vec4 most = vec4(0.0);
    for (uint i = gl_LocalInvocationID.x; i < n; i += gl_WorkGroupSize.x) {
        most = max(most, max(abs(x[2u * (first + i)]), abs(x[2u * (first + i) + 1u])));
    }
    const float largest = subgroupMax(max(max(most.x, most.y), max(most.z, most.w)));
    // Exponents as they are stored, 127 more than they are; both factors stay normal.
    const uint exponent = floatBitsToUint(largest) >> 23u;
    const uint up = min(2u * 127u + 14u - exponent, 253u);
    const float to_half = uintBitsToFloat(up << 23u);
    for (uint i = gl_LocalInvocationID.x; i < n; i += gl_WorkGroupSize.x) {
        const vec4 a = to_half * x[2u * (first + i)];
        const vec4 b = to_half * x[2u * (first + i) + 1u];
        halves[first + i] = halves8(a, b);
    }
    if (gl_LocalInvocationID.x == 0u) {
        row_scales[gl_WorkGroupID.x] = uintBitsToFloat((254u - up) << 23u);
    }
}
