#include "app/ui/text/text_selection.h"

#include <algorithm>

#include "app/ui/widgets/format.h"

namespace app::ui {

namespace {

enum class Kind : uint8_t { space, line, word, sign };

Kind kind_at(std::string_view text, size_t at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c == '\n') {
        return Kind::line;
    }
    if (c == ' ' || c == '\t') {
        return Kind::space;
    }
    const bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                        (c >= 'a' && c <= 'z') || c == '_' || c >= 0x80;
    return letter ? Kind::word : Kind::sign;
}

size_t back(std::string_view text, size_t at) {
    --at;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) {
        --at;
    }
    return at;
}

}  // namespace

TextRange word_around(std::string_view text, uint32_t at) {
    if (text.empty()) {
        return {};
    }
    size_t begin = std::min<size_t>(at, text.size() - 1);
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) {
        --begin;
    }
    // Behind the last letter of a word the word is meant.
    if (kind_at(text, begin) != Kind::word && begin > 0 &&
        kind_at(text, back(text, begin)) == Kind::word) {
        begin = back(text, begin);
    }
    const Kind kind = kind_at(text, begin);
    size_t end = begin + utf8_length(text, begin);
    if (kind == Kind::line) {
        return {uint32_t(begin), uint32_t(begin)};
    }
    while (begin > 0 && kind_at(text, back(text, begin)) == kind) {
        begin = back(text, begin);
    }
    while (end < text.size() && kind_at(text, end) == kind) {
        end += utf8_length(text, end);
    }
    return {uint32_t(begin), uint32_t(end)};
}

TextRange paragraph_around(std::string_view text, uint32_t at) {
    const size_t place = std::min<size_t>(at, text.size());
    const size_t before = place == 0 ? std::string_view::npos : text.rfind('\n', place - 1);
    return {uint32_t(before == std::string_view::npos ? 0 : before + 1),
            uint32_t(std::min(text.find('\n', place), text.size()))};
}

TextRange TextSelection::unit(std::string_view text, uint32_t at) const {
    switch (by_) {
        case SelectBy::character:
            return {at, at};
        case SelectBy::word:
            return word_around(text, at);
        case SelectBy::paragraph:
            return paragraph_around(text, at);
    }
    return {at, at};
}

void TextSelection::press(NodeId node, std::string_view text, uint32_t at, int clicks) {
    node_ = node;
    by_ = clicks >= 3 ? SelectBy::paragraph : clicks == 2 ? SelectBy::word : SelectBy::character;
    anchor_ = range_ = unit(text, at);
}

void TextSelection::drag(std::string_view text, uint32_t at) {
    const TextRange to = unit(text, at);
    range_ = {std::min(anchor_.begin, to.begin), std::max(anchor_.end, to.end)};
}

void TextSelection::select_all(NodeId node, std::string_view text) {
    node_ = node;
    by_ = SelectBy::character;
    anchor_ = range_ = {0, uint32_t(text.size())};
}

}  // namespace app::ui
