// attention_online.glsl    softmax and values of GROUP query heads over keys that come one after another:
// running maximum, sum and weighted values (Milakov and Gimelshein 2018), a team per key
//
// Needs: HEAD_DIM, GROUP, LANES, Q_HALF, V_HALF, CAPPED, WHOLE, ONE_SUBGROUP, exact.h, QUADS k_seen and
// v_seen (the caches), push constants capacity, n_kv_heads, scale and cap, and from the kernel
//   void saw_score(uint g, uint position, float s)   each capped score, in every lane of its team

const uint kUnits = HEAD_DIM / 8u / LANES;    // units of eight elements a lane has
const uint kUnitsRow = HEAD_DIM / 8u;
const uint kKeys = 4u;                        // keys between two looks at the maximum
const float kLowest = -3.0e38;

shared float merge_stats[gl_WorkGroupSize.x / LANES * 2u];
shared vec4 merge_z[gl_WorkGroupSize.x == LANES ? 1u : gl_WorkGroupSize.x / LANES * HEAD_DIM / 4u];

#include "teams.glsl"
#include "workgroup_sync.glsl"

// Quad of a row that is number u of this lane: units of eight elements go round the lanes.
uint lane_quad(uint u) { return (u / 2u * LANES + team_lane()) * 2u + u % 2u; }

// Running softmax of one head in one team.
float row_max[GROUP];
float row_sum[GROUP];
vec4 row_z[GROUP * kUnits * 2u];
vec4 q_lane[GROUP * kUnits * 2u];
vec4 key[kUnits * 2u];  // the key at hand

// Row of the caches, in units of eight elements, of one KV head at a position.
uint slot_row(uint position, uint kv_head) {
    return (position % p.capacity * p.n_kv_heads + kv_head) * kUnitsRow;
}

void unpack_unit(uvec4 eight, out vec4 low, out vec4 high) {
    low = vec4(unpackHalf2x16(eight.x), unpackHalf2x16(eight.y));
    high = vec4(unpackHalf2x16(eight.z), unpackHalf2x16(eight.w));
}

// Unit u of this lane out of a cached row.
void key_unit(uint row, uint u, out vec4 low, out vec4 high) {
    const uint unit = row + u * LANES + team_lane();
    if (Q_HALF == 1u) {
        unpack_unit(QUAD_AT(k_seen, unit), low, high);
    } else {
        low = FLOATS_AT(k_seen, 2u * unit);
        high = FLOATS_AT(k_seen, 2u * unit + 1u);
    }
}
void value_unit(uint row, uint u, out vec4 low, out vec4 high) {
    const uint unit = row + u * LANES + team_lane();
    if (V_HALF == 1u) {
        unpack_unit(QUAD_AT(v_seen, unit), low, high);
    } else {
        low = FLOATS_AT(v_seen, 2u * unit);
        high = FLOATS_AT(v_seen, 2u * unit + 1u);
    }
}

float score_of(uint g) {
    float sum = 0.0;
    [[unroll]] for (uint u = 0u; u < kUnits * 2u; u++) {
        const vec4 a = q_lane[g * kUnits * 2u + u];
        sum = fma(a.x, key[u].x, sum);
        sum = fma(a.y, key[u].y, sum);
        sum = fma(a.z, key[u].z, sum);
        sum = fma(a.w, key[u].w, sum);
    }
    const float s = p.scale * team_sum(sum);
    return CAPPED == 1u ? exact_softcap(s, p.cap) : s;
}

// Up to kKeys keys at first, first + n_teams(), ...
void add_keys(uint first, uint end, uint kv_head) {
    float s[kKeys * GROUP];
    [[unroll]] for (uint j = 0u; j < kKeys; j++) {
        const uint position = first + j * n_teams();
        const uint row = slot_row(min(position, end - 1u), kv_head);
        [[unroll]] for (uint u = 0u; u < kUnits; u++) {
            key_unit(row, u, key[2u * u], key[2u * u + 1u]);
        }
        [[unroll]] for (uint g = 0u; g < GROUP; g++) {
            const float value = score_of(g);
            s[j * GROUP + g] = position < end ? value : kLowest;
            if (position < end) {
                saw_score(g, position, value);
            }
        }
    }
    [[unroll]] for (uint g = 0u; g < GROUP; g++) {
        float largest = row_max[g];
        [[unroll]] for (uint j = 0u; j < kKeys; j++) {
            largest = max(largest, s[j * GROUP + g]);
        }
        const float rescale = exact_exp(row_max[g] - largest);
        row_max[g] = largest;
        float sum = row_sum[g] * rescale;
        [[unroll]] for (uint j = 0u; j < kKeys; j++) {
            const float weight = first + j * n_teams() < end ? exact_exp(s[j * GROUP + g] - largest) : 0.0;
            s[j * GROUP + g] = weight;
            sum += weight;
        }
        row_sum[g] = sum;
        [[unroll]] for (uint u = 0u; u < kUnits * 2u; u++) {
            row_z[g * kUnits * 2u + u] *= rescale;
        }
    }
    [[unroll]] for (uint j = 0u; j < kKeys; j++) {
        const uint row = slot_row(min(first + j * n_teams(), end - 1u), kv_head);
        [[unroll]] for (uint u = 0u; u < kUnits; u++) {
            vec4 low, high;
            value_unit(row, u, low, high);
            [[unroll]] for (uint g = 0u; g < GROUP; g++) {
                const uint at = (g * kUnits + u) * 2u;
                row_z[at] = fma(vec4(s[j * GROUP + g]), low, row_z[at]);
                row_z[at + 1u] = fma(vec4(s[j * GROUP + g]), high, row_z[at + 1u]);
            }
        }
    }
}

// After it every lane of team 0 has the workgroup's maximum, sum and its part of z of head g.
void merge_teams(uint g) {
    if (n_teams() == 1u) {
        return;
    }
    workgroup_sync();  // the last head's numbers have been read
    if (team_lane() == 0u) {
        merge_stats[2u * team()] = row_max[g];
        merge_stats[2u * team() + 1u] = row_sum[g];
    }
    workgroup_sync();
    float largest = kLowest;
    [[dont_unroll]] for (uint t = 0u; t < n_teams(); t++) {
        largest = max(largest, merge_stats[2u * t]);
    }
    const float rescale = exact_exp(row_max[g] - largest);
    [[unroll]] for (uint u = 0u; u < kUnits * 2u; u++) {
        merge_z[team() * HEAD_DIM / 4u + lane_quad(u)] = row_z[g * kUnits * 2u + u] * rescale;
    }
    workgroup_sync();
    if (team() != 0u) {
        return;
    }
    float sum = 0.0;
    [[dont_unroll]] for (uint t = 0u; t < n_teams(); t++) {
        sum += merge_stats[2u * t + 1u] * exact_exp(merge_stats[2u * t] - largest);
    }
    row_max[g] = largest;
    row_sum[g] = sum;
    [[unroll]] for (uint u = 0u; u < kUnits * 2u; u++) {
        vec4 total = vec4(0.0);
        [[dont_unroll]] for (uint t = 0u; t < n_teams(); t++) {
            total += merge_z[t * HEAD_DIM / 4u + lane_quad(u)];
        }
        row_z[g * kUnits * 2u + u] = total;
    }
}
