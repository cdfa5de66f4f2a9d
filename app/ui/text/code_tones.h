// Code -> spans by what a reader tells apart: keyword, function, number, string, comment. A small
// scanner driven by one table row per language; it knows where strings and comments end, not
// grammar.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace app::ui {

enum class CodeTone : uint8_t { none, keyword, function, number, string, comment, punctuation };

struct ToneSpan {
    uint32_t begin = 0, end = 0;  // bytes of the code
    CodeTone tone = CodeTone::none;
};

/// Spans in order, without gaps, for the whole of the code.
std::vector<ToneSpan> tone_code(std::string_view code, std::string_view language);
/// Whether a fence's word names a language of the table.
bool knows_language(std::string_view language);

}  // namespace app::ui
