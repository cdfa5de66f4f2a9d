// Numbers and short texts as the window writes them: "23.1 %", "262,144", minus as U+2212.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/numbers.h"

namespace app::ui {

/// Three significant digits down to 0.0001 %, then "< 0.0001 %".
std::string percent(double p);
/// As percent, but with the digits a column of probabilities needs: 88.82 %, 0.0098 %.
std::string percent_fine(double p);
/// Fixed digits, minus sign U+2212, "–" for NaN.
std::string fixed(double value, int digits);
/// 11.7 MB, 253 MB, 2.6 GB (powers of 1000, as file managers show).
std::string file_size(uint64_t bytes);
/// 5.8 M, 270 M, 2.6 B parameters.
std::string parameter_count(uint64_t n);
/// 420 ms, 1.4 s, 2 min 05 s.
std::string duration(double ms);

/// Bytes of the UTF-8 character at text[i]; 1 for broken bytes.
size_t utf8_length(std::string_view text, size_t i);
/// At most max_chars characters, with "…" when cut; line breaks become spaces.
std::string one_line(std::string_view text, size_t max_chars);
/// The wanted heights, pushed apart to at least `gap` without changing their order.
std::vector<float> spread(const std::vector<float>& wanted, float gap, float low, float high);
/// The smallest of 1, 2, 5, 10, 20, 50, … that is at least this.
uint32_t nice_step(double least);
/// Without white space at both ends.
std::string trimmed(std::string_view text);
/// Every sign that stands for a space (U+00B7 in the engine's lists) as the open box U+2423.
std::string open_boxes(std::string_view text);
/// Case-insensitive (ASCII) search.
bool contains_folded(std::string_view text, std::string_view part);

/// What stands in a token's box: leading spaces counted apart, line breaks as U+21B5.
struct TokenFace {
    int leading_spaces = 0;  // drawn as open boxes
    std::string text;        // the rest, printable
    bool only_spaces = false;
    bool dim = false;  // line breaks and byte tokens: secondary colour
};
TokenFace token_face(std::string_view display, std::string_view bytes, bool control);
/// One line for sentences: `return`, `␣0`, `↵`.
std::string token_words(std::string_view display, std::string_view bytes, bool control);

}  // namespace app::ui
