// exact.h    the only transcendental functions of the plain path; one source for GLSL and C++.
//
// Vulkan promises correct rounding of f32 +, - and * alone. Everything here is made of these, of
// comparisons, floor and bit casts, so every device and the CPU give the same bits (exact.md).
// C++ must be compiled with -ffp-contract=off. Coefficients: Cephes (expf, logf, tanhf); reciprocal
// and root by Newton's method from an integer guess. Accuracy: exp, tanh, rcp, div, rsqrt within
// 2.1 ulp of the true value.
#ifndef LAPIDARY_EXACT_H
#define LAPIDARY_EXACT_H

#ifdef __cplusplus
#include <bit>
#include <cmath>
#include <cstdint>
namespace exact {
using uint = uint32_t;
#define EXACT_FN inline
#define EXACT_FLOAT float
inline uint float_bits(float x) { return std::bit_cast<uint>(x); }
inline float bits_float(uint u) { return std::bit_cast<float>(u); }
inline float exact_floor(float x) { return std::floor(x); }
inline float exact_abs(float x) { return bits_float(float_bits(x) & 0x7fffffffu); }
#else
#define EXACT_FN
#define EXACT_FLOAT precise float
#define float_bits floatBitsToUint
#define bits_float uintBitsToFloat
#define exact_floor floor
#define exact_abs abs
#endif

// 1 / b for normal positive b
EXACT_FN float exact_rcp(float b) {
    EXACT_FLOAT r = bits_float(0x7ef311c7u - float_bits(b));
    EXACT_FLOAT e = 1.0f - b * r;
    r = r + r * e;
    e = 1.0f - b * r;
    r = r + r * e;
    e = 1.0f - b * r;
    r = r + r * e;
    e = 1.0f - b * r;
    r = r + r * e;
    return r;
}

// a / b for normal positive b
EXACT_FN float exact_div(float a, float b) {
    EXACT_FLOAT inverse = exact_rcp(b);
    EXACT_FLOAT quotient = a * inverse;
    EXACT_FLOAT remainder = a - quotient * b;
    EXACT_FLOAT result = quotient + remainder * inverse;
    return result;
}

// 1 / sqrt(x) for normal positive x
EXACT_FN float exact_rsqrt(float x) {
    EXACT_FLOAT y = bits_float(0x5f375a86u - (float_bits(x) >> 1));
    EXACT_FLOAT half_x = 0.5f * x;
    EXACT_FLOAT t = half_x * y;
    y = y * (1.5f - t * y);
    t = half_x * y;
    y = y * (1.5f - t * y);
    t = half_x * y;
    y = y * (1.5f - t * y);
    t = half_x * y;
    y = y * (1.5f - t * y);
    return y;
}

// e^x for -80 <= x <= 80
EXACT_FN float exact_exp_inside(float x) {
    EXACT_FLOAT n = exact_floor(x * 1.44269504f + 0.5f);
    EXACT_FLOAT r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    EXACT_FLOAT p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    EXACT_FLOAT q = p * r;
    q = q * r + r;
    q = q + 1.0f;
    EXACT_FLOAT result = q * bits_float(uint(int(n) + 127) << 23);
    return result;
}

// e^x; 0 below -80 (no denormals), e^80 above 80
EXACT_FN float exact_exp(float x) {
    if (x < -80.0f) {
        return 0.0f;
    }
    return exact_exp_inside(x > 80.0f ? 80.0f : x);
}

// ln x for normal positive x
EXACT_FN float exact_log(float x) {
    uint bits = float_bits(x);
    int exponent = int(bits >> 23) - 126;
    EXACT_FLOAT m = bits_float((bits & 0x007fffffu) | 0x3f000000u);  // [0.5, 1)
    if (m < 0.707106781f) {
        exponent = exponent - 1;
        m = m + m;
    }
    m = m - 1.0f;
    EXACT_FLOAT n = float(exponent);
    EXACT_FLOAT z = m * m;
    EXACT_FLOAT p = m * 7.0376836292e-2f - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    EXACT_FLOAT y = m * z;
    y = y * p;
    y = y + n * -2.12194440e-4f;
    y = y - 0.5f * z;
    EXACT_FLOAT result = m + y;
    result = result + n * 0.693359375f;
    return result;
}

EXACT_FN float exact_tanh(float x) {
    EXACT_FLOAT a = exact_abs(x);
    EXACT_FLOAT y = 1.0f;
    if (a < 0.625f) {
        EXACT_FLOAT z = a * a;
        EXACT_FLOAT p = z * -5.70498872745e-3f + 2.06390887954e-2f;
        p = p * z - 5.37397155531e-2f;
        p = p * z + 1.33314422036e-1f;
        p = p * z - 3.33332819422e-1f;
        p = p * z;
        y = p * a + a;
    } else if (a <= 15.0f) {
        EXACT_FLOAT e = exact_exp(2.0f * a);
        EXACT_FLOAT w = 2.0f * exact_rcp(e + 1.0f);
        y = 1.0f - w;
    }
    return x < 0.0f ? -y : y;
}

// gelu with tanh (spec 2.8): 0.5 u (1 + tanh(sqrt(2/pi) (u + 0.044715 u^3)))
EXACT_FN float exact_gelu(float u) {
    EXACT_FLOAT cube = u * u;
    cube = cube * u;
    EXACT_FLOAT inner = u + 0.044715f * cube;
    inner = 0.7978845608f * inner;
    EXACT_FLOAT t = 1.0f + exact_tanh(inner);
    EXACT_FLOAT result = 0.5f * u;
    result = result * t;
    return result;
}

// cap * tanh(x / cap); cap > 0
EXACT_FN float exact_softcap(float x, float cap) {
    EXACT_FLOAT result = cap * exact_tanh(exact_div(x, cap));
    return result;
}

// f32 -> f16 bits, round to nearest even, by integers only
EXACT_FN uint exact_half_bits(float value) {
    uint u = float_bits(value);
    uint sign = (u >> 16) & 0x8000u;
    u = u & 0x7fffffffu;
    if (u >= 0x47800000u) {  // 65536 and above, infinity, NaN
        return sign | (u > 0x7f800000u ? 0x7e00u : 0x7c00u);
    }
    if (u < 0x38800000u) {  // below the smallest normal half
        if (u < 0x33000000u) {
            return sign;
        }
        uint shift = 126u - (u >> 23);
        uint mantissa = (u & 0x7fffffu) | 0x800000u;
        uint h = mantissa >> shift;
        uint rest = mantissa & ((1u << shift) - 1u);
        uint middle = 1u << (shift - 1u);
        if (rest > middle || (rest == middle && (h & 1u) == 1u)) {
            h = h + 1u;
        }
        return sign | h;
    }
    uint rounded = u + 0xfffu + ((u >> 13) & 1u);
    return sign | ((rounded - 0x38000000u) >> 13);
}

#ifdef __cplusplus
#undef EXACT_FN
#undef EXACT_FLOAT
}  // namespace exact
#endif
#endif
