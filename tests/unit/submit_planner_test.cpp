// SubmitPlanner on the slow device of the plan: 20 GFLOP/s, 10 GB/s, a 27B model, 128k positions.
#include "gpu/submit_planner.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <vector>

using Catch::Approx;
using gpu::SubmitPlanner;
using gpu::Work;

namespace {

struct Plan {
    double longest_ms = 0;
    double total_ms = 0;
    size_t n_submits = 0;
};

/// What CommandBuffer does with a list of divisible pieces of work, without a device.
Plan plan(const SubmitPlanner& planner, const std::vector<Work>& list) {
    Plan result;
    double open_ms = 0;
    const auto close = [&] {
        result.longest_ms = std::max(result.longest_ms, open_ms);
        result.total_ms += open_ms;
        result.n_submits += open_ms > 0 ? 1 : 0;
        open_ms = 0;
    };
    for (const Work& work : list) {
        const uint32_t n = planner.parts(work);
        const Work part{.flops = work.flops / n, .bytes = work.bytes / n};
        for (uint32_t i = 0; i < n; ++i) {
            if (planner.must_flush(open_ms, part)) {
                close();
            }
            open_ms += planner.predict_ms(part);
        }
    }
    close();
    return result;
}

Work matmul(double rows, double columns, double batch) {
    return {.flops = 2 * rows * columns * batch,
            .bytes = rows * columns * 0.56 + 4 * batch * (rows + columns)};  // 4.5 bits a weight
}

Work full_rows(double heads, double head_dim, double batch, double context) {
    return {.flops = 4 * heads * head_dim * batch * context,
            .bytes = heads * head_dim * context * 4};
}

/// One forward pass of a model of 27B parameters: 62 layers, every sixth sees all positions.
std::vector<Work> forward_27b(double batch, double context) {
    constexpr double kWidth = 5376, kHidden = 21504, kHeads = 32, kHeadDim = 128, kVocab = 262144;
    std::vector<Work> list;
    for (int layer = 0; layer < 62; ++layer) {
        const double seen = layer % 6 == 5 ? context : std::min(context, 1024.0);
        const Work norm{.flops = 4 * kWidth * batch, .bytes = 8 * kWidth * batch};
        list.insert(
            list.end(),
            {norm, matmul(kHeads * kHeadDim * 2, kWidth, batch),
             full_rows(kHeads, kHeadDim, batch, seen), matmul(kWidth, kHeads * kHeadDim, batch),
             norm, matmul(2 * kHidden, kWidth, batch), matmul(kWidth, kHidden, batch)});
    }
    list.push_back(matmul(kVocab, kWidth, batch));
    return list;
}

}  // namespace

TEST_CASE("planner: nothing above the target on a slow device at 128k positions") {
    const SubmitPlanner planner;
    for (const double batch : {1.0, 7.0, 64.0, 256.0}) {
        for (const double context : {1.0, 1024.0, 131072.0}) {
            CAPTURE(batch, context);
            const Plan result = plan(planner, forward_27b(batch, context));
            CHECK(result.longest_ms <= SubmitPlanner::kTargetMs * 1.0001);
            // Cutting may not turn into dust: submits stay at least half full on average.
            CHECK(result.total_ms / static_cast<double>(result.n_submits) >= 40);
        }
    }
}

TEST_CASE("planner: under any correction too") {
    SubmitPlanner planner;
    for (int i = 0; i < 40; ++i) {
        CHECK(plan(planner, forward_27b(64, 131072)).longest_ms <=
              SubmitPlanner::kTargetMs * 1.0001);
        planner.correct(50, i < 20 ? 150 : 5);
    }
}

TEST_CASE("planner: prediction is the slower of arithmetic and traffic, plus overhead") {
    const SubmitPlanner planner({.flops_per_s = 1e9, .bytes_per_s = 1e9, .dispatch_s = 1e-3});
    CHECK(planner.predict_ms({}) == Approx(1));
    CHECK(planner.predict_ms({.flops = 1e6}) == Approx(2));
    CHECK(planner.predict_ms({.flops = 1e6, .bytes = 9e6}) == Approx(10));
}

TEST_CASE("planner: small work is one part, nothing is flushed before it begins") {
    const SubmitPlanner planner;
    CHECK(planner.parts({}) == 1);
    CHECK(planner.parts({.flops = 1e9}) == 1);  // 50 ms
    CHECK(planner.parts({.flops = 20e9}) > 10);
    CHECK(planner.parts({.flops = 1e300}) == 65536);
    CHECK_FALSE(planner.must_flush(0, {.flops = 1e12}));
    CHECK_FALSE(planner.must_flush(20, {.flops = 1e9}));
    CHECK(planner.must_flush(60, {.flops = 1e9}));
}

TEST_CASE("planner: measured times correct it, quickly up and slowly down") {
    SubmitPlanner planner;
    planner.correct(100, 300);
    CHECK(planner.correction() == Approx(3));
    planner.correct(100, 50);
    CHECK(planner.correction() == Approx(2.4));

    SECTION("one outlier cannot throw it over, many stay within bounds") {
        planner.correct(1, 2000);
        CHECK(planner.correction() == Approx(9.6));
        for (int i = 0; i < 20; ++i) {
            planner.correct(1, 2000);
        }
        CHECK(planner.correction() == Approx(50));
        for (int i = 0; i < 100; ++i) {
            planner.correct(100, 1);
        }
        CHECK(planner.correction() == Approx(0.02));
    }
    SECTION("tiny submits say nothing") {
        planner.correct(0.1, 5);
        planner.correct(5, 0.1);
        planner.correct(0, 100);
        CHECK(planner.correction() == Approx(2.4));
    }
    SECTION("every kernel has its own, on top of the device's") {
        constexpr uint32_t kFast = 1, kSlow = 2;
        SubmitPlanner mixed;
        const Work work{.flops = 1e9};  // 50 ms at the first guess
        mixed.use(kFast);
        mixed.use(kSlow);
        for (int i = 0; i < 20; ++i) {
            mixed.sample(kFast, work, 20);
            mixed.sample(kSlow, work, 400);
        }
        CHECK(mixed.predict_ms(work, kFast) == Approx(20));
        CHECK(mixed.predict_ms(work, kSlow) == Approx(400));
        CHECK(mixed.parts(work, kFast) == 1);
        CHECK(mixed.parts(work, kSlow) == 5);
        CHECK(mixed.parts(work) == 5);  // unknown: as the slowest
        CHECK(mixed.must_flush(50, work, kSlow));
        CHECK_FALSE(mixed.must_flush(50, work, kFast));
        mixed.correct(100, 200);
        CHECK(mixed.predict_ms(work, kFast) == Approx(40));
    }
    SECTION("the first uses are sampled but the very first, then few") {
        SubmitPlanner sampling;
        CHECK(sampling.use(3).first);
        size_t n = 0;
        for (int i = 0; i < 6400; ++i) {
            const SubmitPlanner::Use use = sampling.use(3);
            CHECK_FALSE(use.first);
            n += use.sample ? 1 : 0;
        }
        CHECK(n >= 100);
        CHECK(n <= 110);
    }
    SECTION("a device that is three times slower is understood after two submits") {
        SubmitPlanner slow;
        for (int i = 0; i < 2; ++i) {
            const double predicted = slow.predict_ms({.flops = 1e9});
            slow.correct(predicted, 150);
        }
        CHECK(slow.predict_ms({.flops = 1e9}) == Approx(150).epsilon(0.01));
    }
}
