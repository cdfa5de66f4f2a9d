#version 460
// sample_history    history[position] = token, and counts = how often each token stands among the last
//                   last_n of history[0 .. position]; moved on from the window that was counted last
//
//   binding  name     type          shape    access
//   0        state    StepState     [1]      read
//   1        params   SampleParams  [1]      read
//   2        history  u32           [n_ctx]  read, write
//   3        counts   u32           [vocab]  read, write
//   4        counted  u32           [2]      read, write   the window that counts holds: begin, end
//
// dispatch   one workgroup
// spec 0     workgroup size
// cost       two counts in the usual step
// reference  ref::sample_history in tests/support/sample_twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "sample.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) readonly buffer State { StepState state; };
layout(binding = 1) readonly buffer Params { SampleParams p; };
layout(binding = 2) buffer History { uint history[]; };
layout(binding = 3) buffer Counts { uint counts[]; };
layout(binding = 4) buffer Counted { uint counted[]; };
layout(push_constant) uniform Push { SampleHistory s; };

void main() {
    const uint position = state.position;
    if (position >= s.n_ctx) {
        return;
    }
    const uint n = position + 1u;
    const uvec2 old = uvec2(counted[0], counted[1]);
    const uvec2 wanted = uvec2(p.penalties_on != 0u ? n - min(n, p.last_n) : n, n);
    uvec2 both = uvec2(min(old.x, wanted.x), max(old.y, wanted.y));
    both = old.x >= old.y ? wanted : wanted.x >= wanted.y ? old : both;

    for (uint i = both.x + gl_LocalInvocationID.x; i < both.y; i += gl_WorkGroupSize.x) {
        const bool was = i >= old.x && i < old.y;
        const bool is = i >= wanted.x && i < wanted.y;
        const uint token = i == position ? state.token : history[i];
        if (was != is && token < s.vocab) {
            atomicAdd(counts[token], is ? 1u : 0xffffffffu);
        }
    }
    barrier();  // everyone has read `counted`
    if (gl_LocalInvocationID.x == 0u) {
        history[position] = state.token;
        counted[0] = wanted.x;
        counted[1] = wanted.y;
    }
}
