#version 460
// sample_select    the most likely tokens in order, before and after the penalties, and the sums of all
//                  groups; where FEW is set also the draw among the first top_k of them.
//
// The best k tokens lie in the k groups with the best largest logits, so: a bound from the best of 256
// parts of the groups, the groups above it, their ranks by comparing all with all; then the same
// with the logits of the k groups that were found.
//
//   binding  name     type          shape          access
//   0        logits   f32           [vocab]        read
//   1        params   SampleParams  [1]            read
//   2        counts   u32           [vocab]        read
//   3        logits4  f32           [vocab]        read    the same range as logits
//   4        groups   u32           [n_groups, 4]  read    of sample_groups
//   5        ranges   u32           [n_groups, 4]  read
//   6        list     u32           [8192, 2]      scratch
//   7        head     SampleHead    [1]            write
//   8        state    StepState     [1]            FEW: read, write
//   9        history  u32           [n_ctx]        FEW: write
//   10       ring     SampleRecord  [kSampleSlots] FEW: write
//
// dispatch   one workgroup
// spec 0     workgroup size, a power of two up to 256
// spec 1     FEW: draw; then 1 <= top_k <= kSampleBest, or greedy
// cost       reads 16 bytes a group three times; latency of about 25 barriers
// reference  ref::sample_select in tests/support/sample_twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "sample.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint FEW = 0;

layout(binding = 0) readonly buffer Logits { float logits[]; };
layout(binding = 1) readonly buffer Params { SampleParams p; };
layout(binding = 2) readonly buffer Counts { uint counts[]; };
layout(binding = 3) readonly buffer Logits4 { vec4 logits4[]; };
layout(binding = 4) readonly buffer Groups { uvec4 groups[]; };
layout(binding = 5) readonly buffer Ranges { uvec4 ranges[]; };
layout(binding = 6) coherent buffer List { uvec2 list[]; };
layout(binding = 7) coherent buffer Head { SampleHead head; };
layout(binding = 8) buffer State { StepState state; };
layout(binding = 9) writeonly buffer History { uint history[]; };
layout(binding = 10) writeonly buffer Ring { SampleRecord ring[]; };
layout(push_constant) uniform Push { Sample s; };

#include "sample.glsl"
#include "sample_finish.glsl"

const uint kNone = 0xffffffffu;
shared uvec2 tile[kSampleParts];
shared uvec2 best[kSampleBest];
shared uvec2 bound;
shared uint n_list;
shared float sums[kSampleParts];
shared float weighted[kSampleParts];

uint lane() { return gl_LocalInvocationID.x; }

void meet() {
    memoryBarrierBuffer();
    barrier();
}

// The best of every 256th group: for the bound, and for the largest of all.
void best_of_parts(bool after) {
    for (uint part = lane(); part < kSampleParts; part += gl_WorkGroupSize.x) {
        uvec2 largest = uvec2(0u, kNone);
        for (uint g = part; g < s.n_groups; g += kSampleParts) {
            const uvec2 own = after ? ranges[g].xy : groups[g].xy;
            largest = own.x > kKeyNegInf && before(own, largest) ? own : largest;
        }
        tile[part] = largest;
    }
    barrier();
}

// best[r] = the entry of list[0 .. n_list) with r others before it, r < k.
void order_list(uint k) {
    const uint n = n_list;
    for (uint base = 0u; base < n; base += gl_WorkGroupSize.x) {
        const uint i = base + lane();
        const uvec2 own = i < n ? list[i] : uvec2(0u, kNone);
        uint rank = 0u;
        for (uint begin = 0u; begin < n; begin += kSampleParts) {
            const uint size = min(n - begin, kSampleParts);
            barrier();
            for (uint j = lane(); j < size; j += gl_WorkGroupSize.x) {
                tile[j] = list[begin + j];
            }
            barrier();
            for (uint j = 0u; j < size; j++) {
                rank += uint(before(tile[j], own));
            }
        }
        if (i < n && rank < k) {
            best[rank] = own;
        }
    }
    barrier();
}

void append(uvec2 own) {
    if (own.x > kKeyNegInf && !before(bound, own)) {
        list[atomicAdd(n_list, 1u)] = own;
    }
}

// The bound: the k-th best of tile[].
void bound_of_parts(uint k) {
    for (uint part = lane(); part < kSampleParts; part += gl_WorkGroupSize.x) {
        const uvec2 own = tile[part];
        uint rank = 0u;
        for (uint j = 0u; j < kSampleParts; j++) {
            rank += uint(before(tile[j], own));
        }
        if (rank == k - 1u && own.x != 0u) {
            bound = own;
        }
    }
    barrier();
}

// Of the e-th logit in the groups of best[]: key and id, or nothing.
uvec2 token_of(bool after, uint e) {
    const uint inside = best[e / s.group_size].y;
    const uint block = kSampleLanes * s.group_size;
    const uint j = e % s.group_size;
    const uint id = inside / block * block + j / 4u * kGroupStep + inside % kGroupStep / 4u * 4u +
                    j % 4u;
    if (id >= s.vocab) {
        return uvec2(0u);
    }
    return uvec2(key_of(after ? logit_at(id) : logits[id]), id);
}

// best = the k most likely tokens, before or after the penalties; returns how many there are.
uint select(bool after, uint k) {
    best_of_parts(after);
    if (lane() == 0u) {
        bound = uvec2(0u, kNone);
    }
    barrier();
    bound_of_parts(k);
    uint n = s.n_groups;
    for (uint step = 0u; step < 2u; step++) {  // groups, then the tokens in the best of them
        if (lane() == 0u) {
            n_list = 0u;
        }
        barrier();
        for (uint i = lane(); i < n; i += gl_WorkGroupSize.x) {
            append(step == 1u ? token_of(after, i) : after ? ranges[i].xy : groups[i].xy);
        }
        meet();
        order_list(k);
        const uint n_best = min(n_list, k);
        if (lane() == 0u) {
            bound = n_best == k ? best[k - 1u] : uvec2(0u, kNone);
        }
        barrier();
        n = step == 0u ? n_best * s.group_size : n_best;
    }
    return n;
}

#include "sample_select.glsl"

void main() {
    const bool two = p.penalties_on != 0u;
    const uint wanted = FEW == 0u || p.greedy != 0u ? 1u : min(p.top_k, kSampleBest);
    uint status = kSampleFine;
    uint n = 0u;
    // A loop, as a driver compiles every call of a function anew.
    for (uint turn = 0u; turn < (two ? 2u : 1u) && status == kSampleFine; turn++) {
        n = select(turn == 1u, turn == 1u ? wanted : two ? kSampleTop : max(wanted, kSampleTop));
        if (turn == 0u) {
            status = sum_groups(n);
        }
    }
    Drawn drawn = Drawn(0u, 1.0);
    if (status == kSampleFine) {
        find_range();
        drawn = draw(FEW != 0u && p.greedy == 0u ? min(n, wanted) : 1u);
    }
    if (FEW != 0u) {
        finish(status, drawn.id, drawn.p_final);
    }
}
