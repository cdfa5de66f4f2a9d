#include <cmath>

#include <fmt/format.h>

#include "model/ops.h"
#include "tests/op_test.h"
#include "tests/support/twins.h"

namespace {

void run_case(uint32_t rows, uint32_t dim, float deviation, float cap) {
    INFO(rows << " x " << dim << " deviation " << deviation << " cap " << cap);
    const size_t n = size_t{rows} * dim;
    std::vector<float> x = op_test::random_floats(n, n, deviation);
    const op_test::Array array(x);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::softcap(cmd, array.tensor(rows, dim), cap);
    cmd.finish();

    std::vector<double> x64 = op_test::as_doubles(x);
    ref::softcap<float>(x, cap);
    op_test::check_bits(array.floats(), x);
    ref::softcap<double>(x64, cap);
    op_test::check_close(array.floats(), x64, 1e-13);
}

}  // namespace

TEST_CASE("softcap") {
    run_case(1, 256000, 20, 30);  // Gemma 2's logits
    run_case(8, 420, 20, 30);
    for (const uint32_t dim : {1u, 63u, 65u, 1151u}) {
        run_case(3, dim, 5, 30);
    }
    run_case(1, 4096, 1e4f, 30);
    run_case(1, 4096, 1e-3f, 30);
    run_case(1, 4096, 60, 50);
}

TEST_CASE("softcap has the values of the specification") {
    // cap(40) and cap(90) at 30 (spec 11, 10); zero stays zero.
    const op_test::Array array(std::vector<float>{40, 90, -40, 0});
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::softcap(cmd, array.tensor(1, 4), 30);
    cmd.finish();
    const std::vector<float> y = array.floats();
    CHECK(std::abs(static_cast<double>(y[0]) - 26.101850) <= 3e-6);
    CHECK(std::abs(static_cast<double>(y[1]) - 29.851643) <= 3e-6);
    CHECK(y[2] == -y[0]);
    CHECK(y[3] == 0);
}

namespace {
const op_test::RegisterBench kBench("softcap", [](const op_test::BenchRun& run) {
    const uint32_t dim = 256000;
    const op_test::Array x(op_test::random_floats(dim, 1, 20));
    run(fmt::format("softcap 1x{}", dim),
        [&](gpu::CommandBuffer& cmd) { model::ops::softcap(cmd, x.tensor(1, dim), 30); });
});
}  // namespace
