#include "app/exports/picture.h"

#include <algorithm>

#include "model/utf8.h"

namespace app {

namespace {

PicturePainter painter_in_use = nullptr;

/// Of Inter, in ems, rounded up; other characters by their block.
double em_width(uint32_t c) {
    constexpr std::string_view kNarrow = "ijl.,:;'|!I ", kHalf = "tfr()[]{}/\\-\"*";
    constexpr std::string_view kWide = "mwMW@%";
    if (c >= 0x1100) {
        return c >= 0x2000 && c < 0x2600 ? 0.9 : 1.1;  // arrows, marks; else Han and the like
    }
    if (c >= 0x80) {
        return 0.72;
    }
    const char letter = char(c);
    return kNarrow.find(letter) != std::string_view::npos                       ? 0.31
           : kHalf.find(letter) != std::string_view::npos                       ? 0.46
           : kWide.find(letter) != std::string_view::npos                       ? 0.96
           : (letter >= 'A' && letter <= 'Z') || letter == '<' || letter == '>' ? 0.74
                                                                                : 0.63;
}

}  // namespace

void Pixels::set(uint32_t x, uint32_t y, const Rgb& color) {
    std::copy(color.begin(), color.end(), rgb.begin() + int64_t((size_t{y} * width + x) * 3));
}

void use_picture_painter(PicturePainter painter) {
    painter_in_use = painter;
}

PicturePainter picture_painter() {
    return painter_in_use;
}

double text_width(std::string_view text, double size) {
    double ems = 0;
    for (size_t at = 0; at < text.size();) {
        const model::Utf8Char c = model::utf8_front(text.substr(at));
        ems += em_width(c.size == 0 ? 'x' : c.code);
        at += std::max(1U, c.size);
    }
    return ems * size;
}

std::string fitted(std::string_view text, double size, double room) {
    if (text_width(text, size) <= room) {
        return std::string(text);
    }
    const double dots = text_width("…", size);
    size_t kept = 0;
    while (kept < text.size()) {
        const size_t next = kept + std::max(1U, model::utf8_front(text.substr(kept)).size);
        if (text_width(text.substr(0, next), size) + dots > room) {
            break;
        }
        kept = next;
    }
    return std::string(text.substr(0, kept)) + "…";
}

}  // namespace app
