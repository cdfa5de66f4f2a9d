#version 460
// exact_probe    every function of shaders/exact.h, one by one, for tests/ops/exact.cpp
//
//   binding  name  type  shape           access
//   0        x     f32   [n]             read    any finite number
//   1        y     f32   [n]             read    positive, normal
//   2        out   u32   [n, kProbes]    write   bits
//
// dispatch   x: invocations over n
// spec 0     workgroup size

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "exact.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer Y { float y[]; };
layout(binding = 2) writeonly buffer Out { uint bits[]; };
layout(push_constant) uniform Push { Elementwise p; };

const uint kProbes = 9u;  // as in tests/ops/exact.cpp

void main() {
    const uint i = gl_GlobalInvocationID.x;
    if (i >= p.n) {
        return;
    }
    const float a = x[i];
    const float b = y[i];
    const uint to = i * kProbes;
    bits[to] = floatBitsToUint(exact_rcp(b));
    bits[to + 1u] = floatBitsToUint(exact_div(a, b));
    bits[to + 2u] = floatBitsToUint(exact_rsqrt(b));
    bits[to + 3u] = floatBitsToUint(exact_exp(a));
    bits[to + 4u] = floatBitsToUint(exact_log(b));
    bits[to + 5u] = floatBitsToUint(exact_tanh(a));
    bits[to + 6u] = floatBitsToUint(exact_gelu(a));
    bits[to + 7u] = floatBitsToUint(exact_softcap(a, 50.0));
    bits[to + 8u] = exact_half_bits(a);
}
