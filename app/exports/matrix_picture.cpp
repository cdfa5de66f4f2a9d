// One head: tokens or positions along both sides, key 0 in a gutter where the mode has one.
#include <algorithm>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "app/exports/figure.h"
#include "app/exports/view_picture.h"
#include "gpu/base.h"

namespace app {

namespace {

constexpr double kPlot = 640;          // pixels that cells share; more cells are a pixel each
constexpr uint32_t kMostCells = 1024;  // along one side; more are pooled
constexpr double kMostCell = 34;
constexpr double kMostLabel = 120;  // of a token's text
constexpr double kLine = 12;        // from label to label
constexpr double kTick = 52;        // from number to number at least
constexpr double kGutter = 56;

std::string token_label(const ViewExport& view, uint32_t position) {
    const std::string text = position < view.tokens.size() ? base::escaped(view.tokens[position])
                                                           : fmt::format("{}", position);
    return fitted(text, kLabelSize, kMostLabel);
}

/// 1, 2 or 5 times a power of ten, at least `least`.
uint32_t round_step(double least) {
    uint32_t unit = 1;
    while (true) {
        for (const uint32_t step : {unit, 2 * unit, 5 * unit}) {
            if (step >= least) {
                return step;
            }
        }
        unit *= 10;
    }
}

/// One side of the matrix: which cells are labelled, and with what.
struct Axis {
    struct Label {
        double at = 0;  // cells from the first one's edge
        std::string text;
    };
    std::vector<Label> labels;
    bool tokens = false;  // else positions
    double room = 0;      // across the side, for the labels
};

Axis make_axis(const ViewExport& view, uint32_t first, uint32_t n, uint32_t per, double cell) {
    Axis out;
    const auto step = uint32_t(std::ceil(kLine / cell));
    out.tokens = per == 1 && step <= 2 && !view.tokens.empty();
    if (out.tokens) {
        for (uint32_t i = 0; i < n; i += step) {
            out.labels.push_back({i + 0.5, token_label(view, first + i)});
            out.room = std::max(out.room, text_width(out.labels.back().text, kLabelSize));
        }
        return out;
    }
    const uint32_t every = round_step(kTick * per / cell);
    for (uint32_t at = (first + every - 1) / every * every; at < first + n * per; at += every) {
        out.labels.push_back({double(at - first) / per, fmt::format("{}", at)});
        out.room = std::max(out.room, text_width(out.labels.back().text, kLabelSize));
    }
    out.room += 6;  // the tick
    return out;
}

class MatrixFigure {
public:
    explicit MatrixFigure(const ViewExport& view)
        : view_(view),
          grid_(view.grids.front()),
          cells_(shown_cells(view, grid_, kMostCells)),
          scale_(tone_scale(view, cells_.high, grid_.first_col + grid_.n_cols)) {
        const uint32_t most = std::max(cells_.n_rows, cells_.n_cols);
        cell_ = std::clamp(std::floor(kPlot / most), 1.0, kMostCell);
        rows_ = make_axis(view, grid_.first_row, cells_.n_rows, rows_per(), cell_);
        columns_ =
            make_axis(view, grid_.first_col + cells_.skipped, cells_.n_cols, cols_per(), cell_);
        out_.dark = view.dark;
    }

    Picture picture() {
        const double below_title = add_title(out_, view_.title, subtitle());
        left_ = std::round(kFigureMargin + 26 + rows_.room) + (cells_.sink.empty() ? 0 : kGutter);
        const double header = columns_.tokens ? columns_.room : 18;
        top_ = std::round(below_title + 26 + header);
        const double width = cells_.n_cols * cell_, height = cells_.n_rows * cell_;
        widen(out_, left_ + width);
        add_rows(height);
        add_columns(below_title);
        add_gutter();
        out_.cells.push_back(painted(cells_, scale_, view_.dark, left_, top_, cell_, cell_));
        Legend legend{.scale = scale_,
                      .scale_words = "log scale, range of this head",
                      .kinds = {},
                      .gutter = !cells_.sink.empty()};
        for (const CellKind kind : {CellKind::future, CellKind::out_of_window, CellKind::absent}) {
            if (std::ranges::count(cells_.kinds, kind) > 0) {
                legend.kinds.push_back(kind);
            }
        }
        const double below =
            add_legend(out_, legend, kFigureMargin, left_ + width, top_ + height + 22);
        add_caption(out_, source(), below + 4);
        return std::move(out_);
    }

private:
    /// Positions in a cell of the picture.
    uint32_t rows_per() const { return cells_.rows_per * grid_.bin; }
    uint32_t cols_per() const { return cells_.cols_per * grid_.bin; }

    std::string subtitle() const {
        const ExportModel& model = view_.model;
        const uint32_t group = model.n_kv_heads == 0 ? 0 : model.n_heads / model.n_kv_heads;
        const std::string parts[] = {
            model.name, layer_words(view_, grid_.layer),
            group == 0
                ? std::string()
                : fmt::format("KV head {} of {}", uint32_t(grid_.head) / group, model.n_kv_heads),
            sink_words(view_, cells_.sink.empty()),
            rows_per() == 1 && cols_per() == 1
                ? "every cell"
                : fmt::format("each pixel {} of {} × {} cells",
                              grid_.name == "thumb_mass" ? "the mean row mass" : "the max",
                              rows_per(), cols_per())};
        return joined(parts);
    }

    std::string source() const {
        const bool pooled = cells_.rows_per > 1 || cells_.cols_per > 1;
        return view_.badge + (pooled ? ", pooled to the largest cells for this picture" : "");
    }

    void add_rows(double height) {
        const std::string title = "query: the token that reads";
        out_.texts.push_back({.x = kFigureMargin + 10,
                              .y = top_ + height / 2,
                              .size = kNoteSize,
                              .align = Align::center,
                              .turned = true,
                              .dim = true,
                              .text = text_width(title, kNoteSize) <= height ? title : "query"});
        const double right = left_ - 6 - (cells_.sink.empty() ? 0 : kGutter);
        for (const Axis::Label& label : rows_.labels) {
            const double y = top_ + label.at * cell_;
            out_.texts.push_back({.x = right - (rows_.tokens ? 0 : 6),
                                  .y = y + kLabelSize * 0.36,
                                  .size = kLabelSize,
                                  .align = Align::right,
                                  .text = label.text});
            if (!rows_.tokens) {
                out_.boxes.push_back({right - 2, y, 4, 1, out_.colors().ink2});
            }
        }
    }

    void add_columns(double y) {
        out_.texts.push_back({.x = left_,
                              .y = y + 14,
                              .size = kNoteSize,
                              .dim = true,
                              .text = "key: the token that is read from"});
        widen(out_, left_ + text_width(out_.texts.back().text, kNoteSize));
        for (const Axis::Label& label : columns_.labels) {
            const double x = left_ + label.at * cell_;
            if (columns_.tokens) {
                out_.texts.push_back({.x = x + kLabelSize * 0.36,
                                      .y = top_ - 6,
                                      .size = kLabelSize,
                                      .turned = true,
                                      .text = label.text});
            } else {
                out_.boxes.push_back({x, top_ - 6, 1, 4, out_.colors().ink2});
                out_.texts.push_back({.x = x,
                                      .y = top_ - 9,
                                      .size = kLabelSize,
                                      .align = Align::center,
                                      .text = label.text});
            }
        }
    }

    /// Key 0's weight as a bar at the left of each row, growing towards the number.
    void add_gutter() {
        if (cells_.sink.empty()) {
            return;
        }
        constexpr double kBar = 24;
        const double right = left_ - 4;
        const bool numbers = cell_ >= kLine;
        for (uint32_t r = 0; r < cells_.n_rows; ++r) {
            const float w = cells_.sink[r];
            if (std::isnan(w)) {
                continue;
            }
            const double y = top_ + r * cell_;
            const double gap = cell_ >= 6 ? 1 : 0;
            const double length = kBar * std::clamp(double(w), 0.0, 1.0);
            out_.boxes.push_back(
                {right - length, y + gap, length, cell_ - 2 * gap, out_.colors().bar});
            if (numbers) {
                out_.texts.push_back({.x = right - kBar - 3,
                                      .y = y + cell_ / 2 + 3,
                                      .size = 8,
                                      .align = Align::right,
                                      .dim = true,
                                      .text = fmt::format("{:.2f}", w)});
            }
        }
        out_.texts.push_back({.x = right - kBar / 2,
                              .y = top_ - 6,
                              .size = kLabelSize,
                              .align = Align::center,
                              .dim = true,
                              .text = "key 0"});
    }

    const ViewExport& view_;
    const ExportGrid& grid_;
    const ShownCells cells_;
    const ToneScale scale_;
    double cell_ = 1, left_ = 0, top_ = 0;
    Axis rows_, columns_;
    Picture out_;
};

}  // namespace

Picture matrix_picture(const ViewExport& view) {
    return MatrixFigure(view).picture();
}

}  // namespace app
