#version 460
// attention_softmax    per tile of kKeyTile keys (aligned to absolute positions) and row (t, h):
//                      m = max s,  prob = exp(s - m),  l = sum of prob, ascending keys
//
//   binding  name   type  shape                           access
//   0        s      f32   [n_tokens, n_heads, n_keys]     read    visible cells only
//   1        prob   f32   [n_tokens, n_heads, n_keys]     write   visible cells only
//   2        tiles  f32   [n_tokens, n_heads, n_tiles, 2] write   m, l; a tile without visible key
//                                                                 holds -1e30, 0
//
// dispatch   x: tiles of one row (n_keys / kKeyTile), y: heads, z: tokens
// spec 0     workgroup size
// cost       reads and writes every visible cell once
// reference  ref::attention_softmax in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "visible.h"
#include "exact.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) readonly buffer S { float s[]; };
layout(binding = 1) writeonly buffer Prob { float prob[]; };
layout(binding = 2) writeonly buffer Tiles { vec2 tiles[]; };
layout(push_constant) uniform Push { Attention p; };

void main() {
    const uint n_tiles = p.n_keys / kKeyTile;
    const uint tile = gl_GlobalInvocationID.x;
    if (tile >= n_tiles) {
        return;
    }
    const uint t = gl_WorkGroupID.z;
    const uint row = t * p.n_heads + gl_WorkGroupID.y;
    const uint position = p.position + t;
    const uint first = first_visible(position, p.window);
    const uint key_begin = p.key_begin + tile * kKeyTile;
    const uint begin = max(first, key_begin);
    const uint end = min(position + 1u, key_begin + kKeyTile);  // visible keys [begin, end)
    const uint base = row * p.n_keys - p.key_begin;

    float largest = -1e30;
    for (uint key = begin; key < end; key++) {
        largest = max(largest, s[base + key]);
    }
    precise float sum = 0.0;
    for (uint key = begin; key < end; key++) {
        const float e = exact_exp(s[base + key] - largest);
        prob[base + key] = e;
        sum = sum + e;
    }
    tiles[row * n_tiles + tile] = vec2(largest, sum);
}
