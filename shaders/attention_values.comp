#version 460
// attention_values    z[t, h, i] = sum_j exp(m_j - m) (sum of prob[t, h, key] v[key, h / group, i]
//                                  over the visible keys of tile j, ascending) / total
//
//   binding  name   type        shape                            access
//   0        prob   f32         [n_tokens, n_heads, n_keys]      read    visible cells only
//   1        tiles  f32         [n_tokens, n_heads, n_tiles, 2]  read    m_j, l_j
//   2        stats  f32         [n_tokens, n_heads, 2]           read    m, total
//   3        v      f16 or f32  [capacity, n_kv_heads, hd]       read    position p in slot p % capacity
//   4        z      f32         [n_tokens, n_heads, hd]          write
//
// Tiles are added ascending; those without a visible key add exactly nothing.
//
// dispatch   x: invocations over hd / 2, y: heads, z: tokens
// spec 0     workgroup size
// spec 1     V_HALF: storage of v, 1 = f16
// cost       n_tokens * n_heads * visible keys * 2 hd operations
// reference  ref::attention_values in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "visible.h"
#include "exact.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint V_HALF = 1;

layout(binding = 0) readonly buffer Prob { float prob[]; };
layout(binding = 1) readonly buffer Tiles { vec2 tiles[]; };
layout(binding = 2) readonly buffer Stats { vec2 stats[]; };
layout(binding = 3) readonly buffer V { uint v[]; };
layout(binding = 4) writeonly buffer Z { vec2 z[]; };
layout(push_constant) uniform Push { Attention p; };

vec2 value2(uint slot, uint element) {
    const uint i = slot * p.n_kv_heads * p.head_dim + element;
    return V_HALF == 1u ? unpackHalf2x16(v[i / 2u]) : uintBitsToFloat(uvec2(v[i], v[i + 1u]));
}

void main() {
    const uint i = gl_GlobalInvocationID.x;  // elements 2 i, 2 i + 1
    if (i >= p.head_dim / 2u) {
        return;
    }
    const uint head = gl_WorkGroupID.y;
    const uint t = gl_WorkGroupID.z;
    const uint row = t * p.n_heads + head;
    const uint position = p.position + t;
    const uint first = first_visible(position, p.window);
    const uint n_tiles = p.n_keys / kKeyTile;
    const uint element = head / (p.n_heads / p.n_kv_heads) * p.head_dim + 2u * i;
    const vec2 row_stats = stats[row];
    const uint base = row * p.n_keys - p.key_begin;

    precise vec2 sum = vec2(0.0);
    for (uint j = max(first, p.key_begin) / kKeyTile; j <= position / kKeyTile; j++) {
        const uint end = min(position + 1u, (j + 1u) * kKeyTile);
        precise vec2 tile_sum = vec2(0.0);
        for (uint key = max(first, j * kKeyTile); key < end; key++) {
            tile_sum = tile_sum + prob[base + key] * value2(key % p.capacity, element);
        }
        const float tile_max = tiles[row * n_tiles + j - p.key_begin / kKeyTile].x;
        sum = sum + exact_exp(tile_max - row_stats.x) * tile_sum;
    }
    z[row * (p.head_dim / 2u) + i] =
        vec2(exact_div(sum.x, row_stats.y), exact_div(sum.y, row_stats.y));
}
