// Theme: every colour of the window as a token, in two themes and both in high contrast. No hex
// outside theme.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace app::ui {

enum class Color : uint8_t {
    // text
    text,
    text2,
    text3,
    accent,
    on_accent,
    accent_fill,
    row_text,
    key_text,
    error,
    code_keyword,
    code_function,
    code_number,
    code_string,
    code_comment,
    // surfaces
    rail,
    bg,
    inspector,
    card,
    hover,
    raised,
    list_selection,
    separator,
    edge,
    accent_bg,
    row_bg,
    key_bg,
    masked,
    hatch,
    bar,
    bar_track,
    crosshair,
    // marks and derived tones
    row,
    key,
    surprise_bar,
    accent_fill_hover,
    accent_fill_pressed,
    accent_bg_hover,
    accent_bg_pressed,
    halo,
    knob,
    gutter,
    drop_edge,
    gem_dark,
    gem_mid,
    gem_light,
    count_,
};

enum class ThemeMode : uint8_t { dark, light, system };

/// What the background of a token tells, each in a hue of its own.
enum class TokenTone : uint8_t { surprise, probability, entropy };
constexpr size_t kTokenTones = 3;

/// 0xRRGGBB.
using Rgb = uint32_t;

struct Theme {
    bool dark = true, high_contrast = false;
    std::array<Rgb, size_t(Color::count_)> colors{};

    Rgb rgb(Color c) const { return colors[size_t(c)]; }
    /// 0..1 to the background of a token; NaN as 0.
    Rgb token(TokenTone tone, float x) const;
    /// 0..1 to viridis (dark) or Blues (light).
    Rgb attention(float x) const;
    Rgb mix(Color from, Color to, float amount) const;
};

const Theme& theme_of(bool dark, bool high_contrast);
const Theme& dark_theme();
const Theme& light_theme();

/// As seen with one kind of cone missing: Machado, Oliveira and Fernandes 2009, severity 1.
enum class ColorVision : uint8_t { normal, protan, deutan, tritan };
Rgb seen_by(ColorVision vision, Rgb c);
/// CIE L*a*b* (D65): lightness, and the distance of two colours in it (ΔE of 1976).
double lightness(Rgb c);
double color_distance(Rgb a, Rgb b);

/// WCAG 2.1 contrast ratio.
double contrast(Rgb a, Rgb b);

/// Pairs that carry text, for the contrast test.
struct TextPair {
    Color text, surface;
};
std::vector<TextPair> text_pairs();
std::string_view color_name(Color c);

}  // namespace app::ui
