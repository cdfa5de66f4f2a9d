// Attention of one head as a pyramid of tiles of 256 x 256 cells, from one pixel for many cells
// down to the cells themselves. Pure; used by the engine (which builds tiles) and the window (which
// keeps and shows them).
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <vector>

#include "model/capture.h"

namespace app {

/// Pooled picture of one head, power-of-two bins: cell (r, c) covers rows [r*bin, (r+1)*bin) x the
/// same of columns. max: largest weight; mass: row mass in the pixel (mean over existing rows of
/// the sum over its columns).
struct Thumbnail {
    uint32_t layer = 0, head = 0;
    uint32_t n_positions = 0;  // rows and columns pooled
    uint32_t bin = 1;
    uint32_t side = 0;                       // ceil(n_positions / bin) <= 64
    std::vector<float> max, mass;            // [side, side]
    std::vector<float> rest_max, rest_mass;  // [side]: column 0 without position 0, the sink
};

/// What a cell's number is. Key 0 (the sink) is left out of all but the cells of level 0.
enum class Measure : uint8_t {
    weight,        // p
    renormalized,  // p / (1 - p(key 0)): the row without the sink sums to 1
    valued,        // p * norm of the head's value output of the key
};

/// Which tile. Pixel (r, c) covers 2^level queries from (256 row + r) * 2^level on, and 2^key_level
/// keys likewise; in a band the columns count back from the query: column 0 is the query itself.
struct TileKey {
    uint32_t layer = 0, head = 0;
    Measure measure = Measure::weight;
    bool band = false;
    uint32_t level = 0, key_level = 0;
    uint32_t row = 0, column = 0;
    auto operator<=>(const TileKey&) const = default;

    /// Cells themselves: f32, key 0 included, always by Measure::weight.
    bool exact() const { return level == 0 && key_level == 0 && !band; }
};

struct AttentionPyramidTile {
    static constexpr uint32_t kSide = 256;

    TileKey key;
    uint32_t n_positions = 0;  // rows of the sequence that are in it; the rest is 0
    uint32_t window = 0;
    std::vector<float> cells;    // [kSide, kSide] where key.exact()
    std::vector<uint16_t> max;   // f16 [kSide, kSide] otherwise: largest cell of the pixel
    std::vector<uint16_t> mass;  // mean over the pixel's rows of the sum over its columns
    // Of the last row of pixels while it may grow: sums as they were before rounding.
    std::vector<float> open_sum;  // [kSide]

    uint64_t row_bin() const { return uint64_t{1} << key.level; }
    uint64_t column_bin() const { return uint64_t{1} << key.key_level; }
    uint64_t first_query() const { return uint64_t{key.row} * kSide << key.level; }
    uint64_t first_column() const { return uint64_t{key.column} * kSide << key.key_level; }
    uint64_t end_query() const { return first_query() + (uint64_t{kSide} << key.level); }
    size_t bytes() const {
        return cells.size() * sizeof(float) + (max.size() + mass.size()) * sizeof(uint16_t);
    }
    /// Rows [n_positions, end) that a tile of a sequence of `n` positions would have.
    bool is_behind(uint32_t n) const { return n_positions < std::min<uint64_t>(n, end_query()); }
};

/// Builds a tile of rows that come in ascending order.
class TileBuilder {
public:
    static constexpr uint32_t kSide = AttentionPyramidTile::kSide;

    TileBuilder(const TileKey& key, uint32_t window, uint32_t n_positions);
    /// Go on with a finished tile of the sequence's earlier state.
    explicit TileBuilder(AttentionPyramidTile tile);

    const TileKey& key() const { return tile_.key; }
    /// The query that add() wants next; end() when there is none.
    uint32_t next() const { return next_; }
    uint32_t end() const { return end_; }
    /// One row: kSide pooled values. `max` and `sum` as in model::PooledRows.
    void add_row(const float* max, const float* sum);
    /// One row of cells from first_column() on, where the tile is exact; at most kSide.
    void add_cells(const float* cells, uint32_t n);
    /// What is there. Rows from next() on are 0.
    AttentionPyramidTile finish() &&;

private:
    void close_row();

    AttentionPyramidTile tile_;
    uint32_t next_ = 0, end_ = 0;
    std::array<float, kSide> row_max_{};
    std::array<double, kSide> row_sum_{};
    uint32_t n_rows_ = 0;  // in row_max_ and row_sum_
};

/// The coarsest level that is needed: the smallest whose one tile holds n positions.
inline uint32_t top_level(uint32_t n_positions) {
    uint32_t level = 0;
    while ((uint64_t{AttentionPyramidTile::kSide} << level) < n_positions) {
        ++level;
    }
    return level;
}

/// Some cell of the tile may be seen: it is not all future and not all out of the window.
bool tile_has_cells(const TileKey& key, uint32_t window, uint32_t n_positions);

}  // namespace app
