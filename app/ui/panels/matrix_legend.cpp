// Below the matrix: colours and their scale, sink modes, what a pixel is, zoom, the honest line.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "app/ui/panels/matrix.h"

namespace app::ui {

namespace {

void draw_ramp(const Gui& gui, const Rect& ramp) {
    for (int i = 0; i < 16; ++i) {
        const float x0 = ramp.x + ramp.w * float(i) / 16, x1 = ramp.x + ramp.w * float(i + 1) / 16;
        const ImU32 a = Gui::rgb(gui.theme().attention(float(i) / 16));
        const ImU32 b = Gui::rgb(gui.theme().attention(float(i + 1) / 16));
        gui.draw()->AddRectFilledMultiColor({x0, ramp.y}, {x1, ramp.bottom()}, a, b, b, a);
    }
}

/// Scale and sink modes.
void draw_scale(Panel& p, const MatrixPlace& m, const ColorScale& scale, float cy) {
    Gui& gui = p.gui;
    const float left = m.outer.x, right = m.outer.right();
    constexpr std::array<std::string_view, kSinkModes> kModes = {"raw", "gutter", "renorm.",
                                                                 "value"};
    Rect taken;
    const int mode = segmented(gui, "sink", right, cy, kModes, int(p.state.sink), &taken);
    if (mode >= 0) {
        p.state.sink = SinkMode(mode);
    }
    const std::string low = "≤ " + shown_number(p.state, double(scale.low));
    const std::string high = shown_number(p.state, double(scale.high));
    float x = gui.text(type::kValue, left, cy, low) + gui.px(6);
    const Rect ramp{std::round(x), std::round(cy - gui.px(4)),
                    std::round(std::clamp(taken.x - x - gui.px(150), gui.px(30), gui.px(96))),
                    std::round(gui.px(8))};
    draw_ramp(gui, ramp);
    x = gui.text(type::kValue, ramp.right() + gui.px(6), cy, high);
    const bool mean = m.pooled() && p.state.sight.pooling == Pooling::mean;
    gui.text_choice(type::kNote, x + gui.px(10), cy, taken.x - x - gui.px(14),
                    {mean ? "log, in view" : "log, per head", "log", ""});
}

/// From the right: zoom, band, what a pixel shows. Returns what is left.
float draw_tools(Panel& p, const MatrixPlace& m, float cy, uint32_t query,
                 std::optional<uint32_t> key) {
    Gui& gui = p.gui;
    float right = m.outer.right();
    if (icon_button(gui, "matrix.whole", right - gui.px(12), cy, Icon::refresh,
                    "Show the whole matrix (0)", !p.view.zoom.whole, 24)) {
        p.view.zoom.whole = true;
    }
    if (icon_button(gui, "matrix.zoom_in", right - gui.px(38), cy, Icon::plus,
                    "Zoom to the selected cell (+, wheel, double click)", true, 24)) {
        zoom_matrix(p, 0.5, double(key.value_or(query)) + 0.5, double(query) + 0.5);
    }
    right -= gui.px(56);
    if (m.window != 0) {
        constexpr std::array<std::string_view, 2> kShapes = {"square", "band"};
        Rect taken;
        const int shape = segmented(gui, "shape", right, cy, kShapes, m.band ? 1 : 0, &taken);
        if (shape >= 0) {
            p.state.sight.band = shape == 1;
        }
        right = taken.x - gui.px(6);
    }
    if (m.pooled()) {
        constexpr std::array<std::string_view, 2> kPooling = {"max", "mean"};
        Rect taken;
        const int pooling =
            segmented(gui, "pooling", right, cy, kPooling, int(p.state.sight.pooling), &taken);
        if (pooling >= 0) {
            p.state.sight.pooling = Pooling(pooling);
        }
        right = taken.x - gui.px(6);
    }
    return right;
}

std::string pixel_words(const Panel& p, const MatrixPlace& m) {
    const auto cells = [](double n) { return std::max(1L, std::lround(std::ceil(n))); };
    return fmt::format("{} of {} × {} cells a pixel",
                       p.state.sight.pooling == Pooling::max ? "Max" : "Mean row mass",
                       cells(m.rows_per_pixel), cells(m.columns_per_pixel));
}

}  // namespace

void draw_matrix_legend(Panel& p, const MatrixPlace& m, const ColorScale& scale, uint32_t query,
                        std::optional<uint32_t> key) {
    Gui& gui = p.gui;
    draw_scale(p, m, scale, m.area.bottom() + gui.px(38));
    const float cy = m.area.bottom() + gui.px(68);
    const float right = draw_tools(p, m, cy, query, key);
    const float left = m.outer.x, room = right - gui.px(6) - left;
    if (p.state.sink == SinkMode::renormalized) {
        gui.text_choice(with(type::kNote, Color::row_text), left, cy, room,
                        {"Rows without BOS, scaled to 100 %. Attention is not explanation.",
                         "Rows without BOS, scaled to 100 %", "Scaled without BOS", "No BOS"});
    } else if (p.state.sink == SinkMode::valued) {
        const std::string& why = p.state.sight.values_not_captured;
        gui.text_choice(
            with(type::kNote, why.empty() ? Color::text2 : Color::row_text), left, cy, room,
            {why.empty() ? "Weight × norm of what the head adds. Attention is not explanation."
                         : std::string_view(why),
             why.empty() ? "Weight × norm of what it adds" : "Values: not captured", "× value"});
    } else if (m.pooled()) {
        const std::string words = pixel_words(p, m);
        gui.text_choice(type::kNote, left, cy, room,
                        {words + ". Attention is not explanation.", words,
                         fmt::format("{} × {}", std::lround(std::ceil(m.rows_per_pixel)),
                                     std::lround(std::ceil(m.columns_per_pixel)))});
    } else {
        gui.text_choice(type::kNote, left, cy, room,
                        {"Attention is not explanation: it says where a head read from.",
                         "Attention is not explanation.", "Not explanation"});
    }
}

}  // namespace app::ui
