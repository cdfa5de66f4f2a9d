#version 460
// sample_search    the cuts and the draw over the whole vocabulary: each is the first token, in order
//                  of (logit, id), at which a sum over it and all before it reaches a target. The bins of
//                  sample_mass say which bin; the bin's tokens are gathered and narrowed down 256-fold.
//
//   binding  name     type          shape             access
//   0        logits   f32           [vocab]           read
//   1        params   SampleParams  [1]               read
//   2        counts   u32           [vocab]           read
//   3        logits4  f32           [vocab]           read    the same range as logits
//   4        groups   u32           [n_groups, 4]     read    of sample_groups
//   5        ranges   u32           [n_groups, 4]     read
//   6        mass     u32           [2, n_parts, 256, 4] read of sample_mass: of the cuts, of the draw
//   7        list     u32           [vocab, 2]        scratch
//   8        head     SampleHead    [1]               read
//   9        state    StepState     [1]               read, write
//   10       history  u32           [n_ctx]           write
//   11       ring     SampleRecord  [kSampleSlots]    write
//
// dispatch   one workgroup
// spec 0     workgroup size, a power of two up to 256
// cost       reads 16 bytes a part and bin, the logits of groups that reach a bin up to four times
// reference  ref::sample_draw in tests/support/sample_twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "sample.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) readonly buffer Logits { float logits[]; };
layout(binding = 1) readonly buffer Params { SampleParams p; };
layout(binding = 2) readonly buffer Counts { uint counts[]; };
layout(binding = 3) readonly buffer Logits4 { vec4 logits4[]; };
layout(binding = 4) readonly buffer Groups { uvec4 groups[]; };
layout(binding = 5) readonly buffer Ranges { uvec4 ranges[]; };
layout(binding = 6) readonly buffer Mass { uvec4 mass[]; };
layout(binding = 7) coherent buffer List { uvec2 list[]; };
layout(binding = 8) readonly buffer Head { SampleHead head; };
layout(binding = 9) buffer State { StepState state; };
layout(binding = 10) writeonly buffer History { uint history[]; };
layout(binding = 11) writeonly buffer Ring { SampleRecord ring[]; };
layout(push_constant) uniform Push { Sample s; };

#include "sample.glsl"
#include "sample_bins.glsl"
#include "sample_finish.glsl"

// What is summed: the number of tokens, the weights of the cuts, those of the draw.
const uint kNumber = 0u;
const uint kCut = 1u;
const uint kDraw = 2u;

// What is searched for, in this order, each among what the one before has left. One loop over them,
// as a driver compiles every call of a function anew.
const uint kTopK = 0u;
const uint kTopP = 1u;
const uint kMinP = 2u;
const uint kToken = 3u;

const uint kNoBin = 0xffffffffu;

struct Sums {
    uvec2 by[3];
};

uint lane() { return gl_LocalInvocationID.x; }

// The smallest key that min-p keeps; or, given a bin, the smallest that is in it or an earlier one.
// Neither the scaled logit nor the bin's number ever turns back as the key falls.
uint least_key(uint bin) {
    const float largest = logit_of(head.key);
    const float per_unit = bins_per_unit();
    uint lost = kKeyNegInf;
    uint kept = head.key;
    while (kept - lost > 1u) {
        const uint middle = lost + (kept - lost) / 2u;
        const float logit = logit_of(middle);
        const bool keeps = bin == kNoBin ? scaled(logit, largest, cut_scale()) >= p.log_min_p
                                         : bin_of(logit, largest, per_unit) <= bin;
        kept = keeps ? middle : kept;
        lost = keeps ? lost : middle;
    }
    return kept;
}

#include "sample_search.glsl"

struct Found {
    uvec2 token;   // key, id
    uvec2 out_of;  // the sum of the survivors' weights
};

// The cuts and the draw.
Found search() {
    Sums left = before_bin(kSampleParts);
    Found found = Found(uvec2(0u), left.by[kDraw]);
    for (uint stage = kTopK; stage <= kToken; stage++) {
        uint kind = stage == kTopK ? kNumber : stage == kTopP ? kCut : kDraw;
        uvec2 target = uvec2(p.top_k, 0u);
        bool needed = p.top_k != 0u && less64(target, left.by[kNumber]);
        if (stage == kTopP) {
            needed = p.top_p_on != 0u;
            target = max_one(mul64_high(left.by[kCut], uvec2(p.top_p_lo, p.top_p_hi)));
        } else if (stage == kToken) {
            needed = true;
            target = mul64_high(found.out_of, uniform64(state.position + 1u));
            target = add64(target, uvec2(1u, 0u));
        }
        uint kept = 0u;
        if (stage == kMinP) {
            kept = p.min_p_on != 0u ? least_key(kNoBin) : 0u;
            needed = kept > found.token.x;
        }
        if (!needed) {
            continue;
        }
        const uint bin = stage == kMinP
                             ? bin_of(logit_of(kept), logit_of(head.key), bins_per_unit())
                             : bin_with(kind, target);
        gather(bin);
        Sums base = before_bin(bin);
        if (stage == kMinP) {
            found.out_of = add64(base.by[kDraw], draw_sum_from(kept));
        } else {
            found.token = narrow_down(kind, target, base);
            left = base;
            found.out_of = stage == kToken ? found.out_of : left.by[kDraw];
        }
    }
    return found;
}

void main() {
    uint status = head.status;
    uint id = head.id;
    float p_final = 1.0;
    if (status == kSampleFine && p.greedy == 0u) {
        add_up_parts();
        const Found found = search();
        const uvec2 own = sums_of(found.token).by[kDraw];
        id = found.token.y;
        p_final = exact_div(to_float64(own), to_float64(found.out_of));
    }
    finish(status, id, p_final);
}
