// Block formats of GGUF on the CPU: the closed forms of spec 5, in one place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "model/dtype.h"

namespace model {

/// IEEE half bits to float, exact (subnormals, infinities and NaNs too).
float half_to_float(uint16_t half);
/// Float to IEEE half bits, round to nearest even.
uint16_t float_to_half(float value);
float bf16_to_float(uint16_t bits);
uint16_t float_to_bf16(float value);

/// Elements of whole blocks as f32. dst.size() elements are written; src holds exactly the bytes of
/// that many elements. Every value is formed as scale * q - offset in f32, each operation rounded
/// once: scale = d * S (or d), offset = dmin * M (or -m), which the kernels repeat bit by bit.
void dequantize(std::span<float> dst, DType dtype, std::span<const std::byte> src);

/// Index of the first block whose number (or scale or offset: all else in a block is an integer) is
/// NaN or infinite. `src`: whole blocks.
std::optional<uint64_t> first_not_finite(DType dtype, std::span<const std::byte> src);

}  // namespace model
