// The memory calculator: how much device memory a model, a quantization and a context take, without
// a device (spec 5.4 and 9).
#pragma once

#include "model/config.h"
#include "model/session.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace model {

/// Mixes of llama-quantize, in the words of its file names.
enum class QuantMix : uint8_t { bf16, q8_0, q6_k, q4_k_m, q4_0 };
std::string_view quant_mix_name(QuantMix mix);
std::span<const QuantMix> quant_mixes();

/// What a mix distinguishes: the embedding, and in the layers attn_v and ffn_down (`rich`), which
/// some layers of an _M mix keep with more bits.
enum class MixRole : uint8_t { embedding, matrix, rich };
/// The type of a tensor with rows of `row_length` in a file of that mix (spec 5.4); `layer` of
/// `n_layers` where it belongs to one.
DType mixed_type(QuantMix mix, MixRole role, uint64_t row_length, uint32_t layer = 0,
                 uint32_t n_layers = 0);

/// Parameters by role; `embedding` counted once, as in a file without output.weight.
struct ParameterCounts {
    uint64_t embedding = 0, output = 0, attention = 0, mlp = 0, norms = 0;
    uint64_t total() const { return embedding + output + attention + mlp + norms; }
};
ParameterCounts count_parameters(const Config& config);

/// Bytes of the weights in a file of that mix, tensor by tensor after the rules of spec 5.4:
/// fallbacks for row lengths that are no multiple of 256 and "more bits" layers included.
uint64_t weight_bytes(const Config& config, QuantMix mix);

struct Fit {
    uint64_t weights = 0, kv = 0, scratch = 0;
    uint64_t total() const { return weights + kv + scratch; }
};
/// KV and scratch are what a Session with these options allocates (Session::bytes_for), so say
/// which path; weight_bytes are planned_weight_bytes() of a file that is there, else weight_bytes()
/// above.
Fit fit(const Config& config, uint64_t weight_bytes, const SessionOptions& session);

/// Tokens per second that memory of this bandwidth allows at most: every weight and every cached
/// key and value in use is read once per token.
double decode_bound(const Fit& fit, double bytes_per_second);

}  // namespace model
