// Markdown of answers -> blocks of styled runs, through md4c. Pure; every run knows where its text
// stands in the source, so that tokens can be found in it. Nothing is ever fetched.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace app::ui {

enum class RunStyle : uint8_t { plain, bold, italic, bold_italic, code, faint };
enum class CodeTone : uint8_t { none, keyword, function, number, string, comment, punctuation };

struct Run {
    std::string text;
    RunStyle style = RunStyle::plain;
    CodeTone tone = CodeTone::none;
    uint32_t source_begin = 0;  // bytes of the message; same length as text where `mapped`
    bool mapped = false;
    bool line_break = false;  // a forced break, no text
};

enum class BlockKind : uint8_t { paragraph, heading, code, rule, table_row };

struct Block {
    BlockKind kind = BlockKind::paragraph;
    int level = 0;   // heading 1..6
    int indent = 0;  // list and quote depth
    bool quote = false;
    std::string marker;    // "•", "3." in front of a list item's first block
    std::string language;  // code
    std::vector<Run> runs;
};

/// At most this deep are lists and quotes indented; deeper ones stay at the last step.
constexpr int kMaxIndent = 6;

std::vector<Block> parse_markdown(std::string_view source);
/// Plain text: paragraphs and line breaks only.
std::vector<Block> plain_blocks(std::string_view source);
/// Text of a code block, as it is copied.
std::string block_text(const Block& block);
/// Split one line of code into toned runs; `in_string` carries over lines.
void tone_code(const std::string& line, uint32_t source_begin, std::string_view language,
               std::vector<Run>& out);

}  // namespace app::ui
