// dequant.glsl    elements of a repacked, quantized weight matrix (layout: model/repack.h)
//
// Needs the spec constant TYPE, params.h, and from the kernel that includes it
//   uvec4 unit_at(uint matrix, uint i);  uint high_at(uint matrix, uint i);
//   uint scale_at(uint matrix, uint i);
// which read the three planes; `matrix` tells a kernel with two matrices which one.
// A sub-block is 32 elements of a row; its halves h = 0, 1 are 16 elements; q = 0..3 counts four
// elements within a half. Every value is scale * code - offset, each operation rounded once, as
// dequantize() in model/quant.cpp forms it (formulas: spec 5).

bool is_plain() { return TYPE <= kBF16; }
bool is_two_bit() { return TYPE == kQ2_K || TYPE == kQ3_K; }

// Pieces of one row in each plane, as row_pieces() in model/repack.cpp counts them.
uint row_units(uint subs) {
    switch (TYPE) {
        case kF32: return 8u * subs;
        case kF16: case kBF16: return 4u * subs;
        case kQ8_0: return 2u * subs;
        case kQ2_K: case kQ3_K: return subs / 2u;
        default: return subs;
    }
}
uint row_highs(uint subs) {
    switch (TYPE) {
        case kQ5_0: case kQ5_1: case kQ5_K: case kQ3_K: return subs;
        case kQ6_K: return 2u * subs;
        default: return 0u;
    }
}
uint half_scales_begin(uint subs) {  // word where one f16 a super-block begins
    return TYPE == kQ6_K ? subs / 2u : TYPE == kQ3_K ? subs / 8u * 3u : 0u;
}
uint row_scales(uint subs) {
    switch (TYPE) {
        case kQ8_0: case kQ4_0: case kIQ4_NL: case kQ5_0: return (subs + 1u) / 2u;
        case kQ4_1: case kQ5_1: return subs;
        case kQ4_K: case kQ5_K: return subs / 2u;
        case kQ6_K: case kQ3_K: return half_scales_begin(subs) + (subs / 8u + 1u) / 2u;
        case kQ2_K: return subs / 8u * 5u;
        case kIQ4_XS: return subs / 4u;
        default: return 0u;
    }
}

// Where one row begins: piece p of it lies p * kRowGroup further.
struct RowCursor {
    uint matrix;
    uint quants, highs, scales;
    uint half_scales;
};

RowCursor row_cursor(uint matrix, uint row, uint cols) {
    const uint subs = (cols + kBlock - 1u) / kBlock;
    const uint group = row / kRowGroup * kRowGroup;
    const uint lane = row % kRowGroup;
    const uint scales = group * row_scales(subs) + lane;
    return RowCursor(matrix, group * row_units(subs) + lane, group * row_highs(subs) + lane, scales,
                     scales + half_scales_begin(subs) * kRowGroup);
}

uvec4 unit(RowCursor c, uint u) { return unit_at(c.matrix, c.quants + u * kRowGroup); }

// The unit with the codes of half h of sub-block b; both halves share it but in Q8_0.
uvec4 code_unit(RowCursor c, uint b, uint h) {
    return unit(c, TYPE == kQ8_0 ? 2u * b + h : is_two_bit() ? b / 2u : b);
}

// Words of the highs plane that a sub-block has, and where they lie.
uint n_high_words() { return row_highs(1u); }
uint high_position(RowCursor c, uint b, uint k) {
    return c.highs + (n_high_words() * b + k) * kRowGroup;
}

// Zero where the type has none.
uvec2 high_words(RowCursor c, uint b) {
    return uvec2(n_high_words() > 0u ? high_at(c.matrix, high_position(c, b, 0u)) : 0u,
                 n_high_words() > 1u ? high_at(c.matrix, high_position(c, b, 1u)) : 0u);
}

// Four codes, a byte each: elements 4 q .. of half h of sub-block b.
uint codes4(uvec4 codes, uvec2 high, uint b, uint h, uint q) {
    if (TYPE == kQ8_0) {
        return codes[q];
    }
    if (is_two_bit()) {
        const uint low = (codes[q] >> (4u * (b & 1u) + 2u * h)) & 0x03030303u;
        return TYPE == kQ3_K ? low | (((high.x >> (4u * h + q)) & 0x01010101u) << 2u) : low;
    }
    const uint low = (codes[q] >> (4u * h)) & 0x0f0f0f0fu;
    if (TYPE == kQ6_K) {
        const uint top = (h == 0u ? high.x : high.y) >> (2u * q);
        return low | ((top & 0x03030303u) << 4u);
    }
    if (n_high_words() != 0u) {
        return low | (((high.x >> (4u * h + q)) & 0x01010101u) << 4u);
    }
    return low;
}

// What code 0 stands for, negated.
int zero_point() {
    switch (TYPE) {
        case kQ4_0: return 8;
        case kQ5_0: return 16;
        case kQ3_K: return 4;
        case kQ6_K: return 32;
        default: return 0;
    }
}

// IQ4 code book (spec 5.2), four signed bytes a word.
int iq4_level(uint n) {
    const uint table[4] = uint[4](0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);
    return (int(table[n / 4u]) << (24u - 8u * (n & 3u))) >> 24;
}

// The integers that the codes stand for, less zero_point().
ivec4 code_levels(uint codes) {
    if (TYPE == kQ8_0) {
        const int v = int(codes);
        return ivec4((v << 24) >> 24, (v << 16) >> 24, (v << 8) >> 24, v >> 24);
    }
    const uvec4 n = uvec4(codes & 255u, (codes >> 8u) & 255u, (codes >> 16u) & 255u, codes >> 24u);
    if (TYPE == kIQ4_NL || TYPE == kIQ4_XS) {
        return ivec4(iq4_level(n.x), iq4_level(n.y), iq4_level(n.z), iq4_level(n.w));
    }
    return ivec4(n);
}

#include "sub_scale.glsl"

bool has_offset() {
    return TYPE == kQ4_1 || TYPE == kQ5_1 || TYPE == kQ2_K || TYPE == kQ4_K || TYPE == kQ5_K;
}

// Elements 4 q .. 4 q + 3 of half h of sub-block b, of F32, F16 and BF16.
vec4 plain4(RowCursor c, uint b, uint h, uint q) {
    if (TYPE == kF32) {
        return uintBitsToFloat(unit(c, 8u * b + 4u * h + q));
    }
    const uvec4 eight = unit(c, 4u * b + 2u * h + q / 2u);
    const uvec2 four = (q & 1u) == 0u ? eight.xy : eight.zw;
    if (TYPE == kF16) {
        return vec4(unpackHalf2x16(four.x), unpackHalf2x16(four.y));
    }
    return uintBitsToFloat(
        uvec4(four.x << 16u, four.x & 0xffff0000u, four.y << 16u, four.y & 0xffff0000u));
}

// Elements 4 q .. 4 q + 3 of half h of sub-block b, out of what was read of it.
vec4 weight4(RowCursor c, SubScale s, uvec4 codes, uvec2 high, uint b, uint h, uint q) {
    if (is_plain()) {
        return plain4(c, b, h, q);
    }
    precise vec4 value = (h == 0u ? s.scale.x : s.scale.y) *
                         vec4(code_levels(codes4(codes, high, b, h, q)) - zero_point());
    if (has_offset()) {
        value = value - (h == 0u ? s.offset.x : s.offset.y);
    }
    return value;
}
