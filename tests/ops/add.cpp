#include <cmath>

#include <fmt/format.h>

#include "model/ops.h"
#include "tests/op_test.h"
#include "tests/support/twins.h"

namespace {

void run_case(uint32_t rows, uint32_t dim) {
    INFO(rows << " x " << dim);
    const size_t n = size_t{rows} * dim;
    std::vector<float> x = op_test::random_floats(n, n, 100);
    const std::vector<float> y = op_test::random_floats(n, n + 1);
    const op_test::Array x_array(x), y_array(y);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::add(cmd, x_array.tensor(rows, dim), y_array.tensor(rows, dim));
    cmd.finish();

    std::vector<double> x64 = op_test::as_doubles(x);
    ref::add<float>(x, y);
    op_test::check_bits(x_array.floats(), x);
    ref::add<double>(x64, op_test::as_doubles(y));
    op_test::check_close(x_array.floats(), x64, 1e-13);
    op_test::check_bits(y_array.floats(), y);
}

}  // namespace

TEST_CASE("add") {
    for (const uint32_t dim : {1u, 63u, 64u, 65u, 640u, 1151u, 1152u, 2048u, 2304u, 2560u, 3072u,
                               3584u, 3840u, 4608u, 5376u}) {
        run_case(1, dim);
        run_case(3, dim);
    }
    run_case(3, 700000);  // more workgroups than one row of the grid holds
}

namespace {
const op_test::RegisterBench kBench("add", [](const op_test::BenchRun& run) {
    for (const uint32_t rows : {1u, 256u}) {
        const uint32_t dim = 2304;
        const op_test::Array x(op_test::random_floats(size_t{rows} * dim, 1));
        const op_test::Array y(op_test::random_floats(size_t{rows} * dim, 2));
        run(fmt::format("add {}x{}", rows, dim), [&](gpu::CommandBuffer& cmd) {
            model::ops::add(cmd, x.tensor(rows, dim), y.tensor(rows, dim));
        });
    }
});
}  // namespace
