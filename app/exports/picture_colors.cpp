#include "app/exports/picture_colors.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace app {

namespace {

constexpr Rgb rgb(uint32_t hex) {
    return {uint8_t(hex >> 16), uint8_t(hex >> 8), uint8_t(hex)};
}

constexpr PictureColors kLight{.page = rgb(0xFFFFFF),
                               .ink = rgb(0x1A1B21),
                               .ink2 = rgb(0x50545F),
                               .masked = rgb(0xF1F1F5),
                               .hatch = rgb(0xD3D3DD),
                               .dot = rgb(0x9497A3),
                               .edge = rgb(0xB4B6C2),
                               .bar = rgb(0x6BAED6)};
constexpr PictureColors kDark{.page = rgb(0x16171B),
                              .ink = rgb(0xECEDF1),
                              .ink2 = rgb(0xAEB3BF),
                              .masked = rgb(0x1E2026),
                              .hatch = rgb(0x363A44),
                              .dot = rgb(0x7E8594),
                              .edge = rgb(0x50545F),
                              .bar = rgb(0x21918C)};

template <size_t N>
Rgb ramp(const std::array<uint32_t, N>& knots, double t) {
    const double at = std::clamp(t, 0.0, 1.0) * double(N - 1);
    const size_t low = std::min(size_t(at), N - 2);
    const double part = at - double(low);
    const Rgb a = rgb(knots[low]), b = rgb(knots[low + 1]);
    Rgb out{};
    for (size_t i = 0; i < 3; ++i) {
        out[i] = uint8_t(std::lround(a[i] * (1 - part) + b[i] * part));
    }
    return out;
}

}  // namespace

const PictureColors& picture_colors(bool dark) {
    return dark ? kDark : kLight;
}

Rgb attention_color(bool dark, double t) {
    return dark ? ramp(kViridis, t) : ramp(kBlues, t);
}

}  // namespace app
