#include <cmath>

#include <fmt/format.h>

#include "model/ops.h"
#include "tests/op_test.h"
#include "tests/support/twins.h"

namespace {

constexpr float kEps = 1e-6f;

void run_case(uint32_t rows, uint32_t dim, float deviation, bool in_place) {
    INFO(rows << " x " << dim << " deviation " << deviation << (in_place ? " in place" : ""));
    const std::vector<float> x = op_test::random_floats(size_t{rows} * dim, dim, deviation);
    const std::vector<float> w = op_test::random_floats(dim, dim + 1);
    const op_test::Array x_array(x), w_array(w);
    const op_test::Array y_array = op_test::Array::output(x.size());
    const op_test::Array scale_array = op_test::Array::output(rows);
    const op_test::Array& target = in_place ? x_array : y_array;
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::rms_norm(cmd, target.tensor(rows, dim), scale_array.tensor(rows, 1),
                         x_array.tensor(rows, dim), w_array.tensor(1, dim), kEps);
    cmd.finish();

    std::vector<float> y(x.size()), scale(rows);
    ref::rms_norm<float>(y, scale, x, w, kEps);
    op_test::check_bits(target.floats(), y);
    op_test::check_bits(scale_array.floats(), scale);
    std::vector<double> y64(x.size()), scale64(rows);
    ref::rms_norm<double>(y64, scale64, op_test::as_doubles(x), w, kEps);
    op_test::check_close(target.floats(), y64, 1e-13);
    op_test::check_close(scale_array.floats(), scale64, 1e-13);
}

}  // namespace

TEST_CASE("rms_norm") {
    // Every width of spec 1.2 (hidden and head sizes), one row and more.
    for (const uint32_t dim :
         {128u, 256u, 640u, 1152u, 2048u, 2304u, 2560u, 3072u, 3584u, 3840u, 4608u, 5376u}) {
        run_case(1, dim, 1, false);
        run_case(5, dim, 1, true);
    }
    for (const uint32_t dim : {1u, 2u, 7u, 63u, 64u, 65u, 1151u}) {
        run_case(3, dim, 1, false);
        run_case(3, dim, 1, true);
    }
    run_case(1024, 256, 1, true);  // the heads of a whole chunk
    run_case(40000, 8, 1, false);  // rows folded into y
    run_case(2, 640, 1e4f, false);
    run_case(2, 640, 1e-4f, false);
}

namespace {
const op_test::RegisterBench kBench("rms_norm", [](const op_test::BenchRun& run) {
    for (const uint32_t rows : {1u, 256u}) {
        for (const uint32_t dim : {640u, 2304u, 5376u}) {
            const op_test::Array x(op_test::random_floats(size_t{rows} * dim, 1));
            const op_test::Array w(op_test::random_floats(dim, 2));
            const op_test::Array y = op_test::Array::output(size_t{rows} * dim);
            const op_test::Array scale = op_test::Array::output(rows);
            run(fmt::format("rms_norm {}x{}", rows, dim), [&](gpu::CommandBuffer& cmd) {
                model::ops::rms_norm(cmd, y.tensor(rows, dim), scale.tensor(rows, 1),
                                     x.tensor(rows, dim), w.tensor(1, dim), kEps);
            });
        }
    }
});
}  // namespace
