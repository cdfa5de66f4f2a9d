#include "tests/op_test_attention.h"

#include <cmath>

namespace op_test {

using model::DType;

std::vector<AttentionCase> attention_cases() {
    return {
        {.name = "one query, one key", .capacity = 8},
        {.name = "one query, tile not full", .position = 40},
        {.name = "one query, on a tile's end", .position = 63},
        {.name = "one query, on a tile's begin", .position = 64, .capacity = 80},
        {.name = "a chunk from the start", .n_tokens = 70, .capacity = 70},
        {.name = "a chunk later on", .n_tokens = 7, .position = 250, .capacity = 260},
        {.name = "f32", .n_tokens = 7, .position = 250, .capacity = 260, .type = DType::f32},
        {.name = "a window within a tile", .n_tokens = 5, .position = 30, .window = 8},
        {.name = "a window across tiles",
         .n_tokens = 9,
         .position = 190,
         .capacity = 200,
         .window = 100},
        {.name = "a ring, wrapped", .n_tokens = 5, .position = 1003, .capacity = 13, .window = 8},
        {.name = "a ring, wrapped, prime",
         .n_tokens = 11,
         .position = 997,
         .capacity = 101,
         .window = 90},
        {.name = "a window as wide as the text", .n_tokens = 64, .capacity = 64, .window = 64},
        {.name = "Gemma 3 270M, 1B",
         .n_tokens = 2,
         .position = 130,
         .n_heads = 4,
         .n_kv_heads = 1,
         .head_dim = 256,
         .capacity = 140},
        {.name = "Gemma 1 2B",
         .position = 70,
         .n_heads = 8,
         .n_kv_heads = 1,
         .head_dim = 256,
         .capacity = 80},
        {.name = "Gemma 2 2B, Gemma 3 4B",
         .n_tokens = 3,
         .position = 70,
         .n_heads = 8,
         .n_kv_heads = 4,
         .head_dim = 256,
         .capacity = 80,
         .cap = 50,
         .deviation = 2},
        {.name = "Gemma 1 7B",
         .position = 70,
         .n_heads = 16,
         .n_kv_heads = 16,
         .head_dim = 256,
         .capacity = 80},
        {.name = "Gemma 2 9B, Gemma 3 12B",
         .position = 70,
         .n_heads = 16,
         .n_kv_heads = 8,
         .head_dim = 256,
         .capacity = 80,
         .cap = 50},
        {.name = "the 27Bs",
         .n_tokens = 2,
         .position = 70,
         .n_heads = 32,
         .n_kv_heads = 16,
         .head_dim = 128,
         .capacity = 80,
         .cap = 50},
        {.name = "scores beyond the cap",
         .n_tokens = 9,
         .position = 60,
         .capacity = 80,
         .cap = 50,
         .deviation = 8},
        {.name = "scores so far apart that most weights vanish",
         .n_tokens = 9,
         .position = 140,
         .capacity = 160,
         .deviation = 12},
        {.name = "a small odd head size",
         .n_tokens = 3,
         .position = 10,
         .n_heads = 3,
         .n_kv_heads = 3,
         .head_dim = 4},
        {.name = "the largest context",
         .position = 8191,
         .n_heads = 2,
         .n_kv_heads = 1,
         .head_dim = 32,
         .capacity = 8192},
    };
}

AttentionData::AttentionData(const AttentionCase& c) : shape(c) {
    const model::ops::KeySpan keys = model::ops::key_span(c.position, c.n_tokens, c.window);
    p = {.n_tokens = c.n_tokens,
         .position = c.position,
         .n_heads = c.n_heads,
         .n_kv_heads = c.n_kv_heads,
         .head_dim = c.head_dim,
         .capacity = c.capacity,
         .window = c.window,
         .key_begin = keys.begin,
         .n_keys = keys.n,
         .q_row = 0,
         .lse_stride = c.position + c.n_tokens + 3,
         .scale = 1 / std::sqrt(static_cast<float>(c.head_dim)),
         .cap = c.cap};
    const auto random = [&](size_t n, uint64_t seed, float deviation) {
        std::vector<float> values = random_floats(n, seed, deviation);
        return c.type == DType::f16 ? rounded_to_half(std::move(values)) : values;
    };
    const size_t stored_elements = size_t{c.capacity} * c.n_kv_heads * c.head_dim;
    q = random(rows() * c.head_dim, 1 + c.position, c.deviation);
    k = random(stored_elements, 2 + c.position, c.deviation);
    v = random(stored_elements, 3 + c.position, 1);

    const float untouched = poison_float();
    exact.scores.assign(rows() * p.n_keys, untouched);
    exact.prob.assign(rows() * p.n_keys, untouched);
    exact.tiles.assign(2 * rows() * n_tiles(), untouched);
    exact.stats.assign(2 * rows(), untouched);
    exact.lse.assign(size_t{p.n_heads} * p.lse_stride, untouched);
    exact.z.assign(rows() * p.head_dim, untouched);
    ref::attention_scores<float>(exact.scores, q, k, p);
    ref::attention_softmax<float>(exact.prob, exact.tiles, exact.scores, p);
    ref::attention_lse<float>(exact.stats, exact.lse, exact.tiles, p);
    ref::attention_values<float>(exact.z, exact.prob, exact.tiles, exact.stats, v, p);
}

Array AttentionData::stored(const std::vector<float>& values) const {
    return is_half() ? Array(as_halves(values)) : Array(values);
}

model::ops::AttentionShape AttentionData::op_shape() const {
    return {.position = p.position,
            .n_heads = p.n_heads,
            .n_kv_heads = p.n_kv_heads,
            .head_dim = p.head_dim,
            .window = p.window,
            .scale = p.scale,
            .cap = p.cap};
}

WrittenCells::WrittenCells(std::span<const float> device_values,
                           std::span<const double> twin_values, std::span<const float> exact) {
    for (size_t i = 0; i < exact.size(); ++i) {
        if (std::bit_cast<uint32_t>(exact[i]) != kPoison) {
            device.push_back(device_values[i]);
            twin.push_back(twin_values[i]);
        }
    }
}

}  // namespace op_test
