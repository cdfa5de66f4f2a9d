// The pictures of view_export.h: of tables, and which view has which.
#include "app/exports/view_picture.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include <fmt/format.h>

#include "app/exports/figure.h"
#include "app/exports/png.h"
#include "gpu/base.h"

namespace app {

namespace {

/// The highest picture that is painted, in pixels: what most viewers still open.
constexpr double kMostHeight = 30000;

struct ShownColumns {
    size_t numbers, texts;  // the table's width: there is none
};

/// The first column of texts, or the one that is to be shown, and of numbers.
ShownColumns shown_columns(const ExportTable& table) {
    size_t numbers = table.columns.size(), texts = table.columns.size();
    for (size_t c = table.columns.size(); c-- > 0;) {
        const bool is_number = std::holds_alternative<double>(table.rows.front()[c]);
        (is_number ? numbers : texts) = c;
    }
    if (const auto shown = std::ranges::find(table.columns, kTokenColumns[1]);
        shown != table.columns.end()) {
        texts = size_t(shown - table.columns.begin());
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

/// Pixels of one cell, so that one grid is about this wide.
uint32_t cell_pixels(const ViewExport& view, uint32_t wanted) {
    return std::max(1u, wanted / std::max(1u, view.grids.front().n_cols));
}

constexpr uint32_t kBareGap = 2;  // pixels between two grids

Pixels bare_pixels(const ViewExport& view, uint32_t cell) {
    std::set<int32_t> layers;
    uint32_t n_heads = 0;
    for (const ExportGrid& grid : view.grids) {
        layers.insert(grid.layer);
        n_heads = std::max(n_heads, uint32_t(grid.head) + 1);
    }
    const bool one = view.grids.size() == 1;
    const uint32_t w = view.grids.front().n_cols * cell, h = view.grids.front().n_rows * cell;
    Pixels out{.width = (one ? 1 : n_heads) * (w + kBareGap) - kBareGap,
               .height = uint32_t(layers.size()) * (h + kBareGap) - kBareGap};
    out.rgb.assign(size_t{out.width} * out.height * 3, 0xff);
    for (const ExportGrid& grid : view.grids) {
        const auto layer = uint32_t(std::distance(layers.begin(), layers.find(grid.layer)));
        const uint32_t x0 = one ? 0 : uint32_t(grid.head) * (w + kBareGap);
        const uint32_t y0 = layer * (h + kBareGap);
        const ToneScale scale = tone_scale(view, 1, grid.n_cols * grid.bin);
        for (uint32_t y = 0; y < grid.n_rows * cell; ++y) {
            for (uint32_t x = 0; x < grid.n_cols * cell; ++x) {
                const float value = grid.values[size_t{y / cell} * grid.n_cols + x / cell];
                out.set(x0 + x, y0 + y,
                        std::isnan(value) ? picture_colors(view.dark).masked
                                          : attention_color(view.dark, scale.at(value)));
            }
        }
    }
    return out;
}

/// A bar, where there is anything to be seen of it, and its number.
void add_bar(Picture& out, double y, double part, double value) {
    constexpr double kBar = 400;
    if (std::isfinite(part) && part * kBar >= 0.5) {
        out.boxes.push_back({.x = 200,
                             .y = y,
                             .width = kBar * std::min(part, 1.0),
                             .height = 14,
                             .color = out.colors().bar});
    }
    if (std::isfinite(value)) {
        out.texts.push_back({.x = 610, .y = y + 11, .text = fmt::format("{:.6g}", value)});
    }
}

void add_label(Picture& out, double y, const std::string& text, bool dim) {
    out.texts.push_back(
        {.x = 192, .y = y + 11, .align = Align::right, .dim = dim, .text = fitted(text, 12, 180)});
}

/// What a whole bar is: 1, or for a flat distribution the next of 0.5, 0.2, 0.1, ... above all.
double whole_bar(double largest) {
    double whole = 1;
    for (int i = 1; i < 12; ++i) {
        const double next = std::pow(10, -((i + 2) / 3)) * (i % 3 == 1 ? 5 : i % 3 == 2 ? 2 : 1);
        if (next < largest) {
            break;
        }
        whole = next;
    }
    return whole;
}

/// The likeliest tokens that have a bar, and all others as one.
double add_distribution(Picture& out, const ExportTable& table, const ShownColumns& shown,
                        double y) {
    constexpr double kLeast = 1.0 / 400;  // a pixel
    const auto value_of = [&](size_t r) { return std::get<double>(table.rows[r][shown.numbers]); };
    const double whole = whole_bar(value_of(0));
    double left = 1;
    size_t n = 0;
    for (; n < table.rows.size() && (n == 0 || value_of(n) >= kLeast * whole); ++n, y += 18) {
        add_label(out, y, row_label(table, n, shown.texts), false);
        add_bar(out, y, value_of(n) / whole, value_of(n));
        left -= value_of(n);
    }
    add_label(out, y, "all others together", true);  // no bar: it may be longer than a whole one
    add_bar(out, y, 0, std::max(left, 0.0));
    out.texts.push_back({.x = 200,
                         .y = y + 30,
                         .size = 10,
                         .dim = true,
                         .text = fmt::format("A whole bar is {:g}. Tokens too small for a bar "
                                             "are among the others.",
                                             whole)});
    return y + 36;
}

}  // namespace

Picture table_picture(const ViewExport& view) {
    Picture out{.width = 720, .dark = view.dark};
    const std::string below[] = {view.model.name, "Source: " + view.badge};
    out.texts = {{.x = 60, .y = 22, .size = 15, .strong = true, .text = view.title},
                 {.x = 60, .y = 37, .size = 10, .dim = true, .text = joined(below)}};
    widen(out, 60 + text_width(view.title, 15));
    const ExportTable& table = view.table;
    const ShownColumns shown = table.rows.empty() ? ShownColumns{0, 0} : shown_columns(table);
    double y = 52;
    if (view.view == "next" && shown.numbers < table.columns.size() &&
        shown.texts < table.columns.size()) {
        y = add_distribution(out, table, shown, y);
    } else {
        for (size_t r = 0; r < table.rows.size(); ++r, y += 18) {
            const auto& row = table.rows[r];
            if (shown.numbers < row.size()) {
                const double value = std::get<double>(row[shown.numbers]);
                add_bar(out, y, value, value);
            }
            if (shown.texts < row.size()) {
                add_label(out, y, row_label(table, r, shown.texts), false);
            }
        }
    }
    out.height = y + 20;
    return out;
}

Picture view_picture(const ViewExport& view) {
    return view.grids.empty()       ? table_picture(view)
           : view.grids.size() == 1 ? matrix_picture(view)
                                    : heads_picture(view);
}

std::string export_svg(const ViewExport& view) {
    return picture_svg(view_picture(view), view.title);
}

std::vector<uint8_t> export_png(const ViewExport& view, uint32_t scale) {
    if (view.bare && !view.grids.empty()) {
        const uint32_t wanted = view.grids.size() == 1 ? 1024 : 128;
        const Pixels pixels = bare_pixels(view, scale * cell_pixels(view, wanted));
        return encode_png(pixels.rgb, pixels.width, pixels.height);
    }
    const char* const hint = view.grids.empty() ? "Take svg or html for its picture."
                                                : "Take svg or html for its picture, or --bare.";
    const Picture picture = view_picture(view);
    if (picture_painter() == nullptr) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("the picture of '{}' has texts, and this program was built "
                                      "without the window and its fonts",
                                      view.view),
                          hint);
    }
    if (picture.height * scale > kMostHeight) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("this view makes a picture {:.0f} pixels high, and {:.0f} is "
                                      "the most",
                                      picture.height * scale, kMostHeight),
                          hint);
    }
    std::string problem;
    const Pixels pixels = picture_painter()(picture, scale, problem);
    if (!problem.empty()) {
        throw base::Error(base::ErrorKind::runtime, problem, hint);
    }
    return encode_png(pixels.rgb, pixels.width, pixels.height);
}

}  // namespace app
