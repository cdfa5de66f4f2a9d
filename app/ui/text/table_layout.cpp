// Tables of a TextLayout: widths of the columns, cells broken into lines.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "app/ui/text/table_widths.h"
#include "app/ui/text/text_layout_cursor.h"
#include "app/ui/widgets/format.h"

namespace app::ui {

std::vector<float> column_widths(const std::vector<float>& least, const std::vector<float>& wanted,
                                 float room) {
    const float sum_least = std::accumulate(least.begin(), least.end(), 0.0f);
    const float sum_wanted = std::accumulate(wanted.begin(), wanted.end(), 0.0f);
    std::vector<float> widths = wanted;
    if (sum_wanted <= room) {
        return widths;
    }
    const float slack = std::max(sum_wanted - sum_least, 1e-6f);
    const float share = std::clamp((room - sum_least) / slack, 0.0f, 1.0f);
    for (size_t i = 0; i < widths.size(); ++i) {
        widths[i] = least[i] + (wanted[i] - least[i]) * share;
    }
    return widths;
}

namespace {

constexpr float kCellPad = 12, kRowPad = 6;  // design pixels

/// Width of a cell on one line, and of its longest word.
void cell_widths(const Gui& gui, const Block& block, const Cell& cell, float& wanted,
                 float& least) {
    float line = 0, word = 0;
    for (const Run& run : cell.runs) {
        if (run.line_break) {
            line = word = 0;
            continue;
        }
        const TextStyle style = run_style(block, run);
        line += gui.width(style, run.text);
        wanted = std::max(wanted, line);
        for (size_t i = 0; i < run.text.size();) {
            const size_t end = std::min(run.text.find(' ', i), run.text.size());
            word += gui.width(style, std::string_view(run.text).substr(i, end - i));
            least = std::max(least, word);
            word = end < run.text.size() ? 0 : word;
            i = end + 1;
        }
    }
}

}  // namespace

float TextLayout::add_row(const Gui& gui, const Block& block, size_t row,
                          const std::vector<float>& widths, Cursor& at) {
    float x = at.left, height = 0;
    const std::vector<Cell>& cells = block.rows[row];
    for (size_t c = 0; c < widths.size(); ++c) {
        text_ += c > 0 ? "\t" : "";
        const size_t first = lines_.size();
        Cursor cell;
        cell.table = int(tables_.size());
        cell.left = cell.x = x + gui.px(kCellPad);
        cell.right = x + widths[c] - gui.px(kCellPad) + 0.5f;
        cell.y = at.y + gui.px(kRowPad);
        cell.line_height = std::round(gui.px(24));
        if (c < cells.size()) {
            add_runs(gui, block, cells[c].runs, cell);
            new_line(cell);
            align_lines(gui, first, cells[c].align, cell.right);
        }
        height = std::max({height, cell.y - at.y, gui.px(kRowPad) + cell.line_height});
        x += widths[c];
    }
    return std::round(height + gui.px(kRowPad));
}

void TextLayout::align_lines(const Gui& gui, size_t first, Align align, float right) {
    for (size_t i = first; align != Align::left && i < lines_.size(); ++i) {
        Line& line = lines_[i];
        if (line.pieces.empty()) {
            continue;
        }
        const Piece& last = line.pieces.back();  // without the space it was broken at
        const std::string_view text = last.text;
        const float width = gui.width(last.style, text.substr(0, text.find_last_not_of(' ') + 1));
        const float free = right - (last.x + width);
        const float by = std::max(0.0f, align == Align::right ? free : free / 2);
        for (Piece& piece : line.pieces) {
            piece.x += by;
        }
    }
}

void TextLayout::add_table(const Gui& gui, const Block& block, Cursor& at) {
    size_t n = 0;
    for (const auto& row : block.rows) {
        n = std::max(n, row.size());
    }
    std::vector<float> least(n, 0), wanted(n, 0);
    for (const auto& row : block.rows) {
        for (size_t c = 0; c < row.size(); ++c) {
            cell_widths(gui, block, row[c], wanted[c], least[c]);
        }
    }
    const float pad = gui.px(2 * kCellPad) + 1;
    for (size_t c = 0; c < n; ++c) {
        // A long word is broken rather than that its column takes the whole table.
        least[c] = std::min(least[c], gui.px(160)) + pad;
        wanted[c] += pad;
    }
    TableBox box;
    box.y = at.y;
    box.x = at.left;
    const float room = std::max(wide_, at.right) - at.left;
    const std::vector<float> widths = column_widths(least, wanted, room);
    box.inner_width = std::accumulate(widths.begin(), widths.end(), 0.0f);
    box.width = std::min(box.inner_width, room);
    box.text = block_text(block);
    const float head = at.y;
    for (size_t r = 0; r < block.rows.size(); ++r) {
        text_ += r > 0 ? "\n" : "";
        if (r > 0) {
            box.rows.push_back(at.y);
        }
        at.y += add_row(gui, block, r, widths, at);
        box.head_height = r == 0 ? at.y - head : box.head_height;
    }
    if (box.most() > 0) {
        at.y += std::round(gui.px(8));  // the bar that scrolls it
    }
    box.height = at.y - box.y;
    tables_.push_back(std::move(box));
}

}  // namespace app::ui
