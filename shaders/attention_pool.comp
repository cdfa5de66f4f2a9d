#version 460
// attention_pool    attention of one head, pooled over bins of keys: what attention_tile would give,
//                   never in memory as cells. Key 0, the sink, is left out: it would hide the rest.
//                     w(i,j) = exp(cap(scale q_i.k_j) - lse_i) * key_factor(j) * row_factor(i)
//                     pooled(i,b) = (max over j in b, sum over j in b) of w(i,j); masked: 0, 0
//                   Bin b covers keys key_begin + [b bin, (b + 1) bin), or with BY_DISTANCE in flags
//                   the keys that lie key_begin + [b bin, (b + 1) bin) before the query.
//
//   binding  name        type        shape                       access
//   0        q           f16 or f32  [., n_heads, hd]            read    row q_row + query
//   1        k           f16 or f32  [capacity, n_kv_heads, hd]  read    position p in slot p % capacity
//   2        lse         f32         [n_heads, lse_stride]       read
//   3        key_factor  f32         [lse_stride]                read    by position; where KEY_FACTOR is in flags
//   4        row_factor  f32         [lse_stride]                read    by position; where ROW_FACTOR is in flags
//   5        pooled      f32         [n_queries, n_bins, 2]      write   max, sum
//
// dispatch   x: bins, y: ROWS queries each
// spec 0     workgroup size
// spec 1, 2  Q_HALF, K_HALF: storage of q and k, 1 = f16
// spec 3, 4  ROWS, KEYS: queries and keys that an invocation multiplies at once; they change no bit
// cost       the visible cells * 2 hd operations
// reference  ref::attention_pool in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "params.h"
#include "visible.h"
#include "exact.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint Q_HALF = 1;
layout(constant_id = 2) const uint K_HALF = 1;
layout(constant_id = 3) const uint ROWS = 4;
layout(constant_id = 4) const uint KEYS = 4;

layout(binding = 0) readonly buffer Q { uvec2 q[]; };
layout(binding = 1) readonly buffer K { uvec2 k[]; };
layout(binding = 2) readonly buffer Lse { float lse[]; };
layout(binding = 3) readonly buffer KeyFactor { float key_factor[]; };
layout(binding = 4) readonly buffer RowFactor { float row_factor[]; };
layout(binding = 5) writeonly buffer Pooled { vec2 pooled[]; };
layout(push_constant) uniform Push { AttentionPool p; };

#include "score.glsl"

const uint kKeyFactor = 1u, kRowFactor = 2u, kByDistance = 4u;  // params::AttentionPool::flags

float weight(float score, uint query, uint key) {
    float w = exact_exp(capped_score(score, p.cap) - lse[p.head * p.lse_stride + query]);
    if ((p.flags & kKeyFactor) != 0u) {
        w *= key_factor[key];
    }
    if ((p.flags & kRowFactor) != 0u) {
        w *= row_factor[query];
    }
    return w;
}

float largest[ROWS];
float total[ROWS];

// Keys [begin, end) of a bin of one query, as far as it sees them.
void bin_of(uint query, uint bin, out uint begin, out uint end) {
    const uint first = p.key_begin + bin * p.bin;
    begin = first;
    end = first + p.bin;
    if ((p.flags & kByDistance) != 0u) {
        begin = query + 1u > end ? query + 1u - end : 0u;
        end = query + 1u > first ? query + 1u - first : 0u;
    }
    begin = max(max(begin, 1u), first_visible(query, p.window));
    end = min(end, query + 1u);
}

// Scores of ROWS queries from `query` on, on KEYS keys from `key` on, into the queries' bins; keys from
// `end` on are in none.
void add_keys(uint query, uint n_rows, uint key, uint end, uint bin) {
    const uint q_width = p.n_heads * p.head_dim, k_width = p.n_kv_heads * p.head_dim;
    uint slot[KEYS];
    precise vec4 sum[ROWS * KEYS];
    [[unroll]] for (uint c = 0u; c < KEYS; c++) {
        slot[c] = min(key + c, end - 1u) % p.capacity;
    }
    [[unroll]] for (uint i = 0u; i < ROWS * KEYS; i++) {
        sum[i] = vec4(0.0);
    }
    // The order of summation is raw_score's.
    for (uint i = 0u; i < p.head_dim; i += 4u) {
        vec4 key4[KEYS];
        [[unroll]] for (uint c = 0u; c < KEYS; c++) {
            key4[c] = k4(slot[c], k_width, p.kv_head * p.head_dim + i);
        }
        [[unroll]] for (uint r = 0u; r < ROWS; r++) {
            const vec4 query4 = q4(p.q_row + query + min(r, n_rows - 1u), q_width, p.head * p.head_dim + i);
            [[unroll]] for (uint c = 0u; c < KEYS; c++) {
                sum[r * KEYS + c] = sum[r * KEYS + c] + query4 * key4[c];
            }
        }
    }
    [[unroll]] for (uint r = 0u; r < ROWS; r++) {
        const uint row = query + r;
        uint bin_begin, bin_end;
        bin_of(row, bin, bin_begin, bin_end);
        [[unroll]] for (uint c = 0u; c < KEYS; c++) {
            const uint at = key + c;
            if (r < n_rows && at >= bin_begin && at < bin_end) {
                const vec4 s = sum[r * KEYS + c];
                precise float left = s.x + s.y;
                precise float right = s.z + s.w;
                precise float dot_product = left + right;
                precise float score = p.scale * dot_product;
                const float w = weight(score, row, at);
                largest[r] = max(largest[r], w);
                precise float more = total[r] + w;
                total[r] = more;
            }
        }
    }
}

void main() {
    const uint bin = gl_GlobalInvocationID.x;
    if (bin >= p.n_bins) {
        return;
    }
    const uint first_row = gl_WorkGroupID.y * ROWS;
    const uint n_rows = min(ROWS, p.n_queries - first_row);
    const uint query = p.query_begin + first_row;
    uint begin, end, ignored;  // both grow with the query
    bin_of(query, bin, begin, ignored);
    bin_of(query + n_rows - 1u, bin, ignored, end);
    [[unroll]] for (uint r = 0u; r < ROWS; r++) {
        largest[r] = 0.0;
        total[r] = 0.0;
    }
    for (uint key = begin; key < end; key += KEYS) {
        add_keys(query, n_rows, key, end, bin);
    }
    [[unroll]] for (uint r = 0u; r < ROWS; r++) {
        if (r < n_rows) {
            pooled[(first_row + r) * p.n_bins + bin] = vec2(largest[r], total[r]);
        }
    }
}
