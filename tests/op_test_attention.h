// One attention for the op tests: shapes, random Q, K and V in the storage type, and what the twins
// make of it, step by step. Every kernel is given the float twin's output of the step before, so
// that each is tested alone.
#pragma once

#include <bit>
#include <vector>

#include "model/ops.h"
#include "tests/op_test.h"
#include "tests/support/twins.h"

namespace op_test {

struct AttentionCase {
    const char* name = "";
    uint32_t n_tokens = 1, position = 0;
    uint32_t n_heads = 4, n_kv_heads = 1, head_dim = 32;
    uint32_t capacity = 64, window = 0;
    float cap = 0;
    model::DType type = model::DType::f16;
    float deviation = 1;  // of q and k
};

/// The cases for every attention kernel: one query, every head layout of spec 1.2,
/// tiles that are full, begun and skipped, windows, rings that have wrapped, caps, both types.
std::vector<AttentionCase> attention_cases();

/// What the twins compute. Cells that the kernels leave alone hold kPoison.
template <class Real>
struct AttentionTwins {
    std::vector<Real> scores, prob, tiles, stats, lse, z;
};

/// A float of the bits that untouched output holds.
inline float poison_float() {
    return std::bit_cast<float>(kPoison);
}

struct AttentionData {
    explicit AttentionData(const AttentionCase& c);

    AttentionCase shape;
    params::Attention p;
    std::vector<float> q, k, v;  // [., heads, head_dim], rounded to the storage type
    AttentionTwins<float> exact;

    size_t rows() const { return size_t{p.n_tokens} * p.n_heads; }
    uint32_t n_tiles() const { return p.n_keys / params::kKeyTile; }
    uint32_t is_half() const { return shape.type == model::DType::f16 ? 1 : 0; }
    /// q, k or v as the cache stores it.
    Array stored(const std::vector<float>& values) const;
    model::ops::AttentionShape op_shape() const;
};

/// The cells that hold no poison, of both: what a tolerance can be asked of.
struct WrittenCells {
    WrittenCells(std::span<const float> device_values, std::span<const double> twin_values,
                 std::span<const float> exact);
    std::vector<float> device;
    std::vector<double> twin;
};

}  // namespace op_test
