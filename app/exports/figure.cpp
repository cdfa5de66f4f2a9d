#include "app/exports/figure.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

namespace app {

namespace {

/// The widest that a title makes a picture.
constexpr double kMostTextWidth = 900;
constexpr double kRampWidth = 140;
constexpr uint32_t kRampSteps = 70;

std::string_view kind_words(CellKind kind) {
    switch (kind) {
        case CellKind::future:
            return "masked: later than the query";
        case CellKind::out_of_window:
            return "outside the window";
        default:
            return "not captured";
    }
}

/// A frame of one pixel.
void add_frame(Picture& out, double x, double y, double width, double height) {
    const Rgb edge = out.colors().edge;
    for (const PictureBox& box :
         {PictureBox{x - 1, y - 1, width + 2, 1, edge},
          PictureBox{x - 1, y + height, width + 2, 1, edge}, PictureBox{x - 1, y, 1, height, edge},
          PictureBox{x + width, y, 1, height, edge}}) {
        out.boxes.push_back(box);
    }
}

}  // namespace

std::string layer_words(const ViewExport& view, int32_t layer) {
    const std::optional<uint32_t> window = window_of(view, layer);
    return !window ? "" : *window == 0 ? "global" : fmt::format("local, window {}", *window);
}

std::string sink_words(const ViewExport& view, bool pooled) {
    if (view.sink != SinkView::raw && pooled) {
        return "weights without key 0";
    }
    switch (view.sink) {
        case SinkView::raw:
            return "raw weights, key 0 included";
        case SinkView::gutter:
            return "sink in the gutter: key 0 beside the rows";
        case SinkView::renormalized:
            return "renormalized: rows without key 0 sum to 1";
        default:
            return "weight × norm of what the head adds, without key 0";
    }
}

std::string joined(std::span<const std::string> parts) {
    std::string out;
    for (const std::string& part : parts) {
        if (!part.empty()) {
            out += (out.empty() ? "" : "  ·  ") + part;
        }
    }
    return out;
}

void widen(Picture& out, double right) {
    out.width = std::max(out.width, right + kFigureMargin);
}

double add_title(Picture& out, const std::string& title, const std::string& below) {
    constexpr double kSize = 17, kBelow = 12;
    const std::string first = fitted(title, kSize, kMostTextWidth);
    const std::string second = fitted(below, kBelow, kMostTextWidth);
    out.texts.push_back(
        {.x = kFigureMargin, .y = 36, .size = kSize, .strong = true, .text = first});
    out.texts.push_back({.x = kFigureMargin, .y = 57, .size = kBelow, .dim = true, .text = second});
    widen(out, kFigureMargin + text_width(first, kSize));
    widen(out, kFigureMargin + text_width(second, kBelow));
    return 70;
}

double add_legend(Picture& out, const Legend& legend, double left, double right, double y) {
    constexpr double kHeight = 10, kGap = 6, kRow = 22, kSwatch = 24;
    double x = left;
    const auto text = [&](const std::string& words, bool dim) {
        out.texts.push_back({.x = x, .y = y + 9, .size = kNoteSize, .dim = dim, .text = words});
        x += text_width(words, kNoteSize) + kGap;
    };
    text(fmt::format("≤ {:.3g}", legend.scale.low), false);
    x = std::round(x);
    PictureCells ramp{.x = x,
                      .y = y,
                      .cell_width = kRampWidth / kRampSteps,
                      .cell_height = kHeight,
                      .n_rows = 1,
                      .n_cols = kRampSteps,
                      .kinds = std::vector<CellKind>(kRampSteps, CellKind::color)};
    for (uint32_t i = 0; i < kRampSteps; ++i) {
        ramp.colors.push_back(attention_color(out.dark, double(i) / (kRampSteps - 1)));
    }
    add_frame(out, x, y, kRampWidth, kHeight);
    out.cells.push_back(std::move(ramp));
    x += kRampWidth + kGap + 1;
    text(fmt::format("{:.3g}", legend.scale.high), false);
    text(legend.scale_words, true);
    widen(out, x);
    const auto swatch = [&](CellKind kind, const std::string& words) {
        x = std::round(x) + 14;
        if (x + kSwatch + kGap + text_width(words, kNoteSize) >
            std::max(right, out.width - kFigureMargin)) {
            x = left;
            y += kRow;
        }
        out.cells.push_back({.x = x,
                             .y = y - 1,
                             .cell_width = kSwatch,
                             .cell_height = kHeight + 2,
                             .n_rows = 1,
                             .n_cols = 1,
                             .kinds = {kind},
                             .colors = {out.colors().bar}});
        add_frame(out, x, y - 1, kSwatch, kHeight + 2);
        x += kSwatch + kGap + 1;
        text(words, true);
        widen(out, x);
    };
    for (const CellKind kind : legend.kinds) {
        swatch(kind, std::string(kind_words(kind)));
    }
    if (legend.gutter) {
        swatch(CellKind::color, "weight on key 0, of 1");
    }
    return y + kRow;
}

void add_caption(Picture& out, const std::string& source, double y) {
    const std::string words = fmt::format(
        "Source: {}. Attention is not explanation: it says where a head read from.", source);
    out.texts.push_back(
        {.x = kFigureMargin, .y = y + 12, .size = kNoteSize, .dim = true, .text = words});
    widen(out, kFigureMargin + text_width(words, kNoteSize));
    out.height = y + 12 + 20;
}

}  // namespace app
