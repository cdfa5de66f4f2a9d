#include "app/ui/panels/matrix.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace app::ui {

float shown_weight(const UiState& state, uint32_t query, uint32_t key) {
    const float w = state.matrix.at(query, key);
    if (state.sink != SinkMode::renormalized) {
        return w;
    }
    const float rest = 1 - state.matrix.at(query, 0);
    return key == 0 || rest <= 1e-6f ? 0 : w / rest;
}

void zoom_matrix(Panel& p, double factor, double key, double query) {
    MatrixZoom& z = p.view.zoom;
    const double n = std::max(p.state.rows_in_cache(), 1u);
    if (z.whole) {
        z = {false, 0, 0, n};
    }
    const double span = std::clamp(z.span * factor, 3.0, n);
    z.key = key - (key - z.key) * span / z.span;
    z.query = query - (query - z.query) * span / z.span;
    z.span = span;
    if (span >= n) {
        z.whole = true;
    }
    z.key = std::clamp(z.key, 0.0, std::max(0.0, n - span));
    z.query = std::clamp(z.query, 0.0, std::max(0.0, n - span));
}

void zoom_matrix_keys(Panel& p, double factor, double key, double query) {
    zoom_matrix(p, factor, key, query);
}

MatrixPlace place_matrix(Panel& p, const Rect& outer) {
    Gui& gui = p.gui;
    MatrixPlace m;
    m.outer = outer;
    m.n_rows = p.state.rows_in_cache();
    const bool gutter = p.state.sink != SinkMode::raw;
    const float gutter_w = std::round(gui.px(gutter ? 50 : 34));
    const float side = std::floor(std::min(outer.w - gutter_w - gui.px(2), outer.h));
    if (side < gui.px(40) || m.n_rows == 0) {
        return m;
    }
    const uint32_t first = gutter ? 1 : 0;
    MatrixZoom& z = p.view.zoom;
    if (z.whole) {
        m.first_key = first;
        m.first_query = 0;
        m.n = m.n_rows;
    } else {
        m.n = uint32_t(std::clamp(std::round(z.span), 3.0, double(m.n_rows)));
        m.first_key = std::max(first, uint32_t(std::lround(z.key)));
        m.first_query = uint32_t(std::lround(z.query));
    }
    m.n = std::max(m.n, 1u);
    m.cell = std::floor(side / float(m.n));
    if (m.cell < 1) {
        m.pool = uint32_t(std::ceil(float(m.n) / side));
        m.cell = 1.0f / float(m.pool);
    } else if (z.whole) {
        m.cell = std::min(m.cell, std::round(gui.px(28)));
    }
    const float size = std::floor(float(m.n) * m.cell);
    m.gutter = {outer.x, outer.y, gutter_w - gui.px(4), size};
    m.area = {std::round(outer.x + gutter_w), outer.y, size, size};
    return m;
}

namespace {

struct ColorScale {
    float low = 0.01f, high = 1;  // weights at the two ends
    float at(float v) const {
        return std::log(std::max(v, low) / low) / std::log(std::max(high, low * 1.01f) / low);
    }
};

ColorScale scale_of(const Panel& p, const MatrixPlace& m) {
    ColorScale s;
    s.low = 1.0f / float(std::max(m.n_rows, 2u));
    s.high = s.low * 1.01f;
    const HeadMatrix& matrix = p.state.matrix;
    const uint32_t first = p.state.sink == SinkMode::raw ? 0 : 1;
    for (uint32_t q = matrix.begin(); q < std::min(matrix.end(), m.n_rows); ++q) {
        if (matrix.has_row(q)) {
            for (uint32_t k = first; k <= q; ++k) {
                s.high = std::max(s.high, shown_weight(p.state, q, k));
            }
        }
    }
    return s;
}

void paint(Panel& p, const MatrixPlace& m, const ColorScale& scale, Picture& out) {
    const Theme& theme = p.gui.theme();
    const HeadMatrix& matrix = p.state.matrix;
    const ImU32 masked = Gui::rgb(theme.rgb(Color::masked));
    const ImU32 hatch = Gui::rgb(theme.rgb(Color::hatch));
    const ImU32 dot = Gui::rgb(theme.mix(Color::masked, Color::text3, 0.6f));
    const ImU32 absent = Gui::rgb(theme.rgb(Color::inspector));
    const int period = std::max(6, int(std::round(p.gui.px(9))));
    const int dots = std::max(4, int(std::round(p.gui.px(5))));
    std::vector<ImU32> ramp(256);
    for (size_t i = 0; i < ramp.size(); ++i) {
        ramp[i] = Gui::rgb(theme.attention(float(i) / 255));
    }
    for (int y = 0; y < out.height(); ++y) {
        const auto q0 = m.first_query + uint32_t(float(y) / m.cell);
        uint32_t* row = out.row(y);
        for (int x = 0; x < out.width(); ++x) {
            const auto k0 = m.first_key + uint32_t(float(x) / m.cell);
            if (k0 >= q0 + m.pool) {
                row[x] = (x + y) % period == 0 ? hatch : masked;
                continue;
            }
            float v = -1;
            bool there = false;
            for (uint32_t q = q0; q < std::min(q0 + m.pool, m.n_rows); ++q) {
                there = there || matrix.has_row(q);
                for (uint32_t k = k0; k < k0 + m.pool && k <= q; ++k) {
                    if (matrix.visible(q, k) && matrix.has_row(q)) {
                        v = std::max(v, shown_weight(p.state, q, k));
                    }
                }
            }
            if (v >= 0) {
                row[x] = ramp[size_t(std::clamp(scale.at(v), 0.0f, 1.0f) * 255)];
            } else if (there) {
                row[x] = x % dots == dots / 2 && y % dots == dots / 2 ? dot : masked;
            } else {
                row[x] = q0 >= m.n_rows ? masked : absent;
            }
        }
    }
}

/// BOS as bars: what share of each row went to position 0.
void draw_gutter(Panel& p, const MatrixPlace& m) {
    Gui& gui = p.gui;
    if (p.state.sink == SinkMode::raw) {
        return;
    }
    for (uint32_t i = 0; i < m.n; i += m.pool) {
        const uint32_t q = m.first_query + i;
        if (q >= m.n_rows || !p.state.matrix.has_row(q) || !p.state.matrix.visible(q, 0)) {
            continue;
        }
        const float w = std::max(1.0f, m.gutter.w * p.state.matrix.at(q, 0));
        const float h = std::max(1.0f, std::floor(m.cell) - (m.cell >= 3 ? 1 : 0));
        const bool row = q == p.state.selection.query;
        gui.fill({m.gutter.right() - w, m.y_of(q), w, h}, row ? Color::row : Color::gutter);
    }
}

void draw_axis(Panel& p, const MatrixPlace& m) {
    Gui& gui = p.gui;
    const float cy = m.area.bottom() + gui.px(11);
    if (p.state.sink != SinkMode::raw) {
        gui.text_right(type::kBadge, m.gutter.right(), cy, "BOS");
    }
    uint32_t step = 1;
    const float need = gui.px(30) / std::max(m.cell, 1e-6f);
    for (const uint32_t s : {1u, 2u, 5u, 10u, 20u, 50u, 100u, 200u, 500u, 1000u, 2000u, 5000u}) {
        step = s;
        if (float(s) >= need) {
            break;
        }
    }
    for (uint32_t k = (m.first_key + step - 1) / step * step; k < m.first_key + m.n; k += step) {
        const float x = m.x_of(k) + m.cell / 2;
        if (k >= m.first_key && k < m.n_rows && x < m.area.right()) {
            gui.text_centred(type::kValue, x, cy, std::to_string(k));
        }
    }
}

bool prints_values(const Gui& gui, const MatrixPlace& m) {
    return m.cell >= gui.px(34);
}

/// With room for it, every cell carries its number.
void draw_values(Panel& p, const MatrixPlace& m, const ColorScale& scale) {
    Gui& gui = p.gui;
    if (!prints_values(gui, m)) {
        return;
    }
    for (uint32_t r = 0; r < m.n; ++r) {
        const uint32_t q = m.first_query + r;
        for (uint32_t c = 0; c < m.n; ++c) {
            const uint32_t k = m.first_key + c;
            if (q >= m.n_rows || k > q || !p.state.matrix.has_row(q) ||
                !p.state.matrix.visible(q, k)) {
                continue;
            }
            const float w = shown_weight(p.state, q, k);
            const Rgb under = gui.theme().attention(scale.at(w));
            const bool white = contrast(under, 0xFFFFFF) > contrast(under, 0x101014);
            const std::string text = fixed(double(w) * 100, w < 0.9995f ? 1 : 0);
            const TextStyle style = type::kValue;
            const float x = m.x_of(k) + m.cell / 2 - gui.width(style, text) / 2;
            const float y = m.y_of(q) + m.cell / 2 + gui.px(4);
            gui.glyphs(style, x, y, text, Gui::rgb(white ? 0xFFFFFF : 0x101014));
            gui.registry().bind(fmt::format("cell.{}.{}", q, k), double(w), text);
        }
    }
}

void draw_selection(Panel& p, const MatrixPlace& m, uint32_t query, std::optional<uint32_t> key) {
    Gui& gui = p.gui;
    ImDrawList* draw = gui.draw();
    const float out = std::max(1.0f, std::round(gui.px(1)));
    draw->PushClipRect({m.outer.x - gui.px(4), m.area.y - gui.px(3)},
                       {m.area.right() + gui.px(3), m.area.bottom() + gui.px(3)}, true);
    const float cell = std::max(m.cell, 2.0f);
    if (query >= m.first_query && query < m.first_query + m.n) {
        const float right = std::min(m.area.right(), m.x_of(query + 1));
        const Rect row{m.gutter.x - out, m.y_of(query) - out,
                       std::max(right, m.area.x) + out - m.gutter.x + out, cell + 2 * out};
        if (!gui.theme().dark) {  // the casing on the outside only: the cells stay in sight
            gui.frame(row.inset(-out, -out), Color::row_text, 2.5f, 1);
        }
        gui.frame(row, Color::row, 1.5f, 1.5f);
    }
    if (key && *key >= m.first_key && *key < m.first_key + m.n) {
        const float top = std::max(m.area.y, m.y_of(*key));
        const Rect column{m.x_of(*key) - out, top - out, cell + 2 * out,
                          m.area.bottom() - top + 2 * out};
        if (!gui.theme().dark) {
            gui.frame(column.inset(-out, -out), Color::key_text, 2.5f, 1);
        }
        gui.frame(column, Color::key, 1.5f, 1.5f);
        if (query >= m.first_query && query < m.first_query + m.n && *key <= query) {
            gui.frame(
                {m.x_of(*key) - 2 * out, m.y_of(query) - 2 * out, cell + 4 * out, cell + 4 * out},
                Color::crosshair, 0.5f, 2);
        }
    }
    draw->PopClipRect();
}

struct CellAt {
    uint32_t query = 0, key = 0;
};

std::optional<CellAt> cell_under(const MatrixPlace& m, float x, float y) {
    if (!m.area.contains(x, y) || m.cell <= 0) {
        return std::nullopt;
    }
    const CellAt cell{m.first_query + uint32_t((y - m.area.y) / m.cell),
                      m.first_key + uint32_t((x - m.area.x) / m.cell)};
    return cell.query < m.n_rows && cell.key <= cell.query ? std::optional(cell) : std::nullopt;
}

/// Pointing, clicking, wheel and drag.
void interact(Panel& p, const MatrixPlace& m) {
    Gui& gui = p.gui;
    const Hit hit = gui.hit("matrix", m.area, "matrix", "attention of one head");
    const ImGuiIO& io = ImGui::GetIO();
    const double key = double(m.first_key) + double((io.MousePos.x - m.area.x) / m.cell);
    const double query = double(m.first_query) + double((io.MousePos.y - m.area.y) / m.cell);
    if (hit.hovered) {
        ImGui::SetItemKeyOwner(ImGuiKey_MouseWheelY);
        if (io.MouseWheel != 0) {
            zoom_matrix(p, std::pow(0.82, double(io.MouseWheel)), key, query);
        }
    }
    const bool dragging = hit.held && ImGui::IsMouseDragging(ImGuiMouseButton_Left, 4.0f);
    if (dragging && !p.view.zoom.whole) {
        MatrixZoom& z = p.view.zoom;
        const double n = std::max(p.state.rows_in_cache(), 1u);
        z.key = std::clamp(z.key - double(io.MouseDelta.x / m.cell), 0.0, n - z.span);
        z.query = std::clamp(z.query - double(io.MouseDelta.y / m.cell), 0.0, n - z.span);
    }
    const auto cell = cell_under(m, io.MousePos.x, io.MousePos.y);
    if (!hit.hovered || !cell || m.pool > 1) {
        return;
    }
    p.view.next_hovered_cell = {cell->query, cell->key};
    if (hit.double_clicked) {
        zoom_matrix(p, p.view.zoom.whole ? 8.0 / double(m.n) : 1e9, key, query);
    } else if (hit.clicked && !dragging && ImGui::GetMouseDragDelta().x == 0) {
        p.state.select_query(cell->query);
        p.state.select_key(cell->key);
    }
}

constexpr float kReadoutGap = 12;

/// Where the read-out stands, of a size: in the masked corner of the whole matrix, beside it, or
/// where it hides neither the cell it speaks of nor what is pointed at.
Rect readout_place(const Panel& p, const MatrixPlace& m, uint32_t query, uint32_t key, float w,
                   float h) {
    const Gui& gui = p.gui;
    const float gap = gui.px(kReadoutGap);
    const Rect corner{m.area.right() - w - gap, m.area.y + gap, w, h};
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const float cell = std::max(m.cell, 2.0f);
    const auto hides = [&](const Rect& box) {
        const Rect around = box.inset(-gui.px(8), -gui.px(8));
        return around.contains(mouse.x, mouse.y) ||
               around.contains(m.x_of(key) + cell / 2, m.y_of(query) + cell / 2);
    };
    const Rect low{m.area.x + gap, m.area.bottom() - h - gap, w, h};
    return hides(corner) && !hides(low) ? low : corner;
}

/// True when a box of this size lies in the masked corner and on no cell.
bool fits_corner(const Panel& p, const MatrixPlace& m, float w, float h) {
    return p.view.zoom.whole && w + h + 2 * p.gui.px(kReadoutGap) + m.cell <= m.area.w;
}

struct Readout {
    uint32_t query = 0, key = 0;
    std::string value, bos;
    bool visible = false;
};

void draw_full_readout(Panel& p, const Rect& box, const Readout& of) {
    Gui& gui = p.gui;
    const Message& answer = *p.state.selected();
    const float x = box.x + gui.px(14);
    gui.text(of.visible ? type::kNumber : type::kTitle, x, box.y + gui.px(25), of.value);
    const float row_y = box.y + gui.px(51), key_y = box.y + gui.px(69);
    const TextStyle label{Face::medium, 12, Color::row_text};
    const float after =
        std::max(gui.text(label, x, row_y, fmt::format("row {}", of.query)),
                 gui.text(with(label, Color::key_text), x, key_y, fmt::format("key {}", of.key)));
    const float face_x = after + gui.px(9);
    const float room = box.right() - gui.px(10) - face_x;
    const auto side = [&](uint32_t position, float y, const std::string& words) {
        TokenFace face = face_of(answer.tokens[position]);
        face.text = one_line(face.text, 9);
        const float end =
            draw_face(gui, face_x, y, face, Color::text, {Face::mono_medium, 12, Color::text});
        if (end + gui.px(8) + gui.width(type::kNote, words) <= face_x + room) {
            gui.text(type::kNote, end + gui.px(8), y, words);
        }
    };
    side(of.query, row_y, "looked at");
    side(of.key, key_y, of.key == of.query ? "itself" : fmt::format("{} back", of.query - of.key));
    gui.text(type::kNote, x, box.y + gui.px(88), of.bos);
}

/// The value, and the two positions in one line.
void draw_small_readout(Panel& p, const Rect& box, const Readout& of) {
    Gui& gui = p.gui;
    const TextStyle label{Face::medium, 12, Color::row_text};
    const float x = box.x + gui.px(12);
    gui.text(of.visible ? type::kNumber : type::kTitle, x, box.y + gui.px(22), of.value);
    const float y = box.y + gui.px(44);
    const float after = gui.text(label, x, y, fmt::format("row {}", of.query));
    gui.text(with(label, Color::key_text), after + gui.px(9), y, fmt::format("key {}", of.key));
}

void draw_readout(Panel& p, const MatrixPlace& m, uint32_t query, uint32_t key) {
    Gui& gui = p.gui;
    const Message& answer = *p.state.selected();
    if (!p.state.matrix.has_row(query) || query >= answer.tokens.size() || key > query ||
        m.area.w < gui.px(180)) {
        return;
    }
    const bool visible = p.state.matrix.visible(query, key);
    const double weight = double(shown_weight(p.state, query, key));
    const Readout of{query, key, visible ? percent(weight) : "out of window",
                     p.state.matrix.visible(query, 0)
                         ? "BOS took " + percent(double(p.state.matrix.at(query, 0)))
                         : "BOS is out of the window",
                     visible};
    const float w = gui.px(162), h = gui.px(106);
    const float small_w = gui.px(118), small_h = gui.px(58);
    const bool beside = m.outer.right() - m.area.right() > w + gui.px(24);
    const bool small = !beside && !fits_corner(p, m, w, h);
    if (small && prints_values(gui, m)) {
        return;  // it would hide a cell to say what stands in another
    }
    Rect box = readout_place(p, m, query, key, small ? small_w : w, small ? small_h : h);
    if (beside && !fits_corner(p, m, w, h)) {
        box = {m.area.right() + gui.px(16), m.area.y + gui.px(kReadoutGap), w, h};
    }
    box = {std::round(box.x), std::round(box.y), std::round(box.w), std::round(box.h)};
    gui.card(box, Color::card, Color::edge, 10);
    gui.registry().add("matrix.readout", {box, box, "note", of.value, true});
    gui.registry().bind("readout.weight", weight, of.value);
    small ? draw_small_readout(p, box, of) : draw_full_readout(p, box, of);
}

void draw_legend(Panel& p, const MatrixPlace& m, const ColorScale& scale, uint32_t query,
                 std::optional<uint32_t> key) {
    Gui& gui = p.gui;
    const float left = m.outer.x, right = m.outer.right();
    const float cy = m.area.bottom() + gui.px(38);
    constexpr std::array<std::string_view, 3> kModes = {"raw", "gutter", "renorm."};
    Rect taken;
    const int mode = segmented(gui, "sink", right, cy, kModes, int(p.state.sink), &taken);
    if (mode >= 0) {
        p.state.sink = SinkMode(mode);
    }
    const std::string low = "≤ " + percent(double(scale.low)), high = percent(double(scale.high));
    float x = gui.text(type::kValue, left, cy, low) + gui.px(6);
    const Rect ramp{std::round(x), std::round(cy - gui.px(4)),
                    std::round(std::clamp(taken.x - x - gui.px(150), gui.px(30), gui.px(96))),
                    std::round(gui.px(8))};
    for (int i = 0; i < 16; ++i) {
        const float x0 = ramp.x + ramp.w * float(i) / 16, x1 = ramp.x + ramp.w * float(i + 1) / 16;
        const ImU32 a = Gui::rgb(gui.theme().attention(float(i) / 16));
        const ImU32 b = Gui::rgb(gui.theme().attention(float(i + 1) / 16));
        gui.draw()->AddRectFilledMultiColor({x0, ramp.y}, {x1, ramp.bottom()}, a, b, b, a);
    }
    x = gui.text(type::kValue, ramp.right() + gui.px(6), cy, high);
    if (x + gui.px(90) < taken.x) {
        gui.text(type::kNote, x + gui.px(10), cy, "log, per head");
    }
    const float honesty = m.area.bottom() + gui.px(68);
    const bool scaled = p.state.sink == SinkMode::renormalized;
    float room = right - left;
    const auto small_button = [&](std::string_view id, float at, Icon icon, std::string_view tip,
                                  bool on) {
        return icon_button(gui, id, at, honesty, icon, tip, on, 24);
    };
    if (small_button("matrix.whole", right - gui.px(12), Icon::refresh, "Show the whole matrix (0)",
                     !p.view.zoom.whole)) {
        p.view.zoom.whole = true;
    }
    if (small_button("matrix.zoom_in", right - gui.px(38), Icon::plus,
                     "Zoom to the selected cell (+, wheel, double click)", true)) {
        zoom_matrix(p, 0.5, double(key.value_or(query)) + 0.5, double(query) + 0.5);
    }
    room -= gui.px(60);
    if (m.pool > 1) {
        gui.text_fit(
            with(type::kNote, Color::row_text), left, honesty, room,
            fmt::format("{0} × {0} cells a pixel, the largest shown. Zoom in for values.", m.pool));
    } else {
        gui.text_choice(type::kNote, left, honesty, room,
                        {scaled ? "Rows without BOS, scaled to 100 %. Attention is not explanation."
                                : "Attention is not explanation: it says where a head read from.",
                         scaled ? "Scaled without BOS. Attention is not explanation."
                                : "Attention is not explanation."});
    }
}

uint64_t paint_key(const Panel& p, const MatrixPlace& m) {
    uint64_t key = p.state.matrix.version() * 1000003;
    for (const uint64_t part :
         {uint64_t(m.first_key), uint64_t(m.first_query), uint64_t(m.n), uint64_t(m.n_rows),
          uint64_t(p.state.sink), uint64_t(p.view.dark())}) {
        key = (key ^ part) * 1099511628211ull;
    }
    return key;
}

}  // namespace

void draw_matrix(Panel& p, const MatrixPlace& m, const RowLinks& links,
                 std::optional<uint32_t> key) {
    if (m.n == 0 || m.area.w < 1) {
        return;
    }
    const ColorScale scale = scale_of(p, m);
    Picture& picture = p.view.matrix_picture;
    if (picture.wants(paint_key(p, m), int(m.area.w), int(m.area.h))) {
        paint(p, m, scale, picture);
        picture.upload();
    }
    picture.draw(p.gui.draw(), m.area.x, m.area.y);
    draw_gutter(p, m);
    draw_values(p, m, scale);
    uint32_t query = links.query;
    std::optional<uint32_t> shown_key = key;
    draw_selection(p, m, query, shown_key);
    interact(p, m);
    if (p.view.hovered_cell) {
        query = p.view.hovered_cell->first;
        shown_key = p.view.hovered_cell->second;
        const float cell = std::max(m.cell, 2.0f);
        p.gui.frame({m.x_of(*shown_key), m.y_of(query), cell, cell}, Color::crosshair, 0, 1.5f);
    }
    if (shown_key && p.state.selection.position > 0) {
        draw_readout(p, m, query, *shown_key);
    }
    draw_axis(p, m);
    draw_legend(p, m, scale, links.query, key);
}

}  // namespace app::ui
