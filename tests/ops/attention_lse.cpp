#include "tests/op_test_attention.h"

namespace {

void run_case(const op_test::AttentionCase& c, uint32_t workgroup) {
    INFO(c.name << ", workgroup " << workgroup);
    const op_test::AttentionData data(c);
    const op_test::Array tiles(data.exact.tiles);
    const op_test::Array stats = op_test::Array::output(data.exact.stats.size());
    const op_test::Array lse = op_test::Array::output(data.exact.lse.size());
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    cmd.dispatch(cmd.kernel("attention_lse", {workgroup}),
                 {.x = uint32_t((data.rows() + workgroup - 1) / workgroup)}, data.p,
                 {tiles.range(), stats.range(), lse.range()}, {});
    cmd.finish();
    op_test::check_bits(stats.floats(), data.exact.stats);
    op_test::check_bits(lse.floats(), data.exact.lse);

    std::vector<double> stats64(data.exact.stats.size()), lse64(data.exact.lse.size());
    ref::attention_lse<double>(stats64, lse64, op_test::as_doubles(data.exact.tiles), data.p);
    op_test::check_close(stats.floats(), stats64, 1e-12);
    const op_test::WrittenCells cells(lse.floats(), lse64, data.exact.lse);
    op_test::check_close(cells.device, cells.twin, 1e-12);
}

}  // namespace

TEST_CASE("attention_lse") {
    for (const op_test::AttentionCase& c : op_test::attention_cases()) {
        run_case(c, 32);
    }
    for (const uint32_t workgroup : {1u, 64u, 256u}) {
        run_case(op_test::attention_cases()[8], workgroup);
    }
}

namespace {
const op_test::RegisterBench kBench("attention_lse", [](const op_test::BenchRun& run) {
    const op_test::AttentionData data({.name = "",
                                       .n_tokens = 64,
                                       .position = 1984,
                                       .n_heads = 8,
                                       .n_kv_heads = 4,
                                       .head_dim = 4,
                                       .capacity = 2048});
    const op_test::Array tiles(data.exact.tiles);
    const op_test::Array stats = op_test::Array::output(data.exact.stats.size());
    const op_test::Array lse = op_test::Array::output(data.exact.lse.size());
    run("attention_lse 512 rows of 32 tiles", [&](gpu::CommandBuffer& cmd) {
        cmd.dispatch(cmd.kernel("attention_lse", {32}), {.x = 16}, data.p,
                     {tiles.range(), stats.range(), lse.range()},
                     {.flops = 40.0 * 512 * 32, .bytes = 8.0 * 512 * 32});
    });
});
}  // namespace
