#version 460
// live_rows    attention rows in log16 (inspector.md 2): u = round((m - s) * 2048), at most 65534;
//              65535 = no weight. m is the row's own maximum.
//
//   binding  name   type  shape                        access
//   0        s      f32   [n_tokens, n_heads, n_keys]  read    visible cells only
//   1        stats  f32   [n_tokens, n_heads, 2]       read    m, total
//   2        rows   u16   [n_tokens, n_heads, n_keys]  write   two a word; masked cells 65535
//
// dispatch   x: invocations over n_keys / 2, y: heads, z: tokens
// spec 0     workgroup size
// cost       reads the scores, writes half their bytes
// reference  ref::live_rows in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "visible.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) readonly buffer S { float s[]; };
layout(binding = 1) readonly buffer Stats { vec2 stats[]; };
layout(binding = 2) writeonly buffer Rows { uint rows[]; };
layout(push_constant) uniform Push { Attention p; };

uint log16(uint row, uint column, uint position) {
    const uint key = p.key_begin + column;
    if (key > position || key < first_visible(position, p.window)) {
        return 65535u;
    }
    precise float nats = (stats[row].x - s[row * p.n_keys + column]) * 2048.0 + 0.5;
    return nats >= 65535.0 ? 65535u : uint(floor(nats));
}

void main() {
    const uint i = gl_GlobalInvocationID.x;
    if (i >= p.n_keys / 2u) {
        return;
    }
    const uint t = gl_WorkGroupID.z;
    const uint row = t * p.n_heads + gl_WorkGroupID.y;
    const uint position = p.position + t;
    rows[row * (p.n_keys / 2u) + i] =
        log16(row, 2u * i, position) | (log16(row, 2u * i + 1u, position) << 16u);
}
