#include <algorithm>

#include "tests/op_test_attention.h"

namespace {

void run_case(const op_test::AttentionCase& c, uint32_t workgroup) {
    INFO(c.name << ", workgroup " << workgroup);
    const op_test::AttentionData data(c);
    const op_test::Array s(data.exact.scores);
    const op_test::Array prob = op_test::Array::output(data.exact.prob.size());
    const op_test::Array tiles = op_test::Array::output(data.exact.tiles.size());
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    cmd.dispatch(cmd.kernel("attention_softmax", {workgroup}),
                 {.x = (data.n_tiles() + workgroup - 1) / workgroup,
                  .y = data.p.n_heads,
                  .z = data.p.n_tokens},
                 data.p, {s.range(), prob.range(), tiles.range()}, {});
    cmd.finish();
    const std::vector<float> prob_device = prob.floats();
    op_test::check_bits(prob_device, data.exact.prob);
    op_test::check_bits(tiles.floats(), data.exact.tiles);

    std::vector<double> prob64(prob_device.size()), tiles64(data.exact.tiles.size());
    ref::attention_softmax<double>(prob64, tiles64, op_test::as_doubles(data.exact.scores), data.p);
    const op_test::WrittenCells cells(prob_device, prob64, data.exact.prob);
    op_test::check_close(cells.device, cells.twin, 1e-12);
    std::vector<double> sums64;
    std::vector<float> sums;
    for (size_t i = 1; i < tiles64.size(); i += 2) {
        sums.push_back(tiles.floats()[i]);
        sums64.push_back(tiles64[i]);
    }
    op_test::check_close(sums, sums64, 1e-12);
    // Every tile with a visible key has a weight of exactly 1: its largest.
    CHECK(*std::max_element(cells.device.begin(), cells.device.end()) == 1.0f);
}

}  // namespace

TEST_CASE("attention_softmax") {
    for (const op_test::AttentionCase& c : op_test::attention_cases()) {
        run_case(c, 32);
    }
    for (const uint32_t workgroup : {1u, 64u, 256u}) {
        run_case(op_test::attention_cases()[8], workgroup);
    }
}

namespace {
const op_test::RegisterBench kBench("attention_softmax", [](const op_test::BenchRun& run) {
    const op_test::AttentionData data({.name = "",
                                       .position = 2047,
                                       .n_heads = 8,
                                       .n_kv_heads = 4,
                                       .head_dim = 32,
                                       .capacity = 2048});
    const op_test::Array s(data.exact.scores);
    const op_test::Array prob = op_test::Array::output(data.exact.prob.size());
    const op_test::Array tiles = op_test::Array::output(data.exact.tiles.size());
    run("attention_softmax 8 heads, 2048 keys", [&](gpu::CommandBuffer& cmd) {
        cmd.dispatch(cmd.kernel("attention_softmax", {32}), {.x = 1, .y = 8}, data.p,
                     {s.range(), prob.range(), tiles.range()},
                     {.flops = 40.0 * 8 * 2048, .bytes = 12.0 * 8 * 2048});
    });
});
}  // namespace
