// The pictures of view_export.h. Print colours: light, monotone in lightness.
#include "app/exports/view_picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "app/exports/png.h"
#include "app/exports/view_export.h"
#include "gpu/base.h"

namespace app {

namespace {

using Rgb = std::array<uint8_t, 3>;

/// ColorBrewer's Blues, and what masked cells are filled with.
constexpr std::array<Rgb, 9> kBlues{{{0xf7, 0xfb, 0xff},
                                     {0xde, 0xeb, 0xf7},
                                     {0xc6, 0xdb, 0xef},
                                     {0x9e, 0xca, 0xe1},
                                     {0x6b, 0xae, 0xd6},
                                     {0x42, 0x92, 0xc6},
                                     {0x21, 0x71, 0xb5},
                                     {0x08, 0x51, 0x9c},
                                     {0x08, 0x30, 0x6b}}};
constexpr Rgb kMasked{0xf1, 0xf1, 0xf5};

Rgb blue(double t) {
    const double at = std::clamp(t, 0.0, 1.0) * double(kBlues.size() - 1);
    const size_t low = std::min(size_t(at), kBlues.size() - 2);
    const double part = at - double(low);
    Rgb out{};
    for (size_t i = 0; i < 3; ++i) {
        out[i] = uint8_t(std::lround(kBlues[low][i] * (1 - part) + kBlues[low + 1][i] * part));
    }
    return out;
}

/// Logarithmic from 1 / n to 1: what an even row would give is the floor.
double tone(float value, uint32_t n) {
    const double floor = 1.0 / std::max(2u, n);
    return std::log(std::max(double(value), floor) / floor) / std::log(1 / floor);
}

struct Pixels {
    uint32_t width = 0, height = 0;
    std::vector<uint8_t> rgb;

    void set(uint32_t x, uint32_t y, const Rgb& color) {
        std::copy(color.begin(), color.end(), rgb.begin() + (size_t{y} * width + x) * 3);
    }
};

constexpr uint32_t kGap = 2;  // pixels between two grids

/// Layers below one another, heads side by side; `cell`: pixels of one.
Pixels draw_grids(const ViewExport& view, uint32_t cell) {
    std::vector<int32_t> layers;
    for (const ExportGrid& grid : view.grids) {
        if (std::ranges::count(layers, grid.layer) == 0) {
            layers.push_back(grid.layer);
        }
    }
    std::sort(layers.begin(), layers.end());
    uint32_t n_heads = 0;
    for (const ExportGrid& grid : view.grids) {
        n_heads = std::max(n_heads, uint32_t(grid.head) + 1);
    }
    const bool one = view.grids.size() == 1;
    const uint32_t columns = one ? 1 : n_heads;
    const uint32_t w = view.grids.front().n_cols * cell, h = view.grids.front().n_rows * cell;
    Pixels out{.width = columns * (w + kGap) - kGap,
               .height = uint32_t(layers.size()) * (h + kGap) - kGap};
    out.rgb.assign(size_t{out.width} * out.height * 3, 0xff);
    for (const ExportGrid& grid : view.grids) {
        const auto layer = uint32_t(std::ranges::find(layers, grid.layer) - layers.begin());
        const uint32_t x0 = one ? 0 : uint32_t(grid.head) * (w + kGap), y0 = layer * (h + kGap);
        for (uint32_t y = 0; y < grid.n_rows * cell; ++y) {
            for (uint32_t x = 0; x < grid.n_cols * cell; ++x) {
                const float value = grid.values[size_t{y / cell} * grid.n_cols + x / cell];
                out.set(x0 + x, y0 + y,
                        std::isnan(value) ? kMasked : blue(tone(value, grid.n_cols * grid.bin)));
            }
        }
    }
    return out;
}

/// Pixels of one cell, so that one grid is about this wide.
uint32_t cell_pixels(const ViewExport& view, uint32_t wanted) {
    return std::max(1u, wanted / std::max(1u, view.grids.front().n_cols));
}

std::string base64(std::span<const uint8_t> bytes) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const size_t n = std::min<size_t>(3, bytes.size() - i);
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; ++k) {
            bits = bits << 8 | (k < n ? bytes[i + k] : 0u);
        }
        for (size_t k = 0; k < 4; ++k) {
            out += k <= n ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
        }
    }
    return out;
}

std::string svg_text(double x, double y, std::string_view anchor, std::string_view text,
                     int size = 12) {
    return fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"{}\">{}</text>\n", x, y,
        anchor, size, markup(text));
}

std::string grids_svg(const ViewExport& view, double& width, double& height) {
    const Pixels pixels = draw_grids(view, 1);
    const double shown = 640.0 / pixels.width;
    width = 640 + 80;
    height = pixels.height * shown + 90;
    const std::vector<uint8_t> png = encode_png(pixels.rgb, pixels.width, pixels.height);
    std::string out = fmt::format(
        "<image x=\"60\" y=\"44\" width=\"640\" height=\"{:.1f}\" preserveAspectRatio=\"none\" "
        "style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>\n",
        pixels.height * shown, base64(png));
    const ExportGrid& first = view.grids.front();
    if (view.grids.size() == 1) {
        const double cell = 640.0 / first.n_cols;
        const uint32_t step = std::max(1u, uint32_t(std::ceil(14 / cell)));
        for (uint32_t r = 0; r < first.n_rows; r += step) {
            const uint32_t position = first.first_row + r * first.bin;
            const std::string label =
                position < view.tokens.size() ? view.tokens[position] : fmt::format("{}", position);
            out += svg_text(56, 44 + (r + 0.7) * cell, "end", base::escaped(label, 24), 10);
        }
    }
    out += svg_text(60, height - 20, "start",
                    "light: 1/n of the row or less; dark: all of it (logarithmic); grey: masked");
    return out;
}

/// The first column of numbers as bars behind the first column of texts.
std::string table_svg(const ExportTable& table, double& width, double& height) {
    size_t numbers = table.columns.size(), texts = table.columns.size();
    for (size_t c = table.columns.size(); c-- > 0;) {
        const bool is_number = std::holds_alternative<double>(table.rows.front()[c]);
        (is_number ? numbers : texts) = c;
    }
    // A probability says more than an id: the last column of numbers that lies within 0 and 1.
    for (size_t c = 0; c < table.columns.size(); ++c) {
        const auto within = [&](const auto& row) {
            const double* v = std::get_if<double>(&row[c]);
            return v != nullptr && (std::isnan(*v) || (*v >= 0 && *v <= 1));
        };
        numbers = std::ranges::all_of(table.rows, within) ? c : numbers;
    }
    std::string out;
    double y = 44;
    for (const auto& row : table.rows) {
        if (numbers < row.size()) {
            const double value = std::get<double>(row[numbers]);
            const double part = std::isfinite(value) ? std::clamp(value, 0.0, 1.0) : 0;
            out += fmt::format(
                "<rect x=\"200\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"14\" "
                "fill=\"#6baed6\"/>\n",
                y, 400 * part);
            out += svg_text(610, y + 11, "start",
                            std::isfinite(value) ? fmt::format("{:.6g}", value) : "");
        }
        if (texts < row.size()) {
            out +=
                svg_text(192, y + 11, "end", base::escaped(std::get<std::string>(row[texts]), 40));
        }
        y += 18;
    }
    width = 720;
    height = y + 20;
    return out;
}

}  // namespace

std::string markup(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                // XML has no other control characters.
                out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
        }
    }
    return out;
}

std::string export_svg(const ViewExport& view) {
    double width = 720, height = 80;
    std::string body;
    if (!view.grids.empty()) {
        body = grids_svg(view, width, height);
    } else if (!view.table.rows.empty()) {
        body = table_svg(view.table, width, height);
    }
    return fmt::format(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
               "width=\"{0:.0f}\" height=\"{1:.0f}\" font-family=\"sans-serif\" "
               "fill=\"#1a1b21\">\n<title>{2}</title>\n"
               "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
               width, height, markup(view.title)) +
           svg_text(60, 22, "start", view.title, 15) +
           svg_text(60, 37, "start", "Source: " + view.badge, 10) + body + "</svg>\n";
}

std::vector<uint8_t> export_png(const ViewExport& view, uint32_t scale) {
    if (view.grids.empty()) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("the view '{}' has no cells to draw as pixels", view.view),
                          "Take svg or html for its picture, csv, json or npz for its numbers.");
    }
    const uint32_t wanted = view.grids.size() == 1 ? 1024 : 128;
    const Pixels pixels = draw_grids(view, scale * cell_pixels(view, wanted));
    return encode_png(pixels.rgb, pixels.width, pixels.height);
}

}  // namespace app
