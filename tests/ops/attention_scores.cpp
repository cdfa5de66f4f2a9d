#include <fmt/format.h>

#include "tests/op_test_attention.h"

namespace {

void run_case(const op_test::AttentionCase& c, uint32_t workgroup) {
    INFO(c.name << ", workgroup " << workgroup);
    const op_test::AttentionData data(c);
    const op_test::Array q = data.stored(data.q), k = data.stored(data.k);
    const op_test::Array s = op_test::Array::output(data.exact.scores.size());
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    cmd.dispatch(cmd.kernel("attention_scores", {workgroup, data.is_half(), data.is_half()}),
                 {.x = (data.p.n_keys + workgroup - 1) / workgroup,
                  .y = data.p.n_heads,
                  .z = data.p.n_tokens},
                 data.p, {q.range(), k.range(), s.range()}, {});
    cmd.finish();
    const std::vector<float> device = s.floats();
    op_test::check_bits(device, data.exact.scores);

    std::vector<double> twin(device.size());
    ref::attention_scores<double>(twin, op_test::as_doubles(data.q), op_test::as_doubles(data.k),
                                  data.p);
    const op_test::WrittenCells cells(device, twin, data.exact.scores);
    op_test::check_close(cells.device, cells.twin, 1e-13);
}

}  // namespace

TEST_CASE("attention_scores") {
    for (const op_test::AttentionCase& c : op_test::attention_cases()) {
        run_case(c, 64);
    }
    for (const uint32_t workgroup : {32u, 128u, 256u}) {
        run_case(op_test::attention_cases()[5], workgroup);
    }
}

TEST_CASE("attention_scores, mixed storage types") {
    // -ctk f16 with Q kept in f32, and the other way round: numbers that both types hold.
    for (const uint32_t q_half : {0u, 1u}) {
        const op_test::AttentionData data(op_test::attention_cases()[5]);
        const op_test::Array q = q_half ? data.stored(data.q) : op_test::Array(data.q);
        const op_test::Array k = q_half ? op_test::Array(data.k) : data.stored(data.k);
        const op_test::Array s = op_test::Array::output(data.exact.scores.size());
        gpu::CommandBuffer& cmd = op_test::rig().cmd;
        cmd.dispatch(cmd.kernel("attention_scores", {64, q_half, 1 - q_half}),
                     {.x = data.p.n_keys / 64, .y = data.p.n_heads, .z = data.p.n_tokens}, data.p,
                     {q.range(), k.range(), s.range()}, {});
        cmd.finish();
        op_test::check_bits(s.floats(), data.exact.scores);
    }
}

TEST_CASE("the window is W keys with the query among them") {
    // W = 4, p = 10: keys 7, 8, 9, 10 (spec 2.7).
    const op_test::AttentionCase c{
        .name = "", .position = 10, .n_heads = 1, .capacity = 16, .window = 4};
    const op_test::AttentionData data(c);
    const op_test::Array q = data.stored(data.q), k = data.stored(data.k);
    const op_test::Array s = op_test::Array::output(data.p.n_keys);
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    cmd.dispatch(cmd.kernel("attention_scores", {64, 1, 1}), {.x = 1}, data.p,
                 {q.range(), k.range(), s.range()}, {});
    cmd.finish();
    std::vector<uint32_t> seen;
    const auto bits = s.get<uint32_t>();
    for (uint32_t key = 0; key < bits.size(); ++key) {
        if (bits[key] != op_test::kPoison) {
            seen.push_back(key);
        }
    }
    CHECK(seen == std::vector<uint32_t>{7, 8, 9, 10});
}

namespace {
const op_test::RegisterBench kBench("attention_scores", [](const op_test::BenchRun& run) {
    const op_test::AttentionData data({.name = "",
                                       .position = 2047,
                                       .n_heads = 8,
                                       .n_kv_heads = 4,
                                       .head_dim = 256,
                                       .capacity = 2048});
    const op_test::Array q = data.stored(data.q), k = data.stored(data.k);
    const op_test::Array s = op_test::Array::output(data.exact.scores.size());
    run("attention_scores 8 heads of 256, 2048 keys", [&](gpu::CommandBuffer& cmd) {
        cmd.dispatch(cmd.kernel("attention_scores", {64, 1, 1}),
                     {.x = data.p.n_keys / 64, .y = 8, .z = 1}, data.p,
                     {q.range(), k.range(), s.range()},
                     {.flops = 2.0 * 8 * 2048 * 256, .bytes = 2.0 * 4 * 2048 * 256});
    });
});
}  // namespace
