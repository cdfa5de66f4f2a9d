#include "app/exports/view_export.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <span>

#include "app/exports/npz.h"
#include "app/exports/picture.h"
#include "app/json_out.h"
#include "app/output_file.h"
#include "gpu/base.h"
#include "model/utf8.h"

namespace app {

namespace {

constexpr std::array<std::pair<std::string_view, ExportFormat>, 6> kEndings{{
    {".png", ExportFormat::png},
    {".svg", ExportFormat::svg},
    {".csv", ExportFormat::csv},
    {".json", ExportFormat::json},
    {".npz", ExportFormat::npz},
    {".html", ExportFormat::html},
}};

/// RFC 4180: quoted where it must be.
std::string csv_text(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) {
        return text;
    }
    std::string out = "\"";
    for (const char c : text) {
        out += c == '"' ? std::string("\"\"") : std::string(1, c);
    }
    return out + "\"";
}

std::string cell_text(const ExportCell& cell) {
    if (const auto* text = std::get_if<std::string>(&cell)) {
        return *text;
    }
    const double* value = std::get_if<double>(&cell);
    return value != nullptr && std::isfinite(*value) ? fmt::format("{}", *value) : std::string();
}

std::string json_cell(const ExportCell& cell) {
    const auto* text = std::get_if<std::string>(&cell);
    const double* number = std::get_if<double>(&cell);
    return text != nullptr     ? json_string(*text)
           : number != nullptr ? json_number(*number)
                               : std::string("null");
}

std::string json_list(const std::vector<std::string>& texts) {
    JsonArray list;
    for (const std::string& text : texts) {
        list.raw(json_string(text));
    }
    return list.str();
}

std::string meta_json(const ViewExport& view) {
    JsonObject facts;
    for (const auto& [name, value] : view.facts) {
        facts.add(name, value);
    }
    return JsonObject()
        .add("format", "lapidary-view")
        .add("version", 2)
        .add("view", view.view)
        .add("title", view.title)
        .add("badge", view.badge)
        .raw("facts", facts.str())
        .str();
}

/// Grids of one name as one array [layers, heads, rows, cols]; masked cells are 0 in a pattern, as
/// in `trace`, and NaN elsewhere.
void add_grids(NpzWriter& out, const ViewExport& view) {
    std::map<std::string, std::vector<const ExportGrid*>> by_name;
    for (const ExportGrid& grid : view.grids) {
        by_name[grid.name].push_back(&grid);
    }
    for (const auto& [name, grids] : by_name) {
        std::vector<int32_t> layers, heads;
        for (const ExportGrid* grid : grids) {
            layers.push_back(grid->layer);
            heads.push_back(grid->head);
        }
        for (std::vector<int32_t>* list : {&layers, &heads}) {
            std::sort(list->begin(), list->end());
            list->erase(std::unique(list->begin(), list->end()), list->end());
        }
        const uint32_t rows = grids.front()->n_rows, cols = grids.front()->n_cols;
        const float none = name == "pattern" ? 0.0f : std::numeric_limits<float>::quiet_NaN();
        std::vector<float> all(layers.size() * heads.size() * rows * cols, none);
        for (const ExportGrid* grid : grids) {
            CHECK(grid->n_rows == rows && grid->n_cols == cols, "{}", name);
            const auto l = size_t(std::ranges::find(layers, grid->layer) - layers.begin());
            const auto h = size_t(std::ranges::find(heads, grid->head) - heads.begin());
            float* to = all.data() + (l * heads.size() + h) * rows * cols;
            for (size_t i = 0; i < grid->values.size(); ++i) {
                to[i] = std::isnan(grid->values[i]) ? none : grid->values[i];
            }
        }
        out.add<float>(name, {layers.size(), heads.size(), rows, cols}, all);
        out.add<int32_t>("layers", {layers.size()}, layers);
        out.add<int32_t>("heads", {heads.size()}, heads);
        const ExportGrid& first = *grids.front();
        std::vector<int32_t> queries, keys;
        for (uint32_t i = 0; i < rows; ++i) {
            queries.push_back(int32_t(first.first_row + i * first.bin));
        }
        for (uint32_t i = 0; i < cols; ++i) {
            keys.push_back(int32_t(first.first_col + i * first.bin));
        }
        out.add<int32_t>("queries", {rows}, queries);
        out.add<int32_t>("keys", {cols}, keys);
    }
}

/// Texts as bytes and offsets, so that nothing needs pickles.
void add_texts(NpzWriter& out, const std::string& name, const std::vector<std::string>& texts) {
    std::vector<uint8_t> bytes;
    std::vector<int64_t> offsets{0};
    for (const std::string& text : texts) {
        bytes.insert(bytes.end(), text.begin(), text.end());
        offsets.push_back(int64_t(bytes.size()));
    }
    out.add<uint8_t>(name + "_bytes", {bytes.size()}, bytes);
    out.add<int64_t>(name + "_offsets", {offsets.size()}, offsets);
}

void add_table(NpzWriter& out, const ExportTable& table) {
    for (size_t c = 0; c < table.columns.size(); ++c) {
        std::vector<double> numbers;
        std::vector<std::string> texts;
        for (const auto& row : table.rows) {
            if (const auto* number = std::get_if<double>(&row[c])) {
                numbers.push_back(*number);
            }
            texts.push_back(cell_text(row[c]));
        }
        if (numbers.size() == table.rows.size()) {
            out.add<double>(table.columns[c], {numbers.size()}, numbers);
        } else {
            add_texts(out, table.columns[c], texts);
        }
    }
}

void write_npz(const ViewExport& view, const std::string& path) {
    NpzWriter out(path);
    const std::string meta = meta_json(view);
    out.add("meta_json", NpyType::u1, {meta.size()}, std::as_bytes(std::span(meta)));
    out.add<int32_t>("tokens", {view.token_ids.size()}, view.token_ids);
    add_texts(out, "token", view.token_bytes);
    add_grids(out, view);
    add_table(out, view.table);
    out.finish();
}

void write_bytes(const std::string& path, std::span<const std::byte> bytes) {
    ReplacedFile file(path);
    const bool written = file.file() != nullptr &&
                         std::fwrite(bytes.data(), 1, bytes.size(), file.file()) == bytes.size();
    if (!written || !file.commit()) {
        throw base::Error(base::ErrorKind::runtime,
                          fmt::format("{}: {}", base::escaped(path), std::strerror(errno)),
                          "Choose another place.");
    }
}

void write_png(const ViewExport& view, const std::string& path, uint32_t scale) {
    const std::vector<uint8_t> png = export_png(view, scale);
    write_bytes(path, std::as_bytes(std::span(png)));
}

}  // namespace

void add_token(std::vector<ExportCell>& row, const std::optional<std::string>& bytes,
               const std::string& shown) {
    const bool is_text = bytes && model::utf8_valid(*bytes);
    const auto exact = is_text ? ExportCell(*bytes) : ExportCell(std::monostate());
    row.push_back(exact);
    row.emplace_back(shown);
    if (!bytes || is_text) {
        row.emplace_back(std::monostate());
        return;
    }
    std::string hex;
    for (const char c : *bytes) {
        hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    }
    row.emplace_back(std::move(hex));
}

ExportFormat export_format(std::string_view path) {
    std::string known;
    for (const auto& [ending, format] : kEndings) {
        if (path.ends_with(ending)) {
            return format;
        }
        known += (known.empty() ? "" : ", ") + std::string(ending);
    }
    throw base::Error(
        base::ErrorKind::usage,
        fmt::format("'{}' has none of the endings {}", base::escaped(path), known),
        "The ending chooses the format; trace also writes .lapidary, a recording that "
        "the window plays.");
}

std::string export_csv(const ViewExport& view) {
    std::string out;
    if (!view.grids.empty()) {
        const bool pooled = !view.grids.front().rest.empty();
        out = "layer,head,row,column," + view.grids.front().name +
              (pooled ? ",without_key_0\r\n" : "\r\n");
        for (const ExportGrid& grid : view.grids) {
            for (size_t i = 0; i < grid.values.size(); ++i) {
                if (!std::isnan(grid.values[i])) {
                    const uint32_t row = uint32_t(i) / grid.n_cols, col = uint32_t(i) % grid.n_cols;
                    out += fmt::format("{},{},{},{},{}", grid.layer, grid.head,
                                       grid.first_row + row * grid.bin,
                                       grid.first_col + col * grid.bin, grid.values[i]);
                    if (pooled) {
                        const float rest = col == 0 ? grid.rest[row] : grid.values[i];
                        out += std::isnan(rest) ? "," : fmt::format(",{}", rest);
                    }
                    out += "\r\n";
                }
            }
        }
        return out;
    }
    const auto line = [&](const auto& cells, const auto& text_of) {
        for (size_t i = 0; i < cells.size(); ++i) {
            out += (i == 0 ? "" : ",") + csv_text(text_of(cells[i]));
        }
        out += "\r\n";
    };
    line(view.table.columns, [](const std::string& name) { return name; });
    for (const auto& row : view.table.rows) {
        line(row, cell_text);
    }
    return out;
}

std::string export_json(const ViewExport& view) {
    JsonArray grids, rows;
    for (const ExportGrid& grid : view.grids) {
        JsonArray lines;
        for (uint32_t r = 0; r < grid.n_rows; ++r) {
            JsonArray line;
            for (uint32_t c = 0; c < grid.n_cols; ++c) {
                line.raw(json_number(grid.values[size_t{r} * grid.n_cols + c]));
            }
            lines.raw(line.str());
        }
        grids.raw(JsonObject()
                      .add("name", grid.name)
                      .add("layer", grid.layer)
                      .add("head", grid.head)
                      .add("first_row", grid.first_row)
                      .add("first_column", grid.first_col)
                      .add("bin", grid.bin)
                      .raw("values", lines.str())
                      .str());
    }
    for (const auto& row : view.table.rows) {
        JsonArray cells;
        for (const ExportCell& cell : row) {
            cells.raw(json_cell(cell));
        }
        rows.raw(cells.str());
    }
    JsonArray ids;
    for (const int32_t id : view.token_ids) {
        ids.raw(fmt::format("{}", id));
    }
    JsonArray texts, hex;  // of the exact bytes, as in a table's columns
    for (const std::string& bytes : view.token_bytes) {
        std::vector<ExportCell> cells;
        add_token(cells, bytes, {});
        texts.raw(json_cell(cells[0]));
        hex.raw(json_cell(cells[2]));
    }
    std::string out = meta_json(view);
    out.pop_back();  // its closing bracket: more members follow
    return out + ",\"token_ids\":" + ids.str() + ",\"tokens\":" + texts.str() +
           ",\"tokens_shown\":" + json_list(view.tokens) + ",\"token_bytes\":" + hex.str() +
           ",\"grids\":" + grids.str() + ",\"columns\":" + json_list(view.table.columns) +
           ",\"rows\":" + rows.str() + "}\n";
}

std::string export_html(const ViewExport& view) {
    std::string out =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>" +
        markup(view.title) + "</title>\n<style>body{font:16px sans-serif;margin:2em;" +
        (view.dark ? "color:#ecedf1;background:#16171b}" : "color:#1a1b21;background:#fff}") +
        "table{border-collapse:collapse;font-size:13px;margin:1em 0}"
        "td,th{border:1px solid #cfd0d9;padding:3px 8px;text-align:left}"
        "td{white-space:pre-wrap}"  // spaces and line ends of exact texts
        "svg{max-width:100%;height:auto}</style></head>\n<body>\n<h1>" +
        markup(view.title) + "</h1>\n<p>Source: " + markup(view.badge) + "</p>\n" +
        export_svg(view);
    const auto row = [&](const char* kind, const std::vector<std::string>& cells) {
        out += "<tr>";
        for (const std::string& cell : cells) {
            out += fmt::format("<{0}>{1}</{0}>", kind, markup(cell));
        }
        out += "</tr>\n";
    };
    if (!view.table.rows.empty()) {
        out += "<table>\n";
        row("th", view.table.columns);
        for (const auto& cells : view.table.rows) {
            std::vector<std::string> texts;
            std::ranges::transform(cells, std::back_inserter(texts), cell_text);
            row("td", texts);
        }
        out += "</table>\n";
    }
    out += "<table>\n";
    for (const auto& [name, value] : view.facts) {
        row("td", {name, value});
    }
    return out + "</table>\n</body></html>\n";
}

void write_export(const ViewExport& view, ExportFormat format, const std::string& path,
                  uint32_t scale) {
    const auto text = [&](const std::string& all) {
        write_bytes(path, std::as_bytes(std::span(all)));
    };
    switch (format) {
        case ExportFormat::png:
            write_png(view, path, scale);
            break;
        case ExportFormat::svg:
            text(export_svg(view));
            break;
        case ExportFormat::csv:
            text(export_csv(view));
            break;
        case ExportFormat::json:
            text(export_json(view));
            break;
        case ExportFormat::npz:
            write_npz(view, path);
            break;
        case ExportFormat::html:
            text(export_html(view));
            break;
    }
}

std::string try_write_export(const ViewExport& view, ExportFormat format, const std::string& path,
                             uint32_t scale) {
    try {
        write_export(view, format, output_target(path, "the path", {}), scale);
        return {};
    } catch (const base::Error& error) {
        return error.what();
    }
}

}  // namespace app
