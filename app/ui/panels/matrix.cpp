#include "app/ui/panels/matrix.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace app::ui {

std::optional<float> exact_weight(UiState& state, uint32_t query, uint32_t key) {
    return state.matrix.has_row(query) ? std::optional(state.matrix.at(query, key))
                                       : state.sight.cell(query, key);
}

std::optional<float> sink_weight(const UiState& state, uint32_t query) {
    return state.matrix.has_row(query) ? std::optional(state.matrix.at(query, 0))
                                       : state.sight.sink(query);
}

std::optional<float> shown_weight(UiState& state, uint32_t query, uint32_t key) {
    const std::optional<float> w = exact_weight(state, query, key);
    if (w && state.sink == SinkMode::valued) {
        const std::optional<float> value = state.sight.value(key);
        return value ? std::optional(*w * *value) : std::nullopt;
    }
    if (!w || state.sink != SinkMode::renormalized) {
        return w;
    }
    const std::optional<float> sink = sink_weight(state, query);
    if (!sink) {
        return std::nullopt;
    }
    return key == 0 || 1 - *sink <= 1e-6f ? 0 : *w / (1 - *sink);
}

std::string shown_number(const UiState& state, double value) {
    return state.sink == SinkMode::valued ? fmt::format("{:.3g}", value) : percent(value);
}

bool prints_values(const Gui& gui, const MatrixPlace& m) {
    return !m.pooled() && std::min(m.cell, m.row) >= gui.px(34);
}

namespace {

/// BOS as bars: what share of each row went to position 0; of several rows the largest.
void draw_gutter(Panel& p, const MatrixPlace& m) {
    Gui& gui = p.gui;
    if (p.state.sink == SinkMode::raw) {
        return;
    }
    const auto height = int(m.area.h);
    uint32_t before = ~0U;
    for (int y = 0; y < height; ++y) {
        const auto [r0, r1] = bins_of_pixel(y, m.rows_per_pixel, m.first_query, m.row_bin());
        const uint32_t begin = r0 << m.level, end = std::min(r1 << m.level, m.n_rows);
        if (std::exchange(before, begin) == begin) {
            continue;  // the same row of cells
        }
        float sink = 0;
        bool selected = false;
        for (uint32_t q = begin; q < end; ++q) {
            sink = std::max(sink, sink_weight(p.state, q).value_or(0));
            selected = selected || q == p.state.selection.query;
        }
        if (begin < end && (sink > 0 || p.state.matrix.visible(begin, 0))) {
            const float w = std::max(1.0f, m.gutter.w * sink);
            const float h = std::max(1.0f, std::floor(m.row) - (m.row >= 3 ? 1 : 0));
            gui.fill({m.gutter.right() - w, m.area.y + float(y), w, h},
                     selected ? Color::row : Color::gutter);
        }
    }
}

void draw_axis(Panel& p, const MatrixPlace& m) {
    Gui& gui = p.gui;
    const float cy = m.area.bottom() + gui.px(11);
    if (p.state.sink != SinkMode::raw) {
        gui.text_right(type::kBadge, m.gutter.right(), cy, "BOS");
    }
    const uint32_t step = nice_step(double(gui.px(34) / std::max(m.cell, 1e-6f)));
    for (uint32_t k = (m.first_key + step - 1) / step * step; k < m.first_key + m.n; k += step) {
        const float x = m.x_of(k) + m.cell / 2;
        const std::string text = m.band && k > 0 ? fmt::format("−{}", k) : std::to_string(k);
        const float half = gui.width(type::kValue, text) / 2;
        if (k < m.n_rows && x + half < m.outer.right() && x < m.area.right()) {
            gui.text_centred(type::kValue, std::max(x, m.area.x + half), cy, text);
        }
    }
}

/// Where the window ends: a line along the last key that is seen.
void draw_window_edge(Panel& p, const MatrixPlace& m) {
    if (m.window == 0) {
        return;
    }
    Gui& gui = p.gui;
    ImDrawList* draw = gui.draw();
    draw->PushClipRect({m.area.x, m.area.y}, {m.area.right(), m.area.bottom()}, true);
    const ImU32 color = gui.color(Color::text3);
    if (m.band) {
        const float x = m.x_of(m.window);
        draw->AddLine({x, m.y_of(std::min(m.window, m.first_query + m.n_queries))},
                      {x, m.area.bottom()}, color, gui.whole(1));
    } else if (m.n_rows > m.window) {
        // Query i sees key i - window + 1 and no older one.
        const double first = m.window, last = m.n_rows;
        draw->AddLine({m.x_of(first - m.window), m.y_of(first)},
                      {m.x_of(last - m.window), m.y_of(last)}, color, gui.whole(1));
    }
    draw->PopClipRect();
}

/// With room for it, every cell carries its number.
void draw_values(Panel& p, const MatrixPlace& m, const ColorScale& scale) {
    Gui& gui = p.gui;
    if (!prints_values(gui, m)) {
        return;
    }
    for (uint32_t q = m.first_query; q < std::min(m.first_query + m.n_queries, m.n_rows); ++q) {
        for (uint32_t c = m.first_key; c < m.first_key + m.n; ++c) {
            const uint32_t k = m.band ? q - c : c;
            const bool there = c <= q && p.state.matrix.visible(q, k);
            const std::optional<float> w = there ? shown_weight(p.state, q, k) : std::nullopt;
            if (!w) {
                continue;
            }
            const Rgb under = gui.theme().attention(scale.at(*w));
            const bool white = contrast(under, 0xFFFFFF) > contrast(under, 0x101014);
            const std::string text = p.state.sink == SinkMode::valued
                                         ? fmt::format("{:.2g}", *w)
                                         : fixed(double(*w) * 100, *w < 0.9995f ? 1 : 0);
            const TextStyle style = type::kValue;
            const float x = m.x_of(c) + m.cell / 2 - gui.width(style, text) / 2;
            const float y = m.y_of(q) + m.row / 2 + gui.px(4);
            gui.glyphs(style, x, y, text, Gui::rgb(white ? 0xFFFFFF : 0x101014));
            gui.registry().bind(fmt::format("cell.{}.{}", q, k), double(*w), text);
        }
    }
}

/// A row's frame, with the gutter.
void mark_row_of(Panel& p, const MatrixPlace& m, uint32_t query, float width) {
    Gui& gui = p.gui;
    if (!m.shows_query(query)) {
        return;
    }
    const float out = std::max(1.0f, std::round(gui.px(1)));
    const float right = m.band ? m.area.right() : std::min(m.area.right(), m.x_of(query + 1));
    const Rect row{m.gutter.x - out, m.y_of(query) - out,
                   std::max(right, m.area.x) + out - m.gutter.x + out,
                   std::max(m.row, 2.0f) + 2 * out};
    if (!gui.theme().dark) {  // the casing on the outside only: the cells stay in sight
        gui.frame(row.inset(-out, -out), Color::row_text, 2.5f, 1);
    }
    gui.frame(row, Color::row, 1.5f, width);
    gui.registry().add(fmt::format("matrix.row.{}", query), {row, row, "mark", "row", true});
}

/// A key's frame: a column of the square, a diagonal of the band.
void mark_key_of(Panel& p, const MatrixPlace& m, uint32_t key, float width) {
    Gui& gui = p.gui;
    const float out = std::max(1.0f, std::round(gui.px(1)));
    const std::string id = fmt::format("matrix.key.{}", key);
    if (m.band) {
        const ImVec2 from{m.x_of(0.5), m.y_of(double(key) + 0.5)};
        const ImVec2 to{m.x_of(m.n + 0.5), m.y_of(double(key) + m.n + 0.5)};
        gui.draw()->AddLine(from, to, gui.color(Color::key), gui.px(width));
        gui.registry().add(id, {m.area, m.area, "mark", "key", true});
        return;
    }
    if (!m.shows_column(key)) {
        return;
    }
    const float top = std::max(m.area.y, m.y_of(key));
    const Rect column{m.x_of(key) - out, top - out, std::max(m.cell, 2.0f) + 2 * out,
                      m.area.bottom() - top + 2 * out};
    if (!gui.theme().dark) {
        gui.frame(column.inset(-out, -out), Color::key_text, 2.5f, 1);
    }
    gui.frame(column, Color::key, 1.5f, width);
    gui.registry().add(id, {column, column, "mark", "key", true});
}

void mark_cell(Panel& p, const MatrixPlace& m, const CellAt& at, float grow, float width) {
    const std::optional<uint32_t> column = m.column_of(at);
    if (column && m.shows_query(at.query) && m.shows_column(*column)) {
        p.gui.frame({m.x_of(*column) - grow, m.y_of(at.query) - grow,
                     std::max(m.cell, 2.0f) + 2 * grow, std::max(m.row, 2.0f) + 2 * grow},
                    Color::crosshair, 0.5f, width);
    }
}

void draw_selection(Panel& p, const MatrixPlace& m, uint32_t query, std::optional<uint32_t> key) {
    Gui& gui = p.gui;
    ImDrawList* draw = gui.draw();
    const float out = std::max(1.0f, std::round(gui.px(1)));
    draw->PushClipRect({m.outer.x - gui.px(4), m.area.y - gui.px(3)},
                       {m.area.right() + gui.px(3), m.area.bottom() + gui.px(3)}, true);
    const View& v = p.view;
    if (v.hovered_row() && *v.hovered_row() != query) {
        mark_row_of(p, m, *v.hovered_row(), 1);
    }
    if (v.hovered_key() && v.hovered_key() != key) {
        mark_key_of(p, m, *v.hovered_key(), 1);
    }
    mark_row_of(p, m, query, 1.5f);
    if (key) {
        mark_key_of(p, m, *key, 1.5f);
        if (*key <= query) {
            mark_cell(p, m, {query, *key}, 2 * out, 2);
        }
    }
    if (v.hovered_cell) {
        mark_cell(p, m, *v.hovered_cell, 0, 1.5f);
    }
    draw->PopClipRect();
}

/// Pointing, clicking, wheel and drag.
void interact(Panel& p, const MatrixPlace& m) {
    Gui& gui = p.gui;
    const Hit hit = gui.hit("matrix", m.area, "matrix", "attention of one head");
    const ImGuiIO& io = ImGui::GetIO();
    const double column = double(m.first_key) + double((io.MousePos.x - m.area.x) / m.cell);
    const double query = double(m.first_query) + double((io.MousePos.y - m.area.y) / m.row);
    const double key = m.band ? p.view.zoom.key : column;
    if (hit.hovered) {
        ImGui::SetItemKeyOwner(ImGuiKey_MouseWheelY);
        if (io.MouseWheel != 0) {
            zoom_matrix(p, std::pow(0.82, double(io.MouseWheel)), key, query);
        }
    }
    const bool dragging = hit.held && ImGui::IsMouseDragging(ImGuiMouseButton_Left, 4.0f);
    if (dragging) {
        pan_matrix(p, m, -double(io.MouseDelta.x / m.cell), -double(io.MouseDelta.y / m.row));
    }
    if (hit.hovered && hit.double_clicked) {
        zoom_matrix(p, p.view.zoom.whole ? 8.0 / double(m.n_queries) : 1e9, key, query);
    } else if (hit.hovered && p.view.hovered_cell && hit.clicked && !dragging &&
               ImGui::GetMouseDragDelta().x == 0) {
        p.state.select_query(p.view.hovered_cell->query);
        p.state.select_key(p.view.hovered_cell->key);
    }
}

}  // namespace

void draw_matrix(Panel& p, const MatrixPlace& m, const RowLinks& links,
                 std::optional<uint32_t> key) {
    if (m.n == 0 || m.area.w < 1) {
        return;
    }
    const ColorScale scale = paint_matrix(p, m);
    draw_gutter(p, m);
    draw_window_edge(p, m);
    draw_values(p, m, scale);
    draw_selection(p, m, links.query, key);
    interact(p, m);
    draw_minimap(p, m, scale);
    if (p.view.hovered_cell) {
        draw_readout(p, m, *p.view.hovered_cell, true);
    } else if (key && p.state.selection.position > 0) {
        draw_readout(p, m, {links.query, *key}, false);
    }
    draw_axis(p, m);
    draw_matrix_legend(p, m, scale, links.query, key);
}

}  // namespace app::ui
