// row_tile.glsl    ROWS neighbouring rows of a weight matrix times TOKENS rows of x, fast path
//
// A team of LANES neighbouring invocations of one subgroup works on a tile; sub-block b of a row
// belongs to lane b % LANES. Codes are multiplied as they are, scales come in once a half sub-block:
//   sum += x_scale * (scale * (codes . x - zero_point * sum x) - offset * sum x)
// FIXED 1: x is 16-bit fixed point with one scale a sub-block, products and sums are exact integers
//   (255 * 32767 * 16 < 2^31). FIXED 0: x is f32, products are fused multiply-adds.
//
// Needs: TYPE, COLS, LANES, ROWS (1, 2 or 4), TOKENS, FIXED, WHOLE (1: a team is a whole subgroup),
// and from the kernel
//   uvec4 unit_at(uint matrix, uint i), high_quad_at, scale_quad_at   weight_quads.glsl
//   kOwn, kSteps                     own_x.glsl
//   uvec4 x_pairs(uint t, uint step, uint b, uint u)  elements 8 u .. 8 u + 7 of sub-block b, which
//                                    is the lane's number `step`; two a word        FIXED 1
//   float x_scale(uint t, uint step, uint b)                                        FIXED 1
//   vec4 x_four(uint t, uint i)     elements 4 i .. 4 i + 3                 FIXED 0

#include "teams.glsl"

uint high_at(uint matrix, uint i) { return high_quad_at(matrix, i / kRowGroup)[i % kRowGroup]; }
uint scale_at(uint matrix, uint i) { return scale_quad_at(matrix, i / kRowGroup)[i % kRowGroup]; }
#include "dequant.glsl"

float tile_sum[ROWS * TOKENS];

RowCursor tile_row;  // of the tile's first row

// Row i of the tile: ROWS divides kRowGroup, so a tile's rows lie side by side.
RowCursor tile_cursor(uint i) {
    return RowCursor(tile_row.matrix, tile_row.quants + i, tile_row.highs + i, tile_row.scales + i,
                     tile_row.half_scales + i);
}

void add_plain(uint b) {
    for (uint h = 0u; h < 2u; h++) {
        [[unroll]] for (uint q = 0u; q < 4u; q++) {
            vec4 v[TOKENS];
            [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
                v[t] = x_four(t, 8u * b + 4u * h + q);
            }
            [[unroll]] for (uint i = 0u; i < ROWS; i++) {
                const vec4 w = plain4(tile_cursor(i), b, h, q);
                [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
                    float sum = tile_sum[i * TOKENS + t];
                    sum = fma(w.x, v[t].x, sum);
                    sum = fma(w.y, v[t].y, sum);
                    sum = fma(w.z, v[t].z, sum);
                    tile_sum[i * TOKENS + t] = fma(w.w, v[t].w, sum);
                }
            }
        }
    }
}

// What was read of one sub-block of each row.
uvec4 tile_codes[ROWS];
uvec2 tile_highs[ROWS];
SubScale tile_scales[ROWS];

// Highs and scales of sub-block b; where a tile is a row group, one read serves its four rows.
void read_scales(uint b) {
    if (ROWS != kRowGroup) {
        [[unroll]] for (uint i = 0u; i < ROWS; i++) {
            tile_scales[i] = sub_scale(tile_cursor(i), b);
            tile_highs[i] = high_words(tile_cursor(i), b);
        }
        return;
    }
    uvec4 words[4];
    [[unroll]] for (uint k = 0u; k < 4u; k++) {
        words[k] = k < n_scale_words()
                       ? scale_quad_at(tile_row.matrix, scale_position(tile_row, b, k) / kRowGroup)
                       : uvec4(0u);
    }
    uvec4 tops[2];
    [[unroll]] for (uint k = 0u; k < 2u; k++) {
        tops[k] = k < n_high_words()
                      ? high_quad_at(tile_row.matrix, high_position(tile_row, b, k) / kRowGroup)
                      : uvec4(0u);
    }
    [[unroll]] for (uint i = 0u; i < ROWS; i++) {
        tile_scales[i] = scale_of(uvec4(words[0][i], words[1][i], words[2][i], words[3][i]), b);
        tile_highs[i] = uvec2(tops[0][i], tops[1][i]);
    }
}

void add_half_fixed(uint step, uint b, uint h) {
    int sums[ROWS * TOKENS];
    [[unroll]] for (uint i = 0u; i < ROWS * TOKENS; i++) {
        sums[i] = 0;
    }
    int x_sums[TOKENS];
    uvec4 pairs[2u * TOKENS];
    [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
        x_sums[t] = 0;
        pairs[2u * t] = x_pairs(t, step, b, 2u * h);
        pairs[2u * t + 1u] = x_pairs(t, step, b, 2u * h + 1u);
    }
    [[unroll]] for (uint q = 0u; q < 4u; q++) {
        ivec4 v[TOKENS];
        [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
            const uvec4 eight = pairs[2u * t + q / 2u];
            const ivec2 four = ivec2((q & 1u) == 0u ? eight.xy : eight.zw);
            v[t] = ivec4((four.x << 16) >> 16, four.x >> 16, (four.y << 16) >> 16, four.y >> 16);
            x_sums[t] += (v[t].x + v[t].y) + (v[t].z + v[t].w);
        }
        [[unroll]] for (uint i = 0u; i < ROWS; i++) {
            const ivec4 w = code_levels(codes4(tile_codes[i], tile_highs[i], b, h, q));
            [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
                sums[i * TOKENS + t] +=
                    (w.x * v[t].x + w.y * v[t].y) + (w.z * v[t].z + w.w * v[t].w);
            }
        }
    }
    [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
        const float scale = x_scale(t, step, b);
        [[unroll]] for (uint i = 0u; i < ROWS; i++) {
            const SubScale s = tile_scales[i];
            float value = (h == 0u ? s.scale.x : s.scale.y) *
                          float(sums[i * TOKENS + t] - zero_point() * x_sums[t]);
            if (has_offset()) {
                value -= (h == 0u ? s.offset.x : s.offset.y) * float(x_sums[t]);
            }
            tile_sum[i * TOKENS + t] = fma(scale, value, tile_sum[i * TOKENS + t]);
        }
    }
}

void add_half_float(uint b, uint h) {
    float sums[ROWS * TOKENS];
    [[unroll]] for (uint i = 0u; i < ROWS * TOKENS; i++) {
        sums[i] = 0.0;
    }
    float x_sums[TOKENS];
    [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
        x_sums[t] = 0.0;
    }
    [[unroll]] for (uint q = 0u; q < 4u; q++) {
        vec4 v[TOKENS];
        [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
            v[t] = x_four(t, 8u * b + 4u * h + q);
            x_sums[t] += (v[t].x + v[t].y) + (v[t].z + v[t].w);
        }
        [[unroll]] for (uint i = 0u; i < ROWS; i++) {
            const vec4 w = vec4(code_levels(codes4(tile_codes[i], tile_highs[i], b, h, q)));
            [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
                float sum = sums[i * TOKENS + t];
                sum = fma(w.x, v[t].x, sum);
                sum = fma(w.y, v[t].y, sum);
                sum = fma(w.z, v[t].z, sum);
                sums[i * TOKENS + t] = fma(w.w, v[t].w, sum);
            }
        }
    }
    [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
        [[unroll]] for (uint i = 0u; i < ROWS; i++) {
            const SubScale s = tile_scales[i];
            float sum = fma(h == 0u ? s.scale.x : s.scale.y,
                            sums[i * TOKENS + t] - float(zero_point()) * x_sums[t],
                            tile_sum[i * TOKENS + t]);
            if (has_offset()) {
                sum = fma(-(h == 0u ? s.offset.x : s.offset.y), x_sums[t], sum);
            }
            tile_sum[i * TOKENS + t] = sum;
        }
    }
}

void add_half(uint step, uint b, uint h) {
    if (h == 0u || TYPE == kQ8_0) {
        [[unroll]] for (uint i = 0u; i < ROWS; i++) {
            tile_codes[i] = code_unit(tile_cursor(i), b, h);
        }
    }
    if (FIXED == 1u) {
        add_half_fixed(step, b, h);
    } else {
        add_half_float(b, h);
    }
}

// tile_sum[i * TOKENS + t] = row `row + i` times x of token t, the same in every lane of the team.
void row_tile(uint matrix, uint row) {
    tile_row = row_cursor(matrix, row, COLS);
    [[unroll]] for (uint i = 0u; i < ROWS * TOKENS; i++) {
        tile_sum[i] = 0.0;
    }
    if (kOwn) {
        // Past the row's end x is zero.
        [[unroll]] for (uint step = 0u; step < kSteps; step++) {
            const uint b = min(step * LANES + team_lane(), COLS / kBlock - 1u);
            read_scales(b);
            add_half(step, b, 0u);
            add_half(step, b, 1u);
        }
    } else {
        for (uint b = team_lane(); b < COLS / kBlock; b += LANES) {
            if (is_plain()) {
                add_plain(b);
                continue;
            }
            read_scales(b);
            // Written out twice, the code is slower than the loop on a CPU: its registers spill.
            [[dont_unroll]] for (uint h = 0u; h < 2u; h++) {
                add_half(0u, b, h);
            }
        }
    }
    [[unroll]] for (uint i = 0u; i < ROWS * TOKENS; i++) {
        tile_sum[i] = team_sum(tile_sum[i]);
    }
}
