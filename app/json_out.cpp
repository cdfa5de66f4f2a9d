#include "app/json_out.h"

#include "model/utf8.h"

#include <fmt/format.h>

#include <cmath>

namespace app {

namespace {

template <class Float>
std::string shortest(Float value) {
    return std::isfinite(value) ? fmt::format("{}", value) : "null";
}

}  // namespace

std::string json_number(float value) {
    return shortest(value);
}
std::string json_number(double value) {
    return shortest(value);
}

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : model::utf8_replaced(text)) {
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                if (uint8_t(c) < 0x20 || c == 0x7F) {
                    out += fmt::format("\\u{:04x}", uint8_t(c));
                } else {
                    out += c;
                }
        }
    }
    return out + "\"";
}

std::string json_bytes(std::string_view bytes) {
    JsonArray array;
    for (const char c : bytes) {
        array.raw(fmt::format("{}", uint8_t(c)));
    }
    return array.str();
}

JsonObject& JsonObject::raw(std::string_view key, std::string_view json) {
    if (text_.size() > 1) {
        text_ += ',';
    }
    text_ += json_string(key);
    text_ += ':';
    text_ += json;
    return *this;
}

JsonObject& JsonObject::add(std::string_view key, std::string_view text) {
    return raw(key, json_string(text));
}
JsonObject& JsonObject::add(std::string_view key, float value) {
    return raw(key, json_number(value));
}
JsonObject& JsonObject::add(std::string_view key, double value) {
    return raw(key, json_number(value));
}
JsonObject& JsonObject::add(std::string_view key, int64_t value) {
    return raw(key, fmt::format("{}", value));
}
JsonObject& JsonObject::add(std::string_view key, uint64_t value) {
    return raw(key, fmt::format("{}", value));
}
JsonObject& JsonObject::add(std::string_view key, std::span<const int32_t> values) {
    JsonArray array;
    for (const int32_t value : values) {
        array.raw(fmt::format("{}", value));
    }
    return raw(key, array.str());
}

JsonArray& JsonArray::raw(std::string_view json) {
    if (text_.size() > 1) {
        text_ += ',';
    }
    text_ += json;
    return *this;
}

}  // namespace app
