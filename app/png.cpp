#include "app/png.h"

#include "app/crc32.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

namespace app {

namespace {

void put32(std::vector<uint8_t>& out, uint32_t v) {
    for (const int shift : {24, 16, 8, 0}) {
        out.push_back(uint8_t(v >> shift));
    }
}

void chunk(std::vector<uint8_t>& out, const char* name, const std::vector<uint8_t>& data) {
    put32(out, uint32_t(data.size()));
    const size_t begin = out.size();
    out.insert(out.end(), name, name + 4);
    out.insert(out.end(), data.begin(), data.end());
    put32(out, crc32(0, std::as_bytes(std::span(out).subspan(begin))));
}

/// Deflate with the fixed codes of RFC 1951 and matches at two distances: the pixel before and the
/// row above. Screens are flat, so this takes most of what a real search would.
class Deflate {
public:
    explicit Deflate(std::vector<uint8_t>& out) : out_(out) {}

    void run(std::span<const uint8_t> data, std::span<const size_t> distances) {
        put(1, 1);
        put(1, 2);
        for (size_t i = 0; i < data.size();) {
            size_t best = 0, distance = 0;
            for (const size_t d : distances) {
                size_t n = 0;
                while (d <= i && n < 258 && i + n < data.size() && data[i + n] == data[i + n - d]) {
                    ++n;
                }
                if (n > best) {
                    best = n;
                    distance = d;
                }
            }
            if (best >= 4) {
                match(uint32_t(best), uint32_t(distance));
                i += best;
            } else {
                literal(data[i++]);
            }
        }
        code(0, 7);
        put(0, 7);
    }

private:
    void put(uint32_t bits, int n) {
        buffer_ |= uint64_t(bits) << filled_;
        filled_ += n;
        while (filled_ >= 8) {
            out_.push_back(uint8_t(buffer_));
            buffer_ >>= 8;
            filled_ -= 8;
        }
    }
    void code(uint32_t bits, int n) {  // Huffman codes go most significant bit first
        for (int i = n - 1; i >= 0; --i) {
            put(bits >> i & 1, 1);
        }
    }
    void literal(uint32_t v) { v < 144 ? code(0x30 + v, 8) : code(0x190 + v - 144, 9); }
    void match(uint32_t length, uint32_t distance) {
        uint32_t symbol = 285, extra = 0, base = 258;
        if (length < 258) {
            static constexpr std::array<uint16_t, 28> kBase = {
                3,  4,  5,  6,  7,  8,  9,  10, 11, 13,  15,  17,  19,  23,
                27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227};
            const auto at =
                size_t(std::upper_bound(kBase.begin(), kBase.end(), length) - kBase.begin()) - 1;
            symbol = 257 + uint32_t(at);
            base = kBase[at];
            extra = at < 8 ? 0 : uint32_t(at / 4 - 1);
        }
        symbol < 280 ? code(symbol - 256, 7) : code(0xC0 + symbol - 280, 8);
        put(length - base, int(extra));
        uint32_t d = distance - 1, bits = 0;
        if (d < 4) {
            code(d, 5);
            return;
        }
        while ((d >> (bits + 1)) >= 2) {
            ++bits;
        }
        code(2 * (bits + 1) + (d >> bits & 1), 5);
        put(d & ((1u << bits) - 1), int(bits));
    }

    std::vector<uint8_t>& out_;
    uint64_t buffer_ = 0;
    int filled_ = 0;
};

uint32_t adler(std::span<const uint8_t> data) {
    uint32_t a = 1, b = 0;
    for (const uint8_t v : data) {
        a = (a + v) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

}  // namespace

std::vector<uint8_t> encode_png(std::span<const uint8_t> rgb, uint32_t width, uint32_t height) {
    std::vector<uint8_t> out = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    std::vector<uint8_t> head;
    put32(head, width);
    put32(head, height);
    head.insert(head.end(), {8, 2, 0, 0, 0});
    chunk(out, "IHDR", head);
    const size_t row = size_t(width) * 3;
    std::vector<uint8_t> raw;
    raw.reserve((row + 1) * height);
    for (uint32_t y = 0; y < height; ++y) {
        raw.push_back(0);
        raw.insert(raw.end(), rgb.begin() + int64_t(y * row), rgb.begin() + int64_t((y + 1) * row));
    }
    std::vector<uint8_t> data = {0x78, 0x01};
    // Distances reach 32 KiB back; the row above may be farther on very wide pictures.
    const std::array<size_t, 3> near = {3, 6, row + 1};
    const std::span<const size_t> distances(near.data(), row + 1 <= 32768 ? 3 : 2);
    Deflate(data).run(raw, distances);
    put32(data, adler(raw));
    chunk(out, "IDAT", data);
    chunk(out, "IEND", {});
    return out;
}

bool write_png(const std::string& path, std::span<const uint8_t> rgb, uint32_t width,
               uint32_t height, std::string& problem) {
    const std::vector<uint8_t> bytes = encode_png(rgb, width, height);
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    if (!file.flush()) {
        problem = "The picture could not be written to " + path + ".";
        return false;
    }
    return true;
}

}  // namespace app
