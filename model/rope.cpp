#include "model/rope.h"

#include <algorithm>
#include <cmath>

namespace model {

const LayerConfig* layer_of_kind(const Config& config, bool local) {
    const auto is_kind = [&](const LayerConfig& layer) { return layer.is_local() == local; };
    const auto found = std::find_if(config.layers.begin(), config.layers.end(), is_kind);
    return found == config.layers.end() ? nullptr : &*found;
}

void rope_row(std::span<float> cos_sin, const LayerConfig& layer, uint32_t position) {
    const size_t head_dim = cos_sin.size();
    for (size_t i = 0; i < head_dim / 2; i++) {
        const double frequency = std::pow(layer.rope_theta, -2.0 * double(i) / double(head_dim));
        const double angle = double(position) / layer.rope_factor * frequency;
        cos_sin[2 * i] = float(std::cos(angle));
        cos_sin[2 * i + 1] = float(std::sin(angle));
    }
}

std::vector<float> split_rope_table(const LayerConfig& layer, uint32_t head_dim, uint32_t n_ctx) {
    std::vector<float> table(size_t{split_rope_rows(n_ctx)} * head_dim);
    const auto row = [&](size_t r) { return std::span(table).subspan(r * head_dim, head_dim); };
    for (uint32_t p = 0; p < params::kRopeLow; p++) {
        rope_row(row(p), layer, p);
    }
    for (uint32_t i = 0; i <= n_ctx / params::kRopeLow; i++) {
        rope_row(row(params::kRopeLow + i), layer, i * params::kRopeLow);
    }
    return table;
}

}  // namespace model
