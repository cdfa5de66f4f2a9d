// attention_rows.glsl    what attention_decode.comp does before and after its loop over the keys:
// norm, RoPE and rounding of q, k, v; the KV write; the outputs

float rounded(float v, uint half_type) {
    return half_type == 1u ? unpackHalf2x16(exact_half_bits(v)).x : v;
}

vec2 cos_sin(uint i) {
    const vec2 low = rope[state.position % kRopeLow * (HEAD_DIM / 2u) + i];
    const vec2 high = rope[(kRopeLow + state.position / kRopeLow) * (HEAD_DIM / 2u) + i];
    return vec2(high.x * low.x - high.y * low.y, high.y * low.x + high.x * low.y);
}

// Square sum of `count` elements of q or k from `begin`, by the team.
float square_sum(bool of_q, uint begin) {
    float sum = 0.0;
    for (uint i = team_lane(); i < HEAD_DIM; i += LANES) {
        const float value = of_q ? q[begin + i] : k[begin + i];
        sum += value * value;
    }
    return team_sum(sum);
}

void put(uint row, uint i, float value) { rotated[row * HEAD_DIM / 4u + i / 4u][i % 4u] = value; }

// One head of q or k: norm, RoPE, rounding; into shared memory, by one team.
void rotate_head(uint row, bool of_q, uint begin) {
    const float scale =
        QK_NORM == 1u ? inversesqrt(square_sum(of_q, begin) / float(HEAD_DIM) + p.eps) : 1.0;
    for (uint i = team_lane(); i < HEAD_DIM / 2u; i += LANES) {
        const uint j = i + HEAD_DIM / 2u;
        vec2 pair = of_q ? vec2(q[begin + i], q[begin + j]) : vec2(k[begin + i], k[begin + j]);
        if (QK_NORM == 1u) {
            pair *= scale * (of_q ? vec2(wq[i], wq[j]) : vec2(wk[i], wk[j]));
        }
        const vec2 cs = cos_sin(i);
        put(row, i, rounded(pair.x * cs.x - pair.y * cs.y, Q_HALF));
        put(row, j, rounded(pair.y * cs.x + pair.x * cs.y, Q_HALF));
    }
}

void rotate_all(uint first_head, uint kv_head) {
    for (uint row = team(); row < GROUP + 2u; row += n_teams()) {
        if (row < GROUP) {
            rotate_head(row, true, (first_head + row) * HEAD_DIM);
        } else if (row == GROUP) {
            rotate_head(row, false, kv_head * HEAD_DIM);
        } else {
            for (uint i = team_lane(); i < HEAD_DIM; i += LANES) {
                put(row, i, rounded(v[kv_head * HEAD_DIM + i], V_HALF));
            }
        }
    }
    workgroup_sync();
}

uint half_pair(vec2 v) { return exact_half_bits(v.x) | (exact_half_bits(v.y) << 16u); }

uvec4 packed_unit(uint row, uint unit) {
    const vec4 a = rotated[row * HEAD_DIM / 4u + 2u * unit];
    const vec4 b = rotated[row * HEAD_DIM / 4u + 2u * unit + 1u];
    return uvec4(half_pair(a.xy), half_pair(a.zw), half_pair(b.xy), half_pair(b.zw));
}

uvec4 quad_bits(uint row, uint quad) {
    return floatBitsToUint(rotated[row * HEAD_DIM / 4u + quad]);
}

// q of every head of the group; k and v of the token by one group of each KV head.
void store_rows(uint first_head, uint kv_head, bool writes_kv) {
    const uint q_row = p.q_at_position == 1u ? state.position : 0u;
    const uint slot = slot_row(state.position, kv_head);
    for (uint i = gl_LocalInvocationID.x; i < kUnitsRow; i += gl_WorkGroupSize.x) {
        for (uint g = 0u; g < GROUP; g++) {
            const uint unit = (q_row * p.n_heads + first_head + g) * kUnitsRow + i;
            if (Q_HALF == 1u) {
                stored_q[unit] = packed_unit(g, i);
            } else {
                stored_q[2u * unit] = quad_bits(g, 2u * i);
                stored_q[2u * unit + 1u] = quad_bits(g, 2u * i + 1u);
            }
        }
        if (writes_kv) {
            if (Q_HALF == 1u) {
                k_cache[slot + i] = packed_unit(GROUP, i);
            } else {
                k_cache[2u * (slot + i)] = quad_bits(GROUP, 2u * i);
                k_cache[2u * (slot + i) + 1u] = quad_bits(GROUP, 2u * i + 1u);
            }
            if (V_HALF == 1u) {
                v_cache[slot + i] = packed_unit(GROUP + 1u, i);
            } else {
                v_cache[2u * (slot + i)] = quad_bits(GROUP + 1u, 2u * i);
                v_cache[2u * (slot + i) + 1u] = quad_bits(GROUP + 1u, 2u * i + 1u);
            }
        }
    }
}

void finish_row(uint g, uint head, uint split) {
    if (team() != 0u) {
        return;
    }
    const uint row = split * p.n_heads + head;
    const float scale = SPLITS == 1u ? 1.0 / row_sum[g] : 1.0;
    [[unroll]] for (uint u = 0u; u < kUnits * 2u; u++) {
        z[row * HEAD_DIM / 4u + lane_quad(u)] = row_z[g * kUnits * 2u + u] * scale;
    }
    if (team_lane() == 0u) {
        if (SPLITS == 1u) {
            stats[head * p.n_ctx + state.position] = row_max[g] + exact_log(row_sum[g]);
        } else {
            stats[2u * row] = row_max[g];
            stats[2u * row + 1u] = row_sum[g];
        }
    }
}
