// Plain-loop twins of the sampler's kernels (shaders/sample_*.comp), in f32 and the orders of
// summation that the shaders write down: the kernels agree bit by bit. Everything that only needs
// an order is a sort here.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shaders/params.h"
#include "shaders/sample.h"

namespace ref {

struct SampleInput {
    std::vector<float> logits;     // [vocab]
    std::vector<uint32_t> counts;  // [vocab]   in the penalties' window
    params::SampleParams p{};
};

/// Sorts like the logit; sample.glsl's key.
uint32_t sample_key(float logit);
std::vector<float> sample_penalised(const SampleInput& in);
/// Indices of the logits above -Inf, the most likely first, ties to the lowest.
std::vector<uint32_t> sample_order(std::span<const float> logits);

struct SampleGroups {
    std::vector<uint32_t> groups;  // [n_groups, 4]
    std::vector<uint32_t> ranges;  // [n_groups, 4]
};
SampleGroups sample_groups(const SampleInput& in, const params::Sample& s);
params::SampleHead sample_select(const SampleInput& in, const params::Sample& s);
/// [n_parts, 256, 4]
std::vector<uint32_t> sample_mass(const SampleInput& in, const params::Sample& s,
                                  const params::SampleHead& head);

struct SampleDraw {
    uint32_t id = 0;
    float p_final = 1;
};
/// The cuts and the draw of sample_select (FEW) and of sample_search, over a sorted list.
SampleDraw sample_draw(const SampleInput& in, uint32_t position);
/// What the last kernel writes; `state` as it was before.
params::SampleRecord sample_record(const SampleInput& in, const params::SampleHead& head,
                                   const SampleDraw& draw, const params::StepState& state);

/// history [n_ctx], counts [vocab], counted [2]
void sample_history(std::span<uint32_t> history, std::span<uint32_t> counts,
                    std::span<uint32_t> counted, const params::StepState& state,
                    const params::SampleParams& p);

}  // namespace ref
