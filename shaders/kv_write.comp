#version 460
// kv_write    store rows of q, k or v where attention reads them, rounded to the storage type:
//             dst[(position + t) % capacity, i] = round(x[t, i]);  x[t, i] = the rounded value
//
//   binding  name  type        shape               access
//   0        x     f32         [n_tokens, width]   read and write   rounded in place (f16)
//   1        dst   f16 or f32  [capacity, width]   write            two f16 a word
//
// dispatch   x: invocations over width / 2, y: tokens
// spec 0     workgroup size
// spec 1     HALF: 1 = f16 (round to nearest even), 0 = f32
// cost       reads x, writes dst
// reference  ref::round_to_half in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "exact.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint HALF = 1;

layout(binding = 0) buffer X { vec2 x[]; };
layout(binding = 1) writeonly buffer Dst { uint dst[]; };
layout(push_constant) uniform Push { KvWrite p; };

void main() {
    const uint i = gl_GlobalInvocationID.x;
    if (i >= p.width / 2u) {
        return;
    }
    const uint t = gl_WorkGroupID.y;
    const uint slot = (p.position + t) % p.capacity;
    const uint from = t * (p.width / 2u) + i;
    const vec2 value = x[from];
    if (HALF == 1u) {
        const uint packed = exact_half_bits(value.x) | (exact_half_bits(value.y) << 16u);
        dst[slot * (p.width / 2u) + i] = packed;
        x[from] = unpackHalf2x16(packed);
    } else {
        const uint to = slot * p.width + 2u * i;
        dst[to] = floatBitsToUint(value.x);
        dst[to + 1u] = floatBitsToUint(value.y);
    }
}
