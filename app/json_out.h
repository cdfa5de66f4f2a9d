// JSON as text: only what the commands print. Numbers read back as the same bits, keys stay in
// order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace app {

/// Shortest text that reads back as the same float or double; null for NaN and infinities, which
/// JSON does not have.
std::string json_number(float value);
std::string json_number(double value);
/// Quoted and escaped. Bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text);
/// Bytes as an array of numbers.
std::string json_bytes(std::string_view bytes);

/// One object on one line, built key by key: JsonObject().add("pos", 3).add("text", t).str().
class JsonObject {
public:
    JsonObject& add(std::string_view key, std::string_view text);
    JsonObject& add(std::string_view key, const char* text) {
        return add(key, std::string_view(text));
    }
    JsonObject& add(std::string_view key, float value);
    JsonObject& add(std::string_view key, double value);
    JsonObject& add(std::string_view key, int64_t value);
    JsonObject& add(std::string_view key, uint64_t value);
    JsonObject& add(std::string_view key, int32_t value) { return add(key, int64_t{value}); }
    JsonObject& add(std::string_view key, uint32_t value) { return add(key, uint64_t{value}); }
    JsonObject& add(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
    JsonObject& add(std::string_view key, std::span<const int32_t> values);
    /// A value that is JSON already.
    JsonObject& raw(std::string_view key, std::string_view json);
    std::string str() const { return text_ + "}"; }

private:
    std::string text_ = "{";
};

/// [a,b,c] from items that are JSON already.
class JsonArray {
public:
    JsonArray& raw(std::string_view json);
    std::string str() const { return text_ + "]"; }

private:
    std::string text_ = "[";
};

}  // namespace app
