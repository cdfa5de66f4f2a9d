// UTF-8, as strict as Unicode has it (table 3-7): no overlong forms, no surrogates, at most
// U+10FFFF.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace model {

struct Utf8Char {
    uint32_t code = 0;
    uint32_t size = 0;  // bytes; 0: no well-formed character starts here
};

/// The character at the front of `text`.
Utf8Char utf8_front(std::string_view text);

/// True when `text` is the beginning of a character that lacks bytes (1 to 3 bytes).
bool utf8_incomplete(std::string_view text);

bool utf8_valid(std::string_view text);

void utf8_append(std::string& out, uint32_t code);

/// `text` with every byte that belongs to no character replaced by U+FFFD.
std::string utf8_replaced(std::string_view text);

/// Without white space at both ends: what Python's str.strip and so the official templates take
/// off.
std::string_view utf8_trimmed(std::string_view text);

/// U+FFFD and U+2581 (the "▁" by which vocabularies write a space).
inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";
inline constexpr uint32_t kSpaceMarkCode = 0x2581;

}  // namespace model
