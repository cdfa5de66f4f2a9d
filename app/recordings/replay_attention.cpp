// Cells, sinks and tiles out of recorded rows.
#include <array>
#include <utility>

#include "app/recordings/replay_engine.h"

namespace app {

const model::LiveRows* ReplayEngine::recorded_row(uint32_t layer, uint32_t position) const {
    if (position < recording_.captures.size()) {
        for (const model::LiveRows& rows : recording_.captures[position]->live) {
            if (rows.layer == layer && rows.position == position) {
                return &rows;
            }
        }
    }
    return nullptr;
}

/// Null where a row was not recorded.
std::shared_ptr<const model::AttentionTile> ReplayEngine::cells(const Inspect& c) const {
    const uint32_t n = n_rows_;
    if (c.layer >= info_->n_layers || c.head >= info_->n_heads || c.query_begin >= n ||
        c.key_begin >= n) {
        return nullptr;
    }
    auto tile = std::make_shared<model::AttentionTile>();
    tile->layer = c.layer;
    tile->head = c.head;
    tile->window = info_->layers[c.layer].window;
    tile->query_begin = c.query_begin;
    tile->n_queries = std::min(std::max(c.n_queries, 1U), n - c.query_begin);
    tile->key_begin = c.key_begin;
    tile->n_keys = c.kind == InspectKind::sink ? 1
                   : c.kind == InspectKind::row && c.n_keys == 0
                       ? c.query_begin + 1
                       : std::min(c.n_keys, n - c.key_begin);
    tile->pattern.resize(size_t(tile->n_queries) * tile->n_keys);
    for (uint32_t r = 0; r < tile->n_queries; ++r) {
        const model::LiveRows* rows = recorded_row(c.layer, c.query_begin + r);
        if (rows == nullptr) {
            return nullptr;
        }
        for (uint32_t j = 0; j < rows->n_keys; ++j) {
            const uint32_t key = rows->first_key + j;
            if (key >= tile->key_begin && key - tile->key_begin < tile->n_keys) {
                tile->pattern[size_t(r) * tile->n_keys + key - tile->key_begin] =
                    rows->weight(c.head, j);
            }
        }
    }
    return tile;
}

std::shared_ptr<const AttentionPyramidTile> ReplayEngine::tile(const TileKey& key) const {
    constexpr uint32_t kSide = TileBuilder::kSide;
    const uint32_t n = n_rows_;
    const bool valued = key.measure == Measure::valued && !key.exact();  // values are not recorded
    if (key.layer >= info_->n_layers || key.head >= info_->n_heads || valued) {
        return nullptr;
    }
    TileBuilder builder(key, info_->layers[key.layer].window, n);
    const uint64_t bin = uint64_t{1} << key.key_level, first = key.column * kSide * bin;
    while (builder.next() < builder.end()) {
        const model::LiveRows* rows = recorded_row(key.layer, builder.next());
        if (rows == nullptr) {
            return nullptr;
        }
        std::array<float, kSide> max{}, sum{};
        const float sink = rows->first_key == 0 && rows->n_keys > 0 ? rows->weight(key.head, 0) : 0;
        const float factor =
            key.measure == Measure::renormalized && 1 - sink > 1e-6F ? 1 / (1 - sink) : 1;
        for (uint32_t j = 0; j < rows->n_keys; ++j) {
            const uint32_t position = rows->first_key + j;
            const uint64_t at = key.band ? rows->position - position : position;
            if (at < first || at >= first + kSide * bin || (position == 0 && !key.exact())) {
                continue;
            }
            const float w = rows->weight(key.head, j) * factor;
            const auto column = size_t((at - first) / bin);
            max[column] = std::max(max[column], w);
            sum[column] += w;
        }
        key.exact() ? builder.add_cells(sum.data(), kSide)
                    : builder.add_row(max.data(), sum.data());
    }
    return std::make_shared<const AttentionPyramidTile>(std::move(builder).finish());
}

/// True when the recording has the answer.
bool ReplayEngine::answer_attention(const Inspect& c) {
    InspectReady ready{.id = c.id, .kind = c.kind, .n_positions = n_rows_, .request = c};
    if (c.kind == InspectKind::pyramid) {
        std::vector<InspectReady> answers;
        for (size_t i = 0; i < c.tiles.size(); ++i) {
            ready.pyramid = tile(c.tiles[i]);
            ready.n_left = uint32_t(c.tiles.size() - 1 - i);
            if (ready.pyramid == nullptr) {
                return false;
            }
            answers.push_back(ready);
        }
        for (InspectReady& answer : answers) {
            events_.push_back(std::move(answer));
        }
        return !c.tiles.empty();
    }
    if (c.kind != InspectKind::tile && c.kind != InspectKind::row && c.kind != InspectKind::sink) {
        return false;
    }
    ready.tile = cells(c);
    if (ready.tile == nullptr) {
        return false;
    }
    events_.push_back(std::move(ready));
    return true;
}

}  // namespace app
