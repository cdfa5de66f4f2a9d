#version 460
// attention_scores    s[t, h, c] = cap(scale * q[t, h] . k[key_begin + c, h / group])  where visible
//
//   binding  name  type        shape                       access
//   0        q     f16 or f32  [., n_heads, hd]            read    row q_row + t
//   1        k     f16 or f32  [capacity, n_kv_heads, hd]  read    position p in slot p % capacity
//   2        s     f32         [n_tokens, n_heads, n_keys] write   masked cells are left alone
//
// dispatch   x: keys, y: heads, z: tokens
// spec 0     workgroup size
// spec 1, 2  Q_HALF, K_HALF: storage of q and k, 1 = f16
// cost       n_tokens * n_heads * visible keys * 2 hd operations
// reference  ref::attention_scores in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "visible.h"
#include "exact.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint Q_HALF = 1;
layout(constant_id = 2) const uint K_HALF = 1;

layout(binding = 0) readonly buffer Q { uvec2 q[]; };
layout(binding = 1) readonly buffer K { uvec2 k[]; };
layout(binding = 2) writeonly buffer S { float s[]; };
layout(push_constant) uniform Push { Attention p; };

#include "score.glsl"

void main() {
    const uint column = gl_GlobalInvocationID.x;
    const uint head = gl_WorkGroupID.y;
    const uint t = gl_WorkGroupID.z;
    const uint position = p.position + t;
    const uint key = p.key_begin + column;
    if (column >= p.n_keys || key > position || key < first_visible(position, p.window)) {
        return;
    }
    const uint kv_head = head / (p.n_heads / p.n_kv_heads);
    const float raw = raw_score(p.q_row + t, head, p.n_heads, key % p.capacity, kv_head,
                                p.n_kv_heads, p.head_dim, p.scale);
    s[(t * p.n_heads + head) * p.n_keys + column] = capped_score(raw, p.cap);
}
