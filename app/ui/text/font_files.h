// Font files of this machine, and which of them to ask first for a character. Pure but for reading
// the folders.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace app::ui {

/// File name without its ending -> path. Of two with one name the one in the earlier folder counts.
using FontIndex = std::map<std::string, std::string>;

/// Folders that hold font files on this system, in the order they are searched.
std::vector<std::string> font_folders();
FontIndex index_fonts(const std::vector<std::string>& folders);

/// What a character needs a font for. Not Unicode's scripts: groups that share their fonts.
enum class FontGroup : uint8_t {
    han,
    kana,
    hangul,
    emoji,
    symbols,
    arabic,
    hebrew,
    devanagari,
    bengali,
    tamil,
    thai,
    other,
    count_
};
FontGroup font_group(char32_t c);
/// Drawn as nothing: joiners, marks of direction, variation selectors.
bool is_invisible(char32_t c);

/// A name to look for, and which face of a collection.
struct FontChoice {
    std::string_view name;
    int face = 0;
};
/// To be asked in this order; `language` is the value of LANG. Chinese, Japanese and Korean write
/// the same characters in shapes of their own, so that their fonts come in the reader's order.
std::vector<FontChoice> preferred_fonts(FontGroup group, std::string_view language);
/// "Chinese and Japanese characters": of what, and the package that has a font.
struct FontAdvice {
    std::string_view what, package;
};
FontAdvice font_advice(FontGroup group);
/// The reader's language, from the environment.
std::string reader_language();

}  // namespace app::ui
