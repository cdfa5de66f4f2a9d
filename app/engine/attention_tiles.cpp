#include "app/engine/attention_tiles.h"

#include <utility>

#include "gpu/base.h"
#include "model/quant.h"

namespace app {

TileBuilder::TileBuilder(const TileKey& key, uint32_t window, uint32_t n_positions) {
    tile_.key = key;
    tile_.window = window;
    const size_t n_cells = size_t(kSide) * kSide;
    if (key.exact()) {
        tile_.cells.resize(n_cells);
    } else {
        tile_.max.resize(n_cells);
        tile_.mass.resize(n_cells);
        tile_.open_sum.resize(kSide);
    }
    next_ = uint32_t(std::min<uint64_t>(tile_.first_query(), n_positions));
    end_ = uint32_t(std::min<uint64_t>(tile_.end_query(), n_positions));
}

TileBuilder::TileBuilder(AttentionPyramidTile tile) : tile_(std::move(tile)) {
    next_ = tile_.n_positions;
    end_ = uint32_t(std::min<uint64_t>(tile_.end_query(), UINT32_MAX));
    n_rows_ = uint32_t((next_ - tile_.first_query()) % tile_.row_bin());
    if (tile_.key.exact() || n_rows_ == 0) {
        n_rows_ = 0;
        return;
    }
    const size_t at = size_t((next_ - tile_.first_query()) / tile_.row_bin()) * kSide;
    for (uint32_t c = 0; c < kSide; ++c) {
        row_max_[c] = model::half_to_float(tile_.max[at + c]);
        row_sum_[c] = double(tile_.open_sum[c]);
    }
}

void TileBuilder::add_row(const float* max, const float* sum) {
    CHECK(next_ < end_ && !tile_.key.exact(), "row {} of {}", next_, end_);
    for (uint32_t c = 0; c < kSide; ++c) {
        row_max_[c] = std::max(row_max_[c], max[c]);
        row_sum_[c] += double(sum[c]);
    }
    ++n_rows_;
    ++next_;
    if (n_rows_ == tile_.row_bin()) {
        close_row();
    }
}

void TileBuilder::add_cells(const float* cells, uint32_t n) {
    CHECK(next_ < end_ && tile_.key.exact() && n <= kSide, "row {} of {}, {} cells", next_, end_,
          n);
    std::copy_n(cells, n, tile_.cells.begin() + ptrdiff_t(next_ - tile_.first_query()) * kSide);
    ++next_;
}

/// The row of pixels at hand, as far as it is known, into the tile.
void TileBuilder::close_row() {
    const auto row = (next_ - 1 - tile_.first_query()) / tile_.row_bin();
    for (uint32_t c = 0; c < kSide; ++c) {
        tile_.max[size_t(row) * kSide + c] = model::float_to_half(row_max_[c]);
        tile_.mass[size_t(row) * kSide + c] = model::float_to_half(float(row_sum_[c] / n_rows_));
        tile_.open_sum[c] = float(row_sum_[c]);
    }
    if (n_rows_ == tile_.row_bin()) {
        row_max_.fill(0);
        row_sum_.fill(0);
        n_rows_ = 0;
    }
}

AttentionPyramidTile TileBuilder::finish() && {
    if (n_rows_ > 0) {
        close_row();
    }
    tile_.n_positions = next_;
    return std::move(tile_);
}

bool tile_has_cells(const TileKey& key, uint32_t window, uint32_t n_positions) {
    AttentionPyramidTile tile;
    tile.key = key;
    if (tile.first_query() >= n_positions) {
        return false;
    }
    const uint64_t last = std::min<uint64_t>(tile.end_query(), n_positions) - 1;
    if (key.band) {
        return tile.first_column() <= last && (window == 0 || tile.first_column() < window);
    }
    const uint64_t last_key = tile.first_column() + (uint64_t{tile.kSide} << key.key_level) - 1;
    return tile.first_column() <= last && (window == 0 || tile.first_query() < last_key + window);
}

}  // namespace app
