#include "tests/op_test_sample.h"

#include <cmath>
#include <limits>

namespace {

/// FEW draws only what the host lets it draw.
bool is_few(const op_test::SampleCase& c) {
    return c.greedy || (c.top_k > 0 && c.top_k <= params::kSampleBest);
}

void check_head(const ref::SampleInput& in, const op_test::SampleArrays& arrays, bool few) {
    const params::SampleHead twin = ref::sample_select(in, arrays.s);
    const params::SampleHead head = arrays.head_now();
    CHECK(head.status == params::kSampleFine);
    CHECK(head.raw_key == twin.raw_key);
    op_test::check_bits(std::vector{head.sum, head.weighted}, std::vector{twin.sum, twin.weighted});
    CHECK(head.n_raw == twin.n_raw);
    for (uint32_t i = 0; i < 2 * twin.n_raw; ++i) {
        CHECK(head.raw_best[i] == twin.raw_best[i]);
    }
    CHECK(head.key == twin.key);
    CHECK(head.id == twin.id);
    CHECK((few || head.least_key == twin.least_key));
}

void run_case(const op_test::SampleCase& c, uint32_t workgroup, uint64_t seed) {
    const ref::SampleInput in = op_test::sample_input(c, seed);
    for (const bool few : {false, true}) {
        if (few && !is_few(c)) {
            continue;
        }
        INFO(c.name << ", workgroup " << workgroup << (few ? ", few" : ""));
        const op_test::SampleArrays arrays(in, op_test::sample_push(c));
        arrays.groups_kernel(64);
        arrays.select_kernel(workgroup, few);
        op_test::rig().cmd.finish();
        check_head(in, arrays, few);
        if (few) {
            arrays.check_draw(in);
        }
    }
}

}  // namespace

TEST_CASE("sample_select") {
    for (const op_test::SampleCase& c : op_test::sample_cases()) {
        for (uint64_t seed = 0; seed < 5; ++seed) {
            run_case(c, 16, seed);
        }
    }
    for (const uint32_t workgroup : {1u, 8u, 256u}) {
        run_case(op_test::sample_case("a prime"), workgroup, 9);
        run_case(op_test::sample_case("top-k 128"), workgroup, 9);
    }
    run_case({.name = "Gemma 3",
              .vocab = 262'208,
              .penalties = true,
              .top_k = 64,
              .top_p = 0.95,
              .group_size = 64},
             16, 1);
}

TEST_CASE("sample_select finds the best where they all lie in few groups") {
    // 64 groups hold the 4,096 largest logits: as long as the second list gets.
    const op_test::SampleCase c{
        .name = "", .vocab = 262'144, .top_k = 64, .spread = 1, .group_size = 64};
    ref::SampleInput in = op_test::sample_input(c, 3);
    for (uint32_t row = 0; row < 16; ++row) {
        for (uint32_t j = 0; j < 256; ++j) {
            in.logits[row * 256 + j] = 20 + static_cast<float>(j * 16 + row) / 4096;
        }
    }
    const op_test::SampleArrays arrays(in, op_test::sample_push(c));
    arrays.groups_kernel(64);
    arrays.select_kernel(16, true);
    op_test::rig().cmd.finish();
    check_head(in, arrays, true);
    arrays.check_draw(in);
}

TEST_CASE("sample_select reports what no distribution can be made of") {
    constexpr float kInf = std::numeric_limits<float>::infinity();
    const op_test::SampleCase c{.name = "", .vocab = 1000, .top_k = 40};
    for (int kind = 0; kind < 4; ++kind) {
        ref::SampleInput in = op_test::sample_input(c, 2);
        in.logits[500] = kind == 0 ? kInf : std::numeric_limits<float>::quiet_NaN();
        if (kind >= 2) {
            std::fill(in.logits.begin(), in.logits.end(),
                      kind == 2 ? -kInf : std::numeric_limits<float>::quiet_NaN());
        }
        const op_test::SampleArrays arrays(in, op_test::sample_push(c));
        arrays.groups_kernel(64);
        arrays.select_kernel(16, true);
        op_test::rig().cmd.finish();
        CHECK(arrays.record().status == params::kSampleInvalid);
        CHECK(arrays.record().step == op_test::SampleArrays::kState.step);
        const auto state = arrays.state.get<params::StepState>()[0];
        CHECK(state.token == op_test::SampleArrays::kState.token);
        CHECK(state.step == op_test::SampleArrays::kState.step + 1);
    }
}

namespace {
const op_test::RegisterBench kBench("sample_select", [](const op_test::BenchRun& run) {
    const op_test::SampleCase c{
        .name = "", .vocab = 262'144, .top_k = 64, .top_p = 0.95, .group_size = 64};
    const op_test::SampleArrays arrays(op_test::sample_input(c, 1), op_test::sample_push(c));
    arrays.groups_kernel(64);
    run("sample_select 262144, top-k 64",
        [&](gpu::CommandBuffer&) { arrays.select_kernel(16, true); });
});
}  // namespace
