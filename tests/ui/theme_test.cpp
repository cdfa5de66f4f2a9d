// Colours: contrast of every pair that carries text, and colour maps that everybody can read.
#include "tests/support/catch.h"

#include <array>
#include <cmath>
#include <string>

#include "app/ui/widgets/theme.h"

using namespace app::ui;

namespace {

const std::array<const Theme*, 4> kThemes{&theme_of(false, false), &theme_of(true, false),
                                          &theme_of(false, true), &theme_of(true, true)};
constexpr std::array<ColorVision, 4> kVisions{ColorVision::normal, ColorVision::protan,
                                              ColorVision::deutan, ColorVision::tritan};

std::string name(const Theme& theme) {
    return std::string(theme.dark ? "dark" : "light") +
           (theme.high_contrast ? ", high contrast" : "");
}

struct Map {
    const char* name;
    std::array<Rgb, 65> colors;
};
std::array<Map, 4> maps(const Theme& theme) {
    std::array<Map, 4> out{
        {{"attention", {}}, {"surprise", {}}, {"probability", {}}, {"entropy", {}}}};
    for (int i = 0; i <= 64; ++i) {
        out[0].colors[size_t(i)] = theme.attention(float(i) / 64);
        for (size_t tone = 0; tone < kTokenTones; ++tone) {
            out[1 + tone].colors[size_t(i)] = theme.token(TokenTone(tone), float(i) / 64);
        }
    }
    return out;
}

}  // namespace

TEST_CASE("every text pair of every theme is at least 4.5 to 1") {
    for (const Theme* theme : kThemes) {
        for (const TextPair& pair : text_pairs()) {
            const double ratio = contrast(theme->rgb(pair.text), theme->rgb(pair.surface));
            INFO(name(*theme) << ": " << color_name(pair.text) << " on " << color_name(pair.surface)
                              << ": " << ratio);
            CHECK(ratio >= 4.5);
            const bool words = pair.text == Color::text || pair.text == Color::text2;
            CHECK((!theme->high_contrast || !words || ratio >= 7));
        }
        for (size_t tone = 0; tone < kTokenTones; ++tone) {
            for (int i = 0; i <= 64; ++i) {
                const Rgb back = theme->token(TokenTone(tone), float(i) / 64);
                CHECK(contrast(theme->rgb(Color::text), back) >= 4.5);
                // Quieter text stands on the first half only.
                CHECK((i > 32 || contrast(theme->rgb(Color::text2), back) >= 4.5));
            }
        }
    }
}

TEST_CASE("high contrast has edges that are seen") {
    for (const bool dark : {false, true}) {
        const Theme &plain = theme_of(dark, false), &high = theme_of(dark, true);
        for (const Color surface : {Color::bg, Color::card, Color::inspector, Color::rail}) {
            CHECK(contrast(high.rgb(Color::edge), high.rgb(surface)) >= 3);
            CHECK(contrast(high.rgb(Color::separator), high.rgb(surface)) >
                  contrast(plain.rgb(Color::separator), plain.rgb(surface)));
        }
    }
}

TEST_CASE("the simulation of colour vision keeps greys and merges what it should") {
    for (const ColorVision vision : kVisions) {
        CHECK(color_distance(seen_by(vision, 0x808080), 0x808080) < 1);
        CHECK(seen_by(vision, 0xFFFFFF) == 0xFFFFFF);
    }
    // Red and green of one lightness: far apart, but not for two of the three.
    const Rgb red = 0xC03020, green = 0x5A7A10;
    CHECK(color_distance(red, green) > 60);
    CHECK(color_distance(seen_by(ColorVision::deutan, red), seen_by(ColorVision::deutan, green)) <
          30);
    CHECK(color_distance(seen_by(ColorVision::tritan, red), seen_by(ColorVision::tritan, green)) >
          50);
    CHECK(std::abs(lightness(0xFFFFFF) - 100) < 0.1);
    CHECK(std::abs(lightness(0x777777) - 50) < 0.5);
}

TEST_CASE("colour maps are monotone in lightness and distinct for every colour vision") {
    for (const Theme* theme : kThemes) {
        for (const Map& map : maps(*theme)) {
            for (const ColorVision vision : kVisions) {
                const auto seen = [&](size_t i) { return seen_by(vision, map.colors[i]); };
                const double way = lightness(seen(64)) - lightness(seen(0));
                INFO(name(*theme) << ", " << map.name << ", vision " << int(vision));
                CHECK(std::abs(way) > 20);
                for (size_t i = 1; i < map.colors.size(); ++i) {
                    const double step = lightness(seen(i)) - lightness(seen(i - 1));
                    CHECK(step * (way > 0 ? 1 : -1) >= -0.4);  // rounding of 8 bits
                }
                // Nine values over the range are nine colours: 2.3 is the least difference that
                // is noticed (Mahy, Van Eycken and Oosterlinck 1994), and 3 leaves room.
                for (size_t i = 0; i <= 64; i += 8) {
                    for (size_t j = 0; j < i; j += 8) {
                        CHECK(color_distance(seen(i), seen(j)) >= 3);
                    }
                }
            }
        }
    }
}

TEST_CASE("row, key and drawn are told apart by everybody") {
    for (const Theme* theme : kThemes) {
        for (const ColorVision vision : kVisions) {
            const std::array<Color, 3> marks{Color::row, Color::key, Color::accent};
            for (size_t i = 0; i < marks.size(); ++i) {
                for (size_t j = 0; j < i; ++j) {
                    const double d = color_distance(seen_by(vision, theme->rgb(marks[i])),
                                                    seen_by(vision, theme->rgb(marks[j])));
                    INFO(name(*theme) << ", vision " << int(vision) << ": " << color_name(marks[i])
                                      << " and " << color_name(marks[j]));
                    CHECK(d >= 12);
                }
            }
        }
    }
}
