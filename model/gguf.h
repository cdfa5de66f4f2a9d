// The GGUF container (spec 4.4): bytes -> metadata and a list of tensors, everything
// bounds-checked. Knows nothing of Gemma. Versions 2 and 3, little-endian.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/dtype.h"
#include "model/file.h"
#include "model/limits.h"

namespace model {

enum class GgufType : uint8_t {
    u8,
    i8,
    u16,
    i16,
    u32,
    i32,
    f32,
    boolean,
    string,
    array,
    u64,
    i64,
    f64,
};
std::string_view gguf_type_name(GgufType type);

/// An array as it lies in the file: numbers as raw bytes, strings one by one.
struct GgufArray {
    GgufType element = GgufType::u8;
    uint64_t count = 0;
    std::vector<std::byte> numbers;
    std::vector<std::string> strings;

    /// Element i of an array of T; the caller has compared `element` with T's type.
    template <class T>
    T number(uint64_t i) const;
};

/// A scalar keeps its value in the widest type of its kind: u8..u64 and bool as uint64_t, i8..i64
/// as int64_t, f32 and f64 as double.
struct GgufValue {
    GgufType type = GgufType::u8;
    uint64_t offset = 0;  // of the value in the file, for messages
    std::variant<uint64_t, int64_t, double, std::string, GgufArray> data;
};

struct GgufTensor {
    std::string name;
    uint32_t n_dims = 0;
    uint64_t ne[4] = {1, 1, 1, 1};  // ne[0] is the length of a row
    uint32_t type_id = 0;
    std::optional<DType> dtype;  // nothing: a type that is legal but not supported here
    std::string type_name;
    uint64_t info_offset = 0;  // of its entry in the header, for messages
    uint64_t offset = 0;       // of its bytes, from the start of the file
    uint64_t n_bytes = 0;
};

/// A parsed header. Typed getters give the value, or nothing when the key is absent; a value of
/// another type, or one that does not fit, is refused with file, key, offset and value.
class Gguf {
public:
    std::string file;
    uint32_t version = 0;
    uint64_t alignment = 32;
    uint64_t data_begin = 0;
    uint64_t file_bytes = 0;
    std::vector<std::pair<std::string, GgufValue>> values;  // in file order
    std::vector<GgufTensor> tensors;                        // in file order

    const GgufValue* find(std::string_view key) const;

    /// Any integer type whose value fits 32 bits.
    std::optional<uint32_t> count(std::string_view key) const;
    std::optional<float> real(std::string_view key) const;  // f32 or f64
    std::optional<bool> boolean(std::string_view key) const;
    std::optional<std::string> text(std::string_view key) const;
    /// An array whose elements have exactly this type.
    const GgufArray* array(std::string_view key, GgufType element) const;

    /// Refuses the file because of this key.
    [[noreturn]] void fail(std::string_view key, std::string_view found, std::string_view expected,
                           std::string hint = {}) const;

    /// Makes find() work once `values` is complete; refuses a key that is there twice.
    void build_index();

private:
    std::vector<size_t> index_;  // into `values`, sorted by key
};

Gguf parse_gguf(const ByteSource& source, const Limits& limits = {});

/// A value for a person's eye: "262144 strings", "8192", text escaped and cut.
std::string printable(const GgufValue& value);

}  // namespace model
