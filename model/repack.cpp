#include "model/repack.h"

#include <algorithm>
#include <cstring>

#include "gpu/base.h"
#include "shaders/params.h"

namespace model {
namespace {

constexpr uint32_t kGroup = params::kRowGroup;

/// How a file's block becomes words: `words` of it in order, after `d_offset`'s two bytes are taken
/// out (SIZE_MAX: nothing is taken out). Plain types are treated as blocks of 32 elements.
struct PackedBlock {
    uint32_t elements;
    uint32_t bytes;  // in the file
    uint32_t words;  // in the quants plane
    size_t d_offset;
};

PackedBlock packed_block(DType dtype) {
    constexpr size_t kNone = SIZE_MAX;
    switch (dtype) {
        case DType::f32:
            return {32, 128, 32, kNone};
        case DType::f16:
        case DType::bf16:
            return {32, 64, 16, kNone};
        case DType::q8_0:
            return {32, 34, 8, 0};
        case DType::q4_0:
        case DType::iq4_nl:
            return {32, 18, 4, 0};
        case DType::q4_1:
            return {32, 20, 5, kNone};
        case DType::q5_0:
            return {32, 22, 5, 0};
        case DType::q5_1:
            return {32, 24, 6, kNone};
        case DType::q2_k:
            return {256, 84, 21, kNone};
        case DType::q3_k:
            return {256, 110, 27, 108};
        case DType::q4_k:
            return {256, 144, 36, kNone};
        case DType::q5_k:
            return {256, 176, 44, kNone};
        case DType::q6_k:
            return {256, 210, 52, 208};
        case DType::iq4_xs:
            return {256, 136, 34, kNone};
        case DType::i32:
            break;
    }
    CHECK(false, "no weight type: {}", dtype_name(dtype));
}

uint64_t groups_of(uint64_t rows) {
    return (rows + kGroup - 1) / kGroup;
}

}  // namespace

PlaneBytes plane_bytes(DType dtype, uint64_t rows, uint64_t cols) {
    const PackedBlock block = packed_block(dtype);
    const uint64_t n_blocks = (cols + block.elements - 1) / block.elements;
    const uint64_t padded_rows = groups_of(rows) * kGroup;
    return {.quants = padded_rows * n_blocks * block.words * 4,
            .scales = block.d_offset == SIZE_MAX ? 0 : padded_rows * ((n_blocks + 1) / 2) * 4};
}

void repack(std::span<uint32_t> quants, std::span<uint32_t> scales, DType dtype,
            std::span<const std::byte> src, uint32_t rows, uint32_t cols) {
    const PackedBlock block = packed_block(dtype);
    const PlaneBytes planes = plane_bytes(dtype, rows, cols);
    CHECK(quants.size() * 4 == planes.quants, "quants {} {}", quants.size() * 4, planes.quants);
    CHECK(scales.size() * 4 == planes.scales, "scales {} {}", scales.size() * 4, planes.scales);
    const size_t src_row_bytes = row_bytes(dtype, cols);
    CHECK(src.size() == rows * src_row_bytes, "src {} rows {} of {}", src.size(), rows,
          src_row_bytes);

    const uint32_t n_blocks = (cols + block.elements - 1) / block.elements;
    const uint32_t n_pairs = (n_blocks + 1) / 2;
    std::memset(scales.data(), 0, scales.size_bytes());
    for (uint32_t row = 0; row < uint32_t(groups_of(rows)) * kGroup; row++) {
        uint32_t* const row_words =
            quants.data() + size_t{row / kGroup} * n_blocks * block.words * kGroup + row % kGroup;
        for (uint32_t b = 0; b < n_blocks; b++) {
            std::byte bytes[256] = {};
            if (row < rows) {
                const size_t begin = size_t{b} * block.bytes;
                const size_t n = std::min<size_t>(block.bytes, src_row_bytes - begin);
                const std::byte* from = src.data() + row * src_row_bytes + begin;
                if (block.d_offset == SIZE_MAX) {
                    std::memcpy(bytes, from, n);
                } else {
                    uint16_t d = 0;
                    std::memcpy(&d, from + block.d_offset, 2);
                    std::memcpy(bytes, from, block.d_offset);
                    std::memcpy(bytes + block.d_offset, from + block.d_offset + 2,
                                n - block.d_offset - 2);
                    scales[(size_t{row / kGroup} * n_pairs + b / 2) * kGroup + row % kGroup] |=
                        uint32_t{d} << (16 * (b % 2));
                }
            }
            for (uint32_t w = 0; w < block.words; w++) {
                std::memcpy(row_words + (size_t{b} * block.words + w) * kGroup, bytes + 4 * w, 4);
            }
        }
    }
}

}  // namespace model
