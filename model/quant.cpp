#include "model/quant.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "gpu/base.h"

namespace model {

namespace {

/// The 16 levels of IQ4_NL and IQ4_XS (spec 5.2).
constexpr std::array<int, 16> kLevels = {-127, -104, -83, -65, -49, -35, -22, -10,
                                         1,    13,   25,  38,  53,  69,  89,  113};

/// One block of a file, read byte by byte: blocks are not aligned.
class Block {
public:
    explicit Block(const std::byte* bytes) : bytes_(bytes) {}

    uint32_t u8(uint32_t at) const { return std::to_integer<uint32_t>(bytes_[at]); }
    int32_t i8(uint32_t at) const { return static_cast<int8_t>(u8(at)); }
    uint16_t u16(uint32_t at) const { return static_cast<uint16_t>(u8(at) | (u8(at + 1) << 8)); }
    uint32_t u32(uint32_t at) const {
        return u8(at) | (u8(at + 1) << 8) | (u8(at + 2) << 16) | (u8(at + 3) << 24);
    }
    float half(uint32_t at) const { return half_to_float(u16(at)); }
    /// Half `half` (0 low, 1 high) of the byte at `at`.
    int32_t nibble(uint32_t at, uint32_t half) const {
        return static_cast<int32_t>((u8(at) >> (4 * half)) & 15);
    }

private:
    const std::byte* bytes_;
};

float from_int(int32_t value) {
    return static_cast<float>(value);
}

void f32_element(float* y, const Block& b) {
    *y = std::bit_cast<float>(b.u32(0));
}
void f16_element(float* y, const Block& b) {
    *y = b.half(0);
}
void bf16_element(float* y, const Block& b) {
    *y = bf16_to_float(b.u16(0));
}
void i32_element(float* y, const Block& b) {
    *y = from_int(static_cast<int32_t>(b.u32(0)));
}

// Blocks of 32: nibbles of the first 16 elements are the low halves, of the last 16 the high ones.

void q4_0_block(float* y, const Block& b) {
    const float d = b.half(0);
    for (uint32_t i = 0; i < 32; ++i) {
        y[i] = d * from_int(b.nibble(2 + i % 16, i / 16) - 8);
    }
}

void q4_1_block(float* y, const Block& b) {
    const float d = b.half(0);
    const float m = b.half(2);
    for (uint32_t i = 0; i < 32; ++i) {
        const float product = d * from_int(b.nibble(4 + i % 16, i / 16));
        y[i] = product + m;
    }
}

void q5_0_block(float* y, const Block& b) {
    const float d = b.half(0);
    const uint32_t high = b.u32(2);
    for (uint32_t i = 0; i < 32; ++i) {
        const int32_t bit = static_cast<int32_t>((high >> i) & 1);
        y[i] = d * from_int((b.nibble(6 + i % 16, i / 16) | (bit << 4)) - 16);
    }
}

void q5_1_block(float* y, const Block& b) {
    const float d = b.half(0);
    const float m = b.half(2);
    const uint32_t high = b.u32(4);
    for (uint32_t i = 0; i < 32; ++i) {
        const int32_t bit = static_cast<int32_t>((high >> i) & 1);
        const float product = d * from_int(b.nibble(8 + i % 16, i / 16) | (bit << 4));
        y[i] = product + m;
    }
}

void q8_0_block(float* y, const Block& b) {
    const float d = b.half(0);
    for (uint32_t i = 0; i < 32; ++i) {
        y[i] = d * from_int(b.i8(2 + i));
    }
}

void iq4_nl_block(float* y, const Block& b) {
    const float d = b.half(0);
    for (uint32_t i = 0; i < 32; ++i) {
        y[i] = d * from_int(kLevels[static_cast<size_t>(b.nibble(2 + i % 16, i / 16))]);
    }
}

// Super-blocks of 256. n: half of 128, s: quarter of a half, l: position within it.

void q2_k_block(float* y, const Block& b) {
    const float d = b.half(80);
    const float dmin = b.half(82);
    for (uint32_t i = 0; i < 256; ++i) {
        const uint32_t n = i / 128, s = i % 128 / 32, l = i % 32;
        const int32_t q = static_cast<int32_t>((b.u8(16 + 32 * n + l) >> (2 * s)) & 3);
        const float scale = d * from_int(b.nibble(i / 16, 0));
        const float offset = dmin * from_int(b.nibble(i / 16, 1));
        const float product = scale * from_int(q);
        y[i] = product - offset;
    }
}

/// The k-th of 16 signed 6-bit scales of Q3_K.
int32_t q3_k_scale(const Block& b, uint32_t k) {
    const uint32_t low = (k < 8 ? b.u8(96 + k) : b.u8(96 + k - 8) >> 4) & 15;
    const uint32_t high = (b.u8(96 + 8 + k % 4) >> (2 * (k / 4))) & 3;
    return static_cast<int32_t>(low + 16 * high) - 32;
}

void q3_k_block(float* y, const Block& b) {
    const float d = b.half(108);
    for (uint32_t i = 0; i < 256; ++i) {
        const uint32_t n = i / 128, s = i % 128 / 32, l = i % 32;
        const int32_t q = static_cast<int32_t>((b.u8(32 + 32 * n + l) >> (2 * s)) & 3);
        const bool high = ((b.u8(l) >> (i / 32)) & 1) != 0;
        const float scale = d * from_int(q3_k_scale(b, i / 16));
        y[i] = scale * from_int(q - (high ? 0 : 4));
    }
}

/// The j-th of 8 pairs of 6-bit scale and minimum of Q4_K and Q5_K.
struct ScaleMin {
    int32_t scale, minimum;
};
ScaleMin k_scale_min(const Block& b, uint32_t j) {
    if (j < 4) {
        return {static_cast<int32_t>(b.u8(4 + j) & 63), static_cast<int32_t>(b.u8(4 + j + 4) & 63)};
    }
    const uint32_t scale = (b.u8(4 + j + 4) & 15) | ((b.u8(4 + j - 4) >> 6) << 4);
    const uint32_t minimum = (b.u8(4 + j + 4) >> 4) | ((b.u8(4 + j) >> 6) << 4);
    return {static_cast<int32_t>(scale), static_cast<int32_t>(minimum)};
}

void q4_k_block(float* y, const Block& b) {
    const float d = b.half(0);
    const float dmin = b.half(2);
    for (uint32_t i = 0; i < 256; ++i) {
        const uint32_t j = i / 32;
        const ScaleMin sm = k_scale_min(b, j);
        const float scale = d * from_int(sm.scale);
        const float offset = dmin * from_int(sm.minimum);
        const float product = scale * from_int(b.nibble(16 + 32 * (i / 64) + i % 32, j % 2));
        y[i] = product - offset;
    }
}

void q5_k_block(float* y, const Block& b) {
    const float d = b.half(0);
    const float dmin = b.half(2);
    for (uint32_t i = 0; i < 256; ++i) {
        const uint32_t j = i / 32, l = i % 32;
        const ScaleMin sm = k_scale_min(b, j);
        const int32_t high = static_cast<int32_t>((b.u8(16 + l) >> j) & 1);
        const float scale = d * from_int(sm.scale);
        const float offset = dmin * from_int(sm.minimum);
        const int32_t q = b.nibble(48 + 32 * (i / 64) + l, j % 2) + 16 * high;
        const float product = scale * from_int(q);
        y[i] = product - offset;
    }
}

void q6_k_block(float* y, const Block& b) {
    const float d = b.half(208);
    for (uint32_t i = 0; i < 256; ++i) {
        const uint32_t n = i / 128, s = i % 128 / 32, l = i % 32;
        const int32_t low = b.nibble(64 * n + 32 * (s % 2) + l, s / 2);
        const int32_t high = static_cast<int32_t>((b.u8(128 + 32 * n + l) >> (2 * s)) & 3);
        const float scale = d * from_int(b.i8(192 + i / 16));
        y[i] = scale * from_int((low | (high << 4)) - 32);
    }
}

void iq4_xs_block(float* y, const Block& b) {
    const float d = b.half(0);
    for (uint32_t i = 0; i < 256; ++i) {
        const uint32_t g = i / 32, r = i % 32;
        const uint32_t high = (static_cast<uint32_t>(b.u16(2)) >> (2 * g)) & 3;
        const int32_t s = b.nibble(4 + g / 2, g % 2) | static_cast<int32_t>(high << 4);
        const float scale = d * from_int(s - 32);
        const int32_t n = b.nibble(8 + 16 * g + r % 16, r / 16);
        y[i] = scale * from_int(kLevels[static_cast<size_t>(n)]);
    }
}

/// Where a block has its floats; the second -1 where it has one.
struct FloatPlaces {
    int first = 0, second = -1;
};

FloatPlaces float_places(DType dtype) {
    switch (dtype) {
        case DType::q4_1:
        case DType::q5_1:
        case DType::q4_k:
        case DType::q5_k:
            return {0, 2};
        case DType::q2_k:
            return {80, 82};
        case DType::q3_k:
            return {108};
        case DType::q6_k:
            return {208};
        case DType::f32:  // the upper half of a float is a bfloat16 with the same exponent
            return {2};
        default:
            return {0};
    }
}

/// Exponents of 16-bit floats that are all ones.
constexpr uint16_t kHalfExponent = 0x7c00, kBfloatExponent = 0x7f80;

bool is_special(const std::byte* at, uint16_t exponent) {
    uint16_t bits = 0;
    std::memcpy(&bits, at, sizeof(bits));
    return (bits & exponent) == exponent;
}

using BlockFunction = void (*)(float* y, const Block& block);

// In the order of DType.
constexpr std::array<BlockFunction, 16> kFunctions = {
    f32_element, f16_element, bf16_element, q8_0_block,  q4_0_block, q4_1_block,
    q5_0_block,  q5_1_block,  iq4_nl_block, q2_k_block,  q3_k_block, q4_k_block,
    q5_k_block,  q6_k_block,  iq4_xs_block, i32_element,
};

}  // namespace

float half_to_float(uint16_t half) {
    const uint32_t sign = (half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 31u;
    const uint32_t mantissa = half & 0x3ffu;
    if (exponent == 31) {
        return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
    }
    if (exponent == 0) {
        // Subnormal: mantissa * 2^-24 is exact in f32.
        const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
        return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
    }
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

uint16_t float_to_half(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    const uint32_t sign = (bits >> 16) & 0x8000u;
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) {  // NaN: keep the payload's top, never turn it into infinity
        const uint32_t payload = (magnitude >> 13) & 0x3ffu;
        return static_cast<uint16_t>(sign | 0x7c00u | (payload != 0 ? payload : 0x200u));
    }
    if (magnitude >= 0x477ff000u) {  // from 65520 on everything rounds to infinity
        return static_cast<uint16_t>(sign | 0x7c00u);
    }
    if (magnitude < 0x38800000u) {  // below 2^-14: subnormal, in units of 2^-24
        if (magnitude < 0x33000000u) {
            return static_cast<uint16_t>(sign);
        }
        const uint32_t shift = 126 - (magnitude >> 23);
        const uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
        const uint32_t rest = mantissa & ((1u << shift) - 1);
        const uint32_t half_way = 1u << (shift - 1);
        uint32_t result = mantissa >> shift;
        result += (rest > half_way || (rest == half_way && (result & 1) != 0)) ? 1 : 0;
        return static_cast<uint16_t>(sign | result);
    }
    const uint32_t rebased = magnitude - 0x38000000u;
    const uint32_t rounded = rebased + 0xfffu + ((rebased >> 13) & 1);
    return static_cast<uint16_t>(sign | (rounded >> 13));
}

float bf16_to_float(uint16_t bits) {
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

uint16_t float_to_bf16(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        const uint32_t top = bits >> 16;
        return static_cast<uint16_t>((top & 0x7fu) != 0 ? top : top | 0x40u);
    }
    return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

void dequantize(std::span<float> dst, DType dtype, std::span<const std::byte> src) {
    const uint32_t elements = block_elements(dtype);
    const uint32_t bytes = block_bytes(dtype);
    CHECK(src.size() == row_bytes(dtype, dst.size()), "{} bytes for {} elements of {}", src.size(),
          dst.size(), dtype_name(dtype));
    const BlockFunction block = kFunctions[static_cast<size_t>(dtype)];
    const size_t n_blocks = dst.size() / elements;
    for (size_t i = 0; i < n_blocks; ++i) {
        block(dst.data() + i * elements, Block(src.data() + i * bytes));
    }
}

std::optional<uint64_t> first_not_finite(DType dtype, std::span<const std::byte> src) {
    if (dtype == DType::i32) {
        return std::nullopt;
    }
    const uint64_t bytes = block_bytes(dtype);
    const uint64_t n = src.size() / bytes;
    const bool bfloat = dtype == DType::bf16 || dtype == DType::f32;
    const uint16_t exponent = bfloat ? kBfloatExponent : kHalfExponent;
    const FloatPlaces places = float_places(dtype);
    const auto special = [&](uint64_t i) {
        const std::byte* const block = src.data() + i * bytes;
        return is_special(block + places.first, exponent) ||
               (places.second >= 0 && is_special(block + places.second, exponent));
    };
    constexpr uint64_t kRun = 4096;  // looked at without a branch: nearly all are sane
    for (uint64_t begin = 0; begin < n; begin += kRun) {
        const uint64_t end = std::min(begin + kRun, n);
        bool any = false;
        for (uint64_t i = begin; i < end; ++i) {
            any |= special(i);
        }
        for (uint64_t i = begin; any && i < end; ++i) {
            if (special(i)) {
                return i;
            }
        }
    }
    return std::nullopt;
}

}  // namespace model
