// Pictures of exported views: cells as pixels; bars and texts as a list of shapes that SVG writes
// as they are and that a painter with fonts turns into pixels.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace app {

struct ViewExport;

using Rgb = std::array<uint8_t, 3>;

struct Pixels {
    uint32_t width = 0, height = 0;
    std::vector<uint8_t> rgb;  // [height, width, 3]

    void set(uint32_t x, uint32_t y, const Rgb& color);
};

struct PictureBox {
    double x = 0, y = 0, width = 0, height = 0;
    Rgb color{};
};
struct PictureText {
    double x = 0, y = 0;  // left or right end, baseline
    double size = 12;     // of the em
    bool right_aligned = false;
    std::string text;
};
/// On white, in pixels at scale 1; texts lie over boxes.
struct Picture {
    double width = 0, height = 0;
    std::vector<PictureBox> boxes;
    std::vector<PictureText> texts;
};

inline constexpr Rgb kPictureInk{0x1a, 0x1b, 0x21};

/// A view without cells: title, source, and a row for each of the table's with its bar.
Picture table_picture(const ViewExport& view);

/// Draws a picture `scale` times as large; `problem`: a sentence, where the fonts are missing.
/// Texts need fonts, which a program without a window does without: it has no painter.
using PicturePainter = Pixels (*)(const Picture& picture, uint32_t scale, std::string& problem);
/// Once, before anything is exported.
void use_picture_painter(PicturePainter painter);
bool has_picture_painter();

/// Text for HTML and SVG.
std::string markup(std::string_view text);

}  // namespace app
