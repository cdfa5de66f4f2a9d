// Markdown of answers -> blocks of styled runs, through md4c. Pure; every run knows where its text
// stands in the source, so that tokens can be found in it. Nothing is ever fetched: a picture is a
// link like any other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/ui/text/code_tones.h"

namespace app::ui {

enum class RunStyle : uint8_t { plain, bold, italic, bold_italic, code, faint };

struct Run {
    std::string text;
    RunStyle style = RunStyle::plain;
    CodeTone tone = CodeTone::none;
    uint32_t source_begin = 0;  // bytes of the message; same length as text where `mapped`
    bool mapped = false;
    bool line_break = false;  // a forced break, no text
    bool soft_break = false;  // a line end of the source that is drawn as a space
    bool struck = false;
    std::string link;  // where it leads; empty: nowhere
};

enum class BlockKind : uint8_t { paragraph, heading, code, rule, table };
enum class Align : uint8_t { left, center, right };
enum class Task : uint8_t { none, open, done };

struct Cell {
    std::vector<Run> runs;
    Align align = Align::left;
};

/// One step of indentation that is a quote: its level, and which quote it is, so that the bar
/// beside several blocks of one quote is one bar.
struct QuoteBar {
    int level = 0;
    int quote = 0;
};

struct Block {
    BlockKind kind = BlockKind::paragraph;
    int level = 0;   // heading 1..6
    int indent = 0;  // list and quote depth
    std::vector<QuoteBar> bars;
    std::string marker;        // "•", "3." in front of a list item's first block
    std::string plain_marker;  // "-", "3.": as it is copied
    int list_depth = 0;        // 0: not in a list
    int lines_before = 0;      // line ends of the source between the text before and this one's
    Task task = Task::none;
    std::string language;                 // code
    std::vector<std::vector<Cell>> rows;  // table, the first row is its head
    std::vector<Run> runs;
};

/// At most this deep are lists and quotes indented; deeper ones stay at the last step.
constexpr int kMaxIndent = 6;

std::vector<Block> parse_markdown(std::string_view source);
/// Plain text: paragraphs and line breaks only.
std::vector<Block> plain_blocks(std::string_view source);
/// Text of a block, as it is copied; the cells of a table between tabs.
std::string block_text(const Block& block);

/// The start of the last top-level block, at or after `from` (itself such a start): what stands
/// before it is parsed the same whatever comes after. Link definitions excepted, which is why a
/// finished message is parsed as a whole.
size_t last_block_start(std::string_view source, size_t from);

}  // namespace app::ui
