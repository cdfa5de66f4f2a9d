// NPZ: NumPy arrays in one file, a ZIP of .npy members. Stored, not compressed, so that a member
// can be read where it lies; ZIP64 where sizes need it. Little-endian, C order, no pickles.
#pragma once

#include "app/output_file.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace app {

static_assert(std::endian::native == std::endian::little, "NPZ members are written as they lie");

enum class NpyType : uint8_t { u1, i4, i8, f2, f4, f8 };
size_t npy_bytes(NpyType type);

/// Header of a .npy file, version 1: magic, length, dictionary, padded to 64 bytes.
std::string npy_header(NpyType type, std::span<const uint64_t> shape);

/// Writes a file beside `path` and renames it at finish() (see ReplacedFile).
/// Throws base::Error(runtime) naming the file and what the system says.
class NpzWriter {
public:
    explicit NpzWriter(std::string path);
    ~NpzWriter() = default;  // without finish(): the new file is removed
    NpzWriter(const NpzWriter&) = delete;
    NpzWriter& operator=(const NpzWriter&) = delete;

    void add(std::string_view name, NpyType type, std::vector<uint64_t> shape,
             std::span<const std::byte> bytes);
    template <class T>
    void add(std::string_view name, std::vector<uint64_t> shape, std::span<const T> values) {
        add(name, type_of(T{}), std::move(shape), std::as_bytes(values));
    }

    /// A member whose bytes come in pieces.
    void begin(std::string_view name, NpyType type, std::vector<uint64_t> shape);
    void append(std::span<const std::byte> bytes);
    void end();

    void finish();

private:
    struct Entry {
        std::string name;
        uint64_t offset = 0, size = 0;
        uint32_t crc = 0;
    };

    static NpyType type_of(uint8_t) { return NpyType::u1; }
    static NpyType type_of(int32_t) { return NpyType::i4; }
    static NpyType type_of(int64_t) { return NpyType::i8; }
    static NpyType type_of(float) { return NpyType::f4; }
    static NpyType type_of(double) { return NpyType::f8; }
    void write(std::span<const std::byte> bytes);
    void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
    void write_header(const Entry& entry);
    [[noreturn]] void fail(const char* what);

    std::string path_;
    ReplacedFile replaced_;
    std::FILE* file_ = nullptr;
    uint64_t offset_ = 0;
    std::vector<Entry> entries_;
    uint64_t expected_ = 0;  // bytes still missing of the open member
    bool open_ = false;
};

}  // namespace app
