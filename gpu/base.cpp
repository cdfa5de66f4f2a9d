#include "gpu/base.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <mutex>

namespace base {

namespace {

constexpr uint8_t kAllAreas = 1 | 2 | 4 | 8;
constexpr LogArea kAreas[] = {LogArea::gpu, LogArea::model, LogArea::perf, LogArea::app};

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
    std::vector<std::string_view> unknown;
    const uint8_t mask = parse_log_mask(list ? list : "", &unknown);
    for (const std::string_view word : unknown) {
        write_log(LogArea::app, fmt::format("LAPIDARY_LOG names '{}'; it takes gpu, model, perf, "
                                            "app, all and none",
                                            word));
    }
    return mask;
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

std::vector<std::string_view> list_words(std::string_view list) {
    std::vector<std::string_view> words;
    while (!list.empty()) {
        const size_t comma = std::min(list.find(','), list.size());
        if (comma > 0) {
            words.push_back(list.substr(0, comma));
        }
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return words;
}

uint8_t parse_log_mask(std::string_view list, std::vector<std::string_view>* unknown) {
    uint8_t mask = 0;
    for (const std::string_view word : list_words(list)) {
        const auto* const area = std::ranges::find(kAreas, word, area_name);
        if (area != std::end(kAreas)) {
            mask |= static_cast<uint8_t>(*area);
        } else if (word == "all") {
            mask = kAllAreas;
        } else if (word == "none") {
            mask = 0;
        } else if (unknown) {
            unknown->push_back(word);
        }
    }
    return mask;
}

namespace {

struct LogSink {
    std::mutex mutex;
    std::function<void(std::string_view)> write;
    std::atomic<bool> is_set{false};
};
LogSink& log_sink() {
    static LogSink sink;
    return sink;
}

bool is_shown(LogArea area) {
    return (log_mask() & static_cast<uint8_t>(area)) != 0;
}

}  // namespace

void set_log_sink(std::function<void(std::string_view)> sink) {
    const std::scoped_lock lock(log_sink().mutex);
    log_sink().is_set = static_cast<bool>(sink);
    log_sink().write = std::move(sink);
}

bool log_enabled(LogArea area) {
    return is_shown(area) || log_sink().is_set;
}

namespace {

void write_line(LogArea area, std::string_view line, bool to_stderr) {
    // One write per line, so that lines of several threads do not mix.
    const std::string text = fmt::format("[{}] {}\n", area_name(area), escaped(line, 4096));
    if (to_stderr) {
        std::fwrite(text.data(), 1, text.size(), stderr);
    }
    if (log_sink().is_set) {
        const std::scoped_lock lock(log_sink().mutex);
        if (log_sink().write) {
            log_sink().write(text);
        }
    }
}

}  // namespace

void write_log(LogArea area, std::string_view line) {
    write_line(area, line, true);
}

void write_where_wanted(LogArea area, std::string_view line) {
    write_line(area, line, is_shown(area));
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
