#include "model/fit.h"

#include <algorithm>
#include <array>

namespace model {

namespace {

constexpr std::array kMixes = {QuantMix::bf16, QuantMix::q8_0, QuantMix::q6_k, QuantMix::q4_k_m,
                               QuantMix::q4_0};

/// What a tensor becomes when its row length does not fit the block of its type (spec 5.4).
DType with_fallback(DType dtype, uint64_t row_length) {
    if (row_length % block_elements(dtype) == 0) {
        return dtype;
    }
    switch (dtype) {
        case DType::q4_k:
            dtype = DType::q5_0;
            break;
        case DType::q5_k:
            dtype = DType::q5_1;
            break;
        case DType::q6_k:
            dtype = DType::q8_0;
            break;
        default:
            break;
    }
    return row_length % block_elements(dtype) == 0 ? dtype : DType::f16;
}

DType base_type(QuantMix mix) {
    switch (mix) {
        case QuantMix::bf16:
            return DType::bf16;
        case QuantMix::q8_0:
            return DType::q8_0;
        case QuantMix::q6_k:
            return DType::q6_k;
        case QuantMix::q4_k_m:
            return DType::q4_k;
        case QuantMix::q4_0:
            return DType::q4_0;
    }
    return DType::bf16;
}

DType embedding_type(QuantMix mix) {
    return mix == QuantMix::bf16 || mix == QuantMix::q8_0 ? base_type(mix) : DType::q6_k;
}

/// attn_v and ffn_down of these layers get more bits in the _M mixes.
bool more_bits(uint32_t layer, uint32_t n_layers) {
    const uint32_t eighth = n_layers / 8;
    return layer < eighth || layer >= 7 * n_layers / 8 || (layer - eighth) % 3 == 2;
}

/// Elements of the f32 vectors of one layer, and of the final norm.
uint64_t layer_norms(const Config& c) {
    const uint64_t d = c.hidden_size;
    return (c.post_norms ? 4 * d : 2 * d) + (c.qk_norm ? uint64_t{2} * c.head_dim : 0);
}

}  // namespace

std::string_view quant_mix_name(QuantMix mix) {
    constexpr std::array<std::string_view, 5> names = {"BF16", "Q8_0", "Q6_K", "Q4_K_M", "Q4_0"};
    return names[size_t(mix)];
}

std::span<const QuantMix> quant_mixes() {
    return kMixes;
}

ParameterCounts count_parameters(const Config& c) {
    const uint64_t d = c.hidden_size;
    const uint64_t n = c.num_hidden_layers;
    ParameterCounts counts;
    counts.embedding = uint64_t{c.embedding_rows} * d;
    counts.output = c.tied_embeddings ? 0 : counts.embedding;
    counts.attention = n * 2 * d * (uint64_t{c.q_width()} + c.kv_width());
    counts.mlp = n * 3 * d * c.intermediate_size;
    counts.norms = n * layer_norms(c) + d;
    return counts;
}

DType mixed_type(QuantMix mix, MixRole role, uint64_t row_length, uint32_t layer,
                 uint32_t n_layers) {
    DType dtype = role == MixRole::embedding ? embedding_type(mix) : base_type(mix);
    if (role == MixRole::rich && mix == QuantMix::q4_k_m && more_bits(layer, n_layers)) {
        dtype = DType::q6_k;
    }
    return with_fallback(dtype, row_length);
}

uint64_t weight_bytes(const Config& c, QuantMix mix) {
    const uint32_t n = c.num_hidden_layers;
    const uint64_t d = c.hidden_size;
    const uint64_t ff = c.intermediate_size;
    const auto bytes_of = [&](MixRole role, uint32_t layer, uint64_t rows, uint64_t cols) {
        return rows * row_bytes(mixed_type(mix, role, cols, layer, n), cols);
    };
    uint64_t bytes = bytes_of(MixRole::embedding, 0, c.embedding_rows, d);
    bytes *= c.tied_embeddings ? 1 : 2;
    for (uint32_t l = 0; l < n; ++l) {
        bytes += bytes_of(MixRole::matrix, l, c.q_width(), d) +
                 bytes_of(MixRole::matrix, l, c.kv_width(), d) +
                 bytes_of(MixRole::rich, l, c.kv_width(), d) +
                 bytes_of(MixRole::matrix, l, d, c.q_width()) +
                 2 * bytes_of(MixRole::matrix, l, ff, d) + bytes_of(MixRole::rich, l, d, ff) +
                 4 * layer_norms(c);
    }
    return bytes + 4 * d;
}

Fit fit(const Config& c, uint64_t weight_bytes, const SessionOptions& session) {
    const uint64_t kv = Session::kv_bytes_for(c, session);
    return {.weights = weight_bytes, .kv = kv, .scratch = Session::bytes_for(c, session) - kv};
}

double decode_bound(const Fit& fit, double bytes_per_second) {
    const uint64_t bytes = fit.weights + fit.kv;
    return bytes == 0 ? 0 : bytes_per_second / double(bytes);
}

}  // namespace model
