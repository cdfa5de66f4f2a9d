#include "model/utf8.h"

#include <algorithm>
#include <array>

namespace model {
namespace {

uint8_t byte_at(std::string_view text, size_t i) {
    return static_cast<uint8_t>(text[i]);
}

// What a lead byte promises: length, and the range of the second byte, which is where overlong
// forms, surrogates and codes beyond U+10FFFF show.
struct Lead {
    uint32_t size = 0;
    uint8_t second_min = 0x80, second_max = 0xBF;
};

Lead lead_of(uint8_t byte) {
    if (byte < 0x80) {
        return {1};
    }
    if (byte < 0xC2) {
        return {0};
    }
    if (byte < 0xE0) {
        return {2};
    }
    if (byte < 0xF0) {
        return {3, static_cast<uint8_t>(byte == 0xE0 ? 0xA0 : 0x80),
                static_cast<uint8_t>(byte == 0xED ? 0x9F : 0xBF)};
    }
    if (byte < 0xF5) {
        return {4, static_cast<uint8_t>(byte == 0xF0 ? 0x90 : 0x80),
                static_cast<uint8_t>(byte == 0xF4 ? 0x8F : 0xBF)};
    }
    return {0};
}

// Number of bytes of `text`, at most lead.size, that fit together from the front.
uint32_t fitting(std::string_view text, const Lead& lead) {
    const auto n = static_cast<uint32_t>(std::min<size_t>(lead.size, text.size()));
    for (uint32_t i = 1; i < n; ++i) {
        const uint8_t low = i == 1 ? lead.second_min : 0x80;
        const uint8_t high = i == 1 ? lead.second_max : 0xBF;
        if (byte_at(text, i) < low || byte_at(text, i) > high) {
            return i;
        }
    }
    return n;
}

bool is_space(uint32_t code) {
    return (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x20) || code == 0x85 ||
           code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
           code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

}  // namespace

Utf8Char utf8_front(std::string_view text) {
    if (text.empty()) {
        return {};
    }
    const Lead lead = lead_of(byte_at(text, 0));
    if (lead.size == 0 || fitting(text, lead) < lead.size) {
        return {};
    }
    constexpr std::array<uint8_t, 5> kLeadBits = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = byte_at(text, 0) & kLeadBits[lead.size];
    for (uint32_t i = 1; i < lead.size; ++i) {
        code = code << 6 | (byte_at(text, i) & 0x3F);
    }
    return {code, lead.size};
}

bool utf8_incomplete(std::string_view text) {
    if (text.empty()) {
        return false;
    }
    const Lead lead = lead_of(byte_at(text, 0));
    return text.size() < lead.size && fitting(text, lead) == text.size();
}

bool utf8_valid(std::string_view text) {
    while (!text.empty()) {
        const Utf8Char c = utf8_front(text);
        if (c.size == 0) {
            return false;
        }
        text.remove_prefix(c.size);
    }
    return true;
}

void utf8_append(std::string& out, uint32_t code) {
    const auto tail = [code](int shift) {
        return static_cast<char>(0x80 | (code >> shift & 0x3F));
    };
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xC0 | code >> 6);
        out += tail(0);
    } else if (code < 0x10000) {
        out += static_cast<char>(0xE0 | code >> 12);
        out += tail(6);
        out += tail(0);
    } else {
        out += static_cast<char>(0xF0 | code >> 18);
        out += tail(12);
        out += tail(6);
        out += tail(0);
    }
}

std::string utf8_replaced(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const uint32_t size = utf8_front(text).size;
        out += size > 0 ? text.substr(0, size) : kReplacement;
        text.remove_prefix(std::max(size, 1u));
    }
    return out;
}

std::string_view utf8_trimmed(std::string_view text) {
    while (!text.empty()) {
        const Utf8Char c = utf8_front(text);
        if (c.size == 0 || !is_space(c.code)) {
            break;
        }
        text.remove_prefix(c.size);
    }
    while (!text.empty()) {
        // The last character starts at most three bytes before the last byte.
        size_t start = text.size() - 1;
        while (start > 0 && text.size() - start < 4 && (byte_at(text, start) & 0xC0) == 0x80) {
            --start;
        }
        const Utf8Char c = utf8_front(text.substr(start));
        if (c.size != text.size() - start || !is_space(c.code)) {
            break;
        }
        text.remove_suffix(c.size);
    }
    return text;
}

}  // namespace model
