#include <bit>
#include <cmath>

#include "tests/op_test_attention.h"
#include "tests/support/worst.h"

namespace {

struct TileCase {
    uint32_t query_begin, n_queries, key_begin, n_keys, head;
};

void run_case(const op_test::AttentionData& data, const TileCase& tile, bool wants_scores) {
    INFO(data.shape.name << ", queries " << tile.query_begin << "+" << tile.n_queries << ", keys "
                         << tile.key_begin << "+" << tile.n_keys << ", head " << tile.head
                         << (wants_scores ? ", scores" : ""));
    const params::Attention& p = data.p;
    const op_test::Array q = data.stored(data.q), k = data.stored(data.k), lse(data.exact.lse);
    const uint32_t cells = tile.n_queries * tile.n_keys;
    const op_test::Array pattern = op_test::Array::output(cells);
    const op_test::Array scores = op_test::Array::output(2 * size_t{cells});
    model::Tensor wanted = scores.tensor(tile.n_queries, 2 * tile.n_keys);
    if (!wants_scores) {
        wanted.range = {};
    }
    gpu::CommandBuffer& cmd = op_test::rig().cmd;
    model::ops::attention_tile(cmd, pattern.tensor(tile.n_queries, tile.n_keys), wanted,
                               lse.tensor(p.n_heads, p.lse_stride),
                               q.tensor(p.n_tokens, p.n_heads * p.head_dim, data.shape.type),
                               k.tensor(p.capacity, p.n_kv_heads * p.head_dim, data.shape.type),
                               data.op_shape(),
                               {.head = tile.head,
                                .query_begin = tile.query_begin,
                                .key_begin = tile.key_begin,
                                .q_first = p.position});
    cmd.finish();

    const params::AttentionTile push{.query_begin = tile.query_begin,
                                     .key_begin = tile.key_begin,
                                     .n_keys = tile.n_keys,
                                     .head = tile.head,
                                     .kv_head = tile.head / (p.n_heads / p.n_kv_heads),
                                     .q_row = 0u - p.position,
                                     .n_heads = p.n_heads,
                                     .n_kv_heads = p.n_kv_heads,
                                     .head_dim = p.head_dim,
                                     .capacity = p.capacity,
                                     .window = p.window,
                                     .lse_stride = p.lse_stride,
                                     .scale = p.scale,
                                     .cap = p.cap};
    std::vector<float> exact(cells), exact_scores(2 * size_t{cells});
    ref::attention_tile<float>(exact, exact_scores, data.q, data.k, data.exact.lse, push);
    const std::vector<float> device = pattern.floats();
    op_test::check_bits(device, exact);
    std::vector<double> twin(cells), twin_scores(2 * size_t{cells});
    ref::attention_tile<double>(twin, twin_scores, op_test::as_doubles(data.q),
                                op_test::as_doubles(data.k), op_test::as_doubles(data.exact.lse),
                                push);
    // Weights are at most 1; a score of 100 is known to 4e-6 in f32, and so is its weight.
    double worst = 0;
    for (size_t i = 0; i < twin.size(); ++i) {
        support::widen(worst, std::abs(static_cast<double>(device[i]) - twin[i]));
    }
    CHECK(worst <= (data.shape.deviation > 4 ? 1e-4 : 2e-6));
    if (wants_scores) {
        const std::vector<float> device_scores = scores.floats();
        size_t wrong = 0;
        for (size_t i = 0; i < device_scores.size(); ++i) {
            wrong += std::isnan(exact_scores[i]) ? !std::isnan(device_scores[i])
                                                 : std::bit_cast<uint32_t>(device_scores[i]) !=
                                                       std::bit_cast<uint32_t>(exact_scores[i]);
        }
        CHECK(wrong == 0);
    } else {
        CHECK(scores.bytes() == op_test::Array::output(2 * size_t{cells}).bytes());
    }
}

}  // namespace

TEST_CASE("attention_tile") {
    for (const op_test::AttentionCase& c : op_test::attention_cases()) {
        const op_test::AttentionData data(c);
        const uint32_t end = c.position + c.n_tokens;
        const uint32_t first = ref::first_visible(c.position, c.window);
        for (const bool scores : {false, true}) {
            // All queries, and keys from the first visible one to beyond the diagonal.
            run_case(data, {c.position, c.n_tokens, first, end - first, c.n_heads - 1}, scores);
            // One cell: the last query and its own key.
            run_case(data, {end - 1, 1, end - 1, 1, 0}, scores);
        }
    }
}

TEST_CASE("a row of the tile sums to one and has the bits of the forward's scores") {
    const op_test::AttentionData data(op_test::attention_cases()[5]);
    const params::Attention& p = data.p;
    std::vector<float> pattern(size_t{p.n_tokens} * p.n_keys), scores(2 * pattern.size());
    const params::AttentionTile push{
        p.position,      p.key_begin,  p.n_keys,     2,          0,
        0u - p.position, p.n_heads,    p.n_kv_heads, p.head_dim, p.capacity,
        p.window,        p.lse_stride, p.scale,      p.cap};
    ref::attention_tile<float>(pattern, scores, data.q, data.k, data.exact.lse, push);
    size_t different = 0;
    for (uint32_t t = 0; t < p.n_tokens; ++t) {
        double sum = 0;
        for (uint32_t column = 0; column < p.n_keys; ++column) {
            sum += static_cast<double>(pattern[t * p.n_keys + column]);
            const float forward = data.exact.scores[(t * p.n_heads + 2) * p.n_keys + column];
            if (std::bit_cast<uint32_t>(forward) != op_test::kPoison) {
                different += scores[2 * (size_t{t} * p.n_keys + column)] != forward;
            }
        }
        CHECK(std::abs(sum - 1) <= 1e-5);
    }
    CHECK(different == 0);
}

namespace {
const op_test::RegisterBench kBench("attention_tile", [](const op_test::BenchRun& run) {
    const op_test::AttentionData data({.name = "",
                                       .n_tokens = 64,
                                       .position = 448,
                                       .n_heads = 8,
                                       .n_kv_heads = 4,
                                       .head_dim = 256,
                                       .capacity = 512});
    const params::Attention& p = data.p;
    const op_test::Array q = data.stored(data.q), k = data.stored(data.k), lse(data.exact.lse);
    const op_test::Array pattern = op_test::Array::output(size_t{64} * 512);
    model::Tensor none = pattern.tensor(1, 1);
    none.range = {};
    run("attention_tile 64x512 of head size 256", [&](gpu::CommandBuffer& cmd) {
        model::ops::attention_tile(
            cmd, pattern.tensor(64, 512), none, lse.tensor(p.n_heads, p.lse_stride),
            q.tensor(64, 8 * 256, data.shape.type), k.tensor(512, 4 * 256, data.shape.type),
            data.op_shape(), {.head = 3, .query_begin = 448, .key_begin = 0, .q_first = 448});
    });
});
}  // namespace
