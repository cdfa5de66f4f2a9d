// ShownCells: one grid of an export as a picture shows it: pooled to the cells that have room, each
// with its value or with the reason why it has none, and the scale of the colours.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "app/exports/picture.h"
#include "app/exports/view_export.h"

namespace app {

struct ShownCells {
    uint32_t n_rows = 0, n_cols = 0;
    uint32_t skipped = 0;                 // columns of the grid before the first one: key 0
    uint32_t rows_per = 1, cols_per = 1;  // cells of the grid in each; the largest counts
    std::vector<float> values;            // [n_rows, n_cols], where the kind is color
    std::vector<CellKind> kinds;
    /// [n_rows] the largest weight on key 0, where it is shown beside the cells; NaN: not captured.
    std::vector<float> sink;
    float high = 0;  // the largest value
};
ShownCells shown_cells(const ViewExport& view, const ExportGrid& grid, uint32_t most);

/// Keys that the layer's window holds; 0: global. Nothing where the view does not know.
std::optional<uint32_t> window_of(const ViewExport& view, int32_t layer);

/// Logarithmic, from the weight of an even row to the largest value.
struct ToneScale {
    float low = 0, high = 0;
    double at(float value) const;
};
/// For grids whose largest value is `high`, over `n` keys.
ToneScale tone_scale(const ViewExport& view, float high, uint32_t n);

/// At `x`, `y`, each cell this large.
PictureCells painted(const ShownCells& cells, const ToneScale& scale, bool dark, double x, double y,
                     double cell_width, double cell_height);

}  // namespace app
