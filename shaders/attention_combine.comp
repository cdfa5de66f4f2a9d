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
// dispatch   x: one workgroup per head; at most kMostSplits splits
// spec 0     workgroup size
// cost       reads the parts once
// reference  tests/ops/attention_combine.cpp

#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "params.h"
#include "exact.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) readonly buffer Parts { vec4 parts[]; };
layout(binding = 1) readonly buffer Stats { vec2 stats[]; };
layout(binding = 2) readonly buffer State { StepState state; };
layout(binding = 3) writeonly buffer Z { vec4 z[]; };
layout(binding = 4) writeonly buffer Lse { float lse[]; };
layout(push_constant) uniform Push { AttentionCombine p; };

const uint kAtOnce = 8u;  // parts read before the first is waited for
// Of each split: its maximum, then its weight; and its sum. Past the last one both are 0.
shared float weights[kMostSplits];
shared float sums[kMostSplits];

void main() {
    const uint head = gl_WorkGroupID.x;
    const uint lane = gl_LocalInvocationID.x;
    for (uint s = lane; s < kMostSplits; s += gl_WorkGroupSize.x) {
        const bool inside = s < p.n_splits;
        const vec2 part = stats[(inside ? s : 0u) * p.n_heads + head];
        weights[s] = part.x;
        sums[s] = inside ? part.y : 0.0;
    }
    barrier();
    float largest = weights[0];
    for (uint s = 1u; s < p.n_splits; s++) {
        largest = max(largest, weights[s]);
    }
    barrier();
    for (uint s = lane; s < kMostSplits; s += gl_WorkGroupSize.x) {
        weights[s] = s < p.n_splits ? exact_exp(weights[s] - largest) : 0.0;
    }
    barrier();
    float sum = 0.0;
    for (uint s = 0u; s < p.n_splits; s++) {
        sum += sums[s] * weights[s];
    }
    const uint quads = p.head_dim / 4u;
    for (uint i = lane; i < quads; i += gl_WorkGroupSize.x) {
        vec4 total = vec4(0.0);
        for (uint s = 0u; s < p.n_splits; s += kAtOnce) {
            vec4 part[kAtOnce];
            [[unroll]] for (uint j = 0u; j < kAtOnce; j++) {
                part[j] = parts[(min(s + j, p.n_splits - 1u) * p.n_heads + head) * quads + i];
            }
            [[unroll]] for (uint j = 0u; j < kAtOnce; j++) {
                total += part[j] * weights[s + j];
            }
        }
        z[head * quads + i] = total / sum;
    }
    if (lane == 0u) {
        lse[head * p.n_ctx + state.position] = largest + exact_log(sum);
    }
}
