#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "model/fast_ops.h"
#include "model/ops/dispatch.h"
#include "tests/op_test_fast.h"
#include "tests/support/worst.h"

namespace {

struct Fixed {
    std::vector<int16_t> codes;
    std::vector<float> scales;
};

/// The header comment in f32, operation by operation.
Fixed fix_rows(std::span<const float> x) {
    Fixed fixed;
    for (size_t begin = 0; begin < x.size(); begin += params::kBlock) {
        const std::span<const float> block = x.subspan(begin, params::kBlock);
        float largest = 0;
        for (const float v : block) {
            largest = std::max(largest, std::abs(v));
        }
        const float to_code = largest > 1e-30f ? 32767.0f / largest : 0.0f;
        for (const float v : block) {
            fixed.codes.push_back(static_cast<int16_t>(std::nearbyint(v * to_code)));
        }
        fixed.scales.push_back(largest / 32767.0f);
    }
    return fixed;
}

/// Every number within 2^-16 of its sub-block's largest (the definition), and a few roundings.
void check_numbers(const Fixed& fixed, std::span<const float> x) {
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
        const double scale = static_cast<double>(fixed.scales[i / params::kBlock]);
        const double largest = std::max(scale * 32767, 1e-29);
        support::widen(worst,
                       std::abs(scale * fixed.codes[i] - static_cast<double>(x[i])) / largest);
    }
    CHECK(worst <= 0x1p-16 * (1 + 1.0 / 32767) + 0x1p-21);
}

void run_case(uint32_t rows, uint32_t cols, uint32_t workgroup, std::vector<float> x) {
    INFO(rows << " x " << cols << ", workgroup " << workgroup);
    const uint32_t n_subs = rows * cols / params::kBlock;
    const op_test::Array x_array(x);
    const op_test::Array codes = op_test::Array::output(x.size() / 2);
    const op_test::Array scales = op_test::Array::output(n_subs);
    const uint32_t n_groups = (n_subs + workgroup - 1) / workgroup;
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    cmd.dispatch(cmd.kernel("fix_rows", {workgroup}),
                 {.x = std::min(n_groups, 32768u), .y = (n_groups + 32767) / 32768},
                 params::Elementwise{.n = n_subs, .value = 0},
                 {x_array.range(), codes.range(), scales.range()}, {});
    cmd.finish();
    const Fixed device{codes.get<int16_t>(), scales.floats()};
    check_numbers(device, x);
    if (op_test::rig().device.info().type == gpu::DeviceType::cpu) {
        // Divisions are rounded correctly there; elsewhere a code may be the neighbouring one.
        const Fixed twin = fix_rows(x);
        CHECK(device.codes == twin.codes);
        op_test::check_bits(device.scales, twin.scales);
    }
}

}  // namespace

TEST_CASE("fix_rows") {
    for (const uint32_t workgroup : {1u, 64u, 128u}) {
        run_case(1, 32, workgroup, op_test::random_floats(32, 1));
        run_case(7, 640, workgroup, op_test::uneven_floats(size_t{7} * 640, 2));
    }
    run_case(3, 5376, 64, op_test::uneven_floats(size_t{3} * 5376, 3));
    run_case(2, 36864, 64, op_test::random_floats(size_t{2} * 36864, 4, 1e4f));
    run_case(32769, 64, 1, op_test::random_floats(size_t{32769} * 64, 5));  // folded into y
}

TEST_CASE("fix_rows, zeros, one element alone, the largest and the smallest") {
    run_case(1, 64, 64, std::vector<float>(64, 0.0f));
    std::vector<float> x(96, 0.0f);
    x[31] = -3;  // its sub-block's last, negative
    x[32] = 3e38f;
    x[40] = -1e38f;
    x[64] = 1e-38f;  // 32767 over it is no number: counts as zero
    x[65] = -1e-38f;
    run_case(1, 96, 64, x);
    x.assign(32, 1.0f);
    x[3] = 0.5f / 32767;  // half a code: to even
    x[4] = 1.5f / 32767;
    run_case(1, 32, 64, x);
}

namespace {
const op_test::RegisterBench kBench("fix_rows", [](const op_test::BenchRun& run) {
    const uint32_t rows = 256, cols = 2048;
    const op_test::Array x(op_test::random_floats(size_t{rows} * cols, 1));
    const op_test::Array codes = op_test::Array::output(size_t{rows} * cols / 2);
    const op_test::Array scales = op_test::Array::output(rows * cols / params::kBlock);
    const uint32_t n_subs = rows * cols / params::kBlock;
    run(fmt::format("fix_rows {}x{}", rows, cols), [&](gpu::CommandBuffer& cmd) {
        cmd.dispatch(cmd.kernel("fix_rows", {model::ops::kElementwiseGroup}),
                     model::ops::elementwise_groups(n_subs),
                     params::Elementwise{.n = n_subs, .value = 0},
                     {x.range(), codes.range(), scales.range()},
                     {.flops = 4.0 * rows * cols, .bytes = 6.0 * rows * cols});
    });
});
}  // namespace
