#include "app/ui/widgets/format.h"

#include "model/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

namespace app::ui {

std::string percent(double p) {
    const double x = p * 100;
    if (!(x >= 0)) {
        return "–";
    }
    if (x >= 99.95) {
        return fmt::format("{:.0f} %", x);
    }
    if (x >= 0.095 || x == 0) {
        return fmt::format("{:.1f} %", x);
    }
    if (x >= 0.0095) {
        return fmt::format("{:.2f} %", x);
    }
    return x < 0.0001 ? "< 0.0001 %" : fmt::format("{:.4f} %", x);
}

std::string percent_fine(double p) {
    const double x = p * 100;
    if (!(x >= 0)) {
        return "–";
    }
    if (x >= 0.1 || x == 0) {
        return fmt::format("{:.2f} %", x);
    }
    return x < 0.0001 ? "<0.0001 %" : fmt::format("{:.4f} %", x);
}

std::string fixed(double value, int digits) {
    if (std::isnan(value)) {
        return "–";
    }
    const std::string text = fmt::format("{:.{}f}", std::fabs(value), digits);
    const bool zero = text.find_first_not_of("0.") == std::string::npos;
    return value < 0 && !zero ? "−" + text : text;
}

uint32_t nice_step(double least) {
    uint64_t ten = 1;
    while (ten < 1000000000 && double(ten) * 10 < least) {
        ten *= 10;
    }
    for (const uint64_t step : {ten, 2 * ten, 5 * ten}) {
        if (double(step) >= least) {
            return uint32_t(step);
        }
    }
    return uint32_t(std::min<uint64_t>(10 * ten, 1000000000));
}

std::string file_size(uint64_t bytes) {
    const double b = double(bytes);
    if (b < 1e3) {
        return fmt::format("{} B", bytes);
    }
    const char* unit = b < 1e6 ? "kB" : b < 1e9 ? "MB" : "GB";
    const double value = b / (b < 1e6 ? 1e3 : b < 1e9 ? 1e6 : 1e9);
    return value < 99.95 ? fmt::format("{:.1f} {}", value, unit)
                         : fmt::format("{:.0f} {}", value, unit);
}

std::string parameter_count(uint64_t n) {
    const double v = double(n);
    if (v >= 1e9) {
        return fmt::format("{:.1f} B", v / 1e9);
    }
    if (v >= 99.5e6) {
        return fmt::format("{:.0f} M", v / 1e6);
    }
    return v >= 1e6 ? fmt::format("{:.1f} M", v / 1e6) : thousands(n);
}

std::string duration(double ms) {
    if (ms < 1000) {
        return fmt::format("{:.0f} ms", ms);
    }
    if (ms < 60000) {
        return fmt::format("{:.1f} s", ms / 1000);
    }
    const int64_t s = int64_t(ms / 1000);
    return fmt::format("{} min {:02d} s", s / 60, s % 60);
}

size_t utf8_length(std::string_view text, size_t i) {
    return std::max<size_t>(model::utf8_front(text.substr(i)).size, 1);
}

std::string one_line(std::string_view text, size_t max_chars) {
    std::string out;
    size_t n = 0;
    for (size_t i = 0; i < text.size(); ++n) {
        if (n == max_chars) {
            return out + "…";
        }
        const size_t length = utf8_length(text, i);
        const char c = text[i];
        if (length == 1 && static_cast<unsigned char>(c) < 0x20) {
            out += ' ';
        } else {
            out += text.substr(i, length);
        }
        i += length;
    }
    return out;
}

bool contains_folded(std::string_view text, std::string_view part) {
    const auto same = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) ==
               std::tolower(static_cast<unsigned char>(b));
    };
    return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

namespace {

/// Whole, printable UTF-8: what may be drawn as it is.
bool printable(std::string_view bytes) {
    for (size_t i = 0; i < bytes.size();) {
        const size_t n = utf8_length(bytes, i);
        const auto c = static_cast<unsigned char>(bytes[i]);
        if (n == 1 && (c >= 0x80 || c < 0x20 || c == 0x7F)) {
            return false;
        }
        i += n;
    }
    return !bytes.empty();
}

}  // namespace

TokenFace token_face(std::string_view display, std::string_view bytes, bool control) {
    TokenFace face;
    if (control || bytes.empty()) {
        face.text = std::string(display);
        return face;
    }
    const bool breaks = bytes.find_first_not_of('\n') == std::string_view::npos;
    if (breaks) {
        const size_t n = bytes.size();
        for (size_t i = 0; i < std::min<size_t>(n, 3); ++i) {
            face.text += "↵";
        }
        if (n > 3) {
            face.text += fmt::format("×{}", n);
        }
        face.dim = true;
        return face;
    }
    while (size_t(face.leading_spaces) < bytes.size() &&
           bytes[size_t(face.leading_spaces)] == ' ') {
        ++face.leading_spaces;
    }
    const std::string_view rest = bytes.substr(size_t(face.leading_spaces));
    face.only_spaces = rest.empty();
    if (face.only_spaces || printable(rest)) {
        face.text = std::string(rest);
        return face;
    }
    face.leading_spaces = 0;
    face.text = std::string(display);
    face.dim = true;
    return face;
}

std::string token_words(std::string_view display, std::string_view bytes, bool control) {
    const TokenFace face = token_face(display, bytes, control);
    std::string spaces;
    for (int i = 0; i < std::min(face.leading_spaces, 4); ++i) {
        spaces += "␣";
    }
    if (face.only_spaces && face.leading_spaces > 4) {
        return fmt::format("{} spaces", face.leading_spaces);
    }
    return spaces + face.text;
}

std::string trimmed(std::string_view text) {
    const size_t begin = text.find_first_not_of(" \t\r\n");
    return begin == std::string_view::npos
               ? std::string()
               : std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

std::string open_boxes(std::string_view text) {
    std::string out(text);
    for (const std::string_view sign : {"\u00B7", "\u2420", "\u2581"}) {
        for (size_t at = out.find(sign); at != std::string::npos; at = out.find(sign, at)) {
            out.replace(at, sign.size(), "\u2423");
        }
    }
    return out;
}

std::vector<float> spread(const std::vector<float>& wanted, float gap, float low, float high) {
    std::vector<size_t> order(wanted.size());
    for (size_t i = 0; i < order.size(); ++i) {
        order[i] = i;
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return wanted[a] < wanted[b]; });
    std::vector<float> out(wanted.size());
    float next = low;
    for (const size_t i : order) {  // down from the top
        out[i] = std::max(wanted[i], next);
        next = out[i] + gap;
    }
    next = high;
    for (size_t k = order.size(); k-- > 0;) {  // and back where they left the bottom
        out[order[k]] = std::min(out[order[k]], next);
        next = out[order[k]] - gap;
    }
    return out;
}

}  // namespace app::ui
