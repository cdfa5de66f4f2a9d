// HeadSight: what the window holds of one head's attention from afar: tiles of its pyramid, the
// weights on the sink, the cells of the pixel that is pointed at; and what it still lacks. Pure
// data, no drawing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/engine/messages.h"
#include "app/ui/state/attention_data.h"

namespace app::ui {

/// Tiles of any heads; the ones looked at longest ago go first when the limit is reached.
class TileStore {
public:
    static constexpr size_t kMaxBytes = size_t{64} << 20;

    void clear();
    void add(const AttentionPyramidTile& tile);
    /// Null when it is not there. Counts as looked at.
    const AttentionPyramidTile* find(const TileKey& key);
    /// The next row of a sequence that goes on, into every tile that waits for it. `valued` tiles
    /// stay behind: the key's value is not in the row.
    void add_row(const model::LiveRows& rows);
    /// add_row for the rows from the tile's last one on, as far as they are kept.
    void catch_up(const TileKey& key, const LiveRowStore& live, uint32_t n_positions);
    size_t bytes() const { return bytes_; }
    uint64_t version() const { return version_; }  // changes with every change

private:
    struct Held {
        AttentionPyramidTile tile;
        uint64_t seen = 0;
    };
    static bool extend(AttentionPyramidTile& tile, const model::LiveRows& rows);

    std::map<TileKey, Held> tiles_;
    size_t bytes_ = 0;
    uint64_t clock_ = 0, version_ = 0;
};

/// How a pixel stands for many cells.
enum class Pooling : uint8_t { max, mean };

/// The part of a head that is on the screen, in tiles.
struct Viewport {
    Measure measure = Measure::weight;
    bool band = false;
    uint32_t level = 0, key_level = 0;
    uint32_t row_begin = 0, row_end = 0, column_begin = 0, column_end = 0;
    bool operator==(const Viewport&) const = default;
};

/// All cells of one pixel, exact: what a read-out is made of.
struct BlockCells {
    static constexpr uint32_t kMost = 256;  // queries, and keys
    uint32_t query_begin = 0, n_queries = 0, key_begin = 0, n_keys = 0;
    uint32_t distance_begin = 0, distance_end = ~0U;  // of a band: only keys so far back
    bool operator==(const BlockCells&) const = default;
};
struct BlockFacts {
    uint32_t query = 0, key = 0;  // of the largest cell
    float largest = 0;
    float mass = 0;  // mean over the queries of the sum over the keys
};

/// Which questions about attention are out.
struct SightQuestions {
    RequestId first = 1;  // about the sequence in the cache
    BlockCells block;
    uint32_t thumbs_wanted = 0, thumbs_asked_for = 0;
    uint64_t thumbs_serial = 0;
};

class HeadSight {
public:
    /// The sequence is another one: nothing of it is known.
    void forget();
    /// Another head: its sinks are not known; tiles of others are kept.
    void choose(uint32_t layer, uint32_t head, uint32_t window);
    bool is(uint32_t layer, uint32_t head) const { return layer_ == layer && head_ == head; }
    uint32_t window() const { return window_; }
    void add(const model::LiveRows& rows);
    void add(const InspectReady& answer, const LiveRowStore& live, uint32_t n_positions);

    /// Tiles that the viewport of a sequence of n rows lacks, the whole head at one look first.
    std::vector<TileKey> missing(uint32_t n_positions);
    uint32_t missing_sinks(uint32_t n_positions) const;
    bool lacks_values(uint32_t n_positions) const {
        return layer_ != ~0U && values_.size() < n_positions && values_not_captured.empty();
    }

    /// The tile that holds this pixel, or the finest coarser one: its key says which.
    const AttentionPyramidTile* best(const TileKey& wanted, uint32_t n_positions);
    /// The whole head in one tile, if it is there.
    const AttentionPyramidTile* top(Measure measure, uint32_t n_positions);
    TileKey top_key(Measure measure, uint32_t n_positions) const;
    TileKey key_of(const Viewport& v, uint32_t row, uint32_t column) const;

    /// Weight on key 0; 0 where the window hides it, nothing where it is not known yet.
    std::optional<float> sink(uint32_t query) const;
    size_t n_sinks() const { return sinks_.size(); }
    /// Norm of what the head adds for this key; nothing where it is not known yet.
    std::optional<float> value(uint32_t key) const {
        return key < values_.size() ? std::optional(values_[key]) : std::nullopt;
    }
    size_t n_values() const { return values_.size(); }
    /// An exact cell out of a tile of cells.
    std::optional<float> cell(uint32_t query, uint32_t key);
    /// Of the block that was asked for last, if its cells have come.
    std::optional<BlockFacts> block_facts(const BlockCells& block, Measure measure) const;

    Pooling pooling = Pooling::max;
    bool band = false;
    std::optional<Viewport> viewport;        // set by who draws
    std::optional<BlockCells> wanted_block;  // the pixel that is pointed at, where it pools cells
    std::vector<TileKey> asked;              // tiles that the engine is at
    TileStore tiles;
    std::string not_captured, values_not_captured;

private:
    uint32_t layer_ = ~0U, head_ = ~0U, window_ = 0;
    std::vector<float> sinks_;   // by query
    std::vector<float> values_;  // by key
    std::shared_ptr<const model::AttentionTile> block_;
};

}  // namespace app::ui
