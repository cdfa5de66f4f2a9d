// Glyphs that the faces of the design do not have: from whatever font has them, at the size of the
// text around; in colour where they are pictures. A character that no font has is a box.
#pragma once

struct ImFontLoader;
struct ImFont;

namespace app::ui {

class FontFinder;

/// What the loader needs, behind ImFontAtlas::UserData.
struct FallbackGlyphs {
    FontFinder* finder = nullptr;
    /// Pixels of one em, for a font of ImGui's at one pixel.
    float (*em_of)(const void* fonts, const ImFont* font) = nullptr;
    const void* fonts = nullptr;
};

/// The last source of every face. Dear ImGui asks it for a glyph when the others have none.
const ImFontLoader* fallback_loader();

}  // namespace app::ui
