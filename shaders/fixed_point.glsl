// fixed_point.glsl    32 numbers as 16-bit integers with one scale, largest magnitude / 32767; the
// rounding error of each is at most 2^-16 of the largest
const float kLargestCode = 32767.0;

float largest_of(vec4 v[8]) {
    vec4 largest = abs(v[0]);
    [[unroll]] for (uint i = 1u; i < 8u; i++) {
        largest = max(largest, abs(v[i]));
    }
    return max(max(largest.x, largest.y), max(largest.z, largest.w));
}

// Numbers so small that their quotient would be none count as zero.
float code_of_one(float largest) { return largest > 1e-30 ? kLargestCode / largest : 0.0; }

uint fixed_pair(float low, float high, float to_code) {
    return (uint(int(roundEven(low * to_code))) & 0xffffu) |
           (uint(int(roundEven(high * to_code))) << 16u);
}

uvec4 fixed_eight(vec4 a, vec4 b, float to_code) {
    return uvec4(fixed_pair(a.x, a.y, to_code), fixed_pair(a.z, a.w, to_code),
                 fixed_pair(b.x, b.y, to_code), fixed_pair(b.z, b.w, to_code));
}
