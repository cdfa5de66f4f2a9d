#include "app/ui/text/message_text.h"

#include <algorithm>
#include <iterator>

namespace app::ui {

namespace {

void move_runs(std::vector<Run>& runs, size_t by) {
    for (Run& run : runs) {
        run.source_begin += run.mapped ? uint32_t(by) : 0;
    }
}

/// Blocks of a part of the source, as if they had been parsed with all of it.
std::vector<Block> parse_part(std::string_view source, size_t from, int quotes) {
    std::vector<Block> blocks = parse_markdown(source.substr(from));
    for (Block& block : blocks) {
        move_runs(block.runs, from);
        for (auto& row : block.rows) {
            for (Cell& cell : row) {
                move_runs(cell.runs, from);
            }
        }
        for (QuoteBar& bar : block.bars) {
            bar.quote += quotes;
        }
    }
    if (from > 0 && !blocks.empty()) {
        blocks.front().lines_before = 2;
    }
    return blocks;
}

int most_quotes(const std::vector<Block>& blocks, int most) {
    for (const Block& block : blocks) {
        for (const QuoteBar& bar : block.bars) {
            most = std::max(most, bar.quote);
        }
    }
    return most;
}

bool same_shape(const MessageShape& a, const MessageShape& b) {
    return a.width == b.width && a.wide == b.wide && a.markdown == b.markdown &&
           a.growing == b.growing;
}

}  // namespace

void MessageText::parse_all() {
    blocks_ = shape_.markdown ? parse_markdown(source_) : plain_blocks(source_);
    parsed_bytes_ += source_.size();
    stable_end_ = stable_blocks_ = 0;
    stable_quotes_ = 0;
}

void MessageText::parse_tail(const Gui& gui) {
    const size_t start = last_block_start(source_, stable_end_);
    if (start > stable_end_) {  // what was the last block has come to its end
        std::vector<Block> done =
            parse_part(std::string_view(source_).substr(0, start), stable_end_, stable_quotes_);
        parsed_bytes_ += start - stable_end_;
        blocks_.resize(stable_blocks_);
        stable_quotes_ = most_quotes(done, stable_quotes_);
        std::move(done.begin(), done.end(), std::back_inserter(blocks_));
        layout_.rebuild_from(gui, blocks_, stable_blocks_);
        stable_end_ = start;
        stable_blocks_ = blocks_.size();
    }
    std::vector<Block> tail = parse_part(source_, stable_end_, stable_quotes_);
    parsed_bytes_ += source_.size() - stable_end_;
    blocks_.resize(stable_blocks_);
    std::move(tail.begin(), tail.end(), std::back_inserter(blocks_));
    layout_.rebuild_from(gui, blocks_, stable_blocks_);
}

bool MessageText::update(const Gui& gui, std::string_view text, const MessageShape& shape) {
    const bool same_place =
        same_shape(shape, shape_) && scale_ == gui.scale() && fonts_ == gui.fonts().version();
    if (same_place && text == source_) {
        return false;
    }
    const bool grows = same_place && shape.growing && shape.markdown &&
                       text.size() > source_.size() && text.substr(0, source_.size()) == source_;
    source_ = text;
    shape_ = shape;
    scale_ = gui.scale();
    fonts_ = gui.fonts().version();
    if (grows) {
        parse_tail(gui);
        return true;
    }
    parse_all();
    layout_.build(gui, blocks_, shape.width, shape.wide);
    return true;
}

namespace {

constexpr std::string_view kMarks = "*_`~";

/// Marks that stand before (after) this byte of the source without anything between.
size_t marks_before(std::string_view source, size_t at) {
    size_t begin = at;
    while (begin > 0 && kMarks.find(source[begin - 1]) != std::string_view::npos) {
        --begin;
    }
    return at - begin;
}
size_t marks_after(std::string_view source, size_t at) {
    return std::min(source.find_first_not_of(kMarks, at), source.size()) - at;
}

struct Edge {
    const Piece* piece = nullptr;
    size_t source = 0;
};

/// The first (last) byte of the source that is drawn within the range.
void find_edges(const TextLayout& layout, TextRange range, Edge& first, Edge& last) {
    for (const Line& line : layout.lines()) {
        for (const Piece& p : line.pieces) {
            const uint32_t end = p.text_begin + p.text_size;
            if (!p.mapped || end <= range.begin || p.text_begin >= range.end) {
                continue;
            }
            const uint32_t from = std::max(range.begin, p.text_begin) - p.text_begin;
            const uint32_t to = std::min(range.end, end) - p.text_begin;
            if (first.piece == nullptr) {
                first = {&p, p.source_begin + from};
            }
            last = {&p, size_t(p.source_begin) + to};
        }
    }
}

/// Something of the message is drawn between these bytes of the source.
bool drawn_between(const TextLayout& layout, size_t begin, size_t end) {
    for (const Line& line : layout.lines()) {
        for (const Piece& p : line.pieces) {
            if (p.mapped && p.source_begin < end && p.source_begin + p.text.size() > begin) {
                return true;
            }
        }
    }
    return false;
}

bool is_fence(std::string_view line) {
    const size_t first = line.find_first_not_of(" \t>");
    return first != std::string_view::npos &&
           (line.compare(first, 3, "```") == 0 || line.compare(first, 3, "~~~") == 0);
}

/// Whole lines of code go with their fences, and no fence is left open.
void take_fences(std::string_view source, size_t& begin, size_t& end) {
    size_t n_fences = 0;
    for (size_t at = begin; at < end;) {
        const size_t stop = std::min(source.find('\n', at), end);
        n_fences += is_fence(source.substr(at, stop - at)) ? 1 : 0;
        at = stop + 1;
    }
    const size_t above = begin < 2 ? std::string_view::npos : source.rfind('\n', begin - 2);
    const size_t above_begin = above == std::string_view::npos ? 0 : above + 1;
    const size_t below_end =
        end < source.size() ? std::min(source.find('\n', end + 1), source.size()) : end;
    const bool fence_above = begin > 0 && is_fence(source.substr(above_begin, begin - above_begin));
    const bool fence_below =
        end < source.size() && is_fence(source.substr(end + 1, below_end - end - 1));
    const bool inside = n_fences == 0 && fence_above && fence_below;
    if (inside || (n_fences % 2 == 1 && fence_below)) {
        end = below_end;
    }
    if (inside || (n_fences % 2 == 1 && !fence_below && fence_above)) {
        begin = above_begin;
    }
}

}  // namespace

std::string MessageText::markdown_of(TextRange range) const {
    if (range.begin == 0 && range.end >= layout_.text().size()) {
        return source_;
    }
    Edge first, last;
    find_edges(layout_, range, first, last);
    if (first.piece == nullptr || !shape_.markdown) {
        const size_t end = std::min<size_t>(range.end, layout_.text().size());
        return layout_.text().substr(range.begin, end - range.begin);
    }
    const std::string_view source = source_;
    size_t begin = first.source, end = last.source;
    std::string before, after;
    // A run that is cut gets its marks again; one that is whole keeps its own.
    const bool whole_first = begin == first.piece->source_begin;
    const bool whole_last = end == last.piece->source_begin + last.piece->text.size();
    if (first.piece->styled && (first.piece != last.piece || (whole_first && whole_last))) {
        const size_t at = first.piece->source_begin;
        const size_t n = marks_before(source, at);
        before = whole_first ? "" : std::string(source.substr(at - n, n));
        begin -= whole_first ? n : 0;
    }
    if (last.piece->styled && (first.piece != last.piece || (whole_first && whole_last))) {
        const size_t at = last.piece->source_begin + last.piece->text.size();
        const size_t n = marks_after(source, at);
        after = whole_last ? "" : std::string(source.substr(at, n));
        end += whole_last ? n : 0;
    }
    // What stands before the first letter of a line (list mark, #, fence) belongs to it.
    const size_t line = source.rfind('\n', begin == 0 ? 0 : begin - 1);
    const size_t line_begin = begin == 0 || line == std::string_view::npos ? 0 : line + 1;
    const size_t line_end = std::min(source.find('\n', end), source.size());
    const bool from_line = before.empty() && !drawn_between(layout_, line_begin, begin);
    const bool to_line = after.empty() && !drawn_between(layout_, end, line_end);
    begin = from_line ? line_begin : begin;
    end = to_line ? line_end : end;
    if (from_line && to_line) {
        take_fences(source, begin, end);
    }
    return before + std::string(source.substr(begin, end - begin)) + after;
}

}  // namespace app::ui
