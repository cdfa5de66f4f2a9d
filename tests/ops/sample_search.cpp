#include "tests/op_test_sample.h"

namespace {

void run_case(const op_test::SampleCase& c, uint32_t workgroup, uint64_t seed) {
    INFO(c.name << ", workgroup " << workgroup << ", seed " << seed);
    const ref::SampleInput in = op_test::sample_input(c, seed);
    const op_test::SampleArrays arrays(in, op_test::sample_push(c));
    arrays.groups_kernel(64);
    arrays.select_kernel(16, false);
    arrays.mass_kernel(8, 8, false);
    arrays.mass_kernel(8, 8, true);
    arrays.search_kernel(workgroup);
    op_test::rig().cmd.finish();
    arrays.check_draw(in);
}

}  // namespace

TEST_CASE("sample_search") {
    for (const op_test::SampleCase& c : op_test::sample_cases()) {
        for (uint64_t seed = 0; seed < 10; ++seed) {
            run_case(c, 16, seed);
        }
    }
    for (const uint32_t workgroup : {1u, 8u, 256u}) {
        run_case(op_test::sample_case("top-k beyond the list"), workgroup, 50);
        run_case(op_test::sample_case("llama.cpp's order, hot"), workgroup, 50);
    }
    run_case({.name = "Gemma 3",
              .vocab = 262'208,
              .penalties = true,
              .top_k = 5000,
              .top_p = 0.95,
              .min_p = 1e-4,
              .group_size = 64},
             16, 1);
    run_case({.name = "all the same", .vocab = 262'144, .spread = 0, .group_size = 64}, 16, 1);
}

namespace {
const op_test::RegisterBench kBench("sample_search", [](const op_test::BenchRun& run) {
    const op_test::SampleCase c{.name = "", .vocab = 262'144, .top_p = 0.9, .group_size = 64};
    const op_test::SampleArrays arrays(op_test::sample_input(c, 1), op_test::sample_push(c, 16));
    arrays.groups_kernel(64);
    arrays.select_kernel(16, false);
    arrays.mass_kernel(8, 8, false);
    run("sample_search 262144, top-p 0.9, flat",
        [&](gpu::CommandBuffer&) { arrays.search_kernel(16); });
});
}  // namespace
