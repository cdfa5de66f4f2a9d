// repack: weight blocks as files store them -> the two planes that the kernels read.
//
// Rows come in groups of 32 (params::kRowGroup); row r is lane r % 32 of group r / 32, and the same
// word of 32 rows lies side by side, so that neighbouring invocations read neighbouring words. With
// E elements and W words a block, B = ceil(cols / E) blocks a row:
//
//   quants  word w of block b of row r:  ((r/32 * B + b) * W + w) * 32 + r%32
//           the block's bytes in file order, without its 16-bit scale where that one stands apart
//   scales  u32, blocks 2i and 2i+1 of row r in the halves of:  (r/32 * ceil(B/2) + i) * 32 + r%32
//           the f16 `d` of Q8_0, Q4_0, Q5_0, IQ4_NL, Q3_K, Q6_K, whose blocks are no whole words
//
//   type    W    of these           | type    W
//   F32     32   (E = 32)           | Q2_K    21   as in the file
//   F16     16   (E = 32)           | Q3_K    27   + scale plane
//   BF16    16   (E = 32)           | Q4_K    36   as in the file
//   Q8_0    8    + scale plane      | Q5_K    44   as in the file
//   Q4_0    4    + scale plane      | Q6_K    52   + scale plane
//   Q4_1    5    as in the file     | IQ4_XS  34   as in the file
//   Q5_0    5    + scale plane      | IQ4_NL  4    + scale plane
//   Q5_1    6    as in the file     |
//
// No byte is inflated; rows are padded with zeros to a multiple of 32, columns to whole blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/dtype.h"

namespace model {

/// Bytes of each plane for `rows` rows of `cols` elements; scales is 0 for types without that
/// plane.
struct PlaneBytes {
    uint64_t quants = 0;
    uint64_t scales = 0;
};
PlaneBytes plane_bytes(DType dtype, uint64_t rows, uint64_t cols);

/// Repack `rows` whole rows (row 0 is the first of a group of 32) from file bytes.
///   src      rows * row_bytes(dtype, cols) bytes
///   quants   plane_bytes(...).quants / 4 words, overwritten (padding too)
///   scales   plane_bytes(...).scales / 4 words, overwritten
void repack(std::span<uint32_t> quants, std::span<uint32_t> scales, DType dtype,
            std::span<const std::byte> src, uint32_t rows, uint32_t cols);

}  // namespace model
