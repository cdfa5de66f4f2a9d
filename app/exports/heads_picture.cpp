// Many heads: layers below one another, heads side by side, in as many blocks as make a page.
#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include <fmt/format.h>

#include "app/exports/figure.h"
#include "app/exports/view_picture.h"

namespace app {

namespace {

constexpr uint32_t kMostCells = 64;  // along one side of a head's picture; more are pooled
constexpr double kPanel = 64;
constexpr double kGap = 4, kGroupGap = 10;  // between heads; between heads of two KV heads
constexpr double kLayerRoom = 62;           // left of a block
constexpr double kBlockGap = 22;
constexpr double kWanted = 1.35;  // width : height of the blocks

class HeadsFigure {
public:
    explicit HeadsFigure(const ViewExport& view) : view_(view) {
        std::set<int32_t> layers, heads;
        float high = 0;
        uint32_t n_keys = 0;
        for (const ExportGrid& grid : view.grids) {
            layers.insert(grid.layer);
            heads.insert(grid.head);
            cells_.push_back(shown_cells(view, grid, kMostCells));
            const ShownCells& cells = cells_.back();
            high = std::max(high, cells.high);
            n_keys = std::max(n_keys, grid.first_col + cells.n_cols * cells.cols_per * grid.bin);
            side_ = std::max({side_, cells.n_rows, cells.n_cols});
        }
        n_keys = view.tokens.empty() ? n_keys : std::min(n_keys, uint32_t(view.tokens.size()));
        layers_.assign(layers.begin(), layers.end());
        heads_.assign(heads.begin(), heads.end());
        scale_ = tone_scale(view, high, n_keys);
        cell_ = std::max(1.0, std::floor(kPanel / side_));
        panel_ = cell_ * side_;
        group_ = view.model.n_kv_heads == 0 ? 0 : view.model.n_heads / view.model.n_kv_heads;
        out_.dark = view.dark;
    }

    Picture picture() {
        place();
        const double top = add_title(out_, view_.title, subtitle()) + (group_ > 0 ? 40 : 22);
        const auto n_blocks = uint32_t((layers_.size() + per_block_ - 1) / per_block_);
        for (uint32_t b = 0; b < n_blocks; ++b) {
            add_heads(block_x(b), top);
            for (size_t i = b * per_block_; i < std::min(layers_.size(), (b + 1) * per_block_);
                 ++i) {
                add_layer(block_x(b), row_y(top, i % per_block_), layers_[i]);
            }
        }
        std::set<CellKind> kinds;
        for (size_t i = 0; i < cells_.size(); ++i) {
            add_panel(top, view_.grids[i], cells_[i]);
            kinds.insert(cells_[i].kinds.begin(), cells_[i].kinds.end());
        }
        kinds.erase(CellKind::color);
        const double bottom = row_y(top, per_block_);
        const Legend legend{.scale = scale_,
                            .scale_words = "log scale, one for all heads",
                            .kinds = {kinds.begin(), kinds.end()}};
        const double below =
            add_legend(out_, legend, kFigureMargin, out_.width - kFigureMargin, bottom + 14);
        add_caption(out_, view_.badge, below + 4);
        return std::move(out_);
    }

private:
    /// As many blocks as bring the whole nearest to the shape of a page.
    void place() {
        x_.clear();
        double x = 0;
        for (size_t i = 0; i < heads_.size(); ++i) {
            if (i > 0) {
                x += panel_ + (kv_head(heads_[i]) == kv_head(heads_[i - 1]) ? kGap : kGroupGap);
            }
            x_.push_back(x);
        }
        block_width_ = kLayerRoom + x_.back() + panel_;
        double best = 1e9;
        for (size_t n = 1; n <= std::min<size_t>(8, layers_.size()); ++n) {
            const size_t rows = (layers_.size() + n - 1) / n;
            const double width = double(n) * (block_width_ + kBlockGap);
            const double off =
                std::abs(std::log(width / (double(rows) * (panel_ + kGap)) / kWanted));
            if (off < best) {
                best = off;
                per_block_ = rows;
            }
        }
        const size_t n_blocks = (layers_.size() + per_block_ - 1) / per_block_;
        widen(out_, block_x(n_blocks - 1) + block_width_);
    }

    double block_x(size_t b) const {
        return kFigureMargin + double(b) * (block_width_ + kBlockGap);
    }
    double row_y(double top, size_t row) const { return top + double(row) * (panel_ + kGap); }
    uint32_t kv_head(int32_t head) const { return group_ == 0 ? 0 : uint32_t(head) / group_; }

    std::string subtitle() const {
        const uint32_t bin = view_.grids.front().bin * cells_.front().cols_per;
        const bool mean = view_.grids.front().name == "thumb_mass";
        const std::string parts[] = {
            view_.model.name, sink_words(view_, view_.grids.front().name != "pattern"),
            bin == 1 ? "every cell"
                     : fmt::format("each pixel {} of {} × {} cells",
                                   mean ? "the mean row mass" : "the max", bin, bin),
            "rows: queries, columns: keys"};
        return joined(parts);
    }

    /// Numbers over the columns, and over them which heads read from the same keys and values.
    void add_heads(double x, double top) {
        out_.texts.push_back({.x = x + kLayerRoom - 8,
                              .y = top - 6,
                              .size = kLabelSize,
                              .align = Align::right,
                              .text = "layer"});
        for (size_t i = 0; i < heads_.size(); ++i) {
            out_.texts.push_back({.x = x + kLayerRoom + x_[i] + panel_ / 2,
                                  .y = top - 6,
                                  .size = kLabelSize,
                                  .align = Align::center,
                                  .text = fmt::format("{}{}", i == 0 ? "head " : "", heads_[i])});
        }
        for (size_t i = 0; group_ > 0 && i < heads_.size();) {
            size_t end = i;
            while (end < heads_.size() && kv_head(heads_[end]) == kv_head(heads_[i])) {
                ++end;
            }
            const double from = x + kLayerRoom + x_[i], to = x + kLayerRoom + x_[end - 1] + panel_;
            const Rgb& line = out_.colors().ink2;
            out_.boxes.push_back({from, top - 22, to - from, 1, line});
            out_.boxes.push_back({from, top - 22, 1, 4, line});
            out_.boxes.push_back({to - 1, top - 22, 1, 4, line});
            out_.texts.push_back({.x = (from + to) / 2,
                                  .y = top - 26,
                                  .size = kLabelSize,
                                  .align = Align::center,
                                  .dim = true,
                                  .text = fmt::format("KV {}", kv_head(heads_[i]))});
            i = end;
        }
    }

    void add_layer(double x, double y, int32_t layer) {
        const double right = x + kLayerRoom - 8, middle = y + panel_ / 2;
        const std::optional<uint32_t> window = window_of(view_, layer);
        out_.texts.push_back({.x = right,
                              .y = middle + (window ? -2 : 4),
                              .size = 12,
                              .align = Align::right,
                              .strong = true,
                              .text = fmt::format("{}", layer)});
        if (!window) {
            return;
        }
        const bool global = *window == 0;
        out_.texts.push_back(
            {.x = right,
             .y = middle + 10,
             .size = 9,
             .align = Align::right,
             .dim = !global,
             .text = global ? std::string("global") : fmt::format("local {}", *window)});
        if (global) {  // a mark that is seen from afar
            out_.boxes.push_back({x + kLayerRoom - 5, y, 2, panel_, out_.colors().ink});
        }
    }

    void add_panel(double top, const ExportGrid& grid, const ShownCells& cells) {
        const auto layer = size_t(std::ranges::find(layers_, grid.layer) - layers_.begin());
        const auto head = size_t(std::ranges::find(heads_, grid.head) - heads_.begin());
        const double x = block_x(layer / per_block_) + kLayerRoom + x_[head];
        const double y = row_y(top, layer % per_block_);
        out_.cells.push_back(painted(cells, scale_, view_.dark, x, y, cell_, cell_));
    }

    const ViewExport& view_;
    std::vector<ShownCells> cells_;  // of each grid
    std::vector<int32_t> layers_, heads_;
    std::vector<double> x_;  // of each head, from the block's first one on
    ToneScale scale_;
    uint32_t side_ = 1, group_ = 0;
    double cell_ = 1, panel_ = 0, block_width_ = 0;
    size_t per_block_ = 1;
    Picture out_;
};

}  // namespace

Picture heads_picture(const ViewExport& view) {
    return HeadsFigure(view).picture();
}

}  // namespace app
