#version 460
// add    x[i] += y[i]     the residual connection
//
//   binding  name  type  shape  access
//   0        x     f32   [n]    read and write
//   1        y     f32   [n]    read
//
// dispatch   x: invocations over n (any number of workgroup rows in y)
// spec 0     workgroup size
// cost       reads 2 n, writes n floats
// reference  ref::add in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) buffer X { float x[]; };
layout(binding = 1) readonly buffer Y { float y[]; };
layout(push_constant) uniform Push { Elementwise p; };

void main() {
    const uint i = gl_GlobalInvocationID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    if (i < p.n) {
        precise float sum = x[i] + y[i];
        x[i] = sum;
    }
}
