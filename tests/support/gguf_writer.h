// Writes GGUF files field by field and remembers where every field lies, so that a test can break
// exactly one of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/base.h"
#include "model/gguf.h"

namespace support {

using Bytes = std::vector<std::byte>;

/// Appends the little-endian bytes of a number.
template <class T>
void put(Bytes& bytes, T value) {
    const size_t at = bytes.size();
    bytes.resize(at + sizeof(T));
    std::memcpy(bytes.data() + at, &value, sizeof(T));
}
void put_bytes(Bytes& bytes, std::string_view text);
/// u64 length and the bytes, as GGUF writes strings.
void put_string(Bytes& bytes, std::string_view text);

void write_file(const std::string& path, const Bytes& bytes);
void write_file(const std::string& path, std::string_view text);

/// A written file and the offset of every field in it:
///   magic version tensor_count kv_count data
///   kv:KEY:key kv:KEY:type kv:KEY:value             (of an array: the value is its element type)
///   kv:KEY:count kv:KEY:items                       (arrays only)
///   tensor:NAME:name tensor:NAME:n_dims tensor:NAME:ne0 … tensor:NAME:type tensor:NAME:offset
///   tensor:NAME:data
struct GgufBytes {
    Bytes bytes;
    std::map<std::string, size_t> at;

    /// Offset of a field that must exist.
    size_t offset_of(const std::string& field) const;

    template <class T>
    GgufBytes with(const std::string& field, T value) const {
        GgufBytes copy = *this;
        std::memcpy(copy.bytes.data() + offset_of(field), &value, sizeof(T));
        return copy;
    }
    template <class T>
    T get(const std::string& field) const {
        T value;
        std::memcpy(&value, bytes.data() + offset_of(field), sizeof(T));
        return value;
    }
};

struct GgufKv {
    std::string key;
    model::GgufType type = model::GgufType::u32;
    Bytes value;  // of an array: element type, count, items
};

struct GgufTensorEntry {
    std::string name;
    std::vector<uint64_t> ne;
    uint32_t type_id = 0;
    Bytes data;
    uint64_t n_hole_bytes = 0;  // instead of data; only for write_sparse
};

/// The file as a list of fields; change them as you like, then build().
struct GgufFile {
    uint32_t version = 3;
    uint64_t alignment = 32;  // what build() pads by; the key is yours to write
    std::vector<GgufKv> kvs;
    std::vector<GgufTensorEntry> tensors;

    void set(const std::string& key, uint32_t value);
    void set(const std::string& key, float value);
    void set(const std::string& key, bool value);
    void set(const std::string& key, const std::string& value);
    void set(const std::string& key, const char* value) { set(key, std::string(value)); }
    void set(const std::string& key, const std::vector<std::string>& values);
    void set(const std::string& key, const std::vector<float>& values);
    void set(const std::string& key, const std::vector<int32_t>& values);
    void set(const std::string& key, const std::vector<bool>& values);
    /// Any bytes under any type; replaces the key where it stands, or appends it.
    void set_raw(const std::string& key, model::GgufType type, Bytes value);
    void remove(const std::string& key);
    GgufTensorEntry& tensor(const std::string& name);
    void remove_tensor(const std::string& name);

    GgufBytes build() const;
};

/// A file whose holes take no room on the disk, so that it may be larger than any memory. Holes
/// stand behind all tensors with data.
void write_sparse(const GgufFile& file, const std::string& path);

/// The id of a type in GGUF files (spec 4.4).
uint32_t gguf_type_id(model::DType dtype);

}  // namespace support
