// sub_scale.glsl    scales and offsets of the sub-blocks of a repacked matrix; a part of dequant.glsl

// Scale and offset of the two halves of a sub-block; offset is subtracted.
struct SubScale {
    vec2 scale;
    vec2 offset;
};

float half_of(uint pair, uint i) {
    const vec2 both = unpackHalf2x16(pair);
    return (i & 1u) == 0u ? both.x : both.y;
}

uint byte_of(uint value, uint i) { return (value >> (8u * i)) & 255u; }

// Words of the scales plane that tell a sub-block's scale and offset, and where they lie.
uint n_scale_words() {
    switch (TYPE) {
        case kF32: case kF16: case kBF16: return 0u;
        case kQ4_K: case kQ5_K: return 4u;
        case kQ3_K: return 3u;
        case kQ2_K: case kQ6_K: case kIQ4_XS: return 2u;
        default: return 1u;
    }
}
uint scale_position(RowCursor c, uint b, uint k) {
    const uint super = b / 8u;
    const uint half_super = c.half_scales + super / 2u * kRowGroup;  // one f16 a super-block
    switch (TYPE) {
        case kQ4_1: case kQ5_1: return c.scales + b * kRowGroup;
        case kQ2_K: return c.scales + (5u * super + (k == 0u ? 4u : b % 8u / 2u)) * kRowGroup;
        case kQ3_K:
            return k == 2u ? half_super
                           : c.scales + (3u * super + (k == 0u ? b % 8u / 4u : 2u)) * kRowGroup;
        case kQ4_K: case kQ5_K: return c.scales + (4u * super + k) * kRowGroup;
        case kQ6_K:
            return k == 1u ? half_super : c.scales + (4u * super + b % 8u / 2u) * kRowGroup;
        case kIQ4_XS: return c.scales + (2u * super + k) * kRowGroup;
        default: return c.scales + b / 2u * kRowGroup;
    }
}

// Scale and offset of sub-block b out of its n_scale_words() words.
SubScale scale_of(uvec4 words, uint b) {
    const uint j = b % 8u;
    precise vec2 scale = vec2(1.0);
    precise vec2 offset = vec2(0.0);
    switch (TYPE) {
        case kQ8_0: case kQ4_0: case kIQ4_NL: case kQ5_0:
            scale = vec2(half_of(words.x, b));
            break;
        case kQ4_1: case kQ5_1: {
            const vec2 d_m = unpackHalf2x16(words.x);
            scale = vec2(d_m.x);
            offset = vec2(-d_m.y);
            break;
        }
        case kQ2_K: {
            const vec2 d = unpackHalf2x16(words.x);
            const uint pair = words.y >> (16u * (j & 1u));
            scale = d.x * vec2(float(pair & 15u), float((pair >> 8u) & 15u));
            offset = d.y * vec2(float((pair >> 4u) & 15u), float((pair >> 12u) & 15u));
            break;
        }
        case kQ3_K: {
            const uint low = words.x >> (8u * (j & 3u));
            const uint top = words.y >> (4u * j);
            const ivec2 six = ivec2((low & 15u) | ((top & 3u) << 4u),
                                    ((low >> 4u) & 15u) | (((top >> 2u) & 3u) << 4u)) - 32;
            scale = half_of(words.z, b / 8u) * vec2(six);
            break;
        }
        case kQ4_K: case kQ5_K: {
            const vec2 d = unpackHalf2x16(words.x);
            const uint tops = words.w >> (2u * j);
            const uint s = ((words.y >> (4u * j)) & 15u) | ((tops & 3u) << 4u);
            const uint m = ((words.z >> (4u * j)) & 15u) | (((tops >> 16u) & 3u) << 4u);
            scale = vec2(d.x * float(s));
            offset = vec2(d.y * float(m));
            break;
        }
        case kQ6_K: {
            const int pair = int(words.x) >> (16u * (j & 1u));
            scale = half_of(words.y, b / 8u) *
                    vec2(float((pair << 24) >> 24), float((pair << 16) >> 24));
            break;
        }
        case kIQ4_XS: {
            const uint low = (words.y >> (4u * j)) & 15u;
            const uint top = (words.x >> (16u + 2u * j)) & 3u;
            scale = vec2(unpackHalf2x16(words.x).x * float(int(low | (top << 4u)) - 32));
            break;
        }
        default:
            break;
    }
    return SubScale(scale, offset);
}

SubScale sub_scale(RowCursor c, uint b) {
    uvec4 words = uvec4(0u);
    [[unroll]] for (uint k = 0u; k < 4u; k++) {
        if (k < n_scale_words()) {
            words[k] = scale_at(c.matrix, scale_position(c, b, k));
        }
    }
    return scale_of(words, b);
}
