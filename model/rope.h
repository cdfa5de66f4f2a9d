// RoPE's tables: cos and sin of the angles, made on the host in double, because no device function
// is exact enough (docs/exact.md).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/config.h"
#include "shaders/params.h"

namespace model {

/// The layer whose angles all layers of its kind have; nullptr: the model has none of the kind.
const LayerConfig* layer_of_kind(const Config& config, bool local);

/// cos_sin [head_dim / 2, 2]: of position / rope_factor * rope_theta^(-2 i / head_dim), each
/// rounded once.
void rope_row(std::span<float> cos_sin, const LayerConfig& layer, uint32_t position);

/// Rows of split_rope_table.
inline uint32_t split_rope_rows(uint32_t n_ctx) {
    return params::kRopeLow + n_ctx / params::kRopeLow + 1;
}
/// [split_rope_rows, head_dim / 2, 2]: positions 0 .. kRopeLow - 1, then 0, kRopeLow, 2 kRopeLow
/// ... up to n_ctx. The product of a row of each part is any position's, with the rounding of one
/// multiplication.
std::vector<float> split_rope_table(const LayerConfig& layer, uint32_t head_dim, uint32_t n_ctx);

}  // namespace model
