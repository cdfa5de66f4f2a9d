#version 460
// rope    rotary position embedding, half-rotation pairs (i, i + hd/2), in place (spec 2.6)
//         x'[i] = x[i] cos - x[i + hd/2] sin      x'[i + hd/2] = x[i + hd/2] cos + x[i] sin
//
//   binding  name   type  shape                        access
//   0        x      f32   [n_tokens, n_heads, hd]      read and write
//   1        table  f32   [n_tokens, hd/2, 2]          read    cos, sin of position * frequency;
//                                                              made by the host in double
//
// dispatch   x: invocations over hd/2, y: heads, z: tokens
// spec 0     workgroup size
// cost       reads and writes x once
// reference  ref::rope in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) buffer X { float x[]; };
layout(binding = 1) readonly buffer Table { vec2 table[]; };
layout(push_constant) uniform Push { Rope p; };

void main() {
    const uint pairs = p.head_dim / 2u;
    const uint i = gl_GlobalInvocationID.x;
    if (i >= pairs) {
        return;
    }
    const uint t = gl_WorkGroupID.z;
    const uint first = (t * p.n_heads + gl_WorkGroupID.y) * p.head_dim + i;
    const vec2 cos_sin = table[t * pairs + i];
    const float a = x[first];
    const float b = x[first + pairs];
    precise float rotated_a = a * cos_sin.x - b * cos_sin.y;
    precise float rotated_b = b * cos_sin.x + a * cos_sin.y;
    x[first] = rotated_a;
    x[first + pairs] = rotated_b;
}
