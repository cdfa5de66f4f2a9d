// The sampler's kernels in the op tests: inputs of every kind, all buffers on the device, one
// dispatch of each kernel.
#pragma once

#include <string>
#include <vector>

#include "tests/op_test.h"
#include "tests/support/sample_twins.h"

namespace op_test {

/// Which stages are on.
struct SampleCase {
    std::string name;
    uint32_t vocab = 1000;
    bool penalties = false, greedy = false, llama_cpp_order = false;
    uint32_t top_k = 0;
    double top_p = 1, min_p = 0, temperature = 1;
    float spread = 3;
    float step = 0;       // logits are multiples of it: ties; 0: none
    uint32_t one_in = 1;  // so many of the logits are not -Inf
    uint32_t group_size = 4;
};

/// Every kind of logits and parameters, small and large.
std::vector<SampleCase> sample_cases();
/// The one of that name.
SampleCase sample_case(const std::string& name);
ref::SampleInput sample_input(const SampleCase& c, uint64_t seed);
params::Sample sample_push(const SampleCase& c, uint32_t n_parts = 3);

/// The buffers of one draw, with guard bands.
struct SampleArrays {
    explicit SampleArrays(const ref::SampleInput& in, const params::Sample& push);

    void groups_kernel(uint32_t workgroup) const;
    void select_kernel(uint32_t workgroup, bool few) const;
    void mass_kernel(uint32_t workgroup, uint32_t copies, bool of_draw) const;
    void search_kernel(uint32_t workgroup) const;

    params::SampleRecord record() const;  // of slot 2, where the state's step points
    params::SampleHead head_now() const { return head.get<params::SampleHead>()[0]; }
    /// Record, state and history are those of the twin.
    void check_draw(const ref::SampleInput& in) const;

    static constexpr params::StepState kState{.token = 1, .position = 5, .step = 6, .n_ctx = 8};
    params::Sample s;
    Array logits, params, counts, groups, ranges, list, head, mass, state, history, ring;
};

}  // namespace op_test
