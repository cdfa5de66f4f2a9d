// Where the cells of one head's matrix lie on the screen. A square of keys by queries, or a band:
// the distance back from the query by queries.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "app/ui/widgets/registry.h"

namespace app::ui {

/// The part of the matrix on the screen: `span` rows, and as many columns or all distances.
struct MatrixZoom {
    bool whole = true;
    double key = 0, query = 0;  // top left
    double span = 0;
};

/// Weights at the two ends of the colours.
struct ColorScale {
    float low = 0.01f, high = 1;
    float at(float v) const;
};

struct CellAt {
    uint32_t query = 0, key = 0;
    bool operator==(const CellAt&) const = default;
};

/// Bins [first, second) that a device pixel stands for, along one axis: those that begin in it, or
/// the one that it lies in. All pixels together leave none out and take none twice.
std::pair<uint32_t, uint32_t> bins_of_pixel(int pixel, double cells_per_pixel, uint32_t first,
                                            uint32_t bin);

struct MatrixPlace {
    Rect outer;  // with the gutter, axis and legend below
    Rect area;   // of the cells
    Rect gutter;
    bool band = false;
    float cell = 0, row = 0;  // device pixels per column and per row; equal in a square
    double columns_per_pixel = 1, rows_per_pixel = 1;
    uint32_t first_key = 0;  // column at area.x: a key, or a distance
    uint32_t first_query = 0;
    uint32_t n = 0;                     // columns across
    uint32_t n_queries = 0;             // rows down
    uint32_t n_rows = 0;                // rows in the cache
    uint32_t window = 0;                // of the layer; 0: global
    uint32_t level = 0, key_level = 0;  // a pixel of a tile holds 2^level rows, 2^key_level columns

    /// More than one cell a pixel.
    bool pooled() const { return level + key_level > 0; }
    uint32_t row_bin() const { return 1U << level; }
    uint32_t column_bin() const { return 1U << key_level; }
    float x_of(double column) const { return area.x + float(column - double(first_key)) * cell; }
    float y_of(double query) const { return area.y + float(query - double(first_query)) * row; }
    /// Column of a cell; nothing for a key that comes after the query.
    std::optional<uint32_t> column_of(const CellAt& at) const {
        return !band                ? std::optional(at.key)
               : at.key <= at.query ? std::optional(at.query - at.key)
                                    : std::nullopt;
    }
    bool shows_query(uint32_t query) const {
        return query >= first_query && query < first_query + n_queries;
    }
    bool shows_column(uint32_t column) const {
        return column >= first_key && column < first_key + n;
    }
    /// Rows and columns of the sequence under a pixel: of one cell, or of all that the pixel pools.
    struct Span {
        uint32_t query_begin = 0, query_end = 0, column_begin = 0, column_end = 0;
    };
    std::optional<Span> under(float x, float y) const;
};

}  // namespace app::ui
