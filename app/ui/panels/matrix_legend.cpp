// Below the matrix: colours and their scale, sink modes, what a pixel is, zoom, the honest line.
#include <algorithm>
#include <array>
#include <cmath>
#include <span>

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

constexpr std::string_view kHonest = "Attention is not explanation.";
constexpr std::array<std::string_view, kSinkModes> kModes = {"raw", "gutter", "renorm.", "value"};
constexpr std::array<std::string_view, 2> kShapes = {"square", "band"};
constexpr std::array<std::string_view, 2> kPooling = {"max", "mean"};
constexpr float kAxis = 38, kLine = 30,
                kBelow = 22;  // first line's centre, from line to line, rest

/// Lines that the legend takes beyond its two where these have no room; the honest line is whole on
/// one of its own where the words beside the tools leave none.
struct LegendLines {
    int modes = 0;         // the sink modes below the scale; 2: in two halves
    bool pooling = false;  // below the other tools
    float honest = 0;      // pixels of the line of its own
};

std::string pixel_words(const Panel& p, const MatrixPlace& m) {
    const auto cells = [](double n) { return std::max(1L, std::lround(std::ceil(n))); };
    return fmt::format("{} of {} × {} cells a pixel",
                       p.state.sight.pooling == Pooling::max ? "Max" : "Mean row mass",
                       cells(m.rows_per_pixel), cells(m.columns_per_pixel));
}

/// What is to be said of the sink mode and the pixels; empty: nothing.
std::string legend_words(const Panel& p, const MatrixPlace& m) {
    const std::string& why = p.state.sight.values_not_captured;
    switch (p.state.sink) {
        case SinkMode::renormalized:
            return "Rows without BOS, scaled to 100 %";
        case SinkMode::valued:
            return why.empty() ? "Weight × norm of what the head adds" : why;
        default:
            return m.pooled() ? pixel_words(p, m) : std::string();
    }
}

LegendLines legend_lines(const Panel& p, const MatrixPlace& m) {
    const Gui& gui = p.gui;
    LegendLines out;
    const float w = m.outer.w;
    const float modes = segmented_width(gui, kModes);
    const bool valued = p.state.sink == SinkMode::valued;  // the longest that are written
    const float scale = gui.width(type::kValue, valued ? "≤ 1.23e-05" : "≤ 0.01 %") +
                        gui.width(type::kValue, valued ? "1.23e-05" : "100.0 %") +
                        gui.px(6 + 30 + 6 + 10);
    out.modes = modes > w ? 2 : scale + modes > w ? 1 : 0;
    float tools = gui.px(56 + 6);
    tools += m.window != 0 ? segmented_width(gui, kShapes) + gui.px(6) : 0;
    const float pooling = m.pooled() ? segmented_width(gui, kPooling) + gui.px(6) : 0;
    out.pooling = tools + pooling > w;
    tools += out.pooling ? 0 : pooling;
    const std::string words = legend_words(p, m);
    const std::string whole =
        words.empty() ? std::string(kHonest)
                      : words + (words.ends_with('.') ? " " : ". ") + std::string(kHonest);
    const bool beside = gui.width(type::kNote, whole) <= w - tools;
    out.honest = beside ? 0 : gui.paragraph(type::kNote, 0, 0, w, 18, kHonest, true);
    return out;
}

/// The sink modes, right-aligned, in `halves` lines; `taken`: the first of them.
void draw_modes(Panel& p, float right, float cy, int halves, Rect* taken) {
    const std::span<const std::string_view> all = kModes;
    const size_t n = all.size() / size_t(halves);
    for (size_t first = 0; first < all.size(); first += n) {
        const int mode = segmented(p.gui, "sink", right, cy, all.subspan(first, n),
                                   int(p.state.sink) - int(first), first == 0 ? taken : nullptr);
        if (mode >= 0) {
            p.state.sink = SinkMode(mode + int(first));
        }
        cy += p.gui.px(kLine);
    }
}

/// Scale and sink modes.
void draw_scale(Panel& p, const MatrixPlace& m, const ColorScale& scale, float cy, int below) {
    Gui& gui = p.gui;
    const float left = m.outer.x, right = m.outer.right();
    Rect taken{right, cy, 0, 0};
    draw_modes(p, right, cy + (below > 0 ? gui.px(kLine) : 0), std::max(below, 1),
               below > 0 ? nullptr : &taken);
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

/// From the right: zoom, band, what a pixel shows (one line below where there is no room). Returns
/// what is left.
float draw_tools(Panel& p, const MatrixPlace& m, float cy, bool pooling_below, uint32_t query,
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
        Rect taken;
        const int shape = segmented(gui, "shape", right, cy, kShapes, m.band ? 1 : 0, &taken);
        if (shape >= 0) {
            p.state.sight.band = shape == 1;
        }
        right = taken.x - gui.px(6);
    }
    if (m.pooled()) {
        Rect taken;
        const int pooling = pooling_below
                                ? segmented(gui, "pooling", m.outer.right(), cy + gui.px(kLine),
                                            kPooling, int(p.state.sight.pooling))
                                : segmented(gui, "pooling", right, cy, kPooling,
                                            int(p.state.sight.pooling), &taken);
        if (pooling >= 0) {
            p.state.sight.pooling = Pooling(pooling);
        }
        right = pooling_below ? right : taken.x - gui.px(6);
    }
    return right;
}

}  // namespace

float legend_height(const Panel& p, const MatrixPlace& m) {
    const LegendLines lines = legend_lines(p, m);
    return p.gui.px(kAxis + kLine + kBelow + kLine * float(lines.modes + (lines.pooling ? 1 : 0))) +
           lines.honest;
}

void draw_matrix_legend(Panel& p, const MatrixPlace& m, const ColorScale& scale, uint32_t query,
                        std::optional<uint32_t> key) {
    Gui& gui = p.gui;
    const LegendLines lines = legend_lines(p, m);
    const float top = m.area.bottom() + gui.px(kAxis);
    draw_scale(p, m, scale, top, lines.modes);
    const float cy = top + gui.px(kLine * float(1 + lines.modes));
    const float right = draw_tools(p, m, cy, lines.pooling, query, key);
    const float left = m.outer.x, room = right - gui.px(6) - left;
    const bool odd =
        p.state.sink == SinkMode::renormalized ||
        (p.state.sink == SinkMode::valued && !p.state.sight.values_not_captured.empty());
    const std::string words = legend_words(p, m);
    if (lines.honest > 0) {
        const float y = cy + gui.px(kLine * (lines.pooling ? 1.5f : 0.5f));
        gui.paragraph(type::kNote, left, y, m.outer.w, 18, kHonest);
    }
    const std::string with_honest =
        words + (words.ends_with('.') ? " " : ". ") + std::string(kHonest);
    const std::string_view first = lines.honest > 0 ? std::string_view(words) : with_honest;
    const TextStyle style = with(type::kNote, odd ? Color::row_text : Color::text2);
    if (p.state.sink == SinkMode::renormalized) {
        gui.text_choice(style, left, cy, room, {first, words, "Scaled without BOS", "No BOS", ""});
    } else if (p.state.sink == SinkMode::valued) {
        gui.text_choice(
            style, left, cy, room,
            {first, words, odd ? "Values: not captured" : "Weight × norm of what it adds",
             "× value", ""});
    } else if (m.pooled()) {
        gui.text_choice(style, left, cy, room,
                        {first, words,
                         fmt::format("{} × {}", std::lround(std::ceil(m.rows_per_pixel)),
                                     std::lround(std::ceil(m.columns_per_pixel))),
                         ""});
    } else if (lines.honest <= 0) {
        gui.text_choice(style, left, cy, room,
                        {"Attention is not explanation: it says where a head read from.", kHonest});
    }
}

}  // namespace app::ui
