#version 460
// copy    y[i] = x[i]     what the device's memory can do: the measure of every other kernel
//
//   binding  name  type   shape  access
//   0        x     uvec4  [n]    read
//   1        y     uvec4  [n]    write
//
// dispatch   x: n / (4 * workgroup size), rounded up (any number of workgroup rows in y)
// spec 0     workgroup size
// cost       reads and writes 16 n bytes
// reference  std::copy in tests/ops/copy.cpp

#extension GL_GOOGLE_include_directive : require
#include "params.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) readonly buffer X { uvec4 x[]; };
layout(binding = 1) writeonly buffer Y { uvec4 y[]; };
layout(push_constant) uniform Push { Elementwise p; };

void main() {
    const uint group = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x;
    const uint begin = group * 4u * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    for (uint k = 0u; k < 4u; k++) {
        const uint i = begin + k * gl_WorkGroupSize.x;
        if (i < p.n) {
            y[i] = x[i];
        }
    }
}
