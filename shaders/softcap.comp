#version 460
// softcap    x[i] = cap * tanh(x[i] / cap)     Gemma 2's final cap on the logits
//
//   binding  name  type  shape  access
//   0        x     f32   [n]    read and write
//
// dispatch   x: invocations over n (any number of workgroup rows in y)
// spec 0     workgroup size
// cost       reads and writes n floats
// reference  ref::softcap in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "exact.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) buffer X { float x[]; };
layout(push_constant) uniform Push { Elementwise p; };

void main() {
    const uint i = gl_GlobalInvocationID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x * gl_WorkGroupSize.x;
    if (i < p.n) {
        x[i] = exact_softcap(x[i], p.value);
    }
}
