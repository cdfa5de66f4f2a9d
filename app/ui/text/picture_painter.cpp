#include "app/ui/text/picture_painter.h"

#include <ft2build.h>
#include FT_FREETYPE_H

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <string_view>
#include <thread>

#include "app/ui/text/font_files.h"
#include "app/ui/text/font_finder.h"
#include "app/ui/text/glyph_pixels.h"
#include "model/utf8.h"

namespace app::ui {

namespace {

constexpr const char* kFont = "Inter-Regular";
constexpr const char* kStrongFont = "Inter-SemiBold";

std::u32string characters_of(std::string_view text) {
    std::u32string out;
    const std::string whole = model::utf8_replaced(text);
    for (size_t at = 0; at < whole.size();) {
        const model::Utf8Char c = model::utf8_front(std::string_view(whole).substr(at));
        out += char32_t(c.code);
        at += c.size;
    }
    return out;
}

/// The window's text face, and for what it lacks whatever font has it.
class Faces {
public:
    Faces() : index_(index_fonts(font_folders())), others_(index_, reader_language()) {
        if (FT_Init_FreeType(&library_) == 0) {
            own_ = open(kFont);
            strong_ = open(kStrongFont);
        }
    }
    ~Faces() { FT_Done_FreeType(library_); }
    Faces(const Faces&) = delete;
    Faces& operator=(const Faces&) = delete;

    bool ready() const { return own_ != nullptr; }

    FT_Face face_of(char32_t c, bool strong) {
        const FT_Face own = strong && strong_ != nullptr ? strong_ : own_;
        return FT_Get_Char_Index(own, c) != 0 ? own : others_.find(c);
    }

    /// Fonts are looked through in a thread; a picture is painted once, so it waits for them.
    void find_all(const Picture& picture) {
        for (const PictureText& text : picture.texts) {
            for (const char32_t c : characters_of(text.text)) {
                face_of(c, text.strong);
            }
        }
        while (others_.searching()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        others_.take_news();
    }

private:
    FT_Face open(const char* name) {
        FT_Face face = nullptr;
        const auto at = index_.find(name);
        return at != index_.end() && FT_New_Face(library_, at->second.c_str(), 0, &face) == 0
                   ? face
                   : nullptr;
    }

    FontIndex index_;
    FontFinder others_;
    FT_Library library_ = nullptr;
    FT_Face own_ = nullptr, strong_ = nullptr;
};

uint32_t edge(double at, double scale, uint32_t most) {
    return uint32_t(std::clamp(std::lround(at * scale), 0L, long(most)));
}

void fill_box(Pixels& out, const PictureBox& box, double scale) {
    const uint32_t x0 = edge(box.x, scale, out.width);
    const uint32_t x1 = edge(box.x + box.width, scale, out.width);
    const uint32_t y0 = edge(box.y, scale, out.height);
    const uint32_t y1 = edge(box.y + box.height, scale, out.height);
    for (uint32_t y = y0; y < y1; ++y) {
        for (uint32_t x = x0; x < x1; ++x) {
            out.set(x, y, box.color);
        }
    }
}

/// What a cell of this kind has in this pixel.
Rgb pattern_at(CellKind kind, const PictureColors& colors, uint32_t x, uint32_t y, uint32_t scale) {
    if (kind == CellKind::future) {
        return (x + y) % (kHatchPeriod * scale) < scale ? colors.hatch : colors.masked;
    }
    if (kind == CellKind::out_of_window) {
        const uint32_t period = kDotPeriod * scale, from = 2 * scale;
        const bool dot = x % period >= from && x % period < from + scale && y % period >= from &&
                         y % period < from + scale;
        return dot ? colors.dot : colors.masked;
    }
    return colors.page;
}

void fill_cells(Pixels& out, const PictureCells& cells, const PictureColors& colors,
                uint32_t scale) {
    for (uint32_t r = 0; r < cells.n_rows; ++r) {
        const uint32_t y0 = edge(cells.y + r * cells.cell_height, scale, out.height);
        const uint32_t y1 = edge(cells.y + (r + 1) * cells.cell_height, scale, out.height);
        for (uint32_t c = 0; c < cells.n_cols; ++c) {
            const size_t at = size_t{r} * cells.n_cols + c;
            const uint32_t x0 = edge(cells.x + c * cells.cell_width, scale, out.width);
            const uint32_t x1 = edge(cells.x + (c + 1) * cells.cell_width, scale, out.width);
            for (uint32_t y = y0; y < y1; ++y) {
                for (uint32_t x = x0; x < x1; ++x) {
                    out.set(x, y,
                            cells.kinds[at] == CellKind::color
                                ? cells.colors[at]
                                : pattern_at(cells.kinds[at], colors, x, y, scale));
                }
            }
        }
    }
}

void blend(Pixels& out, int x, int y, uint32_t rgba, bool colored, const Rgb& text_ink) {
    if (x < 0 || y < 0 || uint32_t(x) >= out.width || uint32_t(y) >= out.height) {
        return;
    }
    const uint32_t alpha = rgba >> 24;
    uint8_t* to = out.rgb.data() + (size_t(y) * out.width + size_t(x)) * 3;
    for (uint32_t c = 0; c < 3; ++c) {
        const uint32_t ink = colored ? rgba >> (8 * c) & 0xff : text_ink[c];
        to[c] = uint8_t((ink * alpha + to[c] * (255 - alpha) + 127) / 255);
    }
}

void draw_text(Pixels& out, Faces& faces, const PictureText& text, const PictureColors& colors,
               double scale) {
    const auto em = float(text.size * scale);
    const std::u32string characters = characters_of(text.text);
    double pen = 0;  // along the text, from the point that it is placed by
    if (text.align != Align::left) {
        for (const char32_t c : characters) {
            pen -= double(glyph_pixels(faces.face_of(c, text.strong), c, em, false).advance);
        }
        pen /= text.align == Align::center ? 2 : 1;
    }
    const Rgb& ink = text.dim ? colors.ink2 : colors.ink;
    const int x0 = int(std::lround(text.x * scale)), y0 = int(std::lround(text.y * scale));
    for (const char32_t c : characters) {
        if (is_invisible(c)) {
            continue;
        }
        const GlyphPixels glyph = glyph_pixels(faces.face_of(c, text.strong), c, em);
        const int along = int(std::lround(pen + double(glyph.left)));
        const int down = -int(std::lround(double(glyph.top)));
        for (int row = 0; row < glyph.height; ++row) {
            for (int column = 0; column < glyph.width; ++column) {
                const int u = along + column, v = down + row;
                blend(out, text.turned ? x0 + v : x0 + u, text.turned ? y0 - u : y0 + v,
                      glyph.pixels[size_t(row) * size_t(glyph.width) + size_t(column)],
                      glyph.colored, ink);
            }
        }
        pen += double(glyph.advance);
    }
}

}  // namespace

Pixels paint_picture(const Picture& picture, uint32_t scale, std::string& problem) {
    Faces faces;
    if (!faces.ready()) {
        problem = std::string("The font file ") + kFont +
                  " was not found. Install the package fonts-inter.";
        return {};
    }
    faces.find_all(picture);
    Pixels out{.width = uint32_t(std::ceil(picture.width * scale)),
               .height = uint32_t(std::ceil(picture.height * scale))};
    out.rgb.resize(size_t{out.width} * out.height * 3);
    fill_box(out,
             {.width = picture.width, .height = picture.height, .color = picture.colors().page},
             double(scale) + 1);
    for (const PictureBox& box : picture.boxes) {
        fill_box(out, box, double(scale));
    }
    for (const PictureCells& cells : picture.cells) {
        fill_cells(out, cells, picture.colors(), scale);
    }
    for (const PictureText& text : picture.texts) {
        draw_text(out, faces, text, picture.colors(), double(scale));
    }
    return out;
}

}  // namespace app::ui
