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
        const auto at = index_.find(kFont);
        if (at != index_.end() && FT_Init_FreeType(&library_) == 0 &&
            FT_New_Face(library_, at->second.c_str(), 0, &own_) != 0) {
            own_ = nullptr;
        }
    }
    ~Faces() { FT_Done_FreeType(library_); }
    Faces(const Faces&) = delete;
    Faces& operator=(const Faces&) = delete;

    bool ready() const { return own_ != nullptr; }

    FT_Face face_of(char32_t c) { return FT_Get_Char_Index(own_, c) != 0 ? own_ : others_.find(c); }

    /// Fonts are looked through in a thread; a picture is painted once, so it waits for them.
    void find_all(const Picture& picture) {
        for (const PictureText& text : picture.texts) {
            for (const char32_t c : characters_of(text.text)) {
                face_of(c);
            }
        }
        while (others_.searching()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        others_.take_news();
    }

private:
    FontIndex index_;
    FontFinder others_;
    FT_Library library_ = nullptr;
    FT_Face own_ = nullptr;
};

void fill_box(Pixels& out, const PictureBox& box, double scale) {
    const auto edge = [&](double at, uint32_t most) {
        return uint32_t(std::clamp(std::lround(at * scale), 0L, long(most)));
    };
    const uint32_t x0 = edge(box.x, out.width), x1 = edge(box.x + box.width, out.width);
    const uint32_t y0 = edge(box.y, out.height), y1 = edge(box.y + box.height, out.height);
    for (uint32_t y = y0; y < y1; ++y) {
        for (uint32_t x = x0; x < x1; ++x) {
            out.set(x, y, box.color);
        }
    }
}

void blend(Pixels& out, int x, int y, uint32_t rgba, bool colored) {
    if (x < 0 || y < 0 || uint32_t(x) >= out.width || uint32_t(y) >= out.height) {
        return;
    }
    const uint32_t alpha = rgba >> 24;
    uint8_t* to = out.rgb.data() + (size_t(y) * out.width + size_t(x)) * 3;
    for (uint32_t c = 0; c < 3; ++c) {
        const uint32_t ink = colored ? rgba >> (8 * c) & 0xff : kPictureInk[c];
        to[c] = uint8_t((ink * alpha + to[c] * (255 - alpha) + 127) / 255);
    }
}

void draw_text(Pixels& out, Faces& faces, const PictureText& text, double scale) {
    const auto em = float(text.size * scale);
    const std::u32string characters = characters_of(text.text);
    double x = text.x * scale;
    if (text.right_aligned) {
        for (const char32_t c : characters) {
            x -= double(glyph_pixels(faces.face_of(c), c, em, false).advance);
        }
    }
    const double baseline = std::round(text.y * scale);
    for (const char32_t c : characters) {
        if (is_invisible(c)) {
            continue;
        }
        const GlyphPixels glyph = glyph_pixels(faces.face_of(c), c, em);
        const int left = int(std::lround(x + double(glyph.left)));
        const int top = int(std::lround(baseline - double(glyph.top)));
        for (int row = 0; row < glyph.height; ++row) {
            for (int column = 0; column < glyph.width; ++column) {
                blend(out, left + column, top + row,
                      glyph.pixels[size_t(row) * size_t(glyph.width) + size_t(column)],
                      glyph.colored);
            }
        }
        x += double(glyph.advance);
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
    out.rgb.assign(size_t{out.width} * out.height * 3, 0xff);
    for (const PictureBox& box : picture.boxes) {
        fill_box(out, box, double(scale));
    }
    for (const PictureText& text : picture.texts) {
        draw_text(out, faces, text, double(scale));
    }
    return out;
}

}  // namespace app::ui
