#version 460
// sample_groups    per group of logits (kSampleLanes in sample.h): the best before and after the
//                  penalties, and the sums of w = exp(l - largest) and w * (l - largest), ids ascending
//
//   binding  name    type          shape        access
//   0        logits  f32           [vocab]      read
//   1        params  SampleParams  [1]          read
//   2        counts  u32           [vocab]      read    how often a token is in the penalties' window
//   3        logits4 f32           [vocab]      read    the same range as logits
//   4        groups  u32           [n_groups, 4] write  key and id of the largest logit, sum, weighted
//   5        ranges  u32           [n_groups, 4] write  after penalties: key and id of the largest
//                                                       logit, key of the least finite one, 0
//
// Keys are those of sample.glsl; 0: the group is empty, 0xffffffff: a NaN or +Inf is in it.
//
// dispatch   x: invocations over groups
// spec 0     workgroup size
// cost       reads the logits twice (the second time from cache), one exp each; bandwidth bound
// reference  ref::sample_groups in tests/support/sample_twins.h

#extension GL_GOOGLE_include_directive : require
#include "sample.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) readonly buffer Logits { float logits[]; };
layout(binding = 1) readonly buffer Params { SampleParams p; };
layout(binding = 2) readonly buffer Counts { uint counts[]; };
layout(binding = 3) readonly buffer Logits4 { vec4 logits4[]; };
layout(binding = 4) writeonly buffer Groups { uvec4 groups[]; };
layout(binding = 5) writeonly buffer Ranges { uvec4 ranges[]; };
layout(push_constant) uniform Push { Sample s; };

#include "sample.glsl"

void main() {
    const uint group = gl_GlobalInvocationID.x;
    if (group >= s.n_groups) {
        return;
    }
    const uint first = group_first(group);
    const uint end = group_end(group);

    // Ids ascend, so the first of equals stays.
    uvec2 raw = uvec2(0u);
    uvec2 best = uvec2(0u);
    uint least = 0xffffffffu;
    bool invalid = false;
    for (uint id = first; id < end; id += kGroupStep) {
        const vec4 before = raw_four(id);
        for (uint i = 0u; i < 4u; i++) {
            const uint key = key_of(before[i]);
            invalid = invalid || key >= kKeyInf || key < kKeyNegInf;
            raw = key > raw.x ? uvec2(key, id + i) : raw;
            least = key > kKeyNegInf ? min(least, key) : least;
        }
    }
    best = raw;
    if (p.penalties_on != 0u && !invalid) {
        best = uvec2(0u);
        least = 0xffffffffu;
        for (uint id = first; id < end; id += kGroupStep) {
            const vec4 after = penalised_four(id, raw_four(id));
            for (uint i = 0u; i < 4u; i++) {
                const uint key = key_of(after[i]);
                best = key > best.x ? uvec2(key, id + i) : best;
                least = key > kKeyNegInf ? min(least, key) : least;
            }
        }
    }

    precise float sum = 0.0;
    precise float weighted = 0.0;
    if (!invalid && raw.x > kKeyNegInf) {
        const float largest = logit_of(raw.x);
        for (uint id = first; id < end; id += kGroupStep) {
            const vec4 four = raw_four(id);
            for (uint i = 0u; i < 4u; i++) {  // -Inf adds nothing
                const float x = below(four[i], largest);
                const float w = exp_below(x);
                precise float product = w * x;
                sum = sum + w;
                weighted = weighted + product;
            }
        }
    }
    groups[group] = uvec4(invalid ? 0xffffffffu : raw.x, raw.y, floatBitsToUint(sum),
                          floatBitsToUint(weighted));
    ranges[group] = uvec4(best, least, 0u);
}
