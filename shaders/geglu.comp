#version 460
// geglu    y[i] = gelu(gate[i]) * up[i]     gelu with tanh (spec 2.8)
//
//   binding  name  type  shape  access
//   0        gate  f32   [n]    read
//   1        up    f32   [n]    read
//   2        y     f32   [n]    write
//
// dispatch   x: invocations over n (any number of workgroup rows in y)
// spec 0     workgroup size
// cost       reads 2 n, writes n floats
// reference  ref::geglu in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "exact.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) readonly buffer Gate { float gate[]; };
layout(binding = 1) readonly buffer Up { float up[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { Elementwise p; };

void main() {
    const uint i = gl_GlobalInvocationID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    if (i < p.n) {
        precise float product = exact_gelu(gate[i]) * up[i];
        y[i] = product;
    }
}
