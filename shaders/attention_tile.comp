#version 460
// attention_tile    cells of one head, recomputed exactly from kept Q, cached K and LSE:
//                   raw = scale q.k,  s = cap(raw),  p = exp(s - lse);  masked: NaN, -inf, 0
//
//   binding  name     type        shape                       access
//   0        q        f16 or f32  [., n_heads, hd]            read    row q_row + query
//   1        k        f16 or f32  [capacity, n_kv_heads, hd]  read    position p in slot p % capacity
//   2        lse      f32         [n_heads, lse_stride]       read
//   3        pattern  f32         [n_queries, n_keys]         write
//   4        scores   f32         [n_queries, n_keys, 2]      write   s, raw
//
// dispatch   x: keys, y: queries
// spec 0     workgroup size
// spec 1, 2  Q_HALF, K_HALF: storage of q and k, 1 = f16
// spec 3     SCORES: 1 = scores are written too
// cost       n_queries * n_keys * 2 hd operations
// reference  ref::attention_tile in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "visible.h"
#include "exact.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint Q_HALF = 1;
layout(constant_id = 2) const uint K_HALF = 1;
layout(constant_id = 3) const uint SCORES = 0;

layout(binding = 0) readonly buffer Q { uvec2 q[]; };
layout(binding = 1) readonly buffer K { uvec2 k[]; };
layout(binding = 2) readonly buffer Lse { float lse[]; };
layout(binding = 3) writeonly buffer Pattern { float pattern[]; };
layout(binding = 4) writeonly buffer Scores { vec2 scores[]; };
layout(push_constant) uniform Push { AttentionTile p; };

#include "score.glsl"

void main() {
    const uint column = gl_GlobalInvocationID.x;
    if (column >= p.n_keys) {
        return;
    }
    const uint i = gl_WorkGroupID.y;
    const uint query = p.query_begin + i;
    const uint key = p.key_begin + column;
    const uint cell = i * p.n_keys + column;
    if (key > query || key < first_visible(query, p.window)) {
        pattern[cell] = 0.0;
        if (SCORES == 1u) {
            scores[cell] = vec2(uintBitsToFloat(0xff800000u), uintBitsToFloat(0x7fc00000u));
        }
        return;
    }
    const float raw = raw_score(p.q_row + query, p.head, p.n_heads, key % p.capacity, p.kv_head,
                                p.n_kv_heads, p.head_dim, p.scale);
    const float s = capped_score(raw, p.cap);
    pattern[cell] = exact_exp(s - lse[p.head * p.lse_stride + query]);
    if (SCORES == 1u) {
        scores[cell] = vec2(s, raw);
    }
}
