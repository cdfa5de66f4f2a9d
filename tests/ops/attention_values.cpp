#include "tests/op_test_attention.h"

namespace {

void run_case(const op_test::AttentionCase& c, uint32_t workgroup) {
    INFO(c.name << ", workgroup " << workgroup);
    const op_test::AttentionData data(c);
    const op_test::Array prob(data.exact.prob), tiles(data.exact.tiles), stats(data.exact.stats);
    const op_test::Array v = data.stored(data.v);
    const op_test::Array z = op_test::Array::output(data.exact.z.size());
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    cmd.dispatch(cmd.kernel("attention_values", {workgroup, data.is_half()}),
                 {.x = (data.p.head_dim / 2 + workgroup - 1) / workgroup,
                  .y = data.p.n_heads,
                  .z = data.p.n_tokens},
                 data.p, {prob.range(), tiles.range(), stats.range(), v.range(), z.range()}, {});
    cmd.finish();
    op_test::check_bits(z.floats(), data.exact.z);

    std::vector<double> z64(data.exact.z.size());
    ref::attention_values<double>(
        z64, op_test::as_doubles(data.exact.prob), op_test::as_doubles(data.exact.tiles),
        op_test::as_doubles(data.exact.stats), op_test::as_doubles(data.v), data.p);
    op_test::check_close(z.floats(), z64, 1e-12);
}

}  // namespace

TEST_CASE("attention_values") {
    for (const op_test::AttentionCase& c : op_test::attention_cases()) {
        run_case(c, 64);
    }
    for (const uint32_t workgroup : {1u, 32u, 128u}) {
        run_case(op_test::attention_cases()[8], workgroup);
    }
}

namespace {

/// The four kernels in a row, as the op runs them, in sub-batches that a small scratch forces.
void run_op(const op_test::AttentionCase& c, uint32_t scratch_queries) {
    INFO(c.name << ", scratch for " << scratch_queries << " queries");
    const op_test::AttentionData data(c);
    const params::Attention& p = data.p;
    const op_test::Array q = data.stored(data.q), k = data.stored(data.k), v = data.stored(data.v);
    const op_test::Array z = op_test::Array::output(data.exact.z.size());
    const op_test::Array lse = op_test::Array::output(data.exact.lse.size());
    const uint32_t cells = scratch_queries * p.n_heads * p.n_keys;
    const op_test::Array scores = op_test::Array::output(cells),
                         prob = op_test::Array::output(cells);
    const op_test::Array tiles = op_test::Array::output(cells / 32);
    const op_test::Array stats = op_test::Array::output(2 * data.rows());
    const model::ops::AttentionScratch scratch{.scores = scores.tensor(1, cells),
                                               .prob = prob.tensor(1, cells),
                                               .tiles = tiles.tensor(1, cells / 32),
                                               .stats = stats.tensor(uint32_t(data.rows()), 2)};
    const uint32_t q_width = p.n_heads * p.head_dim, kv_width = p.n_kv_heads * p.head_dim;
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::attention(cmd, z.tensor(p.n_tokens, q_width), lse.tensor(p.n_heads, p.lse_stride),
                          q.tensor(p.n_tokens, q_width, c.type),
                          k.tensor(c.capacity, kv_width, c.type),
                          v.tensor(c.capacity, kv_width, c.type), scratch, data.op_shape());
    cmd.finish();
    op_test::check_bits(z.floats(), data.exact.z);
    op_test::check_bits(lse.floats(), data.exact.lse);
}

}  // namespace

TEST_CASE("attention as a whole, at once and in sub-batches") {
    for (const op_test::AttentionCase& c : op_test::attention_cases()) {
        run_op(c, c.n_tokens);
        run_op(c, 1);
        if (c.n_tokens > 3) {
            run_op(c, 3);
        }
    }
}

namespace {
const op_test::RegisterBench kBench("attention_values", [](const op_test::BenchRun& run) {
    const op_test::AttentionData data({.name = "",
                                       .position = 2047,
                                       .n_heads = 8,
                                       .n_kv_heads = 4,
                                       .head_dim = 256,
                                       .capacity = 2048});
    const op_test::Array prob(data.exact.prob), tiles(data.exact.tiles), stats(data.exact.stats);
    const op_test::Array v = data.stored(data.v);
    const op_test::Array z = op_test::Array::output(data.exact.z.size());
    run("attention_values 8 heads of 256, 2048 keys", [&](gpu::CommandBuffer& cmd) {
        cmd.dispatch(cmd.kernel("attention_values", {64, 1}), {.x = 2, .y = 8}, data.p,
                     {prob.range(), tiles.range(), stats.range(), v.range(), z.range()},
                     {.flops = 2.0 * 8 * 2048 * 256, .bytes = 2.0 * 4 * 2048 * 256});
    });
});
}  // namespace
