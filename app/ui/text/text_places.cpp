// Places in a TextLayout: from bytes to rectangles, from points to bytes; and its drawing.
#include <algorithm>
#include <cmath>

#include "app/ui/text/text_layout.h"
#include "app/ui/widgets/format.h"

namespace app::ui {

namespace {

/// Bytes [from, to) of a piece, on its line.
Rect part_rect(const Gui& gui, const Line& line, const Piece& p, size_t from, size_t to) {
    const std::string_view text = p.text;
    const float x = p.x + gui.width(p.style, text.substr(0, from));
    return {x, line.y, gui.width(p.style, text.substr(from, to - from)), line.height};
}

void join(std::optional<Rect>& r, const Rect& part) {
    r = r ? Rect{r->x, r->y, part.right() - r->x, r->h} : part;
}

}  // namespace

std::vector<Rect> TextLayout::find(const Gui& gui, uint32_t begin, uint32_t end) const {
    std::vector<Rect> out;
    for (const Line& line : lines_) {
        std::optional<Rect> r;
        for (const Piece& p : line.pieces) {
            const uint32_t p_end = p.source_begin + uint32_t(p.text.size());
            if (!p.mapped || p_end <= begin || p.source_begin >= end) {
                continue;
            }
            const size_t from = begin > p.source_begin ? begin - p.source_begin : 0;
            const size_t to = std::min<size_t>(end - p.source_begin, p.text.size());
            join(r, part_rect(gui, line, p, from, to));
        }
        if (r && r->w > 0) {
            r->x += shift(line);
            out.push_back(*r);
        }
    }
    return out;
}

std::vector<Rect> TextLayout::find_text(const Gui& gui, TextRange range) const {
    std::vector<Rect> out;
    for (const Line& line : lines_) {
        if (line.text_end() < range.begin || line.text_begin >= range.end) {
            continue;
        }
        std::optional<Rect> r;
        for (const Piece& p : line.pieces) {
            const uint32_t p_end = p.text_begin + p.text_size;
            if (p_end <= range.begin || p.text_begin >= range.end) {
                continue;
            }
            const size_t from = range.begin > p.text_begin ? range.begin - p.text_begin : 0;
            join(r, part_rect(gui, line, p, from,
                              std::min<size_t>(range.end - p.text_begin, p.text.size())));
        }
        if (r && r->w > 0) {
            r->x += shift(line);
            out.push_back(*r);
        }
    }
    return out;
}

std::optional<uint32_t> TextLayout::byte_at(const Gui& gui, float x, float y) const {
    for (const Line& line : lines_) {
        if (y < line.y || y >= line.y + line.height) {
            continue;
        }
        const float line_x = x - shift(line);
        for (const Piece& p : line.pieces) {
            if (!p.mapped || line_x < p.x || line_x >= p.x + p.width) {
                continue;
            }
            float at = p.x;
            for (size_t i = 0; i < p.text.size();) {
                const size_t n = utf8_length(p.text, i);
                at += gui.width(p.style, std::string_view(p.text).substr(i, n));
                if (line_x < at) {
                    return p.source_begin + uint32_t(i);
                }
                i += n;
            }
        }
    }
    return std::nullopt;
}

namespace {

/// How far a point is from a line of text: rows first, columns (of a table) second.
float distance(const Line& line, float x, float y) {
    const float dy = std::max({line.y - y, y - (line.y + line.height), 0.0f});
    const float left = line.pieces.empty() ? 0 : line.pieces.front().x;
    const float right = line.pieces.empty() ? 0 : line.pieces.back().x + line.pieces.back().width;
    return dy * 10000 + std::max({left - x, x - right, 0.0f});
}

}  // namespace

uint32_t TextLayout::text_at(const Gui& gui, float x, float y) const {
    const Line* nearest = nullptr;
    float best = 0;
    for (const Line& line : lines_) {
        const float d = distance(line, x - shift(line), y);
        if (nearest == nullptr || d < best) {
            nearest = &line;
            best = d;
        }
    }
    if (nearest == nullptr) {
        return 0;
    }
    if (y < lines_.front().y) {
        return 0;
    }
    if (y > lines_.back().y + lines_.back().height && nearest == &lines_.back()) {
        return uint32_t(text_.size());
    }
    const float line_x = x - shift(*nearest);
    if (nearest->pieces.empty() || line_x < nearest->pieces.front().x) {
        return nearest->text_begin;
    }
    for (const Piece& p : nearest->pieces) {
        float at = p.x;
        for (size_t i = 0; i < p.text.size() && p.text_size > 0;) {
            const size_t n = utf8_length(p.text, i);
            const float w = gui.width(p.style, std::string_view(p.text).substr(i, n));
            if (line_x < at + w / 2) {
                return p.text_begin + uint32_t(i);
            }
            at += w;
            i += n;
        }
    }
    // Behind the last character, but before the space at which the line was broken.
    const Piece& last = nearest->pieces.back();
    const size_t words = last.text.find_last_not_of(' ');
    return last.text_size == 0 || words == std::string::npos
               ? nearest->text_end()
               : last.text_begin + uint32_t(words) + 1;
}

int TextLayout::link_at(float x, float y) const {
    for (const Line& line : lines_) {
        if (y < line.y || y >= line.y + line.height) {
            continue;
        }
        for (const Piece& p : line.pieces) {
            const float left = p.x + shift(line);
            if (p.link >= 0 && x >= left && x < left + p.width) {
                return p.link;
            }
        }
    }
    return -1;
}

namespace {

void draw_task(const Gui& gui, const TaskBox& task, float x, float y) {
    const float side = std::round(gui.px(14));
    const Rect box{std::round(x + task.x), std::round(y + task.y + (task.height - side) / 2), side,
                   side};
    gui.fill(box, task.done ? Color::accent_fill : Color::card, 3);
    gui.frame(box, task.done ? Color::accent_fill : Color::text3, 3);
    if (task.done) {
        gui.icon(Icon::check, box.cx(), box.cy(), 12, Color::on_accent, 2);
    }
}

void draw_table(const Gui& gui, const TableBox& table, float x, float y) {
    const Rect r{std::round(x + table.x), std::round(y + table.y), std::round(table.width),
                 std::round(table.height)};
    gui.fill({r.x, r.y, r.w, std::round(table.head_height)},
             gui.theme().dark ? Color::card : Color::inspector, 0);
    for (const float row : table.rows) {
        gui.hline(r.x, y + row, r.w);
    }
    gui.frame(r, Color::separator, 0);
    if (table.most() > 0) {  // the part that is seen, as a bar along the foot
        const float w = std::max(gui.px(24), r.w * table.width / table.inner_width);
        const float at = (r.w - w) * table.scroll / table.most();
        gui.fill({r.x + at, r.bottom() - gui.px(5), w, gui.px(4)}, Color::text3, 2, 0.7f);
    }
}

}  // namespace

void TextLayout::draw_boxes(const Gui& gui, float x, float y) const {
    for (const CodeCard& card : cards_) {
        const Rect r{std::round(x + card.x), std::round(y + card.y), std::round(card.width),
                     std::round(card.height)};
        gui.card(r, gui.theme().dark ? Color::card : Color::inspector, Color::separator, 10);
    }
    for (const TableBox& table : tables_) {
        draw_table(gui, table, x, y);
    }
    for (const Quote& quote : quotes_) {
        gui.fill({x + quote.x, y + quote.y, gui.px(3), quote.height}, Color::edge, 1.5f);
    }
    for (const float rule : rules_) {
        gui.hline(x, y + rule, width_);
    }
    for (const TaskBox& task : tasks_) {
        draw_task(gui, task, x, y);
    }
}

void TextLayout::draw_line(const Gui& gui, const Line& line, float x, float y) const {
    for (const Piece& piece : line.pieces) {
        const float top = y + line.y;
        if (piece.inline_code) {
            gui.fill({x + piece.x - gui.px(3), top + gui.px(2), piece.width + gui.px(6),
                      line.height - gui.px(4)},
                     gui.theme().dark ? Color::raised : Color::hover, 4);
        }
        gui.glyphs(piece.style, x + piece.x, y + line.baseline, piece.text,
                   gui.color(piece.style.color));
        const auto rule = [&](float height) {
            gui.fill(
                {x + piece.x, std::round(y + line.baseline - height), piece.width, gui.whole(1)},
                piece.style.color);
        };
        if (piece.struck) {
            rule(gui.px(5));
        }
        if (piece.link >= 0) {
            rule(-gui.px(2));
        }
        if (gui.records()) {
            const std::string& t = piece.text;
            gui.record_line(piece.style, x + piece.x, y + line.baseline,
                            t.substr(0, t.find_last_not_of(' ') + 1));
        }
    }
}

void TextLayout::draw(const Gui& gui, float x, float y, TextRange selected) const {
    const Rect clip = gui.clip();
    draw_boxes(gui, x, y);
    if (!selected.empty()) {
        for (const Rect& r : find_text(gui, selected)) {
            gui.fill({x + r.x, y + r.y, r.w, r.h}, Color::accent_bg_hover);
        }
    }
    for (const Line& line : lines_) {
        const float top = y + line.y;
        if (top > clip.bottom() || top + line.height < clip.y) {
            continue;
        }
        if (line.table < 0) {
            draw_line(gui, line, x, y);
            continue;
        }
        const TableBox& table = tables_[size_t(line.table)];
        const bool scrolls = table.most() > 0;
        if (scrolls) {
            gui.draw()->PushClipRect({x + table.x + 1, y + table.y},
                                     {x + table.x + table.width - 1, y + table.y + table.height},
                                     true);
        }
        draw_line(gui, line, x + shift(line), y);
        if (scrolls) {
            gui.draw()->PopClipRect();
        }
    }
}

}  // namespace app::ui
