// dequant.glsl    elements of a repacked, quantized weight matrix (layout: model/repack.h)
//
// Needs: `quants[]` and `scales[]` (uint buffers), the spec constant TYPE, and params.h, included by
// the kernel. Every value is scale * q - offset, each operation rounded once, as dequantize() in
// model/quant.cpp forms it (formulas: spec 5).

// Words of one block of the quants plane; blocks hold 32 or 256 elements.
uint block_words() {
    switch (TYPE) {
        case kF32: return 32u;
        case kF16: case kBF16: return 16u;
        case kQ8_0: return 8u;
        case kQ4_0: case kIQ4_NL: return 4u;
        case kQ4_1: case kQ5_0: return 5u;
        case kQ5_1: return 6u;
        case kQ2_K: return 21u;
        case kQ3_K: return 27u;
        case kQ4_K: return 36u;
        case kQ5_K: return 44u;
        case kQ6_K: return 52u;
        default: return 34u;  // kIQ4_XS
    }
}

bool is_super_block() { return TYPE >= kQ2_K; }

// Where one row's blocks of 32 elements start: sub-block b of the row lies in file block b or b / 8.
struct RowCursor {
    uint quants;        // index of word 0 of block 0
    uint scales;        // index of the scale pair of blocks 0 and 1
};

RowCursor row_cursor(uint row, uint cols) {
    const uint elements = is_super_block() ? 256u : 32u;
    const uint n_blocks = (cols + elements - 1u) / elements;
    const uint group = row / kRowGroup;
    const uint lane = row % kRowGroup;
    return RowCursor(group * n_blocks * block_words() * kRowGroup + lane,
                     group * ((n_blocks + 1u) / 2u) * kRowGroup + lane);
}

uint word(RowCursor cursor, uint file_block, uint w) {
    return quants[cursor.quants + (file_block * block_words() + w) * kRowGroup];
}

float plane_scale(RowCursor cursor, uint file_block) {
    const uint pair = scales[cursor.scales + (file_block / 2u) * kRowGroup];
    const vec2 both = unpackHalf2x16(pair);
    return (file_block & 1u) == 0u ? both.x : both.y;
}

uint byte_of(uint value, uint i) { return (value >> (8u * i)) & 255u; }

// Scale and offset of elements 0..15 and 16..31 of sub-block b (32 elements) of a row.
struct BlockScale {
    vec2 scale;
    vec2 offset;
};

// Q4_K, Q5_K: 6-bit scale and minimum number j out of 12 bytes in words 1..3.
uvec2 scale_min_6(RowCursor cursor, uint block, uint j) {
    const uint low = word(cursor, block, 1u + (j & 4u) / 4u * 2u);  // j < 4: word 1, else word 3
    const uint i = j & 3u;
    if (j < 4u) {
        return uvec2(byte_of(low, i) & 63u, byte_of(word(cursor, block, 2u), i) & 63u);
    }
    const uint high_scale = byte_of(word(cursor, block, 1u), i) >> 6u;
    const uint high_min = byte_of(word(cursor, block, 2u), i) >> 6u;
    return uvec2((byte_of(low, i) & 15u) | (high_scale << 4u),
                 (byte_of(low, i) >> 4u) | (high_min << 4u));
}

// Q3_K: 6-bit scale number k, minus 32, out of 12 bytes in words 24..26.
int scale_q3(RowCursor cursor, uint block, uint k) {
    const uint low = byte_of(word(cursor, block, 24u + (k & 7u) / 4u), k & 3u);
    const uint lo = (k < 8u ? low : low >> 4u) & 15u;
    const uint hi = (byte_of(word(cursor, block, 26u), k & 3u) >> (2u * (k / 4u))) & 3u;
    return int(lo | (hi << 4u)) - 32;
}

BlockScale block_scale(RowCursor cursor, uint b) {
    const uint block = is_super_block() ? b / 8u : b;
    const uint j = b % 8u;
    precise vec2 scale = vec2(1.0);
    precise vec2 offset = vec2(0.0);
    switch (TYPE) {
        case kQ8_0: case kQ4_0: case kIQ4_NL: case kQ5_0:
            scale = vec2(plane_scale(cursor, block));
            break;
        case kQ4_1: case kQ5_1: {
            const vec2 d_m = unpackHalf2x16(word(cursor, block, 0u));
            scale = vec2(d_m.x);
            offset = vec2(-d_m.y);
            break;
        }
        case kQ2_K: {
            const vec2 d = unpackHalf2x16(word(cursor, block, 20u));
            const uint pair = word(cursor, block, j / 2u) >> (16u * (j & 1u));
            scale = d.x * vec2(float(pair & 15u), float((pair >> 8u) & 15u));
            offset = d.y * vec2(float((pair >> 4u) & 15u), float((pair >> 12u) & 15u));
            break;
        }
        case kQ3_K: {
            const float d = plane_scale(cursor, block);
            scale = d * vec2(float(scale_q3(cursor, block, 2u * j)),
                             float(scale_q3(cursor, block, 2u * j + 1u)));
            break;
        }
        case kQ4_K: case kQ5_K: {
            const vec2 d = unpackHalf2x16(word(cursor, block, 0u));
            const uvec2 sm = scale_min_6(cursor, block, j);
            scale = vec2(d.x * float(sm.x));
            offset = vec2(d.y * float(sm.y));
            break;
        }
        case kQ6_K: {
            const float d = plane_scale(cursor, block);
            const int pair = int(word(cursor, block, 48u + j / 2u)) >> (16u * (j & 1u));
            scale = d * vec2(float((pair << 24) >> 24), float((pair << 16) >> 24));
            break;
        }
        case kIQ4_XS: {
            const uint head = word(cursor, block, 0u);
            const float d = unpackHalf2x16(head).x;
            const uint low = (word(cursor, block, 1u) >> (4u * j)) & 15u;
            const uint high = (head >> (16u + 2u * j)) & 3u;
            scale = vec2(d * float(int(low | (high << 4u)) - 32));
            break;
        }
        default:
            break;
    }
    return BlockScale(scale, offset);
}

// IQ4 code book (spec 5.2), four signed bytes a word.
float iq4_value(uint n) {
    const uint table[4] = uint[4](0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);
    return float((int(table[n / 4u]) << (24u - 8u * (n & 3u))) >> 24);
}

vec4 bytes_to_vec4(uint v) {
    return vec4(float(v & 255u), float((v >> 8u) & 255u), float((v >> 16u) & 255u), float(v >> 24u));
}

// Bits b, b+1, b+2, b+3 of v, each as 16 in its own byte.
uint spread_high_bits(uint v, uint b) {
    const uint n = v >> b;
    return ((n & 1u) << 4u) | ((n & 2u) << 11u) | ((n & 4u) << 18u) | ((n & 8u) << 25u);
}

// Integer part of elements 4 q .. 4 q + 3 (q = 0..7) of sub-block b.
vec4 block_quants(RowCursor cursor, uint b, uint q) {
    const uint block = is_super_block() ? b / 8u : b;
    const uint j = b % 8u;
    const uint nibble = 4u * (q / 4u);  // blocks of 32: low nibbles first, then high ones
    switch (TYPE) {
        case kQ8_0: {
            const int v = int(word(cursor, block, q));
            return vec4(float((v << 24) >> 24), float((v << 16) >> 24), float((v << 8) >> 24),
                        float(v >> 24));
        }
        case kQ4_0:
            return bytes_to_vec4((word(cursor, block, q & 3u) >> nibble) & 0x0f0f0f0fu) - 8.0;
        case kQ4_1:
            return bytes_to_vec4((word(cursor, block, 1u + (q & 3u)) >> nibble) & 0x0f0f0f0fu);
        case kQ5_0: case kQ5_1: {
            const uint first = TYPE == kQ5_0 ? 0u : 1u;
            const uint high = spread_high_bits(word(cursor, block, first), 4u * q);
            const uint low = (word(cursor, block, first + 1u + (q & 3u)) >> nibble) & 0x0f0f0f0fu;
            return bytes_to_vec4(low | high) - (TYPE == kQ5_0 ? 16.0 : 0.0);
        }
        case kIQ4_NL: case kIQ4_XS: {
            const uint w = TYPE == kIQ4_NL ? q & 3u : 2u + 4u * j + (q & 3u);
            const uint n = (word(cursor, block, w) >> nibble) & 0x0f0f0f0fu;
            return vec4(iq4_value(n & 15u), iq4_value((n >> 8u) & 15u), iq4_value((n >> 16u) & 15u),
                        iq4_value(n >> 24u));
        }
        case kQ2_K:
            return bytes_to_vec4((word(cursor, block, 4u + 8u * (j / 4u) + q) >> (2u * (j & 3u))) &
                                 0x03030303u);
        case kQ3_K: {
            const uint low =
                (word(cursor, block, 8u + 8u * (j / 4u) + q) >> (2u * (j & 3u))) & 0x03030303u;
            const uint high = ((word(cursor, block, q) >> j) & 0x01010101u) << 2u;
            return bytes_to_vec4(low | high) - 4.0;
        }
        case kQ4_K: case kQ5_K: {
            const uint first = TYPE == kQ4_K ? 4u : 12u;
            const uint low =
                (word(cursor, block, first + 8u * (j / 2u) + q) >> (4u * (j & 1u))) & 0x0f0f0f0fu;
            const uint high =
                TYPE == kQ4_K ? 0u : ((word(cursor, block, 4u + q) >> j) & 0x01010101u) << 4u;
            return bytes_to_vec4(low | high);
        }
        case kQ6_K: {
            const uint n = j / 4u;
            const uint s = j & 3u;
            const uint low =
                (word(cursor, block, 16u * n + 8u * (s & 1u) + q) >> (4u * (s / 2u))) & 0x0f0f0f0fu;
            const uint high = ((word(cursor, block, 32u + 8u * n + q) >> (2u * s)) & 0x03030303u) << 4u;
            return bytes_to_vec4(low | high) - 32.0;
        }
        default:
            return vec4(0.0);
    }
}

// Elements 4 q .. 4 q + 3 of sub-block b of a row.
vec4 weight4(RowCursor cursor, BlockScale s, uint b, uint q) {
    switch (TYPE) {
        case kF32:
            return vec4(uintBitsToFloat(word(cursor, b, 4u * q)),
                        uintBitsToFloat(word(cursor, b, 4u * q + 1u)),
                        uintBitsToFloat(word(cursor, b, 4u * q + 2u)),
                        uintBitsToFloat(word(cursor, b, 4u * q + 3u)));
        case kF16:
            return vec4(unpackHalf2x16(word(cursor, b, 2u * q)),
                        unpackHalf2x16(word(cursor, b, 2u * q + 1u)));
        case kBF16: {
            const uint a = word(cursor, b, 2u * q);
            const uint c = word(cursor, b, 2u * q + 1u);
            return vec4(uintBitsToFloat(a << 16u), uintBitsToFloat(a & 0xffff0000u),
                        uintBitsToFloat(c << 16u), uintBitsToFloat(c & 0xffff0000u));
        }
        default: {
            precise vec4 value = (q < 4u ? s.scale.x : s.scale.y) * block_quants(cursor, b, q);
            if (TYPE == kQ4_1 || TYPE == kQ5_1 || TYPE == kQ2_K || TYPE == kQ4_K || TYPE == kQ5_K) {
                value = value - (q < 4u ? s.offset.x : s.offset.y);
            }
            return value;
        }
    }
}
