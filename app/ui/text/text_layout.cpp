#include "app/ui/text/text_layout.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "app/ui/text/text_layout_cursor.h"
#include "app/ui/widgets/format.h"

namespace app::ui {

TextStyle run_style(const Block& block, const Run& run) {
    TextStyle style = type::kBody;
    if (block.kind == BlockKind::heading) {
        style.size = block.level == 1 ? 20.0f : block.level == 2 ? 18.0f : 16.0f;
        style.face = Face::semibold;
    }
    switch (run.style) {
        case RunStyle::plain:
            break;
        case RunStyle::bold:
            style.face = Face::bold;
            break;
        case RunStyle::italic:
            style.face = Face::italic;
            break;
        case RunStyle::bold_italic:
            style.face = Face::bold_italic;
            break;
        case RunStyle::code:
            style.face = Face::mono;
            style.size = 14;
            break;
        case RunStyle::faint:
            style.color = Color::text3;
            break;
    }
    if (!run.link.empty()) {
        style.color = Color::accent;
    }
    return style;
}

namespace {

Color tone_color(CodeTone tone) {
    switch (tone) {
        case CodeTone::none:
            return Color::text;
        case CodeTone::keyword:
            return Color::code_keyword;
        case CodeTone::function:
            return Color::code_function;
        case CodeTone::number:
            return Color::code_number;
        case CodeTone::string:
            return Color::code_string;
        case CodeTone::comment:
            return Color::code_comment;
        case CodeTone::punctuation:
            return Color::text2;
    }
    return Color::text;
}

/// Bytes of the next piece that must not be broken: a word with its trailing spaces, or one
/// character of a script without spaces.
size_t next_word(std::string_view text, size_t at) {
    size_t i = at;
    while (i < text.size() && text[i] != ' ') {
        const size_t n = utf8_length(text, i);
        const bool wide = n >= 3 && static_cast<unsigned char>(text[i]) >= 0xE3;
        i += n;
        if (wide) {
            return i - at;
        }
    }
    while (i < text.size() && text[i] == ' ') {
        ++i;
    }
    return i - at;
}

std::string_view without_tail_spaces(std::string_view word) {
    while (!word.empty() && word.back() == ' ') {
        word.remove_suffix(1);
    }
    return word;
}

/// Is the word wider than that? Of a very long one its beginning tells: what is broken into many
/// lines is not measured to its end for each of them.
bool wider(const Gui& gui, const TextStyle& style, std::string_view word, float width) {
    constexpr size_t kBeginning = 2048;
    if (word.size() > kBeginning) {
        size_t cut = kBeginning;
        while (cut < word.size() && (static_cast<unsigned char>(word[cut]) & 0xC0) == 0x80) {
            ++cut;
        }
        if (gui.width(style, word.substr(0, cut)) > width) {
            return true;
        }
    }
    return gui.width(style, without_tail_spaces(word)) > width;
}

}  // namespace

void TextLayout::new_line(Cursor& at) {
    if (at.in_line) {
        at.y += at.line_height;
        at.right += std::exchange(at.narrow, 0.0f);
    }
    at.x = at.left;
    at.in_line = false;
}

void TextLayout::put(const Gui& gui, const Run& run, const TextStyle& style, std::string_view part,
                     uint32_t& source, Cursor& at) {
    if (!at.in_line) {
        Line line;
        line.y = at.y;
        line.height = at.line_height;
        line.table = at.table;
        line.text_begin = uint32_t(text_.size());
        const float cap = gui.px(at.line_size) * 0.727f;
        line.baseline = std::round(at.y + at.line_height / 2 + cap / 2);
        lines_.push_back(std::move(line));
        at.in_line = true;
        at.x = at.left;
    }
    const float w = gui.width(style, part);
    const int link = run.link.empty() ? -1 : int(links_.size()) - 1;
    std::vector<Piece>& pieces = lines_.back().pieces;
    const bool joins = !pieces.empty() && pieces.back().style.face == style.face &&
                       pieces.back().style.color == style.color && pieces.back().mapped &&
                       run.mapped && pieces.back().link == link &&
                       pieces.back().struck == run.struck &&
                       pieces.back().text_begin + pieces.back().text_size == text_.size() &&
                       pieces.back().source_begin + pieces.back().text.size() == source;
    if (joins) {
        pieces.back().text += part;
        pieces.back().text_size += uint32_t(part.size());
        pieces.back().width += w;
    } else {
        Piece piece{at.x, w, style, std::string(part), source, uint32_t(text_.size())};
        piece.text_size = uint32_t(part.size());
        piece.link = link;
        piece.mapped = run.mapped;
        piece.inline_code = run.style == RunStyle::code && !at.card;
        piece.struck = run.struck;
        piece.styled = run.struck || link >= 0 ||
                       (run.style != RunStyle::plain && run.style != RunStyle::faint && !at.card);
        pieces.push_back(std::move(piece));
    }
    if (run.soft_break) {
        text_ += '\n';
    } else {
        text_ += part;
    }
    at.x += w;
    source += uint32_t(part.size());
}

void TextLayout::flow(const Gui& gui, const Run& run, const TextStyle& style, Cursor& at) {
    const std::string_view text = run.text;
    uint32_t source = run.source_begin;
    if (!run.link.empty() && (links_.empty() || links_.back() != run.link)) {
        links_.push_back(run.link);
    }
    for (size_t i = 0; i < text.size();) {
        size_t n = next_word(text, i);
        std::string_view word = text.substr(i, n);
        if (wider(gui, style, word, at.right - at.x)) {
            if (at.in_line && at.x > at.left) {
                new_line(at);
            }
            // A word longer than the line is broken where it must be.
            while (n > 1 && wider(gui, style, word, at.right - at.left)) {
                size_t fit = 0;
                float w = 0;
                while (fit < n) {
                    const size_t step = utf8_length(word, fit);
                    w += gui.width(style, word.substr(fit, step));
                    if (w > at.right - at.left && fit > 0) {
                        break;
                    }
                    fit += step;
                }
                if (fit >= n) {
                    break;
                }
                put(gui, run, style, word.substr(0, fit), source, at);
                new_line(at);
                i += fit;
                n -= fit;
                word.remove_prefix(fit);
            }
        }
        put(gui, run, style, word, source, at);
        i += n;
    }
}

void TextLayout::add_runs(const Gui& gui, const Block& block, const std::vector<Run>& runs,
                          Cursor& at) {
    for (const Run& run : runs) {
        if (run.line_break) {
            at.in_line = true;  // empty lines take room too
            new_line(at);
            text_ += '\n';
        } else if (at.card) {
            TextStyle style = type::kCode;
            style.color = tone_color(run.tone);
            flow(gui, run, style, at);
        } else {
            const bool boxed = run.style == RunStyle::code;  // room for the fill behind the words
            at.x += boxed && at.in_line ? gui.px(2) : 0;
            flow(gui, run, run_style(block, run), at);
            at.x += boxed ? gui.px(2) : 0;
        }
    }
}

void TextLayout::add_code(const Gui& gui, const Block& block, Cursor& at) {
    float widest = 0, line = 0;
    for (const Run& run : block.runs) {
        line = run.line_break ? 0 : line + gui.width(type::kCode, run.text);
        widest = std::max(widest, line);
    }
    // As wide as the column; wider, where there is room, only as far as the code needs it.
    const float w =
        std::clamp(widest + gui.px(28), at.right - at.left, std::max(wide_, at.right) - at.left);
    CodeCard card{at.y, 0, at.left, std::round(w), block.language, block_text(block)};
    Cursor inside = at;
    inside.card = true;
    inside.left = at.left + gui.px(14);
    inside.right = at.left + card.width - gui.px(14);
    inside.narrow =
        gui.px(30) + (block.language.empty()
                          ? 0
                          : gui.width(type::kNote, one_line(block.language, 16)) + gui.px(8));
    inside.right -= inside.narrow;
    inside.y = at.y + gui.px(12);
    inside.line_height = std::round(gui.px(22));
    inside.line_size = 14;
    inside.x = inside.left;
    add_runs(gui, block, block.runs, inside);
    new_line(inside);
    const float least = at.y + gui.px(12) + inside.line_height;  // an empty block is a block too
    card.height = std::max(inside.y, least) + gui.px(12) - at.y;
    cards_.push_back(std::move(card));
    at.y += cards_.back().height;
}

void TextLayout::add_marker(const Gui& gui, const Block& block, Cursor& at) {
    if (block.marker.empty()) {
        return;
    }
    const auto before = uint32_t(text_.size());
    text_ +=
        std::string(2 * size_t(std::max(block.list_depth - 1, 0)), ' ') + block.plain_marker + " ";
    if (block.task != Task::none) {
        tasks_.push_back({at.left - gui.px(22), at.y, at.line_height, block.task == Task::done});
        return;
    }
    const TextStyle style = with(type::kBody, Color::text2);
    Line line;
    line.y = at.y;
    line.height = at.line_height;
    line.text_begin = before;
    line.baseline = std::round(at.y + at.line_height / 2 + gui.px(at.line_size) * 0.727f / 2);
    const float w = gui.width(style, block.marker);
    Piece piece{std::max(0.0f, at.left - w - gui.px(8)), w, style, block.marker};
    piece.text_begin = uint32_t(text_.size());
    line.pieces.push_back(std::move(piece));
    lines_.push_back(std::move(line));
    at.in_line = true;
    at.x = at.left;
}

void TextLayout::add_bars(const Gui& gui, const Block& block, float top, float bottom) {
    for (const QuoteBar& bar : block.bars) {
        const auto same = std::find_if(quotes_.rbegin(), quotes_.rend(),
                                       [&](const Quote& q) { return q.id == bar.quote; });
        if (same != quotes_.rend()) {
            same->height = bottom - same->y;
        } else {
            quotes_.push_back({top, bottom - top, gui.px(22 * float(bar.level) + 6), bar.quote});
        }
    }
}

void TextLayout::add_block(const Gui& gui, const Block& block, Cursor& at) {
    at.left = gui.px(22) * float(block.indent);
    at.right = width_;
    at.x = at.left;
    at.in_line = false;
    if (!text_.empty()) {
        text_ += block.lines_before > 1 ? "\n\n" : "\n";
    }
    const float top = at.y;
    at.line_size = block.kind == BlockKind::heading && block.level == 1 ? 20 : 16;
    at.line_height = std::round(gui.px(block.kind == BlockKind::heading ? 28 : 24));
    if (block.kind == BlockKind::rule) {
        rules_.push_back(at.y + gui.px(8));
        text_ += "---";
        at.y += gui.px(16);
    } else if (block.kind == BlockKind::code) {
        add_marker(gui, block, at);
        if (at.in_line) {
            new_line(at);
        }
        add_code(gui, block, at);
    } else if (block.kind == BlockKind::table) {
        add_table(gui, block, at);
    } else {
        add_marker(gui, block, at);
        const bool empty = block.runs.empty() && !block.marker.empty();
        add_runs(gui, block, block.runs, at);
        at.in_line = at.in_line || empty;
        new_line(at);
    }
    add_bars(gui, block, top, at.y);
}

namespace {

float gap_before(const Gui& gui, const Block& block, const Block& before) {
    const auto boxed = [](const Block& b) {
        return b.kind == BlockKind::code || b.kind == BlockKind::table;
    };
    if (boxed(block) || boxed(before) || block.kind == BlockKind::heading) {
        return gui.px(14);
    }
    return gui.px(!block.marker.empty() && before.list_depth > 0 ? 4 : 8);
}

}  // namespace

void TextLayout::add_blocks(const Gui& gui, const std::vector<Block>& blocks, size_t from) {
    Cursor at;
    at.y = height_;
    at.right = width_;
    for (size_t i = from; i < blocks.size(); ++i) {
        marks_.push_back({lines_.size(), cards_.size(), tables_.size(), quotes_.size(),
                          rules_.size(), tasks_.size(), links_.size(), text_.size(), at.y,
                          quotes_.empty() ? 0 : quotes_.back().height});
        if (i > 0) {
            at.y += gap_before(gui, blocks[i], blocks[i - 1]);
        }
        add_block(gui, blocks[i], at);
    }
    height_ = at.y;
}

void TextLayout::build(const Gui& gui, const std::vector<Block>& blocks, float width, float wide) {
    const std::vector<TableBox> old = std::move(tables_);
    *this = TextLayout{};
    width_ = width;
    wide_ = wide;
    add_blocks(gui, blocks, 0);
    for (size_t i = 0; i < std::min(old.size(), tables_.size()); ++i) {
        tables_[i].scroll = std::clamp(old[i].scroll, 0.0f, tables_[i].most());
    }
}

void TextLayout::rebuild_from(const Gui& gui, const std::vector<Block>& blocks, size_t keep) {
    if (keep < marks_.size()) {
        const Mark& m = marks_[keep];
        lines_.resize(m.lines);
        cards_.resize(m.cards);
        tables_.resize(m.tables);
        quotes_.resize(m.quotes);
        rules_.resize(m.rules);
        tasks_.resize(m.tasks);
        links_.resize(m.links);
        text_.resize(m.text);
        if (!quotes_.empty()) {
            quotes_.back().height = m.quote_height;
        }
        height_ = m.y;
        marks_.resize(keep);
    }
    add_blocks(gui, blocks, marks_.size());
}

void TextLayout::end(float& x, float& y, float& line_height) const {
    x = y = 0;
    line_height = 0;
    if (!lines_.empty()) {
        const Line& line = lines_.back();
        y = line.y;
        line_height = line.height;
        x = line.pieces.empty() ? 0 : line.pieces.back().x + line.pieces.back().width;
    }
}

}  // namespace app::ui
