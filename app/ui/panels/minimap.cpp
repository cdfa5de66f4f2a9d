// The whole head in small, beside a part of it: which rows and keys are in view.
#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "app/engine/thumbnails.h"
#include "app/ui/panels/matrix.h"

namespace app::ui {

namespace {

constexpr float kSide = 72, kPad = 6, kTick = 3, kWords = 18;
constexpr uint32_t kMostTicks = 4;

/// The matrix's own, where it shows weights as they are; else that of the weights without BOS.
ColorScale scale_of(const Panel& p, const HeadThumb& t, const ColorScale& matrix) {
    if (p.state.sink == SinkMode::raw || p.state.sink == SinkMode::gutter) {
        return matrix;
    }
    ColorScale own{1 / float(std::max(t.n_positions, 2u)), 0};
    for (uint32_t r = 0; r < t.side(); ++r) {
        for (uint32_t c = 0; c <= r; ++c) {
            own.high = std::max(own.high, log_value(t.at(r, c, false, false)));
        }
    }
    own.high = std::max(own.high, own.low * 1.01f);
    return own;
}

void paint(Panel& p, const MatrixPlace& m, const HeadThumb& t, const ColorScale& scale,
           Picture& out) {
    const Theme& theme = p.gui.theme();
    const bool mean = m.pooled() && p.state.sight.pooling == Pooling::mean;
    const bool raw = p.state.sink == SinkMode::raw;
    // A pixel's mass there and here: that of as many columns.
    const float columns = std::max(1.0f, float(t.bin) / float(m.column_bin()));
    const double cells = double(std::max(m.n_rows, 1u)) / out.height();
    for (int y = 0; y < out.height(); ++y) {
        const auto query = uint32_t((y + 0.5) * cells), row = query / t.bin;
        for (int x = 0; x < out.width(); ++x) {
            const auto key = uint32_t((x + 0.5) * cells), column = key / t.bin;
            const bool seen = row < t.side() && column <= row && t.has_row(row) &&
                              (m.window == 0 || key + m.window + t.bin > query);
            const float v = seen ? log_value(t.at(row, column, mean, raw)) : 0;
            const float shade = std::clamp(scale.at(mean ? v / columns : v), 0.0f, 1.0f);
            out.row(y)[x] = Gui::rgb(seen ? theme.attention(shade) : theme.rgb(Color::masked));
        }
    }
}

uint64_t paint_key(const Panel& p, const MatrixPlace& m, const HeadThumb& t,
                   const ColorScale& scale) {
    uint64_t key = t.version * 4 + (p.view.dark() ? 2 : 0) + 1;
    for (const uint64_t part :
         {uint64_t(m.n_rows), uint64_t(m.column_bin()), uint64_t(p.state.sink),
          uint64_t(p.state.sight.pooling), uint64_t(std::bit_cast<uint32_t>(scale.low)),
          uint64_t(std::bit_cast<uint32_t>(scale.high))}) {
        key = (key ^ part) * 1099511628211ull;
    }
    return key;
}

/// Positions at the left edge with their numbers, at the lower edge without: it is a square.
void draw_ticks(const Gui& gui, const Rect& box, uint32_t n, uint32_t step) {
    for (uint32_t at = 0; at < n; at += step) {
        const float d = std::round(box.w * float(at) / float(n));
        gui.hline(box.x - gui.px(kTick), box.y + d, gui.px(kTick), Color::text3);
        gui.vline(box.x + d, box.bottom(), gui.px(kTick), Color::text3);
        gui.text_right(type::kValue, box.x - gui.px(kTick + 3),
                       std::min(box.y + d + gui.px(4), box.bottom() - gui.px(2)), thousands(at));
    }
}

/// What the matrix shows of it.
void draw_view(Gui& gui, const Rect& box, const MatrixPlace& m) {
    const float scale = box.w / float(std::max(m.n_rows, 1u));
    const float w = m.band ? box.w : std::max(gui.px(3), float(m.n) * scale);
    const float h = std::max(gui.px(3), float(m.n_queries) * scale);
    const float x = m.band ? box.x : box.x + float(m.first_key) * scale;
    const Rect view{std::min(x, box.right() - w),
                    std::min(box.y + float(m.first_query) * scale, box.bottom() - h), w, h};
    gui.frame(view, Color::crosshair, 1, 1.5f);
    gui.registry().add("matrix.map.view", {view, view, "mark", "in view", true});
}

}  // namespace

void draw_minimap(Panel& p, const MatrixPlace& m, const ColorScale& matrix) {
    Gui& gui = p.gui;
    const float side = std::round(gui.px(kSide));
    const HeadThumb* t = p.state.thumbs.find(p.state.selection.layer, p.state.selection.head);
    if (p.view.zoom.whole || m.area.w < 2.5f * side || m.area.h < 2.5f * side || t == nullptr) {
        return;
    }
    const uint32_t step = nice_step(double(m.n_rows) / kMostTicks);
    const std::string largest = thousands((m.n_rows - 1) / step * step);
    const float left = std::round(gui.width(type::kValue, largest) + gui.px(kPad + kTick + 3));
    const float pad = std::round(gui.px(kPad));
    const Rect box{std::round(m.area.right() - side - gui.px(8) - pad),
                   std::round(m.area.y + gui.px(8) + pad), side, side};
    p.view.minimap = {box.x - left, box.y - pad, left + side + pad,
                      side + pad + std::round(gui.px(kTick + kWords))};
    gui.card(p.view.minimap, Color::card, Color::edge, 6);
    Picture& picture = p.view.minimap_picture;
    const ColorScale scale = scale_of(p, *t, matrix);
    if (picture.wants(paint_key(p, m, *t, scale), int(side), int(side))) {
        paint(p, m, *t, scale, picture);
        picture.upload();
    }
    picture.draw(gui.draw(), box.x, box.y);
    draw_ticks(gui, box, m.n_rows, step);
    draw_view(gui, box, m);
    const uint32_t last = std::min(m.first_query + m.n_queries, m.n_rows) - 1;
    const std::string range = fmt::format("{}–{}", thousands(m.first_query), thousands(last));
    gui.text_choice(type::kNote, p.view.minimap.x + pad, box.bottom() + gui.px(kTick + 9),
                    p.view.minimap.w - 2 * pad, {"rows " + range, range});
    const Hit hit = gui.hit("matrix.map", box, "map", "the whole head", true, true);
    gui.tooltip(
        "The whole head, pooled. The frame is what the matrix shows. Click or drag: go "
        "there. 0: show it whole");
    if (hit.held || hit.clicked) {
        const double cells = double(m.n_rows) / double(side);
        const ImVec2 at = ImGui::GetIO().MousePos;
        center_matrix(p, double(at.x - box.x) * cells, double(at.y - box.y) * cells);
    }
}

}  // namespace app::ui
