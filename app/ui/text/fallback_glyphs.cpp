#include "app/ui/text/fallback_glyphs.h"

#include <imgui.h>
#include <imgui_internal.h>

#include <cmath>

#include "app/ui/text/font_finder.h"
#include "app/ui/text/glyph_pixels.h"

namespace app::ui {

namespace {

const FallbackGlyphs& glyphs_of(const ImFontAtlas* atlas) {
    return *static_cast<const FallbackGlyphs*>(atlas->UserData);
}

/// False: a control character, which is nobody's glyph.
bool make_glyph(const ImFontAtlas* atlas, const ImFontConfig* source, float size, char32_t c,
                bool with_pixels, GlyphPixels& out) {
    if (c < 0x20 || (c >= 0x7F && c < 0xA0) || atlas->UserData == nullptr) {
        return false;
    }
    if (is_invisible(c)) {
        return true;
    }
    const FallbackGlyphs& all = glyphs_of(atlas);
    const float em = size * all.em_of(all.fonts, source->DstFont);
    out = glyph_pixels(all.finder->find(c), c, em, with_pixels);
    return true;
}

bool load_glyph(ImFontAtlas* atlas, ImFontConfig* source, ImFontBaked* baked, void*, ImWchar c,
                ImFontGlyph* out, float* advance) {
    GlyphPixels glyph;
    if (!make_glyph(atlas, source, baked->Size, c, out != nullptr, glyph)) {
        return false;
    }
    if (out == nullptr) {
        *advance = glyph.advance;
        return true;
    }
    out->AdvanceX = glyph.advance;
    if (glyph.width == 0 || glyph.height == 0) {
        return true;
    }
    const ImFontAtlasRectId id = ImFontAtlasPackAddRect(atlas, glyph.width, glyph.height);
    if (id == ImFontAtlasRectId_Invalid) {
        return true;
    }
    ImTextureRect* place = ImFontAtlasPackGetRect(atlas, id);
    out->X0 = glyph.left;
    out->Y0 = std::round(baked->Ascent - glyph.top);
    out->X1 = out->X0 + float(glyph.width);
    out->Y1 = out->Y0 + float(glyph.height);
    out->Visible = true;
    out->Colored = glyph.colored;
    out->PackId = id;
    ImFontAtlasBakedSetFontGlyphBitmap(atlas, baked, source, out, place,
                                       reinterpret_cast<const unsigned char*>(glyph.pixels.data()),
                                       ImTextureFormat_RGBA32, glyph.width * 4);
    return true;
}

}  // namespace

const ImFontLoader* fallback_loader() {
    static const ImFontLoader loader = [] {
        ImFontLoader l;
        l.Name = "Lapidary fallback";
        l.FontSrcContainsGlyph = [](ImFontAtlas* atlas, ImFontConfig*, ImWchar c) {
            return atlas->UserData != nullptr && glyphs_of(atlas).finder->find(c) != nullptr;
        };
        l.FontBakedLoadGlyph = load_glyph;
        return l;
    }();
    return &loader;
}

}  // namespace app::ui
