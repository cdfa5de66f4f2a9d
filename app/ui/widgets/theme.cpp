#include "app/ui/widgets/theme.h"

#include <algorithm>
#include <cmath>

#include "app/exports/picture_colors.h"

namespace app::ui {

namespace {

struct Entry {
    Color color;
    std::string_view name;
    Rgb dark, light;
};

constexpr Entry kTable[] = {
    {Color::text, "text", 0xECEDF1, 0x1A1B21},
    {Color::text2, "text2", 0xAEB3BF, 0x50545F},
    {Color::text3, "text3", 0x8C92A0, 0x5E6370},
    {Color::accent, "accent", 0x9F97FE, 0x5540CC},
    {Color::on_accent, "on_accent", 0xFFFFFF, 0xFFFFFF},
    {Color::accent_fill, "accent_fill", 0x6B54E0, 0x5A45D4},
    {Color::row_text, "row_text", 0xF0B429, 0x845500},
    {Color::key_text, "key_text", 0x56B4E9, 0x0E6397},
    {Color::error, "error", 0xFF8A80, 0xB3261E},
    {Color::code_keyword, "code_keyword", 0xC4B5FF, 0x5540CC},
    {Color::code_function, "code_function", 0x7CC4F2, 0x0E6397},
    {Color::code_number, "code_number", 0xF0B97A, 0x8A4B00},
    {Color::code_string, "code_string", 0x9FD8B0, 0x1E6B3C},
    {Color::code_comment, "code_comment", 0x8C92A0, 0x5E6370},
    {Color::rail, "rail", 0x0F1013, 0xEFEFF3},
    {Color::bg, "bg", 0x16171B, 0xFFFFFF},
    {Color::inspector, "inspector", 0x121317, 0xF7F7FA},
    {Color::card, "card", 0x1E2026, 0xFFFFFF},
    {Color::hover, "hover", 0x22252C, 0xF0F0F4},
    {Color::raised, "raised", 0x272A32, 0xE6E6ED},
    {Color::list_selection, "list_selection", 0x272A32, 0xDEDEE6},
    {Color::separator, "separator", 0x25282F, 0xE4E4EA},
    {Color::edge, "edge", 0x363A44, 0xCFD0D9},
    {Color::accent_bg, "accent_bg", 0x2A2547, 0xECE9FD},
    {Color::row_bg, "row_bg", 0x33270B, 0xFFF3D6},
    {Color::key_bg, "key_bg", 0x10293A, 0xE3F2FC},
    {Color::masked, "masked", 0x1A1C21, 0xF1F1F5},
    {Color::hatch, "hatch", 0x2A2D35, 0xDDDDE5},
    {Color::bar, "bar", 0x7E8594, 0x8A8F9C},
    {Color::bar_track, "bar_track", 0x24272E, 0xE9E9EE},
    {Color::crosshair, "crosshair", 0xFFFFFF, 0x1A1B21},
    {Color::row, "row", 0xE69F00, 0xE69F00},
    {Color::key, "key", 0x56B4E9, 0x56B4E9},
    {Color::surprise_bar, "surprise_bar", 0xE0709F, 0xB83A70},
    {Color::accent_fill_hover, "accent_fill_hover", 0x7762E2, 0x4E3AC4},
    {Color::accent_fill_pressed, "accent_fill_pressed", 0x5643B3, 0x4433AB},
    {Color::accent_bg_hover, "accent_bg_hover", 0x3A345D, 0xDCD6FA},
    {Color::accent_bg_pressed, "accent_bg_pressed", 0x47406F, 0xCCC4F5},
    {Color::halo, "halo", 0x35324A, 0xD9D3F7},
    {Color::knob, "knob", 0xECEDF1, 0xFFFFFF},
    {Color::gutter, "gutter", 0x636875, 0x9A9EAA},
    {Color::drop_edge, "drop_edge", 0x6A6F7B, 0x9A9EAA},
    {Color::gem_dark, "gem_dark", 0x7A63E6, 0x7A63E6},
    {Color::gem_mid, "gem_mid", 0xA08BF5, 0xA08BF5},
    {Color::gem_light, "gem_light", 0xC9BDFB, 0xC9BDFB},
};
static_assert(std::size(kTable) == size_t(Color::count_));

Theme make_theme(bool dark, bool high_contrast) {
    Theme theme;
    theme.dark = dark;
    theme.high_contrast = high_contrast;
    for (const Entry& e : kTable) {
        theme.colors[size_t(e.color)] = dark ? e.dark : e.light;
    }
    if (high_contrast) {
        const auto set = [&](Color c, Rgb value) { theme.colors[size_t(c)] = value; };
        set(Color::separator, theme.rgb(Color::edge));
        set(Color::edge, theme.rgb(Color::text3));
        set(Color::text, dark ? 0xFFFFFF : 0x000000);
        set(Color::text3, theme.rgb(Color::text2));
        set(Color::code_comment, theme.rgb(Color::text2));
        set(Color::text2, dark ? 0xDDE0E8 : 0x30333B);
    }
    return theme;
}

Rgb blend(Rgb a, Rgb b, float t) {
    Rgb out = 0;
    for (const int shift : {16, 8, 0}) {
        const float x = float((a >> shift) & 255), y = float((b >> shift) & 255);
        out |= Rgb(std::lround(x + (y - x) * t)) << shift;
    }
    return out;
}

template <size_t N>
Rgb ramp(const std::array<Rgb, N>& knots, float x) {
    const float at = std::clamp(x, 0.0f, 1.0f) * float(N - 1);
    const size_t i = std::min(size_t(at), N - 2);
    return blend(knots[i], knots[i + 1], at - float(i));
}

// Four knots of each tone, from the card on: even in lightness, nine steps apart by a ΔE of 3 or
// more also where one kind of cone is missing, and dark (light) enough for text on the last of
// them.
using Knots = std::array<Rgb, 4>;
constexpr std::array<Knots, kTokenTones> kTonesDark = {{{0x1E2026, 0x4E2A3C, 0x7F2E54, 0xB22D6D},
                                                        {0x1E2026, 0x203648, 0x174D6D, 0x006594},
                                                        {0x1E2026, 0x1F393C, 0x165453, 0x00706B}}};
constexpr std::array<Knots, kTokenTones> kTonesLight = {{{0xFFFFFF, 0xFFD6E4, 0xFCACC9, 0xF580AF},
                                                         {0xFFFFFF, 0xD0E7FD, 0x9CD0FA, 0x58B9F6},
                                                         {0xFFFFFF, 0xC2E8E4, 0x80D1CA, 0x14B9B1}}};

double luminance(Rgb c) {
    const auto linear = [&](int shift) {
        const double v = double((c >> shift) & 255) / 255;
        return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(16) + 0.7152 * linear(8) + 0.0722 * linear(0);
}

}  // namespace

Rgb Theme::token(TokenTone tone, float x) const {
    const Knots& knots = (dark ? kTonesDark : kTonesLight)[size_t(tone)];
    return ramp(knots, std::isnan(x) ? 0 : x);
}

Rgb Theme::attention(float x) const {
    return dark ? ramp(kViridis, x) : ramp(kBlues, x);
}

Rgb Theme::mix(Color from, Color to, float amount) const {
    return blend(rgb(from), rgb(to), amount);
}

const Theme& theme_of(bool dark, bool high_contrast) {
    static const std::array<Theme, 4> themes{make_theme(false, false), make_theme(true, false),
                                             make_theme(false, true), make_theme(true, true)};
    return themes[size_t(dark) + 2 * size_t(high_contrast)];
}

const Theme& dark_theme() {
    return theme_of(true, false);
}

const Theme& light_theme() {
    return theme_of(false, false);
}

namespace {

using Triple = std::array<double, 3>;

/// Linear light, 0..1.
Triple linear_of(Rgb c) {
    Triple out{};
    for (size_t i = 0; i < 3; ++i) {
        const double v = double((c >> (16 - 8 * i)) & 255) / 255;
        out[i] = v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
    }
    return out;
}

Rgb rgb_of(const Triple& linear) {
    Rgb out = 0;
    for (const double part : linear) {
        const double v = std::clamp(part, 0.0, 1.0);
        const double s = v <= 0.0031308 ? v * 12.92 : 1.055 * std::pow(v, 1 / 2.4) - 0.055;
        out = out << 8 | Rgb(std::lround(s * 255));
    }
    return out;
}

Triple lab_of(Rgb c) {
    const Triple l = linear_of(c);
    const double x = (0.4124 * l[0] + 0.3576 * l[1] + 0.1805 * l[2]) / 0.95047;
    const double y = 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2];
    const double z = (0.0193 * l[0] + 0.1192 * l[1] + 0.9505 * l[2]) / 1.08883;
    const auto f = [](double t) {
        return t > 216.0 / 24389 ? std::cbrt(t) : (24389.0 / 27 * t + 16) / 116;
    };
    return {116 * f(y) - 16, 500 * (f(x) - f(y)), 200 * (f(y) - f(z))};
}

}  // namespace

Rgb seen_by(ColorVision vision, Rgb c) {
    // Table 1 of the paper, severity 1.0; for linear light.
    constexpr std::array<std::array<double, 9>, 3> kMatrices{
        {{0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116,
          1.051998},
         {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940,
          0.968881},
         {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367,
          0.303900}}};
    if (vision == ColorVision::normal) {
        return c;
    }
    const auto& m = kMatrices[size_t(vision) - 1];
    const Triple l = linear_of(c);
    Triple out{};
    for (size_t i = 0; i < 3; ++i) {
        out[i] = m[3 * i] * l[0] + m[3 * i + 1] * l[1] + m[3 * i + 2] * l[2];
    }
    return rgb_of(out);
}

double lightness(Rgb c) {
    return lab_of(c)[0];
}

double color_distance(Rgb a, Rgb b) {
    const Triple x = lab_of(a), y = lab_of(b);
    return std::sqrt((x[0] - y[0]) * (x[0] - y[0]) + (x[1] - y[1]) * (x[1] - y[1]) +
                     (x[2] - y[2]) * (x[2] - y[2]));
}

double contrast(Rgb a, Rgb b) {
    const double x = luminance(a), y = luminance(b);
    return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

std::vector<TextPair> text_pairs() {
    std::vector<TextPair> pairs;
    for (const Color text :
         {Color::text, Color::text2, Color::text3, Color::accent, Color::row_text, Color::key_text,
          Color::error, Color::code_keyword, Color::code_function, Color::code_number,
          Color::code_string, Color::code_comment}) {
        for (const Color surface :
             {Color::rail, Color::bg, Color::inspector, Color::card, Color::hover, Color::raised}) {
            pairs.push_back({text, surface});
        }
    }
    pairs.push_back({Color::on_accent, Color::accent_fill});
    pairs.push_back({Color::text, Color::accent_bg});
    pairs.push_back({Color::text, Color::list_selection});
    pairs.push_back({Color::text, Color::row_bg});
    pairs.push_back({Color::row_text, Color::row_bg});
    pairs.push_back({Color::text, Color::key_bg});
    return pairs;
}

std::string_view color_name(Color c) {
    for (const Entry& e : kTable) {
        if (e.color == c) {
            return e.name;
        }
    }
    return "?";
}

}  // namespace app::ui
