#include "tests/op_test_sample.h"

#include <cmath>
#include <limits>

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

/// Words that say nothing (the id of a group without a finite logit) made equal.
std::vector<uint32_t> telling(std::vector<uint32_t> words) {
    const uint32_t least = ref::sample_key(-kInf);
    for (size_t i = 0; i < words.size(); i += 4) {
        if (words[i] <= least || words[i] == 0xffffffff) {
            words[i] = words[i] <= least ? 0 : words[i];
            words[i + 1] = 0;
        }
    }
    return words;
}

void run_case(const op_test::SampleCase& c, uint32_t workgroup) {
    INFO(c.name << ", workgroup " << workgroup);
    const ref::SampleInput in = op_test::sample_input(c, 1);
    const op_test::SampleArrays arrays(in, op_test::sample_push(c));
    arrays.groups_kernel(workgroup);
    op_test::rig().cmd.finish();
    const ref::SampleGroups twin = ref::sample_groups(in, arrays.s);
    const auto groups = arrays.groups.get<uint32_t>();
    CHECK(telling(groups) == telling(twin.groups));
    CHECK(telling(arrays.ranges.get<uint32_t>()) == telling(twin.ranges));

    // In double: the sum over all groups is the softmax's.
    const double largest =
        static_cast<double>(*std::max_element(in.logits.begin(), in.logits.end()));
    double sum = 0, expected = 0;
    for (const float logit : in.logits) {
        expected += std::exp(static_cast<double>(logit) - largest);
    }
    for (size_t g = 0; g < groups.size(); g += 4) {
        if (groups[g] > ref::sample_key(-kInf)) {
            sum += static_cast<double>(std::bit_cast<float>(groups[g + 2])) *
                   std::exp(static_cast<double>(in.logits[groups[g + 1]]) - largest);
        }
    }
    CHECK(std::abs(sum / expected - 1) <= 1e-6);
}

}  // namespace

TEST_CASE("sample_groups") {
    for (const op_test::SampleCase& c : op_test::sample_cases()) {
        run_case(c, 64);
    }
    for (const uint32_t workgroup : {1u, 32u, 256u}) {
        run_case(op_test::sample_case("a prime"), workgroup);
    }
    run_case({.name = "Gemma 3", .vocab = 262'208, .penalties = true, .group_size = 64}, 64);
    run_case({.name = "Gemma 2", .vocab = 256'000, .group_size = 64}, 64);
}

TEST_CASE("sample_groups marks the groups that hold invalid numbers") {
    const op_test::SampleCase c{.name = "", .vocab = 1000};
    for (const float bad : {kInf, std::numeric_limits<float>::quiet_NaN(),
                            -std::numeric_limits<float>::quiet_NaN()}) {
        ref::SampleInput in = op_test::sample_input(c, 2);
        in.logits[777] = bad;
        const op_test::SampleArrays arrays(in, op_test::sample_push(c));
        arrays.groups_kernel(64);
        op_test::rig().cmd.finish();
        const auto groups = arrays.groups.get<uint32_t>();
        for (uint32_t g = 0; g < arrays.s.n_groups; ++g) {
            CHECK((groups[size_t{4} * g] == 0xffffffff) == (g == 777 / 256 * 64 + 777 % 256 / 4));
        }
    }
}

namespace {
const op_test::RegisterBench kBench("sample_groups", [](const op_test::BenchRun& run) {
    const op_test::SampleCase c{.name = "", .vocab = 262'144, .group_size = 64};
    const op_test::SampleArrays arrays(op_test::sample_input(c, 1), op_test::sample_push(c));
    run("sample_groups 262144", [&](gpu::CommandBuffer&) { arrays.groups_kernel(64); });
});
}  // namespace
