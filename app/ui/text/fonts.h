// Fonts: Inter and JetBrains Mono by file; every other character from the font that has it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct ImFont;

namespace app::ui {

enum class Face : uint8_t {
    regular,
    medium,
    semibold,
    bold,
    italic,
    bold_italic,
    mono,
    mono_medium,
    mono_bold,
    count_
};

/// Characters that no font here has, and what to do about it.
struct FontHint {
    std::string text;
};

class Fonts {
public:
    Fonts();
    ~Fonts();
    Fonts(const Fonts&) = delete;
    Fonts& operator=(const Fonts&) = delete;

    /// Adds the faces to the current context's atlas; no folders: the system's. False: `problem`
    /// says which file is missing and which package has it.
    bool load(std::string& problem, std::vector<std::string> folders = {});
    /// Between two frames: takes in what the look through all fonts has found.
    void refresh();
    /// It goes on, and may end with glyphs for what is a box now.
    bool searching() const;
    /// Each group of characters is named once.
    std::vector<FontHint> take_hints();

    ImFont* font(Face face) const { return fonts_[size_t(face)]; }
    /// Size to hand to ImGui so that one em of this face is `em` pixels: ImGui sizes a font by
    /// ascender + descender, designers by the em.
    float imgui_size(Face face, float em) const;
    /// Height of capital letters, as a share of the em.
    static float cap_height(Face face) { return face >= Face::mono ? 0.73f : 0.727f; }
    /// Changes when glyphs have: widths measured before are no longer right.
    uint64_t version() const { return version_; }
    /// Files that gave a glyph to text, beside the faces themselves.
    std::vector<std::string> fallbacks() const;

private:
    struct Fallback;

    std::array<ImFont*, size_t(Face::count_)> fonts_{};
    std::unique_ptr<Fallback> fallback_;
    uint32_t hinted_ = 0;  // bit per group
    uint64_t version_ = 0;
};

}  // namespace app::ui
