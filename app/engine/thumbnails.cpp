#include "app/engine/thumbnails.h"

#include <algorithm>
#include <cmath>

#include "gpu/base.h"

namespace app {

uint8_t log_code(float weight) {
    if (!(weight > 0)) {
        return 0;
    }
    return uint8_t(std::clamp(255 + std::lround(16 * std::log2(weight)), 0L, 255L));
}

float log_value(uint8_t code) {
    return code == 0 ? 0.0F : std::exp2((float(code) - 255) / 16);
}

ThumbnailPool::ThumbnailPool(const Thumbnail& picture)
    : n_positions_(picture.n_positions), bin_(std::max(picture.bin, 1U)) {
    const uint32_t n = picture.side;
    CHECK(n <= kSide && n == side(), "side {} bin {} positions {}", n, bin_, n_positions_);
    CHECK(picture.max.size() == size_t(n) * n && picture.mass.size() == picture.max.size(),
          "{} cells", picture.max.size());
    CHECK(picture.rest_max.size() == n && picture.rest_mass.size() == n, "{} cells of rest",
          picture.rest_max.size());
    for (uint32_t r = 0; r < n; ++r) {
        n_rows_[r] = std::min(bin_, n_positions_ - r * bin_);
        for (uint32_t c = 0; c < n; ++c) {
            const size_t i = size_t(r) * n + c;
            cell(r, c) = {double(picture.mass[i]) * n_rows_[r], picture.max[i]};
        }
        rest_[r] = {double(picture.rest_mass[r]) * n_rows_[r], picture.rest_max[r]};
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
    std::array<Cell, kSide> rest{};
    const auto merge = [](Cell& to, const Cell& part) {
        to.sum += part.sum;
        to.max = std::max(to.max, part.max);
    };
    for (uint32_t r = 0; r < kSide / 2; ++r) {  // column 0: what is not position 0 of columns 0, 1
        for (uint32_t i = 0; i < 2; ++i) {
            merge(rest[r], rest_[2 * r + i]);
            merge(rest[r], cell(2 * r + i, 1));
        }
    }
    rest_ = rest;
    for (uint32_t r = 0; r < kSide; ++r) {
        for (uint32_t c = 0; c < kSide; ++c) {
            Cell merged;
            if (r < kSide / 2 && c < kSide / 2) {
                for (uint32_t i = 0; i < 4; ++i) {
                    merge(merged, cell(2 * r + i / 2, 2 * c + i % 2));
                }
            }
            cell(r, c) = merged;  // only cells that are not read any more
        }
        n_rows_[r] = r < kSide / 2 ? n_rows_[size_t(2) * r] + n_rows_[size_t(2) * r + 1] : 0;
    }
    bin_ *= 2;
}

void ThumbnailPool::put(uint32_t row, uint32_t key, float max, double sum) {
    const uint32_t column = key / bin_;
    Cell& c = cell(row, column);
    c.sum += sum;
    c.max = std::max(c.max, max);
    if (column == 0 && key != 0) {
        rest_[row].sum += sum;
        rest_[row].max = std::max(rest_[row].max, max);
    }
}

void ThumbnailPool::reserve(uint32_t n_positions) {
    while (bin_ < bin_for(n_positions)) {
        double_bin();
    }
}

bool ThumbnailPool::add_row(uint32_t position, uint32_t first_key, std::span<const float> weights) {
    if (position < n_positions_) {
        return false;
    }
    CHECK(weights.empty() || first_key + weights.size() - 1 <= position, "keys {}+{} of query {}",
          first_key, weights.size(), position);
    reserve(position + 1);
    const uint32_t row = position / bin_;
    for (size_t j = 0; j < weights.size(); ++j) {
        put(row, uint32_t(first_key + j), weights[j], double(weights[j]));
    }
    ++n_rows_[row];
    n_positions_ = position + 1;
    return true;
}

bool ThumbnailPool::add_row(uint32_t position, const PooledRow& pooled) {
    if (position < n_positions_) {
        return false;
    }
    reserve(position + 1);
    CHECK(bin_ % pooled.bin == 0 && pooled.first_key % pooled.bin == 0, "bins of {} from {} in {}",
          pooled.bin, pooled.first_key, bin_);
    const uint32_t row = position / bin_;
    put(row, 0, pooled.sink, double(pooled.sink));
    for (uint32_t b = 0; b < pooled.n_bins; ++b) {
        const uint32_t last = pooled.first_key + (b + 1) * pooled.bin - 1;
        if (pooled.max[b] > 0 && last > 0) {  // `last` stands for the bin: it is never the sink
            put(row, last, pooled.max[b], double(pooled.sum[b]));
        }
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
    std::fill(rest_.begin() + kept, rest_.end(), Cell{});
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
    picture.rest_max.resize(n);
    picture.rest_mass.resize(n);
    for (uint32_t r = 0; r < n; ++r) {
        for (uint32_t c = 0; c < n; ++c) {
            const Cell& from = cells_[size_t(r) * kSide + c];
            picture.max[size_t(r) * n + c] = from.max;
            picture.mass[size_t(r) * n + c] = n_rows_[r] == 0 ? 0.0F : float(from.sum / n_rows_[r]);
        }
        picture.rest_max[r] = rest_[r].max;
        picture.rest_mass[r] = n_rows_[r] == 0 ? 0.0F : float(rest_[r].sum / n_rows_[r]);
    }
    return picture;
}

}  // namespace app
