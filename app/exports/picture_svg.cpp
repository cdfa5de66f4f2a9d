// A Picture as SVG. Few cells are rectangles, which every program draws sharp; many an image.
#include <span>
#include <string>

#include <fmt/format.h>

#include "app/exports/picture.h"
#include "app/exports/png.h"

namespace app {

namespace {

constexpr size_t kMostRectangles = 4096;  // cells of one grid

std::string hex(const Rgb& c) {
    return fmt::format("#{:02x}{:02x}{:02x}", c[0], c[1], c[2]);
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

std::string svg_text(const PictureText& t, const PictureColors& colors) {
    const char* const anchor = t.align == Align::left    ? "start"
                               : t.align == Align::right ? "end"
                                                         : "middle";
    std::string more = t.strong ? " font-weight=\"600\"" : "";
    if (t.dim) {
        more += fmt::format(" fill=\"{}\"", hex(colors.ink2));
    }
    if (t.turned) {
        more += fmt::format(" transform=\"rotate(-90 {:.1f} {:.1f})\"", t.x, t.y);
    }
    return fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"{}\"{}>{}</text>\n", t.x,
        t.y, anchor, t.size, more, markup(t.text));
}

std::string svg_box(const PictureBox& b) {
    return fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" fill=\"{}\"/>\n", b.x,
        b.y, b.width, b.height, hex(b.color));
}

/// What fills the cells that have no colour.
std::string fill_of(CellKind kind, const PictureColors& colors) {
    switch (kind) {
        case CellKind::future:
            return "url(#future)";
        case CellKind::out_of_window:
            return "url(#outside)";
        default:
            return hex(colors.page);
    }
}

/// Every run of cells of one kind in a row as one rectangle of a path.
std::string svg_runs(const PictureCells& c, CellKind kind, const std::string& fill) {
    std::string path;
    for (uint32_t r = 0; r < c.n_rows; ++r) {
        for (uint32_t i = 0; i < c.n_cols;) {
            uint32_t end = i;
            while (end < c.n_cols && c.kinds[size_t{r} * c.n_cols + end] == kind) {
                ++end;
            }
            if (end > i) {
                const double w = (end - i) * c.cell_width;
                path += fmt::format("M{:.4g} {:.4g}h{:.4g}v{:.4g}h-{:.4g}z", c.x + i * c.cell_width,
                                    c.y + r * c.cell_height, w, c.cell_height, w);
            }
            i = std::max(end, i + 1);
        }
    }
    return path.empty() ? path : fmt::format("<path d=\"{}\" fill=\"{}\"/>\n", path, fill);
}

std::string svg_rectangles(const PictureCells& c) {
    std::string out;
    for (uint32_t r = 0; r < c.n_rows; ++r) {
        for (uint32_t i = 0; i < c.n_cols; ++i) {
            const size_t at = size_t{r} * c.n_cols + i;
            if (c.kinds[at] == CellKind::color) {
                out += svg_box({c.x + i * c.cell_width, c.y + r * c.cell_height, c.cell_width,
                                c.cell_height, c.colors[at]});
            }
        }
    }
    return out;
}

std::string svg_image(const PictureCells& c, const PictureColors& colors) {
    Pixels pixels{.width = c.n_cols, .height = c.n_rows};
    pixels.rgb.resize(size_t{c.n_cols} * c.n_rows * 3);
    for (uint32_t y = 0; y < c.n_rows; ++y) {
        for (uint32_t x = 0; x < c.n_cols; ++x) {
            const size_t at = size_t{y} * c.n_cols + x;
            pixels.set(x, y, c.kinds[at] == CellKind::color ? c.colors[at] : colors.masked);
        }
    }
    return fmt::format(
        "<image x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
        "preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" "
        "href=\"data:image/png;base64,{}\"/>\n",
        c.x, c.y, c.n_cols * c.cell_width, c.n_rows * c.cell_height,
        base64(encode_png(pixels.rgb, pixels.width, pixels.height)));
}

std::string svg_cells(const PictureCells& c, const PictureColors& colors) {
    std::string out = c.kinds.size() <= kMostRectangles ? svg_rectangles(c) : svg_image(c, colors);
    for (const CellKind kind : {CellKind::future, CellKind::out_of_window, CellKind::absent}) {
        out += svg_runs(c, kind, fill_of(kind, colors));
    }
    return out;
}

std::string svg_patterns(const PictureColors& colors) {
    return fmt::format(
        "<defs>\n<pattern id=\"future\" width=\"{0}\" height=\"{0}\" "
        "patternUnits=\"userSpaceOnUse\"><rect width=\"{0}\" height=\"{0}\" fill=\"{2}\"/>"
        "<path d=\"M-1 1L1 -1M0 {0}L{0} 0M5 7L7 5\" stroke=\"{3}\"/></pattern>\n"
        "<pattern id=\"outside\" width=\"{1}\" height=\"{1}\" patternUnits=\"userSpaceOnUse\">"
        "<rect width=\"{1}\" height=\"{1}\" fill=\"{2}\"/>"
        "<rect x=\"2\" y=\"2\" width=\"1\" height=\"1\" fill=\"{4}\"/></pattern>\n</defs>\n",
        kHatchPeriod, kDotPeriod, hex(colors.masked), hex(colors.hatch), hex(colors.dot));
}

}  // namespace

std::string markup(std::string_view text) {
    // XML has neither U+FFFE nor U+FFFF.
    constexpr std::string_view kNoCharacter = "\xEF\xBF\xBE", kNorThis = "\xEF\xBF\xBF";
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (text.compare(i, 3, kNoCharacter) == 0 || text.compare(i, 3, kNorThis) == 0) {
            out += "\xEF\xBF\xBD";
            i += 2;
            continue;
        }
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

std::string picture_svg(const Picture& picture, std::string_view title) {
    const PictureColors& colors = picture.colors();
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
        "width=\"{0:.0f}\" height=\"{1:.0f}\" font-family=\"Inter, sans-serif\" "
        "fill=\"{3}\">\n<title>{2}</title>\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"{4}\"/>\n",
        picture.width, picture.height, markup(title), hex(colors.ink), hex(colors.page));
    if (!picture.cells.empty()) {
        out += svg_patterns(colors);
    }
    out += "<g shape-rendering=\"crispEdges\">\n";
    for (const PictureBox& box : picture.boxes) {
        out += svg_box(box);
    }
    for (const PictureCells& cells : picture.cells) {
        out += svg_cells(cells, colors);
    }
    out += "</g>\n";
    for (const PictureText& text : picture.texts) {
        out += svg_text(text, colors);
    }
    return out + "</svg>\n";
}

}  // namespace app
