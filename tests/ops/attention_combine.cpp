#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "model/ops/dispatch.h"
#include "tests/op_test.h"
#include "tests/support/twins.h"

namespace {

constexpr float kLowest = -3.0e38f;  // of attention_decode.comp: a split without keys

struct Case {
    uint32_t n_splits = 2, n_heads = 4, head_dim = 32;
    float largest = 5;   // size of the maxima
    bool empty = false;  // splits but the first have no keys
    uint32_t workgroup = model::ops::kElementwiseGroup;
};

struct Parts {
    explicit Parts(const Case& c) {
        support::Random random(c.n_splits + c.n_heads);
        const size_t rows = size_t{c.n_splits} * c.n_heads;
        values = op_test::random_floats(rows * c.head_dim, 1, 4);
        for (size_t r = 0; r < rows; ++r) {
            const bool none = c.empty && r >= c.n_heads;
            stats.push_back(none ? kLowest : c.largest * random.normal());
            stats.push_back(none ? 0 : 1 + 50 * random.uniform());
            for (size_t i = 0; none && i < c.head_dim; ++i) {
                values[r * c.head_dim + i] = 0;
            }
        }
    }
    std::vector<float> values, stats;
};

/// z = sum_s e^max_s part_s / sum_s e^max_s sum_s, and the logarithm of the divisor.
void combine(std::span<double> z, std::span<double> lse, const Parts& parts, const Case& c) {
    for (size_t h = 0; h < c.n_heads; ++h) {
        const auto row = [&](size_t s) { return s * c.n_heads + h; };
        double largest = -INFINITY, sum = 0;
        for (size_t s = 0; s < c.n_splits; ++s) {
            largest = std::max(largest, static_cast<double>(parts.stats[2 * row(s)]));
        }
        for (size_t s = 0; s < c.n_splits; ++s) {
            const double weight = std::exp(static_cast<double>(parts.stats[2 * row(s)]) - largest);
            sum += weight * static_cast<double>(parts.stats[2 * row(s) + 1]);
            for (size_t i = 0; i < c.head_dim; ++i) {
                z[h * c.head_dim + i] +=
                    weight * static_cast<double>(parts.values[row(s) * c.head_dim + i]);
            }
        }
        for (size_t i = 0; i < c.head_dim; ++i) {
            z[h * c.head_dim + i] /= sum;
        }
        lse[h] = largest + std::log(sum);
    }
}

void run_case(const Case& c) {
    INFO(c.n_splits << " splits, " << c.n_heads << " heads of " << c.head_dim << ", maxima of "
                    << c.largest << (c.empty ? ", all but one empty" : "") << ", workgroup "
                    << c.workgroup);
    constexpr uint32_t kContext = 9, kPosition = 7;
    const Parts parts(c);
    const op_test::Array values(parts.values), stats(parts.stats);
    const op_test::Array state(std::vector<params::StepState>{
        {.token = 0, .position = kPosition, .step = 0, .n_ctx = kContext}});
    const op_test::Array z = op_test::Array::output(size_t{c.n_heads} * c.head_dim);
    const op_test::Array lse = op_test::Array::output(size_t{c.n_heads} * kContext);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    cmd.dispatch(cmd.kernel("attention_combine", {c.workgroup}), {.x = c.n_heads},
                 params::AttentionCombine{c.n_heads, c.head_dim, c.n_splits, kContext},
                 {values.range(), stats.range(), state.range(), z.range(), lse.range()}, {});
    cmd.finish();

    std::vector<double> z64(size_t{c.n_heads} * c.head_dim), lse64(c.n_heads);
    combine(z64, lse64, parts, c);
    // Weights have a relative error of a few 2^-24 from exp, and of 2^-24 times the exponent, which
    // is below 2^6 where the weight counts: 2^-18 at worst, squared.
    op_test::check_close(z.floats(), z64, 0x1p-36);
    const std::vector<float> got = lse.floats();
    for (size_t i = 0; i < got.size(); ++i) {
        if (i % kContext == kPosition) {
            const double truth = lse64[i / kContext];
            CHECK(std::abs(static_cast<double>(got[i]) - truth) <= 0x1p-22 * (1 + std::abs(truth)));
        } else {
            CHECK(std::bit_cast<uint32_t>(got[i]) == op_test::kPoison);
        }
    }
}

}  // namespace

TEST_CASE("attention_combine") {
    for (const uint32_t n_splits : {1u, 2u, 5u, 8u, 32u}) {
        run_case({.n_splits = n_splits});
        run_case({.n_splits = n_splits, .n_heads = 8, .head_dim = 256, .largest = 30});
        run_case({.n_splits = n_splits, .empty = true});
    }
    for (const uint32_t workgroup : {1u, 32u, 128u}) {
        run_case({.n_splits = 3, .n_heads = 3, .head_dim = 8, .workgroup = workgroup});
        run_case({.n_splits = 3, .n_heads = 32, .head_dim = 128, .workgroup = workgroup});
    }
}

namespace {
const op_test::RegisterBench kBench("attention_combine", [](const op_test::BenchRun& run) {
    const Case c{.n_splits = 32, .n_heads = 8, .head_dim = 256};
    const Parts parts(c);
    const op_test::Array values(parts.values), stats(parts.stats);
    const op_test::Array state(
        std::vector<params::StepState>{{.token = 0, .position = 0, .step = 0, .n_ctx = 1}});
    const op_test::Array z = op_test::Array::output(size_t{c.n_heads} * c.head_dim);
    const op_test::Array lse = op_test::Array::output(c.n_heads);
    run("attention_combine 32 splits, 8 heads of 256", [&](gpu::CommandBuffer& cmd) {
        cmd.dispatch(cmd.kernel("attention_combine", {c.workgroup}), {.x = c.n_heads},
                     params::AttentionCombine{c.n_heads, c.head_dim, c.n_splits, 1},
                     {values.range(), stats.range(), state.range(), z.range(), lse.range()},
                     {.flops = 4.0 * 32 * 8 * 256, .bytes = 4.0 * 32 * 8 * 256});
    });
});
}  // namespace
