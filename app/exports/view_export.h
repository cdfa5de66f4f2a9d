// ViewExport: the numbers of one view of the inspector, and how they become a file: CSV, JSON, NPZ,
// SVG, PNG, or one HTML page that needs nothing else. Knows neither window nor engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace app {

/// Cells of one head, or one pooled picture: [n_rows, n_cols]; NaN: masked, or not captured.
struct ExportGrid {
    std::string name;  // "pattern", "thumb_max"
    int32_t layer = 0, head = 0;
    uint32_t n_rows = 0, n_cols = 0;
    uint32_t first_row = 0, first_col = 0;  // positions
    uint32_t bin = 1;                       // positions per cell
    std::vector<float> values;
    /// [n_rows], for pictures alone. sink: the weight on key 0, where column 0 does not hold it.
    /// rest: of a pooled picture, column 0 without key 0.
    std::vector<float> sink, rest;
};

/// What pictures do with key 0, as the window does. valued: the values are weights times the norm
/// of what the head adds.
enum class SinkView : uint8_t { raw, gutter, renormalized, valued };

/// What the labels of a picture say of the model.
struct ExportModel {
    std::string name;
    uint32_t n_heads = 0, n_kv_heads = 0;
    std::vector<uint32_t> windows;  // of each layer; 0: global
};

/// std::monostate: there is none, or it is not known.
using ExportCell = std::variant<double, std::string, std::monostate>;
struct ExportTable {
    std::vector<std::string> columns;
    std::vector<std::vector<ExportCell>> rows;
};

struct ViewExport {
    std::string view;   // "matrix", "heads", "tokens", "next", "lens"
    std::string title;  // "Attention of layer 3, head 1"
    std::string badge;  // source: "recomputed exact", "pooled, max", ...
    std::vector<std::pair<std::string, std::string>> facts;  // model, device, seed, versions
    ExportModel model;
    SinkView sink = SinkView::raw;  // of pictures of cells
    bool dark = false;              // pictures: for a dark ground, not for print
    /// PNG of cells: the cells alone, a pixel or more each, as raw weights; needs no fonts.
    bool bare = false;
    std::vector<int32_t> token_ids;
    // Of each position: as lists show it, and the exact bytes (none of a control token).
    std::vector<std::string> tokens, token_bytes;
    std::vector<ExportGrid> grids;  // grids of one name have one size
    ExportTable table;

    bool empty() const { return grids.empty() && table.rows.empty(); }
};

/// What the probabilities of a next token are, for its title and for its fact "stage".
inline constexpr char kRawStageWords[] = "raw probabilities";
inline constexpr char kRawStageFact[] =
    "raw: softmax of the logits at temperature 1, before the sampler's penalties, temperature, "
    "top-k, top-p and min-p";

/// Columns of a token: its exact text, none where its bytes are no UTF-8 or not known; as lists
/// show it, with signs for spaces and line ends; in hex its bytes where they are no UTF-8.
inline constexpr const char* kTokenColumns[] = {"text", "shown", "bytes"};
void add_token(std::vector<ExportCell>& row, const std::optional<std::string>& bytes,
               const std::string& shown);

enum class ExportFormat : uint8_t { png, svg, csv, json, npz, html };
/// By the ending of the path; throws base::Error(usage) that lists them.
ExportFormat export_format(std::string_view path);

std::string export_csv(const ViewExport& view);
std::string export_json(const ViewExport& view);
std::string export_svg(const ViewExport& view);
std::string export_html(const ViewExport& view);
/// The picture that SVG has, `scale` times as large. Throws base::Error(usage) for a table that is
/// too long, or where the program has no fonts (use_picture_painter()).
std::vector<uint8_t> export_png(const ViewExport& view, uint32_t scale);

/// Written beside `path`, then renamed. Throws base::Error naming the file.
void write_export(const ViewExport& view, ExportFormat format, const std::string& path,
                  uint32_t scale = 1);
/// The same for the window, where errors are values: why it failed; empty: it is written.
std::string try_write_export(const ViewExport& view, ExportFormat format, const std::string& path,
                             uint32_t scale);

}  // namespace app
