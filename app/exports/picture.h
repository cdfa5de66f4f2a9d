// Picture: boxes, cells and texts of an exported view in pixels at scale 1, which SVG writes as
// they are and a painter with fonts turns into pixels.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/exports/picture_colors.h"

namespace app {

struct Pixels {
    uint32_t width = 0, height = 0;
    std::vector<uint8_t> rgb;  // [height, width, 3]

    void set(uint32_t x, uint32_t y, const Rgb& color);
};

struct PictureBox {
    double x = 0, y = 0, width = 0, height = 0;
    Rgb color{};
};

/// What fills a cell: its colour, or why it has none. Each reason has a pattern of its own.
enum class CellKind : uint8_t {
    color,
    future,         // later than the query: diagonal lines
    out_of_window,  // earlier than the window reaches: dots
    absent,         // not captured: the page
};
struct PictureCells {
    double x = 0, y = 0, cell_width = 0, cell_height = 0;
    uint32_t n_rows = 0, n_cols = 0;
    std::vector<CellKind> kinds;  // [n_rows, n_cols]
    std::vector<Rgb> colors;      // the same; of CellKind::color
};

enum class Align : uint8_t { left, center, right };
struct PictureText {
    double x = 0, y = 0;  // the end or the middle that `align` says, baseline
    double size = 12;     // of the em
    Align align = Align::left;
    bool strong = false;
    bool turned = false;  // reads from bottom to top
    bool dim = false;     // in the second ink
    std::string text;
};

/// Texts lie over cells, cells over boxes.
struct Picture {
    double width = 0, height = 0;
    bool dark = false;
    std::vector<PictureBox> boxes;
    std::vector<PictureCells> cells;
    std::vector<PictureText> texts;

    const PictureColors& colors() const { return picture_colors(dark); }
};

/// Patterns repeat after so many pixels at scale 1.
inline constexpr int kHatchPeriod = 6, kDotPeriod = 5;

/// Draws a picture `scale` times as large; `problem`: a sentence, where the fonts are missing.
/// Texts need fonts, which a program without a window does without: it has no painter.
using PicturePainter = Pixels (*)(const Picture& picture, uint32_t scale, std::string& problem);
/// Once, before anything is exported.
void use_picture_painter(PicturePainter painter);
PicturePainter picture_painter();

/// Width of a text in pixels, on the wide side: fonts are not known where pictures are laid out.
double text_width(std::string_view text, double size);
/// The text, or as much of it as has room, with "…" at its end.
std::string fitted(std::string_view text, double size, double room);

/// The picture as a whole SVG file.
std::string picture_svg(const Picture& picture, std::string_view title);
/// Text for HTML and SVG.
std::string markup(std::string_view text);

}  // namespace app
