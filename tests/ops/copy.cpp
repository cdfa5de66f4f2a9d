#include <fmt/format.h>

#include "gpu/copy_rate.h"
#include "tests/op_test.h"

namespace {

void run_case(size_t n_vectors) {
    INFO(n_vectors << " times 16 bytes");
    const std::vector<float> x = op_test::random_floats(4 * n_vectors, n_vectors);
    const op_test::Array x_array(x);
    const op_test::Array y_array = op_test::Array::output(x.size());
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    gpu::copy_by_kernel(cmd, y_array.range(), x_array.range());
    cmd.finish();
    op_test::check_bits(y_array.floats(), x);
    op_test::check_bits(x_array.floats(), x);
}

}  // namespace

TEST_CASE("copy") {
    for (const size_t n : {1u, 63u, 64u, 65u, 255u, 256u, 257u, 1151u, 65537u}) {
        run_case(n);
    }
}

TEST_CASE("copy rate") {
    // No speed is asked for, only that it is one: from 10 MB/s, where a test machine is starved,
    // to what no memory reaches.
    const double gb_per_s = gpu::measure_copy_rate(op_test::rig().device, op_test::rig().kernels);
    CHECK(gb_per_s > 0.01);
    CHECK(gb_per_s < 100000);
}

namespace {
const op_test::RegisterBench kBench("copy", [](const op_test::BenchRun& run) {
    for (const size_t mib : {1u, 64u}) {
        const op_test::Array x(std::vector<float>(mib << 18, 1.0f));
        const op_test::Array y = op_test::Array::output(mib << 18);
        run(fmt::format("copy {} MiB", mib),
            [&](gpu::CommandBuffer& cmd) { gpu::copy_by_kernel(cmd, y.range(), x.range()); });
    }
});
}  // namespace
