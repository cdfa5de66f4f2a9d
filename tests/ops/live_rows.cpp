#include <cmath>

#include "model/capture.h"
#include "tests/op_test_attention.h"
#include "tests/support/worst.h"

namespace {

void run_case(const op_test::AttentionCase& c, uint32_t workgroup) {
    INFO(c.name << ", workgroup " << workgroup);
    const op_test::AttentionData data(c);
    const op_test::Array s(data.exact.scores), stats(data.exact.stats);
    const op_test::Array rows = op_test::Array::output(data.exact.scores.size() / 2);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    cmd.dispatch(cmd.kernel("live_rows", {workgroup}),
                 {.x = (data.p.n_keys / 2 + workgroup - 1) / workgroup,
                  .y = data.p.n_heads,
                  .z = data.p.n_tokens},
                 data.p, {s.range(), stats.range(), rows.range()}, {});
    cmd.finish();
    const auto device = rows.get<uint16_t>();
    std::vector<uint16_t> twin(device.size());
    ref::live_rows<float>(twin, data.exact.scores, data.exact.stats, data.p);
    CHECK(device == twin);

    // In double: at most one step of 1 / 2048 nats apart, where rounding falls on a tie.
    std::vector<uint16_t> twin64(device.size());
    ref::live_rows<double>(twin64, op_test::as_doubles(data.exact.scores),
                           op_test::as_doubles(data.exact.stats), data.p);
    int worst = 0;
    for (size_t i = 0; i < device.size(); ++i) {
        worst = std::max(worst, std::abs(int{device[i]} - int{twin64[i]}));
    }
    CHECK(worst <= 1);
}

}  // namespace

TEST_CASE("live_rows") {
    for (const op_test::AttentionCase& c : op_test::attention_cases()) {
        run_case(c, 64);
    }
    for (const uint32_t workgroup : {1u, 32u, 256u}) {
        run_case(op_test::attention_cases()[8], workgroup);
    }
}

TEST_CASE("weights come back from log16 within 2.5e-4") {
    for (const op_test::AttentionCase& c : op_test::attention_cases()) {
        INFO(c.name);
        const op_test::AttentionData data(c);
        std::vector<uint16_t> cells(data.exact.scores.size());
        ref::live_rows<float>(cells, data.exact.scores, data.exact.stats, data.p);
        double worst = 0;
        for (size_t row = 0; row < data.rows(); ++row) {
            const uint32_t t = uint32_t(row / data.p.n_heads), h = uint32_t(row % data.p.n_heads);
            const float lse = data.exact.lse[h * data.p.lse_stride + data.p.position + t];
            const model::LiveRows live{
                .layer = 0,
                .position = data.p.position + t,
                .first_key = data.p.key_begin,
                .n_keys = data.p.n_keys,
                .max = {data.exact.stats[2 * row]},
                .lse = {lse},
                .log16 = {cells.begin() + std::ptrdiff_t(row * data.p.n_keys),
                          cells.begin() + std::ptrdiff_t((row + 1) * data.p.n_keys)}};
            double sum = 0;
            for (uint32_t column = 0; column < data.p.n_keys; ++column) {
                const double weight = static_cast<double>(live.weight(0, column));
                sum += weight;
                const float s = data.exact.scores[row * data.p.n_keys + column];
                if (live.log16[column] < 65535) {
                    const double truth =
                        std::exp(static_cast<double>(s) - static_cast<double>(lse));
                    support::widen(worst, std::abs(weight / truth - 1));
                }
            }
            CHECK(std::abs(sum - 1) <= 2.5e-4);
        }
        CHECK(worst <= 2.5e-4);
    }
}

namespace {
const op_test::RegisterBench kBench("live_rows", [](const op_test::BenchRun& run) {
    const op_test::AttentionData data({.name = "",
                                       .position = 2047,
                                       .n_heads = 8,
                                       .n_kv_heads = 4,
                                       .head_dim = 4,
                                       .capacity = 2048});
    const op_test::Array s(data.exact.scores), stats(data.exact.stats);
    const op_test::Array rows = op_test::Array::output(data.exact.scores.size() / 2);
    run("live_rows 8 heads, 2048 keys", [&](gpu::CommandBuffer& cmd) {
        cmd.dispatch(cmd.kernel("live_rows", {64}), {.x = 16, .y = 8}, data.p,
                     {s.range(), stats.range(), rows.range()},
                     {.flops = 5.0 * 8 * 2048, .bytes = 6.0 * 8 * 2048});
    });
});
}  // namespace
