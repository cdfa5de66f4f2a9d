#include "model/live_scores.h"

#include <span>

#include "gpu/base.h"
#include "gpu/sizes.h"
#include "shaders/params.h"
#include "shaders/visible.h"

namespace model {
namespace {

uint64_t layer_bytes(const Config& config, uint32_t n_ctx) {
    const uint64_t columns = base::round_up(n_ctx, params::kKeyTile);
    return base::round_up(4 * uint64_t{config.num_attention_heads} * columns, gpu::kRangeAlignment);
}

}  // namespace

LiveScores::LiveScores(gpu::Device& device, const Config& config, uint32_t n_ctx, uint32_t n_slots)
    : device_(device), config_(config), n_ctx_(n_ctx), n_slots_(n_slots) {}

uint64_t LiveScores::bytes_for(const Config& config, uint32_t n_ctx, uint32_t n_slots) {
    return n_slots * config.num_hidden_layers * layer_bytes(config, n_ctx);
}

void LiveScores::allocate() {
    if (!buffer_) {
        buffer_.emplace(device_, bytes_for(config_, n_ctx_, n_slots_), gpu::Memory::readback,
                        "live attention rows");
    }
}

gpu::Range LiveScores::range(uint32_t layer, uint32_t slot) const {
    CHECK(buffer_ && slot < n_slots_, "live scores, slot {}", slot);
    const uint64_t bytes = layer_bytes(config_, n_ctx_);
    const uint64_t place = uint64_t{slot} * config_.num_hidden_layers + layer;
    return buffer_->range().slice(place * bytes, bytes);
}

std::vector<LiveRows> LiveScores::rows(uint32_t position, uint32_t slot,
                                       const std::vector<Columns>& columns) const {
    std::vector<LiveRows> out;
    const uint32_t n_heads = config_.num_attention_heads;
    for (uint32_t l = 0; l < config_.num_hidden_layers; l++) {
        const auto [begin, stride] = columns[l];
        const uint32_t first = first_visible(position, config_.layers[l].sliding_window);
        LiveRows rows{l, position, first, position + 1 - first, {}, {}, {}};
        rows.log16.reserve(size_t{n_heads} * rows.n_keys);
        const gpu::Range at = range(l, slot);
        const std::span scores(reinterpret_cast<const float*>(buffer_->mapped() + at.offset),
                               at.size / sizeof(float));
        for (uint32_t h = 0; h < n_heads; h++) {
            rows.append(scores.subspan(size_t{h} * stride + (first - begin), rows.n_keys));
        }
        out.push_back(std::move(rows));
    }
    return out;
}

}  // namespace model
