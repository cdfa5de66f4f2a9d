#version 460
// attention_lse    merges the tiles of each row (t, h), ascending:
//                  m = max of the tiles' m,  total = sum_j exp(m_j - m) l_j,  lse = m + ln(total)
//
//   binding  name   type  shape                            access
//   0        tiles  f32   [n_tokens, n_heads, n_tiles, 2]  read
//   1        stats  f32   [n_tokens, n_heads, 2]           write   m, total
//   2        lse    f32   [n_heads, lse_stride]            write   column `position + t`
//
// dispatch   x: rows (t, h), one invocation each
// spec 0     workgroup size
// cost       reads the tiles once
// reference  ref::attention_lse in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "exact.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) readonly buffer Tiles { vec2 tiles[]; };
layout(binding = 1) writeonly buffer Stats { vec2 stats[]; };
layout(binding = 2) writeonly buffer Lse { float lse[]; };
layout(push_constant) uniform Push { Attention p; };

void main() {
    const uint row = gl_GlobalInvocationID.x;
    if (row >= p.n_tokens * p.n_heads) {
        return;
    }
    const uint n_tiles = p.n_keys / kKeyTile;
    float largest = -1e30;
    for (uint j = 0u; j < n_tiles; j++) {
        largest = max(largest, tiles[row * n_tiles + j].x);
    }
    precise float total = 0.0;
    for (uint j = 0u; j < n_tiles; j++) {
        const vec2 tile = tiles[row * n_tiles + j];
        total = total + exact_exp(tile.x - largest) * tile.y;
    }
    stats[row] = vec2(largest, total);
    precise float log_sum = largest + exact_log(total);
    lse[(row % p.n_heads) * p.lse_stride + p.position + row / p.n_heads] = log_sum;
}
