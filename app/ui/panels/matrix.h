// The matrix of one head: where its cells lie, and how it is drawn and pointed at.
#pragma once

#include <string>
#include <vector>

#include "app/ui/panels/panels.h"

namespace app::ui {

/// What the sink mode makes of the pictures.
Measure measure_of(const UiState& state);

// matrix_place.cpp in this folder
MatrixPlace place_matrix(Panel& p, const Rect& outer);
void pan_matrix(Panel& p, const MatrixPlace& m, double columns, double rows);
void center_matrix(Panel& p, double key, double query);

// minimap.cpp
/// The whole head in small, and what of it is on the screen; only where that is a part. `matrix`:
/// the colours of the matrix.
void draw_minimap(Panel& p, const MatrixPlace& m, const ColorScale& matrix);

// matrix_paint.cpp
/// Fill view.matrix_picture where something has changed; returns the scale it is painted with.
ColorScale paint_matrix(Panel& p, const MatrixPlace& m);

// matrix_readout.cpp
void draw_readout(Panel& p, const MatrixPlace& m, const CellAt& cell, bool hovered);
bool prints_values(const Gui& gui, const MatrixPlace& m);

// matrix_legend.cpp
/// Room below the cells for the axis and the legend, which takes more lines where it is narrow.
float legend_height(const Panel& p, const MatrixPlace& m);
void draw_matrix_legend(Panel& p, const MatrixPlace& m, const ColorScale& scale, uint32_t query,
                        std::optional<uint32_t> key);

// matrix.cpp
void draw_matrix(Panel& p, const MatrixPlace& place, const RowLinks& links,
                 std::optional<uint32_t> key);

/// An exact cell as the sink mode shows it: as it is, or of the row without BOS. Nothing where it
/// has not been computed again yet.
std::optional<float> shown_weight(UiState& state, uint32_t query, uint32_t key);
/// A cell's number as it is written: a share, or weight x value norm.
std::string shown_number(const UiState& state, double value);
/// The same without the sink mode.
std::optional<float> exact_weight(UiState& state, uint32_t query, uint32_t key);
/// On position 0; 0 where the window hides it.
std::optional<float> sink_weight(const UiState& state, uint32_t query);

}  // namespace app::ui
