#include "app/ui/text_layout.h"

#include <algorithm>
#include <cmath>

#include "app/ui/format.h"

namespace app::ui {

struct TextLayout::Cursor {
    float y = 0;  // top of the current line
    float x = 0, left = 0, right = 0;
    float line_height = 24, line_size = 16;
    bool in_line = false;
    bool wraps = true;
};

namespace {

TextStyle style_of(const Block& block, const Run& run) {
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
    return style;
}

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
        const bool wide = n >= 3 && static_cast<unsigned char>(text[i]) >= 0xE2 &&
                          !(static_cast<unsigned char>(text[i]) == 0xE2);
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

}  // namespace

void TextLayout::new_line(Cursor& at) {
    if (at.in_line) {
        at.y += at.line_height;
    }
    at.x = at.left;
    at.in_line = false;
}

void TextLayout::flow(const Gui& gui, const Run& run, const TextStyle& style, Cursor& at) {
    std::string_view text = run.text;
    uint32_t source = run.source_begin;
    const auto put = [&](std::string_view part) {
        if (!at.in_line) {
            Line line;
            line.y = at.y;
            line.height = at.line_height;
            const float cap = gui.px(at.line_size) * 0.727f;
            line.baseline = std::round(at.y + at.line_height / 2 + cap / 2);
            lines_.push_back(line);
            at.in_line = true;
            at.x = at.left;
        }
        const float w = gui.width(style, part);
        std::vector<Piece>& pieces = lines_.back().pieces;
        const bool joins = !pieces.empty() && pieces.back().style.face == style.face &&
                           pieces.back().style.color == style.color && pieces.back().mapped &&
                           run.mapped &&
                           pieces.back().source_begin + pieces.back().text.size() == source;
        if (joins) {
            pieces.back().text += part;
            pieces.back().width += w;
        } else {
            pieces.push_back({at.x, w, style, std::string(part), source, run.mapped,
                              run.style == RunStyle::code && at.wraps});
        }
        at.x += w;
        source += uint32_t(part.size());
    };
    for (size_t i = 0; i < text.size();) {
        size_t n = at.wraps ? next_word(text, i) : text.size() - i;
        std::string_view word = text.substr(i, n);
        if (at.wraps && at.x + gui.width(style, without_tail_spaces(word)) > at.right) {
            if (at.in_line && at.x > at.left) {
                new_line(at);
            }
            // A word longer than the line is broken where it must be.
            while (gui.width(style, without_tail_spaces(word)) > at.right - at.left && n > 1) {
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
                put(word.substr(0, fit));
                new_line(at);
                i += fit;
                n -= fit;
                word.remove_prefix(fit);
            }
        }
        put(word);
        i += n;
    }
}

void TextLayout::add_code(const Gui& gui, const Block& block, Cursor& at) {
    CodeCard card{at.y, 0, at.left, block.language, block_text(block)};
    Cursor inside = at;
    inside.left = at.left + gui.px(14);
    inside.right = at.right - gui.px(14);
    inside.y = at.y + gui.px(12);
    inside.line_height = std::round(gui.px(22));
    inside.line_size = 14;
    inside.x = inside.left;
    for (const Run& run : block.runs) {
        if (run.line_break) {
            inside.in_line = true;  // empty lines take room too
            new_line(inside);
            continue;
        }
        TextStyle style = type::kCode;
        style.color = tone_color(run.tone);
        inside.wraps = true;
        Run part = run;
        part.style = RunStyle::plain;
        flow(gui, part, style, inside);
    }
    new_line(inside);
    card.height = inside.y + gui.px(12) - at.y;
    cards_.push_back(std::move(card));
    at.y += cards_.back().height;
}

void TextLayout::add_block(const Gui& gui, const Block& block, Cursor& at) {
    at.left = gui.px(22) * float(block.indent);
    at.x = at.left;
    at.in_line = false;
    if (block.kind == BlockKind::rule) {
        rules_.push_back(at.y + gui.px(8));
        at.y += gui.px(16);
        return;
    }
    if (block.kind == BlockKind::code) {
        add_code(gui, block, at);
        return;
    }
    const float top = at.y;
    at.line_size = block.kind == BlockKind::heading && block.level == 1 ? 20 : 16;
    at.line_height = std::round(gui.px(block.kind == BlockKind::heading ? 28 : 24));
    if (!block.marker.empty()) {
        Run marker;
        marker.text = block.marker;
        const float left = at.left;
        const TextStyle style = with(type::kBody, Color::text2);
        at.left = std::max(0.0f, left - gui.width(style, block.marker) - gui.px(8));
        flow(gui, marker, style, at);
        at.left = left;
        at.x = left;
    }
    for (const Run& run : block.runs) {
        if (run.line_break) {
            at.in_line = true;
            new_line(at);
        } else {
            flow(gui, run, style_of(block, run), at);
        }
    }
    new_line(at);
    if (block.quote) {
        quotes_.push_back({top, at.y - top, at.left - gui.px(16)});
    }
}

void TextLayout::build(const Gui& gui, const std::vector<Block>& blocks, float width) {
    *this = TextLayout{};
    width_ = width;
    Cursor at;
    at.right = width;
    bool first = true;
    BlockKind before = BlockKind::paragraph;
    for (const Block& block : blocks) {
        if (!first) {
            const bool code = block.kind == BlockKind::code || before == BlockKind::code;
            const bool tight = !block.marker.empty() || block.kind == BlockKind::table_row;
            at.y += gui.px(code ? 14 : tight ? 4 : block.kind == BlockKind::heading ? 14 : 8);
        }
        first = false;
        before = block.kind;
        add_block(gui, block, at);
    }
    height_ = at.y;
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

void TextLayout::draw(const Gui& gui, float x, float y) const {
    const Rect clip = gui.clip();
    for (const CodeCard& card : cards_) {
        const Rect r{std::round(x + card.x), std::round(y + card.y), width_ - card.x,
                     std::round(card.height)};
        gui.card(r, gui.theme().dark ? Color::card : Color::inspector, Color::separator, 10);
    }
    for (const Quote& quote : quotes_) {
        gui.fill({x + quote.x, y + quote.y, gui.px(3), quote.height}, Color::edge, 1.5f);
    }
    for (const float rule : rules_) {
        gui.hline(x, y + rule, width_);
    }
    for (const Line& line : lines_) {
        const float top = y + line.y;
        if (top > clip.bottom() || top + line.height < clip.y) {
            continue;
        }
        for (const Piece& piece : line.pieces) {
            if (piece.inline_code) {
                gui.fill({x + piece.x - gui.px(3), top + gui.px(2), piece.width + gui.px(6),
                          line.height - gui.px(4)},
                         gui.theme().dark ? Color::raised : Color::hover, 4);
            }
            gui.glyphs(piece.style, x + piece.x, y + line.baseline, piece.text,
                       gui.color(piece.style.color));
            if (gui.records()) {
                gui.record_line(piece.style, x + piece.x, y + line.baseline,
                                std::string(without_tail_spaces(piece.text)));
            }
        }
    }
}

std::vector<Rect> TextLayout::find(const Gui& gui, uint32_t begin, uint32_t end) const {
    std::vector<Rect> out;
    for (const Line& line : lines_) {
        Rect r;
        bool any = false;
        for (const Piece& p : line.pieces) {
            const uint32_t p_end = p.source_begin + uint32_t(p.text.size());
            if (!p.mapped || p_end <= begin || p.source_begin >= end) {
                continue;
            }
            const size_t from = begin > p.source_begin ? begin - p.source_begin : 0;
            const size_t to = std::min<size_t>(end - p.source_begin, p.text.size());
            const std::string_view text = p.text;
            const float x = p.x + gui.width(p.style, text.substr(0, from));
            const float w = gui.width(p.style, text.substr(from, to - from));
            r = any ? Rect{r.x, r.y, x + w - r.x, r.h} : Rect{x, line.y, w, line.height};
            any = true;
        }
        if (any && r.w > 0) {
            out.push_back(r);
        }
    }
    return out;
}

std::optional<uint32_t> TextLayout::byte_at(const Gui& gui, float x, float y) const {
    for (const Line& line : lines_) {
        if (y < line.y || y >= line.y + line.height) {
            continue;
        }
        for (const Piece& p : line.pieces) {
            if (!p.mapped || x < p.x || x >= p.x + p.width) {
                continue;
            }
            float at = p.x;
            for (size_t i = 0; i < p.text.size();) {
                const size_t n = utf8_length(p.text, i);
                at += gui.width(p.style, std::string_view(p.text).substr(i, n));
                if (x < at) {
                    return p.source_begin + uint32_t(i);
                }
                i += n;
            }
        }
    }
    return std::nullopt;
}

}  // namespace app::ui
