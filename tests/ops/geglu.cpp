#include <cmath>

#include <fmt/format.h>

#include "model/ops.h"
#include "tests/op_test.h"
#include "tests/support/twins.h"

namespace {

void run_case(uint32_t rows, uint32_t dim, float deviation, bool in_place) {
    INFO(rows << " x " << dim << " deviation " << deviation << (in_place ? " in place" : ""));
    const size_t n = size_t{rows} * dim;
    const std::vector<float> gate = op_test::random_floats(n, n, deviation);
    const std::vector<float> up = op_test::random_floats(n, n + 1);
    const op_test::Array gate_array(gate), up_array(up);
    const op_test::Array y_array = op_test::Array::output(n);
    const op_test::Array& target = in_place ? gate_array : y_array;
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::geglu(cmd, target.tensor(rows, dim), gate_array.tensor(rows, dim),
                      up_array.tensor(rows, dim));
    cmd.finish();

    std::vector<float> y(n);
    ref::geglu<float>(y, gate, up);
    op_test::check_bits(target.floats(), y);
    std::vector<double> y64(n);
    ref::geglu<double>(y64, op_test::as_doubles(gate), op_test::as_doubles(up));
    op_test::check_close(target.floats(), y64, 1e-13);
}

}  // namespace

TEST_CASE("geglu") {
    // ff of spec 1.2.
    for (const uint32_t dim :
         {2048u, 6912u, 9216u, 10240u, 14336u, 15360u, 16384u, 21504u, 24576u, 36864u}) {
        run_case(1, dim, 1, true);
    }
    for (const uint32_t dim : {1u, 63u, 65u, 1151u}) {
        run_case(3, dim, 1, false);
    }
    run_case(7, 2048, 4, true);
    run_case(1, 4096, 1e4f, false);  // tanh far in saturation (spec 11, 35)
}

TEST_CASE("gelu has the values of the specification") {
    const std::vector<float> gate = {-3, -1, 0.5f, 1, 3, 0, 1e4f, -1e4f};
    const std::vector<double> expected = {-0.0036374, -0.1588080, 0.3457140, 0.8411920,
                                          2.9963626,  0,          1e4,       0};
    const op_test::Array gate_array(gate), up_array(std::vector<float>(gate.size(), 1.0f));
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::geglu(cmd, gate_array.tensor(1, 8), gate_array.tensor(1, 8), up_array.tensor(1, 8));
    cmd.finish();
    const std::vector<float> y = gate_array.floats();
    for (size_t i = 0; i < expected.size(); ++i) {
        CHECK(std::abs(static_cast<double>(y[i]) - expected[i]) <= 1e-7);
    }
}

namespace {
const op_test::RegisterBench kBench("geglu", [](const op_test::BenchRun& run) {
    for (const uint32_t rows : {1u, 256u}) {
        const uint32_t dim = 9216;
        const op_test::Array gate(op_test::random_floats(size_t{rows} * dim, 1));
        const op_test::Array up(op_test::random_floats(size_t{rows} * dim, 2));
        const op_test::Array y = op_test::Array::output(size_t{rows} * dim);
        run(fmt::format("geglu {}x{}", rows, dim), [&](gpu::CommandBuffer& cmd) {
            model::ops::geglu(cmd, y.tensor(rows, dim), gate.tensor(rows, dim),
                              up.tensor(rows, dim));
        });
    }
});
}  // namespace
