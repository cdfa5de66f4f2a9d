#include "app/thumbnails.h"

#include <algorithm>

#include "gpu/base.h"

namespace app {

ThumbnailPool::ThumbnailPool(const Thumbnail& picture)
    : n_positions_(picture.n_positions), bin_(std::max(picture.bin, 1U)) {
    const uint32_t n = picture.side;
    CHECK(n <= kSide && n == side(), "side {} bin {} positions {}", n, bin_, n_positions_);
    CHECK(picture.max.size() == size_t(n) * n && picture.mass.size() == picture.max.size(),
          "{} cells", picture.max.size());
    for (uint32_t r = 0; r < n; ++r) {
        n_rows_[r] = std::min(bin_, n_positions_ - r * bin_);
        for (uint32_t c = 0; c < n; ++c) {
            const size_t i = size_t(r) * n + c;
            cell(r, c) = {double(picture.mass[i]) * n_rows_[r], picture.max[i]};
        }
    }
}

uint32_t ThumbnailPool::bin_for(uint32_t n_positions) {
    uint32_t bin = 1;
    while (uint64_t(bin) * kSide < n_positions) {
        bin *= 2;
    }
    return bin;
}

void ThumbnailPool::double_bin() {
    for (uint32_t r = 0; r < kSide; ++r) {
        for (uint32_t c = 0; c < kSide; ++c) {
            Cell merged;
            if (r < kSide / 2 && c < kSide / 2) {
                for (uint32_t i = 0; i < 4; ++i) {
                    const Cell& part = cell(2 * r + i / 2, 2 * c + i % 2);
                    merged.sum += part.sum;
                    merged.max = std::max(merged.max, part.max);
                }
            }
            cell(r, c) = merged;  // only cells that are not read any more
        }
        n_rows_[r] = r < kSide / 2 ? n_rows_[size_t(2) * r] + n_rows_[size_t(2) * r + 1] : 0;
    }
    bin_ *= 2;
}

bool ThumbnailPool::add_row(uint32_t position, uint32_t first_key, std::span<const float> weights) {
    if (position < n_positions_) {
        return false;
    }
    CHECK(weights.empty() || first_key + weights.size() - 1 <= position, "keys {}+{} of query {}",
          first_key, weights.size(), position);
    while (position / bin_ >= kSide) {
        double_bin();
    }
    const uint32_t row = position / bin_;
    for (size_t j = 0; j < weights.size(); ++j) {
        Cell& c = cell(row, uint32_t(first_key + j) / bin_);
        c.sum += double(weights[j]);
        c.max = std::max(c.max, weights[j]);
    }
    ++n_rows_[row];
    n_positions_ = position + 1;
    return true;
}

uint32_t ThumbnailPool::truncate(uint32_t n) {
    if (n >= n_positions_) {
        return n_positions_;
    }
    if (bin_for(n) != bin_) {
        *this = ThumbnailPool();  // cells cannot be split again
        return 0;
    }
    const uint32_t kept = n / bin_;
    std::fill(cells_.begin() + ptrdiff_t(kept) * kSide, cells_.end(), Cell{});
    std::fill(n_rows_.begin() + kept, n_rows_.end(), 0U);
    n_positions_ = kept * bin_;
    return n_positions_;
}

Thumbnail ThumbnailPool::picture(uint32_t layer, uint32_t head) const {
    const uint32_t n = side();
    Thumbnail picture;
    picture.layer = layer;
    picture.head = head;
    picture.n_positions = n_positions_;
    picture.bin = bin_;
    picture.side = n;
    picture.max.resize(size_t(n) * n);
    picture.mass.resize(size_t(n) * n);
    for (uint32_t r = 0; r < n; ++r) {
        for (uint32_t c = 0; c < n; ++c) {
            const Cell& from = cells_[size_t(r) * kSide + c];
            picture.max[size_t(r) * n + c] = from.max;
            picture.mass[size_t(r) * n + c] = n_rows_[r] == 0 ? 0.0F : float(from.sum / n_rows_[r]);
        }
    }
    return picture;
}

}  // namespace app
