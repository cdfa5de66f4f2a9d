// The pictures of view_export.h. Print colours: light, monotone in lightness.
#include "app/exports/view_picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <span>

#include "app/exports/png.h"
#include "app/exports/view_export.h"
#include "gpu/base.h"

namespace app {

namespace {

PicturePainter painter_in_use = nullptr;

/// The highest picture that is painted, in pixels: what most viewers still open.
constexpr double kMostHeight = 30000;

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

std::string svg_text(const PictureText& t) {
    return fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"{}\">{}</text>\n", t.x, t.y,
        t.right_aligned ? "end" : "start", t.size, markup(t.text));
}

std::string svg_box(const PictureBox& b) {
    return fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" "
        "fill=\"#{:02x}{:02x}{:02x}\"/>\n",
        b.x, b.y, b.width, b.height, b.color[0], b.color[1], b.color[2]);
}

/// What every picture says over its content.
std::array<PictureText, 2> header(const ViewExport& view) {
    return {PictureText{.x = 60, .y = 22, .size = 15, .text = view.title},
            PictureText{.x = 60, .y = 37, .size = 10, .text = "Source: " + view.badge}};
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
            out += svg_text({.x = 56,
                             .y = 44 + (r + 0.7) * cell,
                             .size = 10,
                             .right_aligned = true,
                             .text = base::escaped(label, 24)});
        }
    }
    out += svg_text(
        {.x = 60,
         .y = height - 20,
         .text = "light: 1/n of the row or less; dark: all of it (logarithmic); grey: masked"});
    return out;
}

struct ShownColumns {
    size_t numbers, texts;  // the table's width: there is none
};

/// The first column of texts, and of numbers.
ShownColumns shown_columns(const ExportTable& table) {
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
    return {numbers, texts};
}

}  // namespace

void Pixels::set(uint32_t x, uint32_t y, const Rgb& color) {
    std::copy(color.begin(), color.end(), rgb.begin() + ptrdiff_t((size_t{y} * width + x) * 3));
}

void use_picture_painter(PicturePainter painter) {
    painter_in_use = painter;
}

bool has_picture_painter() {
    return painter_in_use != nullptr;
}

namespace {

/// "3 attention  ␠was": of a table that has layers, with the layer and what was read out there.
std::string row_label(const ExportTable& table, size_t row, size_t texts) {
    std::string before;
    for (size_t c = 0; c < table.columns.size(); ++c) {
        const ExportCell& cell = table.rows[row][c];
        if (const double* layer = std::get_if<double>(&cell);
            layer != nullptr && table.columns[c] == "layer") {
            before = fmt::format("{} ", *layer);
        } else if (const auto* tap = std::get_if<std::string>(&cell);
                   tap != nullptr && table.columns[c] == "residual") {
            before += *tap == "resid_mid" ? "attention  " : "MLP  ";
        }
    }
    return before + base::escaped(std::get<std::string>(table.rows[row][texts]), 40);
}

}  // namespace

Picture table_picture(const ViewExport& view) {
    Picture out;
    std::ranges::copy(header(view), std::back_inserter(out.texts));
    const ExportTable& table = view.table;
    const ShownColumns shown = table.rows.empty() ? ShownColumns{0, 0} : shown_columns(table);
    double y = 44;
    for (size_t r = 0; r < table.rows.size(); ++r) {
        const auto& row = table.rows[r];
        if (shown.numbers < row.size()) {
            const double value = std::get<double>(row[shown.numbers]);
            const double part = std::isfinite(value) ? std::clamp(value, 0.0, 1.0) : 0;
            out.boxes.push_back(
                {.x = 200, .y = y, .width = 400 * part, .height = 14, .color = kBlues[4]});
            if (std::isfinite(value)) {
                out.texts.push_back({.x = 610, .y = y + 11, .text = fmt::format("{:.6g}", value)});
            }
        }
        if (shown.texts < row.size()) {
            out.texts.push_back({.x = 192,
                                 .y = y + 11,
                                 .right_aligned = true,
                                 .text = row_label(table, r, shown.texts)});
        }
        y += 18;
    }
    out.width = 720;
    out.height = y + 20;
    return out;
}

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
        for (const PictureText& text : header(view)) {
            body += svg_text(text);
        }
        body += grids_svg(view, width, height);
    } else {
        const Picture picture = table_picture(view);
        width = picture.width;
        height = picture.height;
        for (const PictureBox& box : picture.boxes) {
            body += svg_box(box);
        }
        for (const PictureText& text : picture.texts) {
            body += svg_text(text);
        }
    }
    return fmt::format(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
               "width=\"{0:.0f}\" height=\"{1:.0f}\" font-family=\"sans-serif\" "
               "fill=\"#1a1b21\">\n<title>{2}</title>\n"
               "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
               width, height, markup(view.title)) +
           body + "</svg>\n";
}

namespace {

Pixels paint_table(const ViewExport& view, uint32_t scale) {
    constexpr const char* kHint = "Take svg or html for its picture.";
    const Picture picture = table_picture(view);
    if (painter_in_use == nullptr) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("the view '{}' is text, and this program was built without "
                                      "the window and its fonts",
                                      view.view),
                          kHint);
    }
    if (picture.height * scale > kMostHeight) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("the {} rows of this view make a picture {:.0f} pixels high, "
                                      "and {:.0f} is the most",
                                      view.table.rows.size(), picture.height * scale, kMostHeight),
                          kHint);
    }
    std::string problem;
    Pixels pixels = painter_in_use(picture, scale, problem);
    if (!problem.empty()) {
        throw base::Error(base::ErrorKind::runtime, problem, kHint);
    }
    return pixels;
}

}  // namespace

std::vector<uint8_t> export_png(const ViewExport& view, uint32_t scale) {
    const uint32_t wanted = view.grids.size() == 1 ? 1024 : 128;
    const Pixels pixels = view.grids.empty() ? paint_table(view, scale)
                                             : draw_grids(view, scale * cell_pixels(view, wanted));
    return encode_png(pixels.rgb, pixels.width, pixels.height);
}

}  // namespace app
