#include "app/exports/npz.h"

#include "gpu/base.h"

#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace app {

namespace {

constexpr uint32_t k32BitLimit = 0xFFFFFFFFu;

template <class T>
void put(std::string& out, T value) {
    for (size_t i = 0; i < sizeof(T); ++i) {
        out += char((uint64_t{value} >> (8 * i)) & 0xFF);
    }
}

}  // namespace

size_t npy_bytes(NpyType type) {
    constexpr std::array<size_t, 6> sizes = {1, 4, 8, 2, 4, 8};
    return sizes[size_t(type)];
}

std::string npy_header(NpyType type, std::span<const uint64_t> shape) {
    constexpr std::array<const char*, 6> names = {"|u1", "<i4", "<i8", "<f2", "<f4", "<f8"};
    std::string dictionary =
        fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': (", names[size_t(type)]);
    for (const uint64_t n : shape) {
        dictionary += fmt::format("{}, ", n);
    }
    if (shape.size() > 1) {
        dictionary.resize(dictionary.size() - 2);  // only one-element tuples keep their comma
    }
    dictionary += "), }";
    const size_t unpadded = 10 + dictionary.size() + 1;
    dictionary.append((64 - unpadded % 64) % 64, ' ');
    dictionary += '\n';
    std::string header("\x93NUMPY\x01\x00", 8);
    put(header, uint16_t(dictionary.size()));
    return header + dictionary;
}

NpzWriter::NpzWriter(std::string path)
    : path_(std::move(path)), replaced_(path_), file_(replaced_.file()) {
    if (file_ == nullptr) {
        fail("be created");
    }
}

void NpzWriter::fail(const char* what) {
    throw base::Error(base::ErrorKind::runtime,
                      fmt::format("{} cannot {}: {}", path_, what, std::strerror(errno)),
                      "Choose another place with -o, or make room there.");
}

void NpzWriter::write(std::span<const std::byte> bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
        fail("be written");
    }
    offset_ += bytes.size();
}

/// Local header with ZIP64 sizes throughout: a member's size is known before it is written, its CRC
/// only afterwards, when the header is written again in its place.
void NpzWriter::write_header(const Entry& entry) {
    std::string header;
    put(header, 0x04034B50u);
    put(header, uint16_t{45});  // version needed: ZIP64
    put(header, uint16_t{0});
    put(header, uint16_t{0});           // stored
    put(header, uint32_t{0x00210000});  // 1980-01-01, so that equal data are equal files
    put(header, entry.crc);
    put(header, k32BitLimit);
    put(header, k32BitLimit);
    put(header, uint16_t(entry.name.size()));
    put(header, uint16_t{20});
    header += entry.name;
    put(header, uint16_t{1});  // ZIP64 extra: both sizes
    put(header, uint16_t{16});
    put(header, entry.size);
    put(header, entry.size);
    write(header);
}

void NpzWriter::begin(std::string_view name, NpyType type, std::vector<uint64_t> shape) {
    CHECK(!open_, "member {} is still open", entries_.back().name);
    uint64_t n = npy_bytes(type);
    for (const uint64_t dim : shape) {
        n *= dim;
    }
    const std::string header = npy_header(type, shape);
    Entry entry{std::string(name) + ".npy", offset_, header.size() + n, 0};
    write_header(entry);
    entries_.push_back(entry);
    open_ = true;
    expected_ = entry.size;
    append(std::as_bytes(std::span(header)));
}

void NpzWriter::append(std::span<const std::byte> bytes) {
    CHECK(open_ && bytes.size() <= expected_, "{} bytes for {} that are missing", bytes.size(),
          expected_);
    if (bytes.empty()) {
        return;  // zlib takes a null pointer for a new beginning
    }
    write(bytes);
    expected_ -= bytes.size();
    uint32_t& crc = entries_.back().crc;
    crc = uint32_t(crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

void NpzWriter::end() {
    CHECK(open_ && expected_ == 0, "{} bytes are missing", expected_);
    open_ = false;
    const uint64_t at = offset_;
    if (fseeko(file_, off_t(entries_.back().offset), SEEK_SET) != 0) {
        fail("be written");
    }
    write_header(entries_.back());
    if (fseeko(file_, off_t(at), SEEK_SET) != 0) {
        fail("be written");
    }
    offset_ = at;
}

void NpzWriter::add(std::string_view name, NpyType type, std::vector<uint64_t> shape,
                    std::span<const std::byte> bytes) {
    begin(name, type, std::move(shape));
    append(bytes);
    end();
}

void NpzWriter::finish() {
    CHECK(!open_, "member {} is still open", entries_.back().name);
    const uint64_t directory = offset_;
    std::string out;
    for (const Entry& entry : entries_) {
        put(out, 0x02014B50u);
        put(out, uint16_t{45});
        put(out, uint16_t{45});
        put(out, uint16_t{0});
        put(out, uint16_t{0});
        put(out, uint32_t{0x00210000});
        put(out, entry.crc);
        put(out, k32BitLimit);
        put(out, k32BitLimit);
        put(out, uint16_t(entry.name.size()));
        put(out, uint16_t{28});
        put(out, uint16_t{0});  // comment
        put(out, uint16_t{0});  // disk
        put(out, uint16_t{0});  // internal attributes
        put(out, uint32_t{0});  // external attributes
        put(out, k32BitLimit);
        out += entry.name;
        put(out, uint16_t{1});  // ZIP64 extra: sizes and offset
        put(out, uint16_t{24});
        put(out, entry.size);
        put(out, entry.size);
        put(out, entry.offset);
    }
    const uint64_t n = entries_.size();
    const uint64_t end64 = directory + out.size();
    const uint64_t directory_bytes = out.size();
    put(out, 0x06064B50u);  // ZIP64 end of central directory
    put(out, uint64_t{44});
    put(out, uint16_t{45});
    put(out, uint16_t{45});
    put(out, uint32_t{0});
    put(out, uint32_t{0});
    put(out, n);
    put(out, n);
    put(out, directory_bytes);
    put(out, directory);
    put(out, 0x07064B50u);  // its locator
    put(out, uint32_t{0});
    put(out, end64);
    put(out, uint32_t{1});
    put(out, 0x06054B50u);  // end of central directory
    put(out, uint32_t{0});
    put(out, uint16_t(n));
    put(out, uint16_t(n));
    put(out, k32BitLimit);
    put(out, k32BitLimit);
    put(out, uint16_t{0});
    write(out);
    if (!replaced_.commit()) {
        fail("be written");
    }
}

}  // namespace app
