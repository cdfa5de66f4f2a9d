// TextLayout: blocks of a message, broken into lines for one width, font and scale. Drawn by glyph
// runs. Three ways to name a place in it: a point, a byte of the message's source (tokens), and a
// byte of its text as it is copied (selection).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/ui/text/markdown.h"
#include "app/ui/widgets/gui.h"

namespace app::ui {

struct Piece {
    float x = 0, width = 0;
    TextStyle style;
    std::string text;
    uint32_t source_begin = 0;
    uint32_t text_begin = 0, text_size = 0;  // in TextLayout::text(); 0 for marks of lists
    int link = -1;                           // in TextLayout::links()
    bool mapped = false;
    bool inline_code = false, struck = false;
    bool styled = false;  // its source has marks around it
};
struct Line {
    float y = 0, height = 0, baseline = 0;  // from the top of the layout
    uint32_t text_begin = 0;
    int table = -1;  // it scrolls with this one
    std::vector<Piece> pieces;
    uint32_t text_end() const {
        return pieces.empty() ? text_begin : pieces.back().text_begin + pieces.back().text_size;
    }
};
struct CodeCard {
    float y = 0, height = 0, x = 0, width = 0;
    std::string language, text;
};
struct TableBox {
    float y = 0, height = 0, x = 0, width = 0;
    float inner_width = 0;  // wider than the box: it scrolls sideways
    float scroll = 0;
    float head_height = 0;
    std::vector<float> rows;  // tops of the rows below the head, from the top of the layout
    std::string text;         // cells between tabs
    float most() const { return inner_width > width ? inner_width - width : 0; }
};
struct Quote {
    float y = 0, height = 0, x = 0;
    int id = 0;
};
struct TaskBox {
    float x = 0, y = 0, height = 0;
    bool done = false;
};

/// Half-open range of bytes of a layout's text.
struct TextRange {
    uint32_t begin = 0, end = 0;
    bool empty() const { return begin >= end; }
};

class TextLayout {
public:
    /// Code and tables may be as wide as `wide`, all else keeps to `width`.
    void build(const Gui& gui, const std::vector<Block>& blocks, float width, float wide);
    /// The same, but the first `keep` blocks are those of the last build.
    void rebuild_from(const Gui& gui, const std::vector<Block>& blocks, size_t keep);
    float height() const { return height_; }
    float width() const { return width_; }
    const std::vector<CodeCard>& cards() const { return cards_; }
    std::vector<TableBox>& tables() { return tables_; }
    const std::vector<TableBox>& tables() const { return tables_; }
    const std::vector<Line>& lines() const { return lines_; }
    const std::vector<std::string>& links() const { return links_; }
    /// What is copied: the visible text, list marks and line ends as the source has them.
    const std::string& text() const { return text_; }
    /// End of the last line: where the caret of a running answer stands.
    void end(float& x, float& y, float& line_height) const;

    void draw(const Gui& gui, float x, float y, TextRange selected = {}) const;
    /// Rectangles (relative to the top left) of these source bytes, one per line at most.
    std::vector<Rect> find(const Gui& gui, uint32_t begin, uint32_t end) const;
    /// The same for bytes of the text.
    std::vector<Rect> find_text(const Gui& gui, TextRange range) const;
    /// The source byte under a point relative to the top left.
    std::optional<uint32_t> byte_at(const Gui& gui, float x, float y) const;
    /// The nearest place between two characters of the text.
    uint32_t text_at(const Gui& gui, float x, float y) const;
    /// The link under a point; -1: none.
    int link_at(float x, float y) const;

private:
    struct Cursor;
    void add_blocks(const Gui& gui, const std::vector<Block>& blocks, size_t from);
    void add_block(const Gui& gui, const Block& block, Cursor& at);
    void add_marker(const Gui& gui, const Block& block, Cursor& at);
    void add_runs(const Gui& gui, const Block& block, const std::vector<Run>& runs, Cursor& at);
    void add_code(const Gui& gui, const Block& block, Cursor& at);
    void add_table(const Gui& gui, const Block& block, Cursor& at);
    float add_row(const Gui& gui, const Block& block, size_t row, const std::vector<float>& widths,
                  Cursor& at);
    void align_lines(const Gui& gui, size_t first, Align align, float right);
    void add_bars(const Gui& gui, const Block& block, float top, float bottom);
    void flow(const Gui& gui, const Run& run, const TextStyle& style, Cursor& at);
    void put(const Gui& gui, const Run& run, const TextStyle& style, std::string_view part,
             uint32_t& source, Cursor& at);
    void new_line(Cursor& at);
    float shift(const Line& line) const {
        return line.table < 0 ? 0 : -tables_[size_t(line.table)].scroll;
    }
    void draw_boxes(const Gui& gui, float x, float y) const;
    void draw_line(const Gui& gui, const Line& line, float x, float y) const;

    /// What there was before each block, so that later ones can be taken back.
    struct Mark {
        size_t lines, cards, tables, quotes, rules, tasks, links, text;
        float y, quote_height;
    };
    std::vector<Mark> marks_;
    std::vector<Line> lines_;
    std::vector<CodeCard> cards_;
    std::vector<TableBox> tables_;
    std::vector<Quote> quotes_;
    std::vector<float> rules_;
    std::vector<TaskBox> tasks_;
    std::vector<std::string> links_;
    std::string text_;
    float height_ = 0, width_ = 0, wide_ = 0;
};

}  // namespace app::ui
