// ThumbnailPool: attention rows of one head, pooled to a picture of at most 64 x 64 cells as they
// come. Pure; used by the engine (answers) and by the window (pictures that grow with the answer).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "app/engine/messages.h"

namespace app {

/// Weights in 8 bits, as pictures keep them: 16 steps an octave. 0: nothing, or below 2^-15.9.
uint8_t log_code(float weight);
float log_value(uint8_t code);
/// What an export says of such values.
constexpr const char* kThumbFact = "of 8 bits: 16 steps for each factor of 2";

class ThumbnailPool {
public:
    static constexpr uint32_t kSide = 64;

    ThumbnailPool() = default;
    /// Go on from an answer, as if its rows had been added one by one.
    explicit ThumbnailPool(const Thumbnail& picture);

    /// The smallest power of two with ceil(n_positions / bin) <= 64.
    static uint32_t bin_for(uint32_t n_positions);

    /// The row of query `position`: weights of the keys [first_key, first_key + weights.size()),
    /// all
    /// <= position. Rows come in ascending order and may be left out; an older one is ignored
    /// (false). The bin doubles when needed: four cells become one, which loses nothing.
    bool add_row(uint32_t position, uint32_t first_key, std::span<const float> weights);

    /// The same of a row pooled over bins of `bin` keys, a part of this picture's bins, without key
    /// 0: `sink` is its weight. Values [n_bins] as in model::PooledRows.
    struct PooledRow {
        uint32_t first_key = 0, bin = 1, n_bins = 0;
        const float* max = nullptr;
        const float* sum = nullptr;
        float sink = 0;
    };
    bool add_row(uint32_t position, const PooledRow& row);
    /// Make the bins as large as `n_positions` will need them.
    void reserve(uint32_t n_positions);

    /// Forget rows from n on. A cell that holds rows on both sides of n goes as a whole, so this
    /// returns where to go on adding: rows [returned, n) are to be added again.
    uint32_t truncate(uint32_t n);

    uint32_t n_positions() const { return n_positions_; }
    uint32_t bin() const { return bin_; }
    uint32_t side() const { return (n_positions_ + bin_ - 1) / bin_; }
    Thumbnail picture(uint32_t layer, uint32_t head) const;

private:
    struct Cell {
        double sum = 0;  // of the weights
        float max = 0;
    };
    Cell& cell(uint32_t row, uint32_t column) { return cells_[size_t(row) * kSide + column]; }
    void double_bin();
    void put(uint32_t row, uint32_t key, float max, double sum);

    std::array<Cell, kSide> rest_{};  // column 0 without key 0
    std::vector<Cell> cells_ = std::vector<Cell>(size_t(kSide) * kSide);
    std::array<uint32_t, kSide> n_rows_{};  // rows that were added, per row of cells
    uint32_t n_positions_ = 0;
    uint32_t bin_ = 1;
};

}  // namespace app
