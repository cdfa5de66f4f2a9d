#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "model/fast_ops.h"
#include "model/quant.h"
#include "tests/op_test.h"

namespace {

/// The kernel's own promise (header of half_rows.comp): the row's largest magnitude lies in
/// [2^14, 2^15), or as near as factors that are normal numbers bring it.
int exponent_of(float largest) {
    const int wanted = 14 - (largest == 0 ? -127 : std::ilogb(largest));
    return std::min(wanted, 126);
}

/// The device's numbers of one row, in double, against x.
void check_row(std::span<const float> x, std::span<const uint16_t> halves, float scale) {
    float largest = 0;
    for (const float value : x) {
        largest = std::max(largest, std::abs(value));
    }
    CHECK(scale == std::ldexp(1.0f, -exponent_of(largest)));
    size_t n_wrong = 0;
    double most = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        const double half = double(model::half_to_float(halves[i]));
        // A device may round to f16 towards zero; what is no normal number there may become zero.
        const double bound = std::max(0x1p-10 * std::abs(double(x[i])), 0x1p-28 * double(largest));
        n_wrong += !(std::abs(half * double(scale) - double(x[i])) <= bound);
        most = std::max(most, std::abs(half));
    }
    CHECK(n_wrong == 0);
    if (exponent_of(largest) < 126) {
        CHECK(most >= 0x1p14);
    }
    CHECK(most <= 0x1p15);
}

void skip_without_halves() {
    // Kernels are made for f16 where matrices are: see gpu::require_features.
    if (op_test::rig().device.info().matrix_shapes.empty()) {
        SKIP(op_test::rig().device.info().name +
             " has no cooperative matrices of f16 and f32 (or validation layers that know them: "
             "try LAPIDARY_VALIDATE=0)");
    }
}

void run(const std::vector<float>& x, uint32_t rows, uint32_t cols) {
    INFO(rows << " x " << cols);
    const op_test::Array x_array(x);
    const op_test::Array halves = op_test::Array::output(size_t{rows} * cols / 2);
    const op_test::Array scales = op_test::Array::output(rows);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::half_rows(cmd, {halves.range(), scales.range()}, x_array.tensor(rows, cols));
    cmd.finish();
    const std::vector<uint16_t> device = halves.get<uint16_t>();
    const std::vector<float> device_scales = scales.floats();
    for (uint32_t row = 0; row < rows; ++row) {
        INFO("row " << row);
        check_row(std::span(x).subspan(size_t{row} * cols, cols),
                  std::span(device).subspan(size_t{row} * cols, cols), device_scales[row]);
    }
}

}  // namespace

TEST_CASE("half_rows, the row lengths of Gemma, short ones and a prime number of units") {
    skip_without_halves();
    for (const uint32_t cols : {8u, 16u, 64u, 640u, 1048u, 1152u, 2048u, 15360u, 36864u}) {
        for (const uint32_t rows : {1u, 7u, 37u}) {
            run(op_test::random_floats(size_t{rows} * cols, cols + rows), rows, cols);
        }
    }
}

TEST_CASE("half_rows, magnitudes far outside f16, rows of zeros, one element above the rest") {
    skip_without_halves();
    constexpr uint32_t kRows = 12, kCols = 264;
    std::vector<float> x = op_test::random_floats(size_t{kRows} * kCols, 7);
    for (uint32_t t = 0; t < kRows; ++t) {  // 2^-100, 2^-80 ... 2^120
        for (uint32_t i = 0; i < kCols; ++i) {
            float& value = x[size_t{t} * kCols + i];
            value = std::ldexp(i == 9 ? 16 * value : value / 16, 20 * int(t) - 100);
            value = t == 4 ? 0 : value;
            // So small that the factor is the largest there is; normal numbers all the same.
            value = t == 5 ? std::ldexp(1 + float(i) / kCols, -114) : value;
        }
    }
    run(x, kRows, kCols);
}

namespace {
const op_test::RegisterBench kBench("half_rows", [](const op_test::BenchRun& bench) {
    if (op_test::rig().device.info().matrix_shapes.empty()) {
        return;
    }
    for (const uint32_t cols : {640u, 2048u}) {
        const uint32_t rows = 256;
        const op_test::Array x(op_test::random_floats(size_t{rows} * cols, 2));
        const op_test::Array halves = op_test::Array::output(size_t{rows} * cols / 2);
        const op_test::Array scales = op_test::Array::output(rows);
        bench(fmt::format("half_rows {}x{}", rows, cols), [&](gpu::CommandBuffer& cmd) {
            model::ops::half_rows(cmd, {halves.range(), scales.range()}, x.tensor(rows, cols));
        });
    }
});
}  // namespace
