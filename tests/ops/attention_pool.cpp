#include <algorithm>
#include <cmath>

#include "tests/op_test_attention.h"
#include "tests/support/worst.h"

namespace {

struct PoolCase {
    uint32_t query_begin, n_queries, key_begin, n_bins, bin, head;
};

params::AttentionPool push_of(const op_test::AttentionData& data, const PoolCase& c,
                              uint32_t flags) {
    const params::Attention& p = data.p;
    return {.query_begin = c.query_begin,
            .n_queries = c.n_queries,
            .key_begin = c.key_begin,
            .bin = c.bin,
            .n_bins = c.n_bins,
            .flags = flags,
            .head = c.head,
            .kv_head = c.head / (p.n_heads / p.n_kv_heads),
            .q_row = 0u - p.position,
            .n_heads = p.n_heads,
            .n_kv_heads = p.n_kv_heads,
            .head_dim = p.head_dim,
            .capacity = p.capacity,
            .window = p.window,
            .lse_stride = p.lse_stride,
            .scale = p.scale,
            .cap = p.cap};
}

std::vector<float> factors_of(size_t n, uint64_t seed) {
    std::vector<float> factors = op_test::random_floats(n, seed);
    for (float& f : factors) {
        f = std::abs(f);
    }
    return factors;
}

void run_case(const op_test::AttentionData& data, const PoolCase& c, uint32_t flags) {
    INFO(data.shape.name << ", queries " << c.query_begin << "+" << c.n_queries << ", keys "
                         << c.key_begin << "+" << c.n_bins << "x" << c.bin << ", head " << c.head
                         << ", flags " << flags);
    const params::Attention& p = data.p;
    const std::vector<float> key_factor = factors_of(p.lse_stride, 5);
    const std::vector<float> row_factor = factors_of(p.lse_stride, 6);
    const op_test::Array q = data.stored(data.q), k = data.stored(data.k), lse(data.exact.lse);
    const op_test::Array keys(key_factor), rows(row_factor);
    const op_test::Array pooled = op_test::Array::output(2 * size_t{c.n_queries} * c.n_bins);
    model::ops::PoolFactors factors;
    if ((flags & 1) != 0) {
        factors.key = keys.tensor(1, p.lse_stride);
    }
    if ((flags & 2) != 0) {
        factors.row = rows.tensor(1, p.lse_stride);
    }
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::attention_pool(
        cmd, pooled.tensor(c.n_queries, 2 * c.n_bins), lse.tensor(p.n_heads, p.lse_stride),
        q.tensor(p.n_tokens, p.n_heads * p.head_dim, data.shape.type),
        k.tensor(p.capacity, p.n_kv_heads * p.head_dim, data.shape.type), factors, data.op_shape(),
        {.head = c.head,
         .query_begin = c.query_begin,
         .key_begin = c.key_begin,
         .bin = c.bin,
         .by_distance = (flags & 4) != 0,
         .q_first = p.position});
    cmd.finish();

    const params::AttentionPool push = push_of(data, c, flags);
    std::vector<float> exact(2 * size_t{c.n_queries} * c.n_bins);
    ref::attention_pool<float>(exact, data.q, data.k, data.exact.lse, key_factor, row_factor, push);
    const std::vector<float> device = pooled.floats();
    op_test::check_bits(device, exact);
    std::vector<double> twin(exact.size());
    ref::attention_pool<double>(twin, op_test::as_doubles(data.q), op_test::as_doubles(data.k),
                                op_test::as_doubles(data.exact.lse),
                                op_test::as_doubles(key_factor), op_test::as_doubles(row_factor),
                                push);
    double worst = 0;
    for (size_t i = 0; i < twin.size(); ++i) {
        support::widen(worst, std::abs(static_cast<double>(device[i]) - twin[i]));
    }
    // As in attention_tile; the factors are at most about 4 each.
    CHECK(worst <= (data.shape.deviation > 4 ? 1e-4 : 2e-6) * ((flags & 3) == 0 ? 1 : 16));
}

}  // namespace

TEST_CASE("attention_pool") {
    for (const op_test::AttentionCase& c : op_test::attention_cases()) {
        const op_test::AttentionData data(c);
        const uint32_t end = c.position + c.n_tokens;
        const uint32_t first = ref::first_visible(c.position, c.window);
        for (const uint32_t bin : {1u, 2u, 3u, 8u, 32u}) {
            // All queries, all keys, and a bin beyond the diagonal.
            const uint32_t begin = first / bin * bin;
            const uint32_t n_bins = (end - begin + bin - 1) / bin + 1;
            run_case(data, {c.position, c.n_tokens, begin, n_bins, bin, c.n_heads - 1}, 0);
        }
        for (const uint32_t bin : {1u, 2u, 5u, 32u}) {  // all distances, and one bin more
            run_case(data, {c.position, c.n_tokens, 0, end / bin + 2, bin, 0}, 4);
            run_case(data, {c.position, c.n_tokens, 2 * bin, end / bin + 1, bin, 0}, 4);
        }
        for (const uint32_t flags : {1u, 2u, 3u, 7u}) {
            run_case(data, {end - 1, 1, first, (end - first + 6) / 7, 7, 0}, flags);
        }
    }
}

TEST_CASE("pooled rows are the tile's rows, pooled") {
    const op_test::AttentionData data(op_test::attention_cases()[5]);
    const params::Attention& p = data.p;
    const uint32_t end = p.position + p.n_tokens, bin = 16, n_bins = (end + bin - 1) / bin;
    std::vector<float> cells(size_t{p.n_tokens} * end);
    const params::AttentionTile tile{p.position, 0,
                                     end,        2,
                                     0,          0u - p.position,
                                     p.n_heads,  p.n_kv_heads,
                                     p.head_dim, p.capacity,
                                     p.window,   p.lse_stride,
                                     p.scale,    p.cap};
    ref::attention_tile<float>(cells, {}, data.q, data.k, data.exact.lse, tile);
    std::vector<float> pooled(2 * size_t{p.n_tokens} * n_bins);
    ref::attention_pool<float>(pooled, data.q, data.k, data.exact.lse, {}, {},
                               push_of(data, {p.position, p.n_tokens, 0, n_bins, bin, 2}, 0));
    for (uint32_t t = 0; t < p.n_tokens; ++t) {
        double sum = static_cast<double>(cells[size_t{t} * end]);  // the sink is kept apart
        for (uint32_t b = 0; b < n_bins; ++b) {
            float largest = 0;
            for (uint32_t j = std::max(b * bin, 1U); j < std::min(end, (b + 1) * bin); ++j) {
                largest = std::max(largest, cells[size_t{t} * end + j]);
            }
            CHECK(pooled[2 * (size_t{t} * n_bins + b)] == largest);
            sum += static_cast<double>(pooled[2 * (size_t{t} * n_bins + b) + 1]);
        }
        CHECK(std::abs(sum - 1) <= 1e-5);
    }
}

namespace {
const op_test::RegisterBench kBench("attention_pool", [](const op_test::BenchRun& run) {
    const op_test::AttentionData data({.name = "",
                                       .n_tokens = 64,
                                       .position = 4032,
                                       .n_heads = 4,
                                       .n_kv_heads = 1,
                                       .head_dim = 256,
                                       .capacity = 4096});
    const params::Attention& p = data.p;
    const op_test::Array q = data.stored(data.q), k = data.stored(data.k), lse(data.exact.lse);
    const op_test::Array pooled = op_test::Array::output(size_t{64} * 512 * 2);
    for (const uint32_t bin : {8u, 32u}) {
        const uint32_t n_bins = 2048 / bin;
        run("attention_pool 64x2048 of head size 256, bins of " + std::to_string(bin),
            [&](gpu::CommandBuffer& cmd) {
                model::ops::attention_pool(
                    cmd, pooled.tensor(64, 2 * n_bins), lse.tensor(p.n_heads, p.lse_stride),
                    q.tensor(64, 4 * 256, data.shape.type), k.tensor(4096, 256, data.shape.type),
                    {}, data.op_shape(),
                    {.head = 3, .query_begin = 4032, .key_begin = 0, .bin = bin, .q_first = 4032});
            });
    }
});
}  // namespace
