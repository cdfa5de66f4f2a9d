// Colours of exported pictures, light (for print) and dark, and the ramps of attention that the
// window takes from here too.
#pragma once

#include <array>
#include <cstdint>

namespace app {

using Rgb = std::array<uint8_t, 3>;

/// 0xRRGGBB, monotone in lightness: viridis for dark grounds, ColorBrewer's Blues for light ones.
inline constexpr std::array<uint32_t, 17> kViridis = {
    0x440154, 0x48186A, 0x472D7B, 0x424086, 0x3B528B, 0x33638D, 0x2C728E, 0x26828E, 0x21918C,
    0x1F9F88, 0x27AD81, 0x3DBC74, 0x5CC863, 0x81D34D, 0xAADC32, 0xD5E21A, 0xFDE725};
inline constexpr std::array<uint32_t, 9> kBlues = {0xF7FBFF, 0xDEEBF7, 0xC6DBEF, 0x9ECAE1, 0x6BAED6,
                                                   0x4292C6, 0x2171B5, 0x08519C, 0x08306B};

struct PictureColors {
    Rgb page, ink, ink2;     // the ground, texts, lesser texts and lines
    Rgb masked, hatch, dot;  // masked cells, and the two patterns on them
    Rgb edge, bar;
};
const PictureColors& picture_colors(bool dark);

/// 0..1 to viridis (dark) or Blues (light).
Rgb attention_color(bool dark, double t);

}  // namespace app
