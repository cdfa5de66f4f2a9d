// TextLayout: blocks of a message, broken into lines for one width, font and scale. Drawn by glyph
// runs; byte ranges of the message can be found on it and points can be turned into bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/ui/gui.h"
#include "app/ui/markdown.h"

namespace app::ui {

struct Piece {
    float x = 0, width = 0;
    TextStyle style;
    std::string text;
    uint32_t source_begin = 0;
    bool mapped = false;
    bool inline_code = false;
};
struct Line {
    float y = 0, height = 0, baseline = 0;  // from the top of the layout
    std::vector<Piece> pieces;
};
struct CodeCard {
    float y = 0, height = 0, x = 0;
    std::string language, text;
};
struct Quote {
    float y = 0, height = 0, x = 0;
};

class TextLayout {
public:
    void build(const Gui& gui, const std::vector<Block>& blocks, float width);
    float height() const { return height_; }
    float width() const { return width_; }
    const std::vector<CodeCard>& cards() const { return cards_; }
    /// End of the last line: where the caret of a running answer stands.
    void end(float& x, float& y, float& line_height) const;

    void draw(const Gui& gui, float x, float y) const;
    /// Rectangles (relative to the top left) of these source bytes, one per line at most.
    std::vector<Rect> find(const Gui& gui, uint32_t begin, uint32_t end) const;
    /// The source byte under a point relative to the top left.
    std::optional<uint32_t> byte_at(const Gui& gui, float x, float y) const;

private:
    struct Cursor;
    void add_block(const Gui& gui, const Block& block, Cursor& at);
    void add_code(const Gui& gui, const Block& block, Cursor& at);
    void flow(const Gui& gui, const Run& run, const TextStyle& style, Cursor& at);
    void new_line(Cursor& at);

    std::vector<Line> lines_;
    std::vector<CodeCard> cards_;
    std::vector<Quote> quotes_;
    std::vector<float> rules_;
    float height_ = 0, width_ = 0;
};

}  // namespace app::ui
