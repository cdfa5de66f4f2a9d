// The pixels of one glyph of any font, in grey or in colour, and the box that stands for a
// character that no font has.
#pragma once

#include <cstdint>
#include <vector>

struct FT_FaceRec_;

namespace app::ui {

/// A picture and where it stands, in pixels; straight alpha.
struct GlyphPixels {
    int width = 0, height = 0;
    float left = 0, top = 0;  // from the pen: to the right, above the baseline
    float advance = 0;
    bool colored = false;          // else white, to be drawn in the text's colour
    std::vector<uint32_t> pixels;  // RGBA, red in the lowest byte
};

/// `em` in pixels. No face, or one that cannot draw it: the box. Without pixels: measures alone.
GlyphPixels glyph_pixels(FT_FaceRec_* face, char32_t c, float em, bool with_pixels = true);

}  // namespace app::ui
