// quant: every block type against its closed form, element by element, written down here a second
// time from the format's description; half and bf16 over all their values.
#include "model/quant.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "tests/support/catch.h"
#include "tests/support/model_writer.h"
#include "tests/support/random.h"

using model::DType;
using support::Bytes;

namespace {

/// A half by the definition of its fields, in double.
double half_value(uint32_t bits) {
    const double sign = (bits >> 15) != 0 ? -1 : 1;
    const int exponent = static_cast<int>((bits >> 10) & 31);
    const double mantissa = bits & 1023;
    if (exponent == 0) {
        return sign * std::ldexp(mantissa, -24);
    }
    return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

/// Bits [from, from + n) of a little-endian block, for n <= 16.
uint32_t bits(const uint8_t* b, uint32_t from, uint32_t n) {
    uint32_t value = 0;
    for (uint32_t k = 0; k < n; ++k) {
        value |= static_cast<uint32_t>((b[(from + k) / 8] >> ((from + k) % 8)) & 1) << k;
    }
    return value;
}

float half_at(const uint8_t* b, uint32_t byte) {
    return static_cast<float>(half_value(bits(b, 8 * byte, 16)));
}

int signed_byte(const uint8_t* b, uint32_t byte) {
    return b[byte] < 128 ? b[byte] : b[byte] - 256;
}

constexpr int kTable[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                            1,    13,   25,  38,  53,  69,  89,  113};

/// 4 bits of element i of 32: low halves of 16 bytes first, then the high halves.
int nibble32(const uint8_t* b, uint32_t byte, uint32_t i) {
    return static_cast<int>(bits(b, 8 * (byte + i % 16) + (i < 16 ? 0 : 4), 4));
}

/// Scale and minimum j of Q4_K and Q5_K, from the 12 bytes at 4.
void scale_min(const uint8_t* b, uint32_t j, uint32_t& s, uint32_t& m) {
    const uint8_t* sc = b + 4;
    if (j < 4) {
        s = sc[j] % 64;
        m = sc[j + 4] % 64;
    } else {
        s = sc[j + 4] % 16 + sc[j - 4] / 64 * 16;
        m = sc[j + 4] / 16 + sc[j] / 64 * 16;
    }
}

struct Form {
    float scale, q, offset;
};

Form form_32(DType dtype, const uint8_t* b, uint32_t i) {
    const float d = half_at(b, 0);
    switch (dtype) {
        case DType::q8_0:
            return {d, static_cast<float>(signed_byte(b, 2 + i)), 0};
        case DType::q4_0:
            return {d, static_cast<float>(nibble32(b, 2, i) - 8), 0};
        case DType::q4_1:
            return {d, static_cast<float>(nibble32(b, 4, i)), -half_at(b, 2)};
        case DType::q5_0:
            return {d,
                    static_cast<float>(nibble32(b, 6, i) +
                                       16 * static_cast<int>(bits(b, 16 + i, 1)) - 16),
                    0};
        case DType::q5_1:
            return {
                d,
                static_cast<float>(nibble32(b, 8, i) + 16 * static_cast<int>(bits(b, 32 + i, 1))),
                -half_at(b, 2)};
        default:
            return {d, static_cast<float>(kTable[nibble32(b, 2, i)]), 0};
    }
}

Form form_256(DType dtype, const uint8_t* b, uint32_t i) {
    const uint32_t n = i / 128, s = (i - 128 * n) / 32, l = i % 32;
    switch (dtype) {
        case DType::q2_k:
            return {half_at(b, 80) * static_cast<float>(b[i / 16] % 16),
                    static_cast<float>(bits(b, 8 * (16 + 32 * n + l) + 2 * s, 2)),
                    half_at(b, 82) * static_cast<float>(b[i / 16] / 16)};
        case DType::q3_k: {
            const uint32_t k = i / 16;
            const uint32_t low = k < 8 ? b[96 + k] % 16 : b[88 + k] / 16;
            const uint32_t high = bits(b, 8 * (104 + k % 4) + 2 * (k / 4), 2);
            const int scale = static_cast<int>(low + 16 * high) - 32;
            const int q = static_cast<int>(bits(b, 8 * (32 + 32 * n + l) + 2 * s, 2)) -
                          (bits(b, 8 * l + i / 32, 1) != 0 ? 0 : 4);
            return {half_at(b, 108) * static_cast<float>(scale), static_cast<float>(q), 0};
        }
        case DType::q4_k:
        case DType::q5_k: {
            uint32_t sc = 0, m = 0;
            scale_min(b, i / 32, sc, m);
            const uint32_t at = dtype == DType::q4_k ? 16 : 48;
            uint32_t q = bits(b, 8 * (at + 32 * (i / 64) + l) + 4 * (i / 32 % 2), 4);
            q += dtype == DType::q5_k ? 16 * bits(b, 8 * (16 + l) + i / 32, 1) : 0;
            return {half_at(b, 0) * static_cast<float>(sc), static_cast<float>(q),
                    half_at(b, 2) * static_cast<float>(m)};
        }
        case DType::q6_k: {
            const uint32_t low = bits(b, 8 * (64 * n + 32 * (s % 2) + l) + 4 * (s / 2), 4);
            const uint32_t high = bits(b, 8 * (128 + 32 * n + l) + 2 * s, 2);
            return {half_at(b, 208) * static_cast<float>(signed_byte(b, 192 + i / 16)),
                    static_cast<float>(static_cast<int>(low + 16 * high) - 32), 0};
        }
        default: {
            const uint32_t g = i / 32;
            const uint32_t ls =
                bits(b, 8 * (4 + g / 2) + 4 * (g % 2), 4) + 16 * bits(b, 16 + 2 * g, 2);
            return {half_at(b, 0) * static_cast<float>(static_cast<int>(ls) - 32),
                    static_cast<float>(
                        kTable[bits(b, 8 * (8 + 16 * g + l % 16) + (l < 16 ? 0 : 4), 4)]),
                    0};
        }
    }
}

float closed_form(DType dtype, const uint8_t* block, uint32_t i) {
    const Form form =
        model::block_elements(dtype) == 32 ? form_32(dtype, block, i) : form_256(dtype, block, i);
    const float product = form.scale * form.q;
    return product - form.offset;
}

bool same_bits(float a, float b) {
    return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (a == 0 && b == 0);
}

constexpr DType kBlockTypes[] = {DType::q8_0, DType::q4_0,   DType::q4_1, DType::q5_0,
                                 DType::q5_1, DType::iq4_nl, DType::q2_k, DType::q3_k,
                                 DType::q4_k, DType::q5_k,   DType::q6_k, DType::iq4_xs};

}  // namespace

TEST_CASE("quant: every half is exact in both directions") {
    int n_wrong = 0;
    for (uint32_t i = 0; i < 65536; ++i) {
        const uint16_t half = static_cast<uint16_t>(i);
        const float value = model::half_to_float(half);
        const bool special = (i & 0x7c00) == 0x7c00;
        if (!special) {
            n_wrong += static_cast<double>(value) == half_value(i) ? 0 : 1;
            n_wrong += std::signbit(value) == ((i >> 15) != 0) ? 0 : 1;
        } else if ((i & 0x3ff) == 0) {
            n_wrong += std::isinf(value) && std::signbit(value) == ((i >> 15) != 0) ? 0 : 1;
        } else {
            n_wrong += std::isnan(value) ? 0 : 1;
        }
        n_wrong += model::float_to_half(value) == half ? 0 : 1;
    }
    CHECK(n_wrong == 0);
}

TEST_CASE("quant: floats round to the nearest half, ties to even") {
    // Between all neighbours: the middle goes to the even one, anything else to the nearer.
    int n_wrong = 0;
    for (uint32_t i = 0; i < 0x7bff; ++i) {
        const float low = model::half_to_float(static_cast<uint16_t>(i));
        const float high = model::half_to_float(static_cast<uint16_t>(i + 1));
        const float middle = low + (high - low) / 2;  // exact: one more bit than a half
        const uint32_t even = i % 2 == 0 ? i : i + 1;
        n_wrong += model::float_to_half(middle) == even ? 0 : 1;
        n_wrong += model::float_to_half(std::nextafterf(middle, 0)) == i ? 0 : 1;
        n_wrong += model::float_to_half(std::nextafterf(middle, 1e9f)) == i + 1 ? 0 : 1;
        n_wrong += model::float_to_half(-middle) == (even | 0x8000) ? 0 : 1;
    }
    CHECK(n_wrong == 0);
    CHECK(model::float_to_half(65519.996f) == 0x7bff);
    CHECK(model::float_to_half(65520.f) == 0x7c00);
    CHECK(model::float_to_half(1e30f) == 0x7c00);
    CHECK(model::float_to_half(std::ldexp(1.f, -26)) == 0);
    CHECK((model::float_to_half(std::nanf("")) & 0x7fff) > 0x7c00);
}

TEST_CASE("quant: bf16 is the upper half of a float, rounded to even") {
    int n_wrong = 0;
    for (uint32_t i = 0; i < 65536; ++i) {
        const float value = model::bf16_to_float(static_cast<uint16_t>(i));
        n_wrong += std::bit_cast<uint32_t>(value) == i << 16 ? 0 : 1;
        n_wrong += model::float_to_bf16(value) == i ? 0 : 1;
        if ((i & 0x7f80) != 0x7f80) {
            const uint32_t even = i + (i & 1);
            n_wrong +=
                model::float_to_bf16(std::bit_cast<float>((i << 16) | 0x8000)) == even ? 0 : 1;
            n_wrong += model::float_to_bf16(std::bit_cast<float>((i << 16) | 0x7fff)) == i ? 0 : 1;
            n_wrong +=
                model::float_to_bf16(std::bit_cast<float>((i << 16) | 0x8001)) == i + 1 ? 0 : 1;
        }
    }
    CHECK(n_wrong == 0);
}

TEST_CASE("quant: blocks equal their closed forms on random bytes") {
    for (const DType dtype : kBlockTypes) {
        INFO(model::dtype_name(dtype));
        support::Random random(7 + static_cast<uint64_t>(dtype));
        const uint32_t n = model::block_elements(dtype);
        std::vector<uint8_t> block(model::block_bytes(dtype));
        std::vector<float> values(n);
        uint32_t n_wrong = 0;
        for (int round = 0; round < 300; ++round) {
            for (uint8_t& byte : block) {
                byte = static_cast<uint8_t>(random.next() >> 56);
            }
            model::dequantize(values, dtype, std::as_bytes(std::span(block)));
            for (uint32_t i = 0; i < n; ++i) {
                const float expected = closed_form(dtype, block.data(), i);
                // Random scales may be infinite or NaN; those only need to come through.
                const bool finite = std::isfinite(expected) && std::isfinite(values[i]);
                n_wrong += !finite || same_bits(values[i], expected) ? 0 : 1;
            }
        }
        CHECK(n_wrong == 0);
    }
}

TEST_CASE("quant: random valid blocks are finite, centred and as large as asked") {
    for (const DType dtype : kBlockTypes) {
        INFO(model::dtype_name(dtype));
        const Bytes bytes = support::random_blocks(dtype, 256 * 40, 0.25f, 3);
        std::vector<float> values(256 * 40);
        model::dequantize(values, dtype, bytes);
        double sum = 0, squares = 0;
        for (const float value : values) {
            sum += static_cast<double>(value);
            squares += static_cast<double>(value) * static_cast<double>(value);
        }
        const double rms = std::sqrt(squares / static_cast<double>(values.size()));
        CHECK(rms > 0.18);
        CHECK(rms < 0.32);
        CHECK(std::abs(sum) / static_cast<double>(values.size()) < 0.1);
    }
}

TEST_CASE("quant: sizes and names of every type") {
    struct Row {
        DType dtype;
        const char* name;
        uint32_t elements, bytes;
    };
    const Row rows[] = {{DType::f32, "F32", 1, 4},           {DType::f16, "F16", 1, 2},
                        {DType::bf16, "BF16", 1, 2},         {DType::q8_0, "Q8_0", 32, 34},
                        {DType::q4_0, "Q4_0", 32, 18},       {DType::q4_1, "Q4_1", 32, 20},
                        {DType::q5_0, "Q5_0", 32, 22},       {DType::q5_1, "Q5_1", 32, 24},
                        {DType::iq4_nl, "IQ4_NL", 32, 18},   {DType::q2_k, "Q2_K", 256, 84},
                        {DType::q3_k, "Q3_K", 256, 110},     {DType::q4_k, "Q4_K", 256, 144},
                        {DType::q5_k, "Q5_K", 256, 176},     {DType::q6_k, "Q6_K", 256, 210},
                        {DType::iq4_xs, "IQ4_XS", 256, 136}, {DType::i32, "I32", 1, 4}};
    for (const Row& row : rows) {
        INFO(row.name);
        CHECK(model::dtype_name(row.dtype) == row.name);
        CHECK(model::dtype_from_name(row.name) == row.dtype);
        CHECK(model::block_elements(row.dtype) == row.elements);
        CHECK(model::block_bytes(row.dtype) == row.bytes);
        CHECK(model::row_bytes(row.dtype, 512) == 512ull / row.elements * row.bytes);
    }
    CHECK_FALSE(model::dtype_from_name("IQ2_XXS"));
    CHECK_FALSE(model::dtype_from_name(""));
}

TEST_CASE("quant: a block with a number that is none is found, wherever it is, and no other") {
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q4_0,
                              DType::q4_1, DType::q5_0, DType::q5_1, DType::iq4_nl, DType::q2_k,
                              DType::q3_k, DType::q4_k, DType::q5_k, DType::q6_k, DType::iq4_xs}) {
        INFO(model::dtype_name(dtype));
        const uint32_t n = 3 * model::block_elements(dtype), size = model::block_bytes(dtype);
        const Bytes sane = support::random_blocks(dtype, n, 0.5f, 7);
        CHECK_FALSE(model::first_not_finite(dtype, std::as_bytes(std::span(sane))));
        for (uint32_t at = 0; at < size; at += 2) {
            for (const uint16_t bits : std::array<uint16_t, 4>{0x7c00, 0xfe00, 0x7f80, 0xffff}) {
                Bytes spoilt = sane;
                std::memcpy(spoilt.data() + size + at, &bits, sizeof(bits));
                std::vector<float> values(n);
                model::dequantize(values, dtype, std::as_bytes(std::span(spoilt)));
                const bool finite =
                    std::ranges::all_of(values, [](float v) { return std::isfinite(v); });
                const auto found = model::first_not_finite(dtype, std::as_bytes(std::span(spoilt)));
                INFO("bytes " << at << " of a block: " << bits);
                CHECK(found.has_value() == !finite);
                CHECK(found.value_or(1) == 1);
            }
        }
    }
}
