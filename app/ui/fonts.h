// Fonts: Inter and JetBrains Mono by file, fallbacks for other scripts where the system has them.
#pragma once

#include <array>
#include <cstdint>
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

class Fonts {
public:
    /// Adds the faces to the current context's atlas. False: `problem` says which file is missing
    /// and which package has it.
    bool load(std::string& problem);

    ImFont* font(Face face) const { return fonts_[size_t(face)]; }
    /// Size to hand to ImGui so that one em of this face is `em` pixels: ImGui sizes a font by
    /// ascender + descender, designers by the em.
    float imgui_size(Face face, float em) const;
    /// Height of capital letters, as a share of the em.
    static float cap_height(Face face) { return face >= Face::mono ? 0.73f : 0.727f; }
    /// Changes when faces were added: widths measured before are no longer right.
    uint64_t version() const { return version_; }
    const std::vector<std::string>& fallbacks() const { return fallbacks_; }

private:
    std::array<ImFont*, size_t(Face::count_)> fonts_{};
    std::vector<std::string> fallbacks_;
    uint64_t version_ = 0;
};

/// Folders that hold font files on this system, in the order they are searched.
std::vector<std::string> font_folders();

}  // namespace app::ui
