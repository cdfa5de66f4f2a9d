// score.glsl    one attention score, the same bits wherever it is computed: forward, tile, row
//
// Needs: uvec2 q[], uvec2 k[] (four f16, or two f32), spec constants Q_HALF and K_HALF, exact.h.

vec4 q4(uint row, uint width, uint element) {
    if (Q_HALF == 1u) {
        const uvec2 pair = q[(row * width + element) / 4u];
        return vec4(unpackHalf2x16(pair.x), unpackHalf2x16(pair.y));
    }
    const uint i = (row * width + element) / 2u;
    return vec4(uintBitsToFloat(q[i]), uintBitsToFloat(q[i + 1u]));
}

vec4 k4(uint slot, uint width, uint element) {
    if (K_HALF == 1u) {
        const uvec2 pair = k[(slot * width + element) / 4u];
        return vec4(unpackHalf2x16(pair.x), unpackHalf2x16(pair.y));
    }
    const uint i = (slot * width + element) / 2u;
    return vec4(uintBitsToFloat(k[i]), uintBitsToFloat(k[i + 1u]));
}

// scale * (q . k), before cap and mask. Order of summation: element i belongs to lane i % 4, added
// in ascending order; then (lane 0 + lane 1) + (lane 2 + lane 3).
float raw_score(uint q_row, uint head, uint n_heads, uint slot, uint kv_head, uint n_kv_heads,
                uint head_dim, float scale) {
    precise vec4 sum = vec4(0.0);
    for (uint i = 0u; i < head_dim; i += 4u) {
        sum = sum + q4(q_row, n_heads * head_dim, head * head_dim + i) *
                        k4(slot, n_kv_heads * head_dim, kv_head * head_dim + i);
    }
    precise float left = sum.x + sum.y;
    precise float right = sum.z + sum.w;
    precise float dot_product = left + right;
    precise float score = scale * dot_product;
    return score;
}

float capped_score(float score, float cap) { return cap > 0.0 ? exact_softcap(score, cap) : score; }
