#include "app/ui/widgets/head_sight.h"

#include <algorithm>
#include <array>
#include <utility>

namespace app::ui {

namespace {

constexpr uint32_t kSide = AttentionPyramidTile::kSide;
constexpr size_t kMaxAsked = 64;  // tiles of one question

}  // namespace

void TileStore::clear() {
    tiles_.clear();
    bytes_ = 0;
    ++version_;
}

void TileStore::add(const AttentionPyramidTile& tile) {
    Held& held = tiles_[tile.key];
    bytes_ -= held.tile.bytes();
    held.tile = tile;
    held.seen = ++clock_;
    bytes_ += tile.bytes();
    while (bytes_ > kMaxBytes && tiles_.size() > 1) {
        const auto oldest = std::min_element(
            tiles_.begin(), tiles_.end(),
            [](const auto& a, const auto& b) { return a.second.seen < b.second.seen; });
        bytes_ -= oldest->second.tile.bytes();
        tiles_.erase(oldest);
    }
    ++version_;
}

const AttentionPyramidTile* TileStore::find(const TileKey& key) {
    const auto it = tiles_.find(key);
    if (it == tiles_.end()) {
        return nullptr;
    }
    it->second.seen = ++clock_;
    return &it->second.tile;
}

/// One row, if it is the one that the tile wants next.
bool TileStore::extend(AttentionPyramidTile& tile, const model::LiveRows& rows) {
    const TileKey& key = tile.key;
    if (key.layer != rows.layer || key.head >= rows.max.size() ||
        rows.position != tile.n_positions || rows.position >= tile.end_query() ||
        rows.position < tile.first_query() || key.measure == Measure::valued) {
        return false;
    }
    std::array<float, kSide> max{}, sum{};
    const float sink = rows.first_key == 0 && rows.n_keys > 0 ? rows.weight(key.head, 0) : 0;
    const float factor =
        key.measure == Measure::renormalized && 1 - sink > 1e-6f ? 1 / (1 - sink) : 1;
    const uint64_t first = tile.first_column(), bin = tile.column_bin();
    for (uint32_t j = 0; j < rows.n_keys; ++j) {
        const uint32_t position = rows.first_key + j;
        const uint64_t at = key.band ? rows.position - position : position;
        if (at < first || at >= first + kSide * bin || (position == 0 && !key.exact())) {
            continue;
        }
        const float w = rows.weight(key.head, j) * factor;
        const auto c = size_t((at - first) / bin);
        max[c] = std::max(max[c], w);
        sum[c] += w;
    }
    TileBuilder builder(std::move(tile));
    key.exact() ? builder.add_cells(sum.data(), kSide) : builder.add_row(max.data(), sum.data());
    tile = std::move(builder).finish();
    return true;
}

void TileStore::add_row(const model::LiveRows& rows) {
    bool changed = false;
    for (auto& [key, held] : tiles_) {
        changed = extend(held.tile, rows) || changed;
    }
    version_ += changed ? 1 : 0;
}

void TileStore::catch_up(const TileKey& key, const LiveRowStore& live, uint32_t n_positions) {
    const auto it = tiles_.find(key);
    while (it != tiles_.end() && it->second.tile.is_behind(n_positions)) {
        const model::LiveRows* rows = live.find(it->second.tile.n_positions, key.layer);
        if (rows == nullptr || !extend(it->second.tile, *rows)) {
            return;
        }
        ++version_;
    }
}

void HeadSight::forget() {
    tiles.clear();
    sinks_.clear();
    block_.reset();
    wanted_block.reset();
    asked.clear();
    not_captured.clear();
    values_.clear();
    values_not_captured.clear();
    layer_ = head_ = ~0U;
}

void HeadSight::choose(uint32_t layer, uint32_t head, uint32_t window) {
    layer_ = layer;
    head_ = head;
    window_ = window;
    sinks_.clear();
    values_.clear();
    block_.reset();
    wanted_block.reset();
    viewport.reset();
    not_captured.clear();
}

void HeadSight::add(const model::LiveRows& rows) {
    tiles.add_row(rows);
    if (rows.layer == layer_ && head_ < rows.max.size() && rows.position == sinks_.size()) {
        sinks_.push_back(rows.first_key == 0 && rows.n_keys > 0 ? rows.weight(head_, 0) : 0);
    }
}

void HeadSight::add(const InspectReady& answer, const LiveRowStore& live, uint32_t n_positions) {
    if (answer.pyramid != nullptr) {
        tiles.add(*answer.pyramid);
        tiles.catch_up(answer.pyramid->key, live, n_positions);
        std::erase(asked, answer.pyramid->key);
    }
    if (answer.kind == InspectKind::values && is(answer.request.layer, answer.request.head)) {
        values_not_captured = answer.not_captured;
        if (answer.values != nullptr) {
            values_ = *answer.values;
        }
    }
    if (answer.tile == nullptr || !is(answer.tile->layer, answer.tile->head)) {
        return;
    }
    if (answer.kind == InspectKind::tile) {
        block_ = answer.tile;
    } else if (answer.kind == InspectKind::sink && answer.tile->pattern.size() > sinks_.size()) {
        sinks_ = answer.tile->pattern;
        while (const model::LiveRows* rows = live.find(uint32_t(sinks_.size()), layer_)) {
            add(*rows);
        }
    }
}

TileKey HeadSight::top_key(Measure measure, uint32_t n_positions) const {
    const uint32_t level = top_level(n_positions);
    return {.layer = layer_,
            .head = head_,
            .measure = level == 0 ? Measure::weight : measure,
            .level = level,
            .key_level = level};
}

TileKey HeadSight::key_of(const Viewport& v, uint32_t row, uint32_t column) const {
    TileKey key{.layer = layer_,
                .head = head_,
                .measure = v.measure,
                .band = v.band,
                .level = v.level,
                .key_level = v.key_level,
                .row = row,
                .column = column};
    if (key.exact()) {
        key.measure = Measure::weight;
    }
    return key;
}

std::vector<TileKey> HeadSight::missing(uint32_t n_positions) {
    std::vector<TileKey> out;
    if (!viewport || layer_ == ~0U) {
        return out;
    }
    const Viewport& v = *viewport;
    const auto want = [&](const TileKey& key) {
        if (key.measure == Measure::valued && values_.empty()) {
            return;  // a recording has none, and would have no such tile
        }
        const AttentionPyramidTile* tile = tiles.find(key);
        if (out.size() < kMaxAsked && tile_has_cells(key, window_, n_positions) &&
            (tile == nullptr || tile->is_behind(n_positions))) {
            out.push_back(key);
        }
    };
    const TileKey top = top_key(v.measure, n_positions);
    if (!v.band) {
        want(top);
    }
    // From the middle outwards would be better for large screens; these are a few tiles.
    for (uint32_t row = v.row_begin; row < v.row_end; ++row) {
        for (uint32_t column = v.column_begin; column < v.column_end; ++column) {
            const TileKey key = key_of(v, row, column);
            if (v.band || key != top) {
                want(key);
            }
        }
    }
    return out;
}

uint32_t HeadSight::missing_sinks(uint32_t n_positions) const {
    return layer_ != ~0U && sinks_.size() < n_positions ? n_positions : 0;
}

const AttentionPyramidTile* HeadSight::best(const TileKey& wanted, uint32_t n_positions) {
    TileKey key = wanted;
    if (const AttentionPyramidTile* tile = tiles.find(key)) {
        return tile;
    }
    const uint32_t top = top_level(n_positions);
    while (!key.band && key.level < top) {
        ++key.level;
        ++key.key_level;
        key.row /= 2;
        key.column /= 2;
        key.measure = viewport ? viewport->measure : key.measure;
        if (const AttentionPyramidTile* tile = tiles.find(key)) {
            return tile;
        }
    }
    return nullptr;
}

const AttentionPyramidTile* HeadSight::top(Measure measure, uint32_t n_positions) {
    return tiles.find(top_key(measure, n_positions));
}

std::optional<float> HeadSight::sink(uint32_t query) const {
    if (!model::AttentionTile::visible(query, 0, window_)) {
        return 0.0f;
    }
    return query < sinks_.size() ? std::optional(sinks_[query]) : std::nullopt;
}

std::optional<float> HeadSight::cell(uint32_t query, uint32_t key) {
    if (key > query || !model::AttentionTile::visible(query, key, window_)) {
        return 0.0f;
    }
    if (block_ != nullptr && query >= block_->query_begin && key >= block_->key_begin &&
        query - block_->query_begin < block_->n_queries &&
        key - block_->key_begin < block_->n_keys) {
        return block_->pattern[size_t(query - block_->query_begin) * block_->n_keys + key -
                               block_->key_begin];
    }
    const TileKey at{.layer = layer_, .head = head_, .row = query / kSide, .column = key / kSide};
    const AttentionPyramidTile* tile = tiles.find(at);
    if (tile == nullptr || query >= tile->n_positions) {
        return std::nullopt;
    }
    return tile->cells[size_t(query % kSide) * kSide + key % kSide];
}

std::optional<BlockFacts> HeadSight::block_facts(const BlockCells& block, Measure measure) const {
    const model::AttentionTile* t = block_.get();
    if (t == nullptr || t->query_begin != block.query_begin || t->n_queries != block.n_queries ||
        t->key_begin != block.key_begin || t->n_keys != block.n_keys) {
        return std::nullopt;
    }
    if (measure == Measure::valued && !value(t->key_begin + t->n_keys - 1)) {
        return std::nullopt;
    }
    BlockFacts out{t->query_begin, t->key_begin, -1, 0};
    for (uint32_t r = 0; r < t->n_queries; ++r) {
        const uint32_t query = t->query_begin + r;
        const float rest = 1 - sink(query).value_or(0);
        const float factor = measure == Measure::renormalized && rest > 1e-6f ? 1 / rest : 1;
        for (uint32_t c = 0; c < t->n_keys; ++c) {
            const uint32_t key = t->key_begin + c;
            if ((key == 0 && t->n_keys > 1) ||
                !model::AttentionTile::visible(query, key, window_) ||
                query - key < block.distance_begin || query - key >= block.distance_end) {
                continue;
            }
            const float w = t->pattern[size_t(r) * t->n_keys + c] * factor *
                            (measure == Measure::valued ? values_[key] : 1);
            out.mass += w / float(t->n_queries);
            if (w > out.largest) {
                out.query = query;
                out.key = key;
                out.largest = w;
            }
        }
    }
    return out.largest < 0 ? std::nullopt : std::optional(out);
}

}  // namespace app::ui
