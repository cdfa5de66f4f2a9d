#include "model/repack.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "gpu/base.h"
#include "shaders/params.h"

namespace model {
namespace {

constexpr uint32_t kGroup = params::kRowGroup;
constexpr uint32_t kUnitWords = 4;

/// Pieces of one row in each plane.
struct RowPieces {
    uint32_t units = 0;
    uint32_t highs = 0;   // words
    uint32_t scales = 0;  // words
};

RowPieces row_pieces(DType dtype, uint64_t cols) {
    const auto subs = uint32_t((cols + params::kBlock - 1) / params::kBlock);
    const uint32_t supers = subs / 8;
    const uint32_t pairs = (supers + 1) / 2;  // words of one f16 a super-block
    switch (dtype) {
        case DType::f32:
            return {8 * subs, 0, 0};
        case DType::f16:
        case DType::bf16:
            return {4 * subs, 0, 0};
        case DType::q8_0:
            return {2 * subs, 0, (subs + 1) / 2};
        case DType::q4_0:
        case DType::iq4_nl:
            return {subs, 0, (subs + 1) / 2};
        case DType::q5_0:
            return {subs, subs, (subs + 1) / 2};
        case DType::q4_1:
            return {subs, 0, subs};
        case DType::q5_1:
            return {subs, subs, subs};
        case DType::q4_k:
            return {subs, 0, 4 * supers};
        case DType::q5_k:
            return {subs, subs, 4 * supers};
        case DType::q6_k:
            return {subs, 2 * subs, 4 * supers + pairs};
        case DType::q3_k:
            return {subs / 2, subs, 3 * supers + pairs};
        case DType::q2_k:
            return {subs / 2, 0, 5 * supers};
        case DType::iq4_xs:
            return {subs, 0, 2 * supers};
        case DType::i32:
            break;
    }
    CHECK(false, "no weight type: {}", dtype_name(dtype));
}

uint64_t groups_of(uint64_t rows) {
    return (rows + kGroup - 1) / kGroup;
}

uint32_t load32(const std::byte* from) {
    uint32_t word = 0;
    std::memcpy(&word, from, sizeof(word));
    return word;
}
uint16_t load16(const std::byte* from) {
    uint16_t half = 0;
    std::memcpy(&half, from, sizeof(half));
    return half;
}

/// Where one row's pieces go.
struct Row {
    uint32_t* quants;
    uint32_t* highs;
    uint32_t* scales;

    void unit(uint32_t u, const void* bytes) const {
        std::memcpy(quants + size_t{u} * kGroup * kUnitWords, bytes, 16);
    }
    void high(uint32_t w, uint32_t word) const { highs[size_t{w} * kGroup] = word; }
    void scale(uint32_t w, uint32_t word) const { scales[size_t{w} * kGroup] = word; }
    /// f16 number i of a run that begins at word `first`; the words were zero.
    void half_scale(uint32_t first, uint32_t i, uint16_t half) const {
        scales[size_t{first + i / 2} * kGroup] |= uint32_t{half} << (16 * (i % 2));
    }
};

using Codes = std::array<uint32_t, 8>;  // 32 codes of one sub-block, a byte each

/// Bits 0..3 of n to bit 0 of four bytes.
uint32_t bits_to_bytes(uint32_t n) {
    return (n * 0x00204081u) & 0x01010101u;
}

void put_nibbles(const Row& row, uint32_t b, const Codes& codes) {
    std::array<uint32_t, 4> unit{};
    for (uint32_t k = 0; k < 4; k++) {
        unit[k] = (codes[k] & 0x0f0f0f0fu) | ((codes[4 + k] & 0x0f0f0f0fu) << 4);
    }
    row.unit(b, unit.data());
}

/// Q5_0 and Q5_1 keep bit e of element e in one word.
uint32_t spread_word(uint32_t bits) {
    uint32_t word = 0;
    for (uint32_t q = 0; q < 8; q++) {
        word |= bits_to_bytes((bits >> (4 * q)) & 15u) << q;
    }
    return word;
}

void pack_32(const Row& row, DType dtype, uint32_t b, const std::byte* block) {
    switch (dtype) {
        case DType::q8_0:
            row.half_scale(0, b, load16(block));
            row.unit(2 * b, block + 2);
            row.unit(2 * b + 1, block + 18);
            return;
        case DType::q4_0:
        case DType::iq4_nl:
            row.half_scale(0, b, load16(block));
            row.unit(b, block + 2);
            return;
        case DType::q5_0:
            row.half_scale(0, b, load16(block));
            row.high(b, spread_word(load32(block + 2)));
            row.unit(b, block + 6);
            return;
        case DType::q4_1:
            row.scale(b, load32(block));
            row.unit(b, block + 4);
            return;
        case DType::q5_1:
            row.scale(b, load32(block));
            row.high(b, spread_word(load32(block + 4)));
            row.unit(b, block + 8);
            return;
        default:
            CHECK(false, "no block of 32: {}", dtype_name(dtype));
    }
}

/// Scales and minima of Q4_K and Q5_K: 6 bits each out of 12 bytes (spec 5.2).
void pack_scales_k(const Row& row, uint32_t super, const std::byte* block) {
    const std::byte* const packed = block + 4;
    const auto at = [&](uint32_t i) { return uint32_t(packed[i]); };
    uint32_t low_scales = 0;
    uint32_t low_mins = 0;
    uint32_t tops = 0;
    for (uint32_t j = 0; j < 8; j++) {
        const uint32_t scale = j < 4 ? at(j) & 63u : (at(j + 4) & 15u) | ((at(j - 4) >> 6) << 4);
        const uint32_t min = j < 4 ? at(j + 4) & 63u : (at(j + 4) >> 4) | ((at(j) >> 6) << 4);
        low_scales |= (scale & 15u) << (4 * j);
        low_mins |= (min & 15u) << (4 * j);
        tops |= (scale >> 4) << (2 * j) | (min >> 4) << (16 + 2 * j);
    }
    row.scale(4 * super, load32(block));
    row.scale(4 * super + 1, low_scales);
    row.scale(4 * super + 2, low_mins);
    row.scale(4 * super + 3, tops);
}

void pack_q4_k(const Row& row, uint32_t super, const std::byte* block, const std::byte* nibbles) {
    pack_scales_k(row, super, block);
    for (uint32_t j = 0; j < 8; j++) {
        Codes codes{};
        for (uint32_t q = 0; q < 8; q++) {
            codes[q] = load32(nibbles + 32 * (j / 2) + 4 * q) >> (4 * (j & 1u));
        }
        put_nibbles(row, 8 * super + j, codes);
    }
}

void pack_q5_k(const Row& row, uint32_t super, const std::byte* block) {
    pack_q4_k(row, super, block, block + 48);
    for (uint32_t j = 0; j < 8; j++) {
        uint32_t word = 0;
        for (uint32_t q = 0; q < 8; q++) {
            word |= ((load32(block + 16 + 4 * q) >> j) & 0x01010101u) << q;
        }
        row.high(8 * super + j, word);
    }
}

void pack_q6_k(const Row& row, uint32_t super, uint32_t n_supers, const std::byte* block) {
    for (uint32_t j = 0; j < 8; j++) {
        const uint32_t s = j & 3u;
        const std::byte* const low = block + 64 * (j / 4) + 32 * (s & 1u);
        const std::byte* const high = block + 128 + 32 * (j / 4);
        Codes codes{};
        std::array<uint32_t, 2> tops{};
        for (uint32_t q = 0; q < 8; q++) {
            codes[q] = load32(low + 4 * q) >> (4 * (s / 2));
            tops[q / 4] |= ((load32(high + 4 * q) >> (2 * s)) & 0x03030303u) << (2 * (q % 4));
        }
        put_nibbles(row, 8 * super + j, codes);
        row.high(16 * super + 2 * j, tops[0]);
        row.high(16 * super + 2 * j + 1, tops[1]);
    }
    for (uint32_t w = 0; w < 4; w++) {
        row.scale(4 * super + w, load32(block + 192 + 4 * w));
    }
    row.half_scale(4 * n_supers, super, load16(block + 208));
}

/// 2-bit codes of Q2_K and Q3_K, of two sub-blocks a unit.
void pack_pairs(const Row& row, uint32_t super, const std::byte* codes) {
    for (uint32_t p = 0; p < 4; p++) {
        std::array<uint32_t, 4> unit{};
        for (uint32_t i = 0; i < 4; i++) {  // halves of both sub-blocks
            const uint32_t j = 2 * p + i / 2;
            for (uint32_t k = 0; k < 4; k++) {
                const uint32_t q = 4 * (i % 2) + k;
                const uint32_t word = load32(codes + 32 * (j / 4) + 4 * q) >> (2 * (j & 3u));
                unit[k] |= (word & 0x03030303u) << (2 * i);
            }
        }
        row.unit(4 * super + p, unit.data());
    }
}

void pack_q2_k(const Row& row, uint32_t super, const std::byte* block) {
    pack_pairs(row, super, block + 16);
    for (uint32_t w = 0; w < 4; w++) {
        row.scale(5 * super + w, load32(block + 4 * w));
    }
    row.scale(5 * super + 4, load32(block + 80));
}

void pack_q3_k(const Row& row, uint32_t super, uint32_t n_supers, const std::byte* block) {
    pack_pairs(row, super, block + 32);
    for (uint32_t j = 0; j < 8; j++) {
        uint32_t word = 0;
        for (uint32_t q = 0; q < 8; q++) {
            word |= ((load32(block + 4 * q) >> j) & 0x01010101u) << q;
        }
        row.high(8 * super + j, word);
    }
    const std::byte* const packed = block + 96;  // 16 scales of 6 bits out of 12 bytes (spec 5.2)
    std::array<uint32_t, 3> scales{};
    for (uint32_t k = 0; k < 16; k++) {
        const uint32_t low = uint32_t(packed[k % 8]) >> (k < 8 ? 0 : 4) & 15u;
        const uint32_t top = uint32_t(packed[8 + k % 4]) >> (2 * (k / 4)) & 3u;
        scales[k / 8] |= low << (4 * (k % 8));
        scales[2] |= top << (2 * k);
    }
    for (uint32_t w = 0; w < 3; w++) {
        row.scale(3 * super + w, scales[w]);
    }
    row.half_scale(3 * n_supers, super, load16(block + 108));
}

void pack_iq4_xs(const Row& row, uint32_t super, const std::byte* block) {
    row.scale(2 * super, load32(block));
    row.scale(2 * super + 1, load32(block + 4));
    for (uint32_t j = 0; j < 8; j++) {
        row.unit(8 * super + j, block + 8 + 16 * j);
    }
}

void pack_super(const Row& row, DType dtype, uint32_t super, uint32_t n_supers,
                const std::byte* block) {
    switch (dtype) {
        case DType::q4_k:
            return pack_q4_k(row, super, block, block + 16);
        case DType::q5_k:
            return pack_q5_k(row, super, block);
        case DType::q6_k:
            return pack_q6_k(row, super, n_supers, block);
        case DType::q2_k:
            return pack_q2_k(row, super, block);
        case DType::q3_k:
            return pack_q3_k(row, super, n_supers, block);
        case DType::iq4_xs:
            return pack_iq4_xs(row, super, block);
        default:
            CHECK(false, "no block of 256: {}", dtype_name(dtype));
    }
}

/// F32, F16, BF16: units are 16 bytes of the row; the last may be short.
void pack_plain(const Row& row, uint32_t n_units, std::span<const std::byte> bytes) {
    for (uint32_t u = 0; u < n_units; u++) {
        std::array<std::byte, 16> unit{};
        const size_t begin = size_t{u} * 16;
        if (begin < bytes.size()) {
            std::memcpy(unit.data(), bytes.data() + begin,
                        std::min(size_t{16}, bytes.size() - begin));
        }
        row.unit(u, unit.data());
    }
}

void pack_row(const Row& row, DType dtype, const RowPieces& pieces,
              std::span<const std::byte> bytes) {
    const uint32_t elements = block_elements(dtype);
    const size_t size = block_bytes(dtype);
    if (elements == 1) {
        pack_plain(row, pieces.units, bytes);
        return;
    }
    const auto n_blocks = uint32_t(bytes.size() / size);
    for (uint32_t b = 0; b < n_blocks; b++) {
        const std::byte* const block = bytes.data() + b * size;
        if (elements == params::kBlock) {
            pack_32(row, dtype, b, block);
        } else {
            pack_super(row, dtype, b, n_blocks, block);
        }
    }
}

}  // namespace

PlaneBytes plane_bytes(DType dtype, uint64_t rows, uint64_t cols) {
    const RowPieces row = row_pieces(dtype, cols);
    const uint64_t padded_rows = groups_of(rows) * kGroup;
    return {.quants = padded_rows * row.units * 16,
            .highs = padded_rows * row.highs * 4,
            .scales = padded_rows * row.scales * 4};
}

void repack(const Planes& planes, DType dtype, std::span<const std::byte> src, uint32_t rows,
            uint32_t cols) {
    const PlaneBytes bytes = plane_bytes(dtype, rows, cols);
    CHECK(planes.quants.size_bytes() == bytes.quants && planes.highs.size_bytes() == bytes.highs &&
              planes.scales.size_bytes() == bytes.scales,
          "planes of {}, {}, {} bytes; {} rows of {} {} take {}, {}, {}",
          planes.quants.size_bytes(), planes.highs.size_bytes(), planes.scales.size_bytes(), rows,
          cols, dtype_name(dtype), bytes.quants, bytes.highs, bytes.scales);
    const size_t row_size = row_bytes(dtype, cols);
    CHECK(src.size() == rows * row_size, "src {} rows {} of {}", src.size(), rows, row_size);

    if (!planes.scales.empty()) {
        std::memset(planes.scales.data(), 0, planes.scales.size_bytes());  // halves are or-ed in
    }
    if (rows % kGroup != 0) {
        std::memset(planes.quants.data(), 0, planes.quants.size_bytes());
        if (!planes.highs.empty()) {
            std::memset(planes.highs.data(), 0, planes.highs.size_bytes());
        }
    }
    const RowPieces pieces = row_pieces(dtype, cols);
    for (uint32_t r = 0; r < rows; r++) {
        const size_t group = r / kGroup;
        const size_t lane = r % kGroup;
        pack_row({planes.quants.data() + (group * pieces.units * kGroup + lane) * kUnitWords,
                  planes.highs.data() + group * pieces.highs * kGroup + lane,
                  planes.scales.data() + group * pieces.scales * kGroup + lane},
                 dtype, pieces, src.subspan(r * row_size, row_size));
    }
}

}  // namespace model
