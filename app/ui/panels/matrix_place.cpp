// How the matrix lies in its room, and how that moves.
#include <algorithm>
#include <cmath>

#include "app/ui/panels/matrix.h"

namespace app::ui {

namespace {

constexpr double kWholeCells = 3;  // from this size on cells are whole pixels

/// Pixels per cell for n of them in `room`: whole ones where they are large enough to tell apart.
double cell_size(float room, double n, float widest) {
    const double size = double(room) / std::max(n, 1.0);
    return std::min(size >= kWholeCells ? std::floor(size) : size, double(widest));
}

/// The finest level whose bins are not smaller than a pixel's cells can be told apart.
uint32_t level_of(double size) {
    return size >= 1 ? 0 : uint32_t(std::floor(std::log2(1 / size)));
}

/// Distances that a band shows: the window, and what lies beyond its edge.
uint32_t band_columns(uint32_t window, uint32_t n_rows) {
    return std::min(n_rows, window + std::max(2u, window / 16));
}

void clamp_zoom(MatrixZoom& z, double n) {
    if (z.span >= n) {
        z.whole = true;
    }
    z.key = std::clamp(z.key, 0.0, std::max(0.0, n - z.span));
    z.query = std::clamp(z.query, 0.0, std::max(0.0, n - z.span));
}

void place_columns(MatrixPlace& m, const MatrixZoom& z, bool gutter, float side, float widest) {
    if (m.band) {
        m.first_key = 0;
        m.n = band_columns(m.window, m.n_rows);
        const double size = cell_size(side, m.n, widest);
        m.cell = float(size);
        m.columns_per_pixel = 1 / size;
        m.key_level = level_of(size);
        m.area.w = float(std::round(m.n * size));
        return;
    }
    m.cell = m.row;
    m.columns_per_pixel = m.rows_per_pixel;
    m.key_level = m.level;
    m.n = m.n_queries;
    m.first_key = z.whole
                      ? (gutter && m.level == 0 ? 1 : 0)
                      : std::max(gutter && m.level == 0 ? 1u : 0u, uint32_t(std::lround(z.key)));
    m.area.w = m.area.h;
}

/// The viewport in tiles, for what is to be asked of the engine.
void note_viewport(Panel& p, const MatrixPlace& m) {
    Viewport v;
    v.measure = measure_of(p.state);
    v.band = m.band;
    v.level = m.level;
    v.key_level = m.key_level;
    const auto tiles = [](uint32_t first, uint32_t n, uint32_t level, uint32_t& begin,
                          uint32_t& end) {
        const uint64_t cells = uint64_t{AttentionPyramidTile::kSide} << level;
        begin = uint32_t(first / cells);
        end = uint32_t((uint64_t{first} + std::max(n, 1u) - 1) / cells) + 1;
    };
    tiles(m.first_query, m.n_queries, m.level, v.row_begin, v.row_end);
    tiles(m.first_key, m.n, m.key_level, v.column_begin, v.column_end);
    p.state.sight.viewport = v;
    p.state.ranks.view = {m.first_query, m.n_queries};
}

}  // namespace

Measure measure_of(const UiState& state) {
    return state.sink == SinkMode::renormalized ? Measure::renormalized
           : state.sink == SinkMode::valued     ? Measure::valued
                                                : Measure::weight;
}

void zoom_matrix(Panel& p, double factor, double key, double query) {
    MatrixZoom& z = p.view.zoom;
    const double n = std::max(p.state.rows_in_cache(), 1u);
    if (z.whole) {
        z = {false, 0, 0, n};
    }
    const double span = std::clamp(z.span * factor, std::min(3.0, n), n);
    z.key = key - (key - z.key) * span / z.span;
    z.query = query - (query - z.query) * span / z.span;
    z.span = span;
    clamp_zoom(z, n);
}

void pan_matrix(Panel& p, const MatrixPlace& m, double columns, double rows) {
    MatrixZoom& z = p.view.zoom;
    if (z.whole) {
        return;
    }
    z.key += m.band ? 0 : columns;
    z.query += rows;
    clamp_zoom(z, std::max(m.n_rows, 1u));
}

void pan_matrix_keys(Panel& p, double columns, double rows) {
    const MatrixPlace& m = p.view.matrix_place;
    const double step = std::max(1.0, std::round(double(m.n_queries) / 8));
    pan_matrix(p, m, columns * step, rows * step);
}

MatrixPlace place_matrix(Panel& p, const Rect& outer) {
    Gui& gui = p.gui;
    MatrixPlace m;
    m.outer = outer;
    m.n_rows = p.state.rows_in_cache();
    m.window = p.state.matrix.window();
    m.band = p.state.sight.band && m.window != 0;
    const bool gutter = p.state.sink != SinkMode::raw;
    const float gutter_w = std::round(gui.px(gutter ? 50 : 34));
    const float side = std::floor(std::min(outer.w - gutter_w - gui.px(2), outer.h));
    if (side < gui.px(40) || m.n_rows == 0) {
        p.state.sight.viewport.reset();
        return m;
    }
    MatrixZoom& z = p.view.zoom;
    const double span = z.whole ? m.n_rows : std::clamp(z.span, 1.0, double(m.n_rows));
    const float widest = z.whole ? std::round(gui.px(28)) : side;
    const double size = cell_size(side, span, widest);
    m.row = float(size);
    m.rows_per_pixel = 1 / size;
    m.level = level_of(size);
    m.first_query = z.whole ? 0 : uint32_t(std::lround(z.query));
    // Whole cells leave a rest: more rows of a part fill it.
    m.n_queries = z.whole ? m.n_rows
                          : std::clamp(uint32_t(std::lround(double(side) / size - 0.5)), 1u,
                                       m.n_rows - m.first_query);
    const auto height = float(std::round(m.n_queries * size));
    m.area = {std::round(outer.x + gutter_w), outer.y, height, height};
    place_columns(m, z, gutter, std::floor(outer.w - gutter_w - gui.px(2)), widest);
    m.gutter = {outer.x, outer.y, gutter_w - gui.px(4), height};
    note_viewport(p, m);
    p.view.matrix_place = m;
    return m;
}

void center_matrix(Panel& p, double key, double query) {
    MatrixZoom& z = p.view.zoom;
    z.key = key - z.span / 2;
    z.query = query - z.span / 2;
    clamp_zoom(z, std::max(p.state.rows_in_cache(), 1u));
    z.whole = false;
}

}  // namespace app::ui
