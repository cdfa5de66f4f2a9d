#version 460
// attention_combine    merges the splits of attention_decode
//
//   binding  name   type       shape                        access
//   0        parts  f32        [n_splits, n_heads, dim]     read    not normalised
//   1        stats  f32        [n_splits, n_heads, 2]       read    maximum, sum
//   2        state  StepState                               read
//   3        z      f32        [n_heads, dim]               write
//   4        lse    f32        [n_heads, n_ctx]             write   column `position`
//
// dispatch   x: one workgroup per head
// spec 0     workgroup size
// cost       reads the parts once
// reference  tests/ops/attention_combine.cpp

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "exact.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) readonly buffer Parts { vec4 parts[]; };
layout(binding = 1) readonly buffer Stats { vec2 stats[]; };
layout(binding = 2) readonly buffer State { StepState state; };
layout(binding = 3) writeonly buffer Z { vec4 z[]; };
layout(binding = 4) writeonly buffer Lse { float lse[]; };
layout(push_constant) uniform Push { AttentionCombine p; };

void main() {
    const uint head = gl_WorkGroupID.x;
    float largest = stats[head].x;
    for (uint s = 1u; s < p.n_splits; s++) {
        largest = max(largest, stats[s * p.n_heads + head].x);
    }
    float sum = 0.0;
    for (uint s = 0u; s < p.n_splits; s++) {
        const vec2 part = stats[s * p.n_heads + head];
        sum += part.y * exact_exp(part.x - largest);
    }
    const uint quads = p.head_dim / 4u;
    for (uint i = gl_LocalInvocationID.x; i < quads; i += gl_WorkGroupSize.x) {
        vec4 total = vec4(0.0);
        for (uint s = 0u; s < p.n_splits; s++) {
            const uint row = s * p.n_heads + head;
            total += parts[row * quads + i] * exact_exp(stats[row].x - largest);
        }
        z[head * quads + i] = total / sum;
    }
    if (gl_LocalInvocationID.x == 0u) {
        lse[head * p.n_ctx + state.position] = largest + exact_log(sum);
    }
}
