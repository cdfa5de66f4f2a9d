#include "model/repack.h"

#include <algorithm>
#include <cstring>

#include "gpu/base.h"
#include "shaders/params.h"

namespace model {
namespace {

constexpr uint32_t kGroup = params::kRowGroup;

constexpr size_t kWhole = SIZE_MAX;

/// How a file's block becomes words: `words` of it in order, after `d_offset`'s two bytes are taken
/// out (kWhole: nothing is taken out). Plain types are treated as blocks of 32 elements.
struct PackedBlock {
    uint32_t elements;
    uint32_t bytes;  // in the file
    uint32_t words;  // in the quants plane
    size_t d_offset;
};

/// Where the f16 scale stands in blocks that are no whole words: first, or last.
size_t scale_offset(DType dtype) {
    switch (dtype) {
        case DType::q8_0:
        case DType::q4_0:
        case DType::q5_0:
        case DType::iq4_nl:
            return 0;
        case DType::q3_k:
        case DType::q6_k:
            return block_bytes(dtype) - 2;
        default:
            return kWhole;
    }
}

PackedBlock packed_block(DType dtype) {
    CHECK(dtype != DType::i32, "no weight type: {}", dtype_name(dtype));
    const uint32_t elements = std::max(block_elements(dtype), 32u);
    const auto bytes = static_cast<uint32_t>(row_bytes(dtype, elements));
    const size_t d_offset = scale_offset(dtype);
    return {elements, bytes, (d_offset == kWhole ? bytes : bytes - 2) / 4, d_offset};
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
            .scales = block.d_offset == kWhole ? 0 : padded_rows * ((n_blocks + 1) / 2) * 4};
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
    std::fill(scales.begin(), scales.end(), 0u);
    for (uint32_t row = 0; row < uint32_t(groups_of(rows)) * kGroup; row++) {
        uint32_t* const row_words =
            quants.data() + size_t{row / kGroup} * n_blocks * block.words * kGroup + row % kGroup;
        for (uint32_t b = 0; b < n_blocks; b++) {
            std::byte bytes[256] = {};
            if (row < rows) {
                const size_t begin = size_t{b} * block.bytes;
                const size_t n = std::min<size_t>(block.bytes, src_row_bytes - begin);
                const std::byte* from = src.data() + row * src_row_bytes + begin;
                if (block.d_offset == kWhole) {
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
