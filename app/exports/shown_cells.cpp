#include "app/exports/shown_cells.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

namespace app {

namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

/// Without the rows and columns at the end of a pooled picture that nothing has come into.
struct Used {
    uint32_t rows = 0, cols = 0;
};
Used used_part(const ExportGrid& grid) {
    if (!grid.name.starts_with("thumb")) {
        return {grid.n_rows, grid.n_cols};
    }
    uint32_t last = 0;
    for (size_t i = 0; i < grid.values.size(); ++i) {
        if (!std::isnan(grid.values[i])) {
            last = std::max({last, uint32_t(i / grid.n_cols), uint32_t(i % grid.n_cols)});
        }
    }
    return {std::min(last + 1, grid.n_rows), std::min(last + 1, grid.n_cols)};
}

/// Values as the sink mode has them.
class GridReader {
public:
    GridReader(const ViewExport& view, const ExportGrid& grid)
        : grid_(grid),
          mode_(view.sink),
          has_key_0_(grid.first_col == 0 && grid.n_cols > 0),
          apart_(mode_ != SinkView::raw && has_key_0_ && grid.n_cols > 1 && grid.bin == 1 &&
                 grid.rest.empty()) {}

    /// Key 0 has a place of its own beside the cells.
    bool apart() const { return apart_; }
    float sink(uint32_t row) const {
        return !grid_.sink.empty() ? grid_.sink[row] : grid_.values[size_t{row} * grid_.n_cols];
    }
    float at(uint32_t row, uint32_t col) const {
        const float v = grid_.values[size_t{row} * grid_.n_cols + col];
        if (mode_ == SinkView::raw || std::isnan(v)) {
            return v;
        }
        if (col == 0 && has_key_0_ && !grid_.rest.empty()) {
            return grid_.rest[row];
        }
        if (mode_ == SinkView::renormalized && apart_) {
            const float left = 1 - sink(row);
            return left > 1e-6f ? v / left : v;
        }
        return v;
    }

private:
    const ExportGrid& grid_;
    const SinkView mode_;
    const bool has_key_0_, apart_;
};

/// The rule decides what is masked, never the value.
CellKind rule(std::optional<uint32_t> window, uint64_t q0, uint64_t q1, uint64_t k0, uint64_t k1) {
    if (k0 >= q1) {
        return CellKind::future;
    }
    return window.value_or(0) != 0 && k1 - 1 + *window <= q0 ? CellKind::out_of_window
                                                             : CellKind::color;
}

}  // namespace

std::optional<uint32_t> window_of(const ViewExport& view, int32_t layer) {
    const auto& windows = view.model.windows;
    return layer >= 0 && size_t(layer) < windows.size() ? std::optional(windows[size_t(layer)])
                                                        : std::nullopt;
}

ShownCells shown_cells(const ViewExport& view, const ExportGrid& grid, uint32_t most) {
    const Used used = used_part(grid);
    const GridReader read(view, grid);
    const std::optional<uint32_t> window = window_of(view, grid.layer);
    ShownCells out;
    out.skipped = read.apart() ? 1 : 0;
    const uint32_t n_cols = used.cols - out.skipped;
    out.rows_per = std::max(1U, (used.rows + most - 1) / most);
    out.cols_per = std::max(1U, (n_cols + most - 1) / most);
    out.n_rows = (used.rows + out.rows_per - 1) / out.rows_per;
    out.n_cols = (n_cols + out.cols_per - 1) / out.cols_per;
    for (uint32_t r = 0; r < out.n_rows; ++r) {
        const uint32_t r0 = r * out.rows_per, r1 = std::min(r0 + out.rows_per, used.rows);
        float sink = kNone;
        for (uint32_t i = r0; i < r1 && read.apart(); ++i) {
            sink = std::fmax(sink, read.sink(i));
        }
        if (read.apart()) {
            out.sink.push_back(sink);
        }
        for (uint32_t c = 0; c < out.n_cols; ++c) {
            const uint32_t c0 = out.skipped + c * out.cols_per;
            const uint32_t c1 = std::min(c0 + out.cols_per, used.cols);
            const auto place = [&](uint32_t first, uint32_t i) {
                return uint64_t{first} + uint64_t{i} * grid.bin;
            };
            CellKind kind = rule(window, place(grid.first_row, r0), place(grid.first_row, r1),
                                 place(grid.first_col, c0), place(grid.first_col, c1));
            float value = kNone;
            for (uint32_t i = r0; i < r1 && kind == CellKind::color; ++i) {
                for (uint32_t k = c0; k < c1; ++k) {
                    value = std::fmax(value, read.at(i, k));
                }
            }
            if (kind == CellKind::color && std::isnan(value)) {
                kind = CellKind::absent;
            }
            out.high = std::fmax(out.high, value);
            out.values.push_back(value);
            out.kinds.push_back(kind);
        }
    }
    return out;
}

double ToneScale::at(float value) const {
    return std::log(double(std::max(value, low)) / double(low)) /
           std::log(double(high) / double(low));
}

ToneScale tone_scale(const ViewExport& view, float high, uint32_t n) {
    // A share's floor is that of an even row; other numbers have the same span.
    const float unit = view.sink == SinkView::valued && high > 0 ? high : 1;
    ToneScale scale{.low = unit / float(std::max(n, 2U))};
    scale.high = std::max(high, scale.low * 1.01f);
    return scale;
}

PictureCells painted(const ShownCells& cells, const ToneScale& scale, bool dark, double x, double y,
                     double cell_width, double cell_height) {
    PictureCells out{.x = x,
                     .y = y,
                     .cell_width = cell_width,
                     .cell_height = cell_height,
                     .n_rows = cells.n_rows,
                     .n_cols = cells.n_cols,
                     .kinds = cells.kinds};
    for (const float value : cells.values) {
        out.colors.push_back(std::isnan(value) ? Rgb{} : attention_color(dark, scale.at(value)));
    }
    return out;
}

}  // namespace app
