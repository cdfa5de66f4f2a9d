// The matrix of one head: where its cells lie, and how it is drawn and pointed at.
#pragma once

#include "app/ui/panels/panels.h"

namespace app::ui {

struct MatrixPlace {
    Rect outer;  // with the gutter, axis and legend below
    Rect area;   // of the cells
    Rect gutter;
    float cell = 0;          // device pixels per cell; whole, or below 1 when pooled
    uint32_t first_key = 0;  // column at area.x
    uint32_t first_query = 0;
    uint32_t n = 0;       // cells across
    uint32_t n_rows = 0;  // rows in the cache
    uint32_t pool = 1;    // cells per pixel when pooled

    float x_of(uint32_t key) const { return area.x + (float(key) - float(first_key)) * cell; }
    float y_of(uint32_t query) const { return area.y + (float(query) - float(first_query)) * cell; }
};

MatrixPlace place_matrix(Panel& p, const Rect& outer);
void draw_matrix(Panel& p, const MatrixPlace& place, const RowLinks& links,
                 std::optional<uint32_t> key);
/// Keys + - 0 and the wheel.
void zoom_matrix(Panel& p, double factor, double key, double query);

/// Weight as the mode shows it: as it is, or of the row without BOS.
float shown_weight(const UiState& state, uint32_t query, uint32_t key);

}  // namespace app::ui
