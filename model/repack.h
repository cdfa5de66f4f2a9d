// repack: weight blocks as files store them -> the three planes that the kernels read.
//
// Columns come in sub-blocks of 32; a sub-block's codes are unsigned integers (signed for Q8_0).
// Rows come in groups of 4 (params::kRowGroup), and the same piece of the four rows lies side by
// side, so that invocations share cache lines whether they split rows or columns among them:
//
//   quants  units of 16 bytes:  unit u of row r   at  (r/4 * U + u) * 4 + r%4
//   highs   words of 32 bits:   word w of row r   at  (r/4 * H + w) * 4 + r%4
//   scales  words of 32 bits:   word w of row r   at  (r/4 * S + w) * 4 + r%4
//
// Units of a row, B sub-blocks:
//   F32        8 a sub-block: 4 elements          F16, BF16  4 a sub-block: 8 elements
//   Q8_0       2 a sub-block: 16 signed bytes
//   4 to 6 bits  1 a sub-block: byte i holds the low 4 bits of element i, then of element 16 + i
//   Q2_K, Q3_K   1 per two sub-blocks a, b: byte i holds the low 2 bits of a[i], a[16+i], b[i],
//                b[16+i]
// Words of highs:
//   Q5_0, Q5_1, Q5_K, Q3_K  1 a sub-block: the top bit of element e at bit 8 (e%4) + e/4
//   Q6_K       2 a sub-block: word e/16 holds the top 2 bits of element e, from bit
//              8 (e%4) + 2 (e%16/4) on
// Words of scales (a super-block is 8 sub-blocks):
//   Q8_0, Q4_0, Q5_0, IQ4_NL   half a sub-block: d, f16
//   Q4_1, Q5_1   1 a sub-block: d, m
//   Q4_K, Q5_K   4 a super-block: (d, dmin); low 4 bits of the 8 scales; low 4 bits of the 8
//                minima; their top 2 bits, scales then minima
//   Q6_K         4 a super-block: the 16 signed scales; after all of them half a super-block: d
//   Q3_K         3 a super-block: low 4 bits of the 16 scales, then their top 2 bits; d as Q6_K
//   Q2_K         5 a super-block: the 16 (scale, minimum) bytes; (d, dmin)
//   IQ4_XS       2 a super-block: d and the scales' top 2 bits; their low 4 bits
//
// No byte is inflated; rows are padded with zeros to a multiple of 4, columns to whole sub-blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/dtype.h"

namespace model {

/// Bytes of each plane for `rows` rows of `cols` elements; 0 where a type has no such plane.
struct PlaneBytes {
    uint64_t quants = 0;
    uint64_t highs = 0;
    uint64_t scales = 0;
};
PlaneBytes plane_bytes(DType dtype, uint64_t rows, uint64_t cols);

/// The three planes, or a run of whole row groups of each.
struct Planes {
    std::span<uint32_t> quants, highs, scales;
};

/// Repack `rows` whole rows (row 0 is the first of a group of 4) from file bytes. Every word of the
/// planes is overwritten, padding too.
///   src     rows * row_bytes(dtype, cols) bytes
///   planes  plane_bytes(dtype, rows, cols)
void repack(const Planes& planes, DType dtype, std::span<const std::byte> src, uint32_t rows,
            uint32_t cols);

}  // namespace model
