#include "gpu/base.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace base {

namespace {

constexpr uint8_t kAllAreas = 1 | 2 | 4 | 8;

const char* area_name(LogArea area) {
    switch (area) {
        case LogArea::gpu:
            return "gpu";
        case LogArea::model:
            return "model";
        case LogArea::perf:
            return "perf";
        case LogArea::app:
            return "app";
    }
    return "log";
}

uint8_t mask_from_environment() {
    const char* list = std::getenv("LAPIDARY_LOG");
    return list ? parse_log_mask(list) : uint8_t{0};
}

std::atomic<uint8_t>& log_mask() {
    static std::atomic<uint8_t> mask{mask_from_environment()};
    return mask;
}

/// Length of the well-formed UTF-8 sequence at the start of `text` and its code point; 0 if bad.
size_t decode_utf8(std::string_view text, uint32_t& code) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
    const uint8_t lead = byte(0);
    if (lead < 0x80) {
        code = lead;
        return 1;
    }
    const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length) {
        return 0;
    }
    code = lead & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) {
            return 0;
        }
        code = code << 6 | (byte(i) & 0x3Fu);
    }
    constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code >= 0xD800 && code < 0xE000;
    return code < kSmallest[length] || surrogate || code > 0x10FFFF ? 0 : length;
}

/// Characters that move the cursor or reorder the line instead of showing themselves.
bool is_control(uint32_t code) {
    const bool ascii = code < 0x20 || (code >= 0x7F && code < 0xA0);
    const bool bidi = (code >= 0x200E && code <= 0x200F) || (code >= 0x202A && code <= 0x202E) ||
                      (code >= 0x2066 && code <= 0x2069);
    const bool line = code == 0x2028 || code == 0x2029 || code == 0xFEFF;
    return ascii || bidi || line;
}

std::string escape_of(uint32_t code) {
    switch (code) {
        case '\n':
            return "\\n";
        case '\r':
            return "\\r";
        case '\t':
            return "\\t";
        default:
            return code < 0x80 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
    }
}

}  // namespace

int exit_code(ErrorKind kind) {
    return 1 + static_cast<int>(kind);
}

uint8_t parse_log_mask(std::string_view list) {
    uint8_t mask = 0;
    while (!list.empty()) {
        const size_t comma = list.find(',');
        const std::string_view word = list.substr(0, comma);
        for (const LogArea area : {LogArea::gpu, LogArea::model, LogArea::perf, LogArea::app}) {
            if (word == "all" || word == area_name(area)) {
                mask |= static_cast<uint8_t>(area);
            }
        }
        if (word == "none") {
            mask = 0;
        }
        list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    }
    return mask;
}

void set_log_mask(uint8_t mask) {
    log_mask() = mask & kAllAreas;
}

bool log_enabled(LogArea area) {
    return (log_mask() & static_cast<uint8_t>(area)) != 0;
}

void write_log(LogArea area, std::string_view line) {
    // One write per line, so that lines of several threads do not mix.
    const std::string text = fmt::format("[{}] {}\n", area_name(area), escaped(line, 4096));
    std::fwrite(text.data(), 1, text.size(), stderr);
}

std::string escaped(std::string_view text, size_t max_bytes) {
    std::string out;
    size_t at = 0;
    while (at < text.size() && at < max_bytes) {
        uint32_t code = 0;
        const size_t length = decode_utf8(text.substr(at), code);
        if (length == 0) {
            out += fmt::format("\\x{:02x}", static_cast<uint8_t>(text[at]));
            at += 1;
            continue;
        }
        if (at + length > max_bytes) {
            break;
        }
        if (is_control(code)) {
            out += escape_of(code);
        } else {
            out += text.substr(at, length);
        }
        at += length;
    }
    if (at < text.size()) {
        out += "…";
    }
    return out;
}

void check_failed(const char* expression, const char* file, int line, const std::string& values) {
    const std::string text = fmt::format("{}:{}: CHECK({}) failed{}{}\n", file, line, expression,
                                         values.empty() ? "" : ": ", escaped(values, 4096));
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
    std::abort();
}

}  // namespace base
