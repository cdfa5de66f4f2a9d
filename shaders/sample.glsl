// sample.glsl    pieces of the sampler's kernels: keys, penalties, weights, the random number.
// The including shader binds `logits`, the same as `logits4`, `counts` and `params` (SampleParams p).
//
// key(l): unsigned, sorts like l; both zeros are the same logit. 0 is no logit's key. All tests of
// order, NaN and infinity are made on bits, which no driver's handling of special values can change.

#include "exact.h"

const uint kKeyNegInf = 0x007fffffu;
const uint kKeyInf = 0xff800000u;

uint key_of(float logit) {
    const uint bits = floatBitsToUint(logit);
    return bits == 0x80000000u ? bits : (bits & 0x80000000u) != 0u ? ~bits : bits | 0x80000000u;
}

float logit_of(uint key) {
    return uintBitsToFloat((key & 0x80000000u) != 0u ? key & 0x7fffffffu : ~key);
}

// Whether (key, id) a comes before b: by logit, then the lower id.
bool before(uvec2 a, uvec2 b) {
    return a.x > b.x || (a.x == b.x && a.y < b.y);
}

// a / b rounded to nearest even, b > 0, both normal: Vulkan does not promise it of `/`, and a
// penalty may not change which of two tokens is ahead.
float divide_rounded(float a, float b) {
    const uint bits_a = floatBitsToUint(a), bits_b = floatBitsToUint(b);
    int exponent = int((bits_a >> 23) & 255u) - int(bits_b >> 23) + 127;
    uint rest = (bits_a & 0x7fffffu) | 0x800000u;
    const uint divisor = (bits_b & 0x7fffffu) | 0x800000u;
    if (rest < divisor) {
        rest <<= 1;
        exponent--;
    }
    uint quotient = 0u;  // 24 bits and one more to round by
    for (uint i = 0u; i < 25u; i++) {
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1u;
        }
        rest <<= 1;
    }
    const bool up = (quotient & 1u) != 0u && (rest != 0u || (quotient & 2u) != 0u);
    const uint mantissa = (quotient >> 1) + uint(up);  // 2^24: carries into the exponent below
    const uint sign = bits_a & 0x80000000u;
    if (exponent >= 255) {
        return uintBitsToFloat(sign | 0x7f7fffffu);
    }
    return exponent <= 0 ? uintBitsToFloat(sign)
                         : uintBitsToFloat(sign | ((uint(exponent - 1) << 23) + mantissa));
}

// The logit of a token that stands `count` times in the penalties' window.
float penalised(float logit, uint count) {
    if (count == 0u || key_of(logit) == kKeyNegInf) {
        return logit;
    }
    precise float result = logit * p.repeat_penalty;
    if (logit > 0.0) {
        result = divide_rounded(logit, p.repeat_penalty);
    }
    precise float off = float(count) * p.frequency_penalty;
    off = off + p.presence_penalty;
    result = result - off;
    return clamp(result, -3.402823466e38, 3.402823466e38);
}

float logit_at(uint id) {
    return p.penalties_on != 0u ? penalised(logits[id], counts[id]) : logits[id];
}

// Logits [id, id + 4), id a multiple of 4; -Inf beyond the last.
vec4 raw_four(uint id) {
    if (id + 3u < s.vocab) {
        return logits4[id / 4u];
    }
    vec4 four = vec4(uintBitsToFloat(0xff800000u));
    for (uint i = 0u; id + i < s.vocab; i++) {
        four[i] = logits[id + i];
    }
    return four;
}

// The same after the penalties.
vec4 penalised_four(uint id, vec4 raw) {
    if (p.penalties_on != 0u) {
        for (uint i = 0u; i < 4u && id + i < s.vocab; i++) {
            raw[i] = penalised(raw[i], counts[id + i]);
        }
    }
    return raw;
}

// A group's logits are [id, id + 4) for id from the first on, in steps of kGroupStep, below the end.
const uint kGroupStep = 4u * kSampleLanes;
uint group_first(uint group) {
    return group / kSampleLanes * (kSampleLanes * s.group_size) + group % kSampleLanes * 4u;
}
uint group_end(uint group) {
    return min(s.vocab, (group / kSampleLanes + 1u) * (kSampleLanes * s.group_size));
}

// 64-bit unsigned numbers: x the lower half, y the upper.
uvec2 add64(uvec2 a, uvec2 b) {
    const uint low = a.x + b.x;
    return uvec2(low, a.y + b.y + uint(low < a.x));
}

bool less64(uvec2 a, uvec2 b) {
    return a.y < b.y || (a.y == b.y && a.x < b.x);
}

// The upper 64 of the 128 bits of a * b.
uvec2 mul64_high(uvec2 a, uvec2 b) {
    uint low, high, unused;
    umulExtended(a.x, b.x, low, unused);
    uvec2 middle = uvec2(low, 0u);  // bits 32..95
    umulExtended(a.y, b.x, high, low);
    middle = add64(middle, uvec2(low, high));
    uint high2, low2;
    umulExtended(a.x, b.y, high2, low2);
    const uvec2 sum = add64(middle, uvec2(low2, high2));
    const uint carry = uint(less64(sum, middle));
    umulExtended(a.y, b.y, high, low);
    return add64(uvec2(low, high), uvec2(sum.y, carry));
}

float to_float64(uvec2 a) {
    precise float high = float(a.y) * 4294967296.0;
    precise float sum = high + float(a.x);
    return sum;
}

// logit - largest, at least -1e6 (exp is long 0): finite, so that no product with it is a NaN.
float below(float logit, float largest) {
    precise float distance = logit - largest;
    return max(distance, -1e6);
}

// exact_exp(x) for x <= 0, without a branch.
float exp_below(float x) {
    const float inside = exact_exp_inside(max(x, -80.0));
    return x < -80.0 ? 0.0 : inside;
}

// (logit - largest) / temperature; scale is its reciprocal in two floats. Never rises as logit falls.
float scaled(float logit, float largest, vec2 scale) {
    precise float distance = below(logit, largest);
    precise float rest = distance * scale.y;
    precise float x = distance * scale.x;
    x = x + rest;
    return min(x, 0.0);
}

// exp(x) for x <= 0 as a whole multiple of 2^-44: sums of 2^18 of them are exact in 64 bits, in any
// order, so that every device draws the same token.
uvec2 weight(float x) {
    const uint bits = floatBitsToUint(exact_exp_inside(max(x, -32.0)));
    const uint mantissa = (bits & 0x7fffffu) | 0x800000u;
    const int shift = int(bits >> 23) - 127 + 21;  // 21 down to -26
    const uint up = uint(max(shift, 0));
    const uint down = uint(max(-shift, 0));
    const uint low = ((mantissa << up) + ((1u << down) >> 1)) >> down;  // one of both is 0
    const uint high = (mantissa >> 1) >> (31u - up);
    return x < -31.5 ? uvec2(0u) : uvec2(low, high);
}

vec2 cut_scale() { return vec2(p.cut_scale_hi, p.cut_scale_lo); }
vec2 draw_scale() { return vec2(p.draw_scale_hi, p.draw_scale_lo); }

// The same 53 random bits as model::uniform, as a fraction of 2^64.
uvec2 uniform64(uint position) {
    uvec4 counter = uvec4(position, 0u, 0u, 0u);
    uvec2 key = uvec2(p.seed_lo, p.seed_hi);
    for (int round = 0; round < 10; round++) {
        uint a_high, a_low, b_high, b_low;
        umulExtended(0xD2511F53u, counter.x, a_high, a_low);
        umulExtended(0xCD9E8D57u, counter.z, b_high, b_low);
        counter = uvec4(b_high ^ counter.y ^ key.x, b_low, a_high ^ counter.w ^ key.y, a_low);
        key += uvec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return uvec2(counter.y & 0xfffff800u, counter.x);
}
