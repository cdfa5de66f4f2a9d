#include "app/ui/text/glyph_pixels.h"

#include <ft2build.h>
#include FT_FREETYPE_H

#include <algorithm>
#include <cmath>

namespace app::ui {

namespace {

/// Red in the lowest byte.
uint32_t rgba(unsigned r, unsigned g, unsigned b, unsigned a) {
    return r | g << 8 | b << 16 | a << 24;
}

/// Mean over each pixel's share of the source, which is larger; alpha is multiplied into it.
void shrink_into(GlyphPixels& out, const FT_Bitmap& source, float scale) {
    out.width = std::max(1, int(std::lround(float(source.width) * scale)));
    out.height = std::max(1, int(std::lround(float(source.rows) * scale)));
    out.pixels.resize(size_t(out.width) * size_t(out.height));
    const float sx = float(source.width) / float(out.width);
    const float sy = float(source.rows) / float(out.height);
    for (int y = 0; y < out.height; ++y) {
        const int y0 = int(float(y) * sy);
        const int y1 = std::clamp(int(std::ceil(float(y + 1) * sy)), y0 + 1, int(source.rows));
        for (int x = 0; x < out.width; ++x) {
            const int x0 = int(float(x) * sx);
            const int x1 = std::clamp(int(std::ceil(float(x + 1) * sx)), x0 + 1, int(source.width));
            uint32_t sum[4] = {0, 0, 0, 0};
            for (int v = y0; v < y1; ++v) {
                const unsigned char* row = source.buffer + int64_t(v) * source.pitch;
                for (int u = x0; u < x1; ++u) {
                    for (int c = 0; c < 4; ++c) {
                        sum[c] += row[u * 4 + c];
                    }
                }
            }
            const auto n = uint32_t((x1 - x0) * (y1 - y0));
            const auto straight = [&](uint32_t c) {
                return sum[3] == 0 ? 0u : std::min(255u, sum[c] * 255 / sum[3]);
            };
            out.pixels[size_t(y) * size_t(out.width) + size_t(x)] =
                rgba(straight(2), straight(1), straight(0), sum[3] / n);
        }
    }
}

/// The strike nearest to this size from above, else the largest.
int best_strike(FT_Face face, float em) {
    int best = 0;
    for (int i = 0; i < face->num_fixed_sizes; ++i) {
        const auto size = [&](int which) {
            return float(face->available_sizes[which].y_ppem) / 64;
        };
        const bool nearer = size(i) >= em ? size(best) < em || size(i) < size(best)
                                          : size(i) > size(best) && size(best) < em;
        best = nearer ? i : best;
    }
    return best;
}

bool load_picture(FT_Face face, FT_UInt index, float em, bool with_pixels, GlyphPixels& out) {
    const int strike = best_strike(face, em);
    if (FT_Select_Size(face, strike) != 0 || FT_Load_Glyph(face, index, FT_LOAD_COLOR) != 0) {
        return false;
    }
    const FT_GlyphSlot slot = face->glyph;
    const float scale = em / (float(face->available_sizes[strike].y_ppem) / 64);
    out.advance = float(slot->advance.x) / 64 * scale;
    out.left = float(slot->bitmap_left) * scale;
    out.top = float(slot->bitmap_top) * scale;
    out.colored = true;
    if (with_pixels) {
        if (slot->bitmap.pixel_mode != FT_PIXEL_MODE_BGRA) {
            return false;
        }
        shrink_into(out, slot->bitmap, scale);
    }
    return true;
}

bool load_outline(FT_Face face, FT_UInt index, float em, bool with_pixels, GlyphPixels& out) {
    const auto size = FT_F26Dot6(std::lround(em * 64));
    if (FT_Set_Char_Size(face, size, size, 72, 72) != 0 ||
        FT_Load_Glyph(face, index, FT_LOAD_TARGET_LIGHT | FT_LOAD_COLOR) != 0) {
        return false;
    }
    const FT_GlyphSlot slot = face->glyph;
    out.advance = float(slot->advance.x) / 64;
    if (!with_pixels) {
        return true;
    }
    if (FT_Render_Glyph(slot, FT_RENDER_MODE_NORMAL) != 0) {
        return false;
    }
    const FT_Bitmap& bitmap = slot->bitmap;
    out.left = float(slot->bitmap_left);
    out.top = float(slot->bitmap_top);
    if (bitmap.pixel_mode == FT_PIXEL_MODE_BGRA) {
        out.colored = true;
        shrink_into(out, bitmap, 1);
        return true;
    }
    if (bitmap.pixel_mode != FT_PIXEL_MODE_GRAY) {
        return false;
    }
    out.width = int(bitmap.width);
    out.height = int(bitmap.rows);
    out.pixels.resize(size_t(out.width) * size_t(out.height));
    for (int y = 0; y < out.height; ++y) {
        for (int x = 0; x < out.width; ++x) {
            out.pixels[size_t(y) * size_t(out.width) + size_t(x)] =
                rgba(255, 255, 255, bitmap.buffer[y * bitmap.pitch + x]);
        }
    }
    return true;
}

/// What stands for a character that no font has: a box that nobody takes for a letter.
void make_box(float em, bool with_pixels, GlyphPixels& out) {
    const int w = std::max(3, int(std::lround(em * 0.55f)));
    const int h = std::max(4, int(std::lround(em * 0.72f)));
    out.left = std::round(em * 0.06f);
    out.top = float(h);
    out.advance = float(w) + 2 * out.left;
    if (!with_pixels) {
        return;
    }
    const int edge = std::max(1, int(std::lround(em / 16)));
    out.width = w;
    out.height = h;
    out.pixels.assign(size_t(w) * size_t(h), rgba(255, 255, 255, 0));
    for (int y = 0; y < h; ++y) {
        for (int x = 0; x < w; ++x) {
            const bool border = x < edge || y < edge || x >= w - edge || y >= h - edge;
            if (border) {
                out.pixels[size_t(y) * size_t(w) + size_t(x)] = rgba(255, 255, 255, 255);
            }
        }
    }
}

}  // namespace

GlyphPixels glyph_pixels(FT_FaceRec_* face, char32_t c, float em, bool with_pixels) {
    GlyphPixels out;
    if (face != nullptr) {
        const FT_UInt index = FT_Get_Char_Index(face, c);
        const bool picture = FT_HAS_FIXED_SIZES(face) && !FT_IS_SCALABLE(face);
        if (picture ? load_picture(face, index, em, with_pixels, out)
                    : load_outline(face, index, em, with_pixels, out)) {
            return out;
        }
        out = {};
    }
    make_box(em, with_pixels, out);
    return out;
}

}  // namespace app::ui
