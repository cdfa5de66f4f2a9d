#include "tests/op_test_sample.h"

namespace {

void run_case(const op_test::SampleCase& c, uint32_t workgroup, uint32_t copies) {
    INFO(c.name << ", workgroup " << workgroup << ", copies " << copies);
    const ref::SampleInput in = op_test::sample_input(c, 1);
    const op_test::SampleArrays arrays(in, op_test::sample_push(c));
    arrays.groups_kernel(64);
    arrays.select_kernel(16, false);
    arrays.mass_kernel(workgroup, copies, false);
    arrays.mass_kernel(workgroup, copies, true);
    op_test::rig().cmd.finish();
    const auto mass = arrays.mass.get<uint32_t>();
    const size_t half = mass.size() / 2;
    const std::vector<uint32_t> nothing(half, op_test::kPoison);
    for (const uint32_t of_draw : {0u, 1u}) {
        params::Sample push = arrays.s;
        push.mass_of_draw = of_draw;
        const bool written = !c.greedy && (of_draw == 0 || in.p.one_scale == 0);
        const std::vector<uint32_t> twin =
            written ? ref::sample_mass(in, push, arrays.head_now()) : nothing;
        const auto begin = mass.begin() + static_cast<std::ptrdiff_t>(of_draw * half);
        CHECK(std::equal(twin.begin(), twin.end(), begin));
    }
}

}  // namespace

TEST_CASE("sample_mass") {
    for (const op_test::SampleCase& c : op_test::sample_cases()) {
        run_case(c, 8, 8);
        run_case(c, 256, 1);
    }
    run_case(op_test::sample_case("a prime"), 1, 1);
    run_case(op_test::sample_case("llama.cpp's order, hot"), 64, 1);
    run_case({.name = "Gemma 3", .vocab = 262'208, .penalties = true, .group_size = 64}, 8, 8);
}

namespace {
const op_test::RegisterBench kBench("sample_mass", [](const op_test::BenchRun& run) {
    const op_test::SampleCase c{.name = "", .vocab = 262'144, .group_size = 64};
    const op_test::SampleArrays arrays(op_test::sample_input(c, 1), op_test::sample_push(c, 16));
    arrays.groups_kernel(64);
    arrays.select_kernel(16, false);
    run("sample_mass 262144", [&](gpu::CommandBuffer&) { arrays.mass_kernel(8, 8, false); });
});
}  // namespace
