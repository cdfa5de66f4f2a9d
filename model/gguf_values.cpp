// Typed access to GGUF metadata: no value is used under another type than its own.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <tuple>

#include "model/file_error.h"
#include "model/gguf.h"

namespace model {

namespace {

std::string scalar_text(const GgufValue& value) {
    if (const auto* u = std::get_if<uint64_t>(&value.data)) {
        return value.type == GgufType::boolean ? (*u != 0 ? "true" : "false")
                                               : fmt::format("{}", *u);
    }
    if (const auto* i = std::get_if<int64_t>(&value.data)) {
        return fmt::format("{}", *i);
    }
    return value.type == GgufType::f32
               ? fmt::format("{}", static_cast<float>(std::get<double>(value.data)))
               : fmt::format("{}", std::get<double>(value.data));
}

std::string described(const GgufValue& value) {
    return fmt::format("{} ({})", printable(value), gguf_type_name(value.type));
}

}  // namespace

template <class T>
T GgufArray::number(uint64_t i) const {
    CHECK(i < count && numbers.size() == count * sizeof(T), "element {} of {}", i, count);
    T value;
    std::memcpy(&value, numbers.data() + i * sizeof(T), sizeof(T));
    return value;
}
template uint8_t GgufArray::number(uint64_t) const;
template int32_t GgufArray::number(uint64_t) const;
template uint32_t GgufArray::number(uint64_t) const;
template float GgufArray::number(uint64_t) const;

void Gguf::build_index() {
    index_.resize(values.size());
    std::iota(index_.begin(), index_.end(), size_t{0});
    std::sort(index_.begin(), index_.end(), [this](size_t a, size_t b) {
        return std::tie(values[a].first, a) < std::tie(values[b].first, b);
    });
    for (size_t i = 1; i < index_.size(); ++i) {
        const auto& [key, value] = values[index_[i]];
        if (key == values[index_[i - 1]].first) {
            refuse(file, key, value.offset, "the same key twice", "unique keys");
        }
    }
}

const GgufValue* Gguf::find(std::string_view key) const {
    const auto it =
        std::lower_bound(index_.begin(), index_.end(), key,
                         [this](size_t i, std::string_view k) { return values[i].first < k; });
    return it == index_.end() || values[*it].first != key ? nullptr : &values[*it].second;
}

void Gguf::fail(std::string_view key, std::string_view found, std::string_view expected,
                std::string hint) const {
    const GgufValue* value = find(key);
    if (value == nullptr) {
        refuse(file, key, found, expected, std::move(hint));
    }
    refuse(file, key, value->offset, found, expected, std::move(hint));
}

std::optional<uint32_t> Gguf::count(std::string_view key) const {
    const GgufValue* value = find(key);
    if (value == nullptr) {
        return std::nullopt;
    }
    const auto* u = std::get_if<uint64_t>(&value->data);
    const auto* i = std::get_if<int64_t>(&value->data);
    if (u != nullptr && *u <= UINT32_MAX && value->type != GgufType::boolean) {
        return static_cast<uint32_t>(*u);
    }
    if (i != nullptr && *i >= 0 && *i <= UINT32_MAX) {
        return static_cast<uint32_t>(*i);
    }
    fail(key, described(*value), "an integer from 0 to 4294967295");
}

std::optional<float> Gguf::real(std::string_view key) const {
    const GgufValue* value = find(key);
    if (value == nullptr) {
        return std::nullopt;
    }
    const auto* d = std::get_if<double>(&value->data);
    if (d == nullptr || !std::isfinite(static_cast<float>(*d))) {
        fail(key, described(*value), "a finite f32");
    }
    return static_cast<float>(*d);
}

std::optional<bool> Gguf::boolean(std::string_view key) const {
    const GgufValue* value = find(key);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (value->type != GgufType::boolean) {
        fail(key, described(*value), "a bool");
    }
    return std::get<uint64_t>(value->data) != 0;
}

std::optional<std::string> Gguf::text(std::string_view key) const {
    const GgufValue* value = find(key);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (value->type != GgufType::string) {
        fail(key, described(*value), "a string");
    }
    return std::get<std::string>(value->data);
}

const GgufArray* Gguf::array(std::string_view key, GgufType element) const {
    const GgufValue* value = find(key);
    if (value == nullptr) {
        return nullptr;
    }
    const auto* array = std::get_if<GgufArray>(&value->data);
    if (array == nullptr || array->element != element) {
        fail(key, described(*value), fmt::format("an array of {}", gguf_type_name(element)));
    }
    return array;
}

std::string printable(const GgufValue& value) {
    if (const auto* text = std::get_if<std::string>(&value.data)) {
        return base::escaped(*text);
    }
    if (const auto* array = std::get_if<GgufArray>(&value.data)) {
        return fmt::format("[{} x {}]", array->count, gguf_type_name(array->element));
    }
    return scalar_text(value);
}

}  // namespace model
