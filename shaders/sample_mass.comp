#version 460
// sample_mass    per part of the logits and bin (sample_bins.glsl): how many tokens, and the sum of
//                their weights. Part i has the logits { (r * n_parts + i) * 1024 + j : j < 1024 }.
//
//   binding  name    type          shape              access
//   0        logits  f32           [vocab]            read
//   1        params  SampleParams  [1]                read
//   2        counts  u32           [vocab]            read
//   3        logits4 f32           [vocab]            read    the same range as logits
//   4        head    SampleHead    [1]                read
//   5        mass    u32           [n_parts, 256, 4]  write   number (0 where top-k is off), weights'
//                                                             sum (low, high), 0
//
// dispatch   x: n_parts workgroups
// spec 0     workgroup size, divides 256
// spec 1     COPIES of the bins: 1, added to by atomics, or the workgroup size, one per invocation
// cost       reads the logits once, one exp each
// reference  ref::sample_mass in tests/support/sample_twins.h

#extension GL_GOOGLE_include_directive : require
#include "sample.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint COPIES = 1;

layout(binding = 0) readonly buffer Logits { float logits[]; };
layout(binding = 1) readonly buffer Params { SampleParams p; };
layout(binding = 2) readonly buffer Counts { uint counts[]; };
layout(binding = 3) readonly buffer Logits4 { vec4 logits4[]; };
layout(binding = 4) readonly buffer Head { SampleHead head; };
layout(binding = 5) writeonly buffer Mass { uvec4 mass[]; };
layout(push_constant) uniform Push { Sample s; };

#include "sample.glsl"
#include "sample_bins.glsl"

const uint kRow = 4u * kSampleParts;
shared uint number[kSampleParts * COPIES];
shared uint low[kSampleParts * COPIES];
shared uint high[kSampleParts * COPIES];

void add_to(uint bin, uvec2 w) {
    if (COPIES == 1u) {
        if (p.top_k != 0u) {
            atomicAdd(number[bin], 1u);
        }
        if ((w.x | w.y) != 0u) {
            const uint carry = uint(atomicAdd(low[bin], w.x) > ~w.x);
            if (w.y + carry != 0u) {
                atomicAdd(high[bin], w.y + carry);
            }
        }
        return;
    }
    const uint at = bin * COPIES + gl_LocalInvocationID.x;
    const uvec2 sum = add64(uvec2(low[at], high[at]), w);
    if (p.top_k != 0u) {
        number[at]++;
    }
    low[at] = sum.x;
    high[at] = sum.y;
}

void main() {
    if (head.status != kSampleFine || p.greedy != 0u ||
        (s.mass_of_draw != 0u && p.one_scale != 0u)) {
        return;
    }
    for (uint i = gl_LocalInvocationID.x; i < kSampleParts * COPIES; i += gl_WorkGroupSize.x) {
        number[i] = 0u;
        low[i] = 0u;
        high[i] = 0u;
    }
    barrier();
    const float largest = logit_of(head.key);
    const float per_unit = bins_per_unit();
    const vec2 scale = s.mass_of_draw != 0u ? draw_scale() : cut_scale();
    for (uint row = gl_WorkGroupID.x; row * kRow < s.vocab; row += s.n_parts) {
        const uint end = min(s.vocab, (row + 1u) * kRow);
        for (uint id = row * kRow + 4u * gl_LocalInvocationID.x; id < end;
             id += 4u * gl_WorkGroupSize.x) {
            const vec4 four = penalised_four(id, raw_four(id));
            for (uint i = 0u; i < 4u; i++) {
                if (key_of(four[i]) > kKeyNegInf) {
                    add_to(bin_of(four[i], largest, per_unit),
                           weight(scaled(four[i], largest, scale)));
                }
            }
        }
    }
    barrier();
    for (uint bin = gl_LocalInvocationID.x; bin < kSampleParts; bin += gl_WorkGroupSize.x) {
        uint n = 0u;
        uvec2 sum = uvec2(0u);
        for (uint copy = 0u; copy < COPIES; copy++) {
            const uint at = bin * COPIES + copy;
            n += number[at];
            sum = add64(sum, uvec2(low[at], high[at]));
        }
        mass[gl_WorkGroupID.x * kSampleParts + bin] = uvec4(n, sum, 0u);
    }
}
