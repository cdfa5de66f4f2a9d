// sample.h    what the sampler's kernels and model/gpu_sampler share: layouts of its buffers (4-byte
// scalars only) and the sizes that both sides must agree on.
#ifndef LAPIDARY_SAMPLE_H
#define LAPIDARY_SAMPLE_H

#ifdef __cplusplus
#include <cstdint>
namespace params {
using uint = uint32_t;
#define SAMPLE_CONST inline constexpr uint
#else
#define SAMPLE_CONST const uint
#endif

SAMPLE_CONST kSampleSlots = 4u;       // records in the results ring
SAMPLE_CONST kSampleTop = 10u;        // of the raw distribution in each record; at most kSampleBest
SAMPLE_CONST kSampleBest = 128u;      // the largest top-k that needs no search (SampleForm::few)

SAMPLE_CONST kSampleLanes = 64u;      // groups side by side, four logits at a time: element j of
                                      // group (b, c) is logit 64 (b group_size + j & ~3) + 4 c + j & 3
SAMPLE_CONST kSampleParts = 256u;     // partial results and bins that one workgroup works on
SAMPLE_CONST kSampleMaxGroups = 5120u;
SAMPLE_CONST kSampleMaxGroupSize = 64u;

SAMPLE_CONST kSampleFine = 0u;        // values of SampleRecord.status
SAMPLE_CONST kSampleInvalid = 1u;     // NaN, +Inf, or nothing but -Inf among the logits

// Parameters of a draw, in host-visible memory: SamplingParams as the kernels want them.
struct SampleParams {
    uint greedy;          // 1: argmax
    uint top_k;           // 0: off
    uint top_p_on;
    uint top_p_lo;        // top_p as a fraction of 2^64
    uint top_p_hi;
    uint min_p_on;
    float log_min_p;
    uint seed_lo;
    uint seed_hi;
    uint penalties_on;
    uint last_n;          // tokens that the penalties look at; 0xffffffff: all
    float repeat_penalty;
    float presence_penalty;
    float frequency_penalty;
    float cut_scale_hi;   // 1 / temperature of the cuts (top-p, min-p), in two floats
    float cut_scale_lo;
    float draw_scale_hi;  // of the draw
    float draw_scale_lo;
    uint one_scale;       // 1: both are the same
};

// Push constants of every kernel but sample_history.
struct Sample {
    uint vocab;
    uint group_size;   // logits of a group: a multiple of 4, at most kSampleMaxGroupSize
    uint n_groups;     // multiple of kSampleLanes
    uint n_ctx;
    uint n_parts;      // workgroups of sample_mass
    uint mass_of_draw; // sample_mass: weights of the draw instead of the cuts'
};

struct SampleHistory {
    uint vocab;
    uint n_ctx;
};

// What sample_select tells the kernels after it. Keys sort like logits (sample.glsl).
struct SampleHead {
    uint status;
    uint raw_key;      // the largest logit
    float sum;         // of exp(l - largest)
    float weighted;    // of exp(l - largest) * (l - largest)
    uint n_raw;        // entries of raw_best
    uint key;          // the largest logit after the penalties, its token, and the least finite one
    uint id;
    uint least_key;
    uint raw_best[2u * kSampleTop];  // key, id
};

// What one draw gives; the ring holds kSampleSlots of them.
struct SampleRecord {
    uint status;
    uint step;
    uint position;        // of the token that was drawn
    uint id;              // that token
    float p_final;        // its probability in the final stage
    float logprob;        // in the raw distribution, as TokenStats
    uint rank;
    float entropy;
    float log_sum_exp;
    uint n_top;           // the raw distribution's most likely tokens; fewer where the rest is -inf
    uint top_ids[kSampleTop];
    float top_logprobs[kSampleTop];
};

#ifdef __cplusplus
}  // namespace params
#endif
#undef SAMPLE_CONST
#endif
