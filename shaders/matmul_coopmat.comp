#version 460
// matmul_coopmat    y[t, r] = sum_k W[r, k] x[t, k]     many tokens, cooperative matrices
//
//   binding  name    type    shape                   access
//   0,1,2    planes  packed  rows of one slab        read
//   3        halves  f16     [n_tokens, COLS]        read    x, out of half_rows
//   4        scales  f32     [n_tokens]              read    of x's rows, powers of two
//   5        y       f32     [n_tokens, y_stride]    write
//
// A workgroup makes a tile of rows and tokens: it decodes SUBS sub-blocks of its rows to f16 in
// shared memory, puts the same columns of x beside them, and each subgroup multiplies TILE_ROWS x
// TILE_TOKENS matrices of them; sums stay in f32. Weights are decoded times 2^6: nothing below 2^10
// overflows (no Gemma comes near), nothing above 2^-20 loses bits as a subnormal.
// Error: W and x are rounded to f16 once, so a product is off by at most 2^-10 of itself (2^-9 if a
// device should round towards zero); f16 products are exact in f32, sums are rounded as the device does.
//
// dispatch   x: tiles of rows, y: tiles of tokens from token_begin
// spec 0,1   workgroup: size of a subgroup, SUBGROUPS
// spec 2..   TYPE, COLS (a multiple of 32), M, N, K of one matrix step, TILE_ROWS, TILE_TOKENS,
//            ROW_GROUPS (of the subgroups, how many lie along rows), SUBS
// cost       reads W once per tile of tokens, x once per tile of rows
// reference  ref::matmul in tests/support/twins.h, within rounding

#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_shader_subgroup_basic : require
#pragma use_vulkan_memory_model
#include "params.h"
#include "quads.glsl"

layout(local_size_x_id = 0, local_size_y_id = 1) in;
layout(constant_id = 1) const uint SUBGROUPS = 1;
layout(constant_id = 2) const uint TYPE = 0;
layout(constant_id = 3) const uint COLS = 32;
layout(constant_id = 4) const uint M = 16;
layout(constant_id = 5) const uint N = 16;
layout(constant_id = 6) const uint K = 16;
layout(constant_id = 7) const uint TILE_ROWS = 1;
layout(constant_id = 8) const uint TILE_TOKENS = 1;
layout(constant_id = 9) const uint ROW_GROUPS = 1;
layout(constant_id = 10) const uint SUBS = 1;

layout(binding = 3) readonly buffer Halves { uvec4 halves[]; };
layout(binding = 4) readonly buffer XScales { float x_scales[]; };
layout(binding = 5) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { MatmulCoopmat p; };

#include "weights.glsl"
#include "halves.glsl"

const float kWeightScale = 64.0;
const uint kThreads = gl_WorkGroupSize.x * SUBGROUPS;
const uint kRows = M * TILE_ROWS * ROW_GROUPS;
const uint kTokens = N * TILE_TOKENS * (SUBGROUPS / ROW_GROUPS);
const uint kSteps = SUBS * kBlock / K;
// A row of a tile, in units of 8 elements; one more, so that rows do not share banks.
const uint kUnits = SUBS * kBlock / 8u;
const uint kStride = kUnits + 1u;

// coopmat_shared_bytes() of model/fast_ops.h counts these.
shared uvec4 w_tile[kRows * kStride];
shared uvec4 x_tile[kTokens * kStride];
shared float sums[SUBGROUPS * M * N];

// For one subgroup there is nobody else to wait for.
void wait_for_all() {
    if (SUBGROUPS > 1u) {
        barrier();
    } else {
        subgroupBarrier();
    }
}

// Half h of sub-block b of row `row`, into units `at` and `at` + 1.
void decode_half(uint at, uint row, uint b, uint h) {
    const RowCursor c = row_cursor(0u, row, COLS);
    SubScale s = SubScale(vec2(1.0), vec2(0.0));
    uvec4 codes = uvec4(0u);
    uvec2 high = uvec2(0u);
    float plain_scale = kWeightScale;
    if (!is_plain()) {
        s = sub_scale(c, b);
        s.scale *= kWeightScale;
        s.offset *= kWeightScale;
        codes = code_unit(c, b, h);
        high = high_words(c, b);
        plain_scale = 1.0;
    }
    vec4 v[4];
    [[unroll]] for (uint q = 0u; q < 4u; q++) {
        v[q] = plain_scale * weight4(c, s, codes, high, b, h, q);
    }
    w_tile[at] = halves8(v[0], v[1]);
    w_tile[at + 1u] = halves8(v[2], v[3]);
}

void stage_weights(uint row_begin, uint b_begin, uint thread) {
    const uint n_items = kRows * SUBS * 2u;  // neighbours take rows whose units lie side by side
    for (uint i = thread; i < n_items; i += kThreads) {
        const uint h = i / kRowGroup % 2u;
        const uint s = i / (2u * kRowGroup) % SUBS;
        const uint row = i / (2u * kRowGroup * SUBS) * kRowGroup + i % kRowGroup;
        const uint at = row * kStride + 4u * s + 2u * h;
        if (COLS / kBlock % SUBS != 0u && b_begin + s >= COLS / kBlock) {
            w_tile[at] = uvec4(0u);
            w_tile[at + 1u] = uvec4(0u);
        } else {
            decode_half(at, min(row_begin + row, p.n_rows - 1u), b_begin + s, h);
        }
    }
}

void stage_x(uint token_begin, uint b_begin, uint thread) {
    for (uint i = thread; i < kTokens * kUnits; i += kThreads) {
        const uint t = i / kUnits;
        const uint u = i % kUnits;
        const uint column = b_begin * (kBlock / 8u) + u;
        const bool inside = token_begin + t < p.token_end &&
                            (COLS / kBlock % SUBS == 0u || column < COLS / 8u);
        uvec4 eight = uvec4(0u);
        if (inside) {
            eight = halves[(token_begin + t) * (COLS / 8u) + column];
        }
        x_tile[t * kStride + u] = eight;
    }
}

void main() {
    const uint thread = gl_LocalInvocationIndex;
    const uint subgroup = gl_SubgroupID;
    const uint row_begin = gl_WorkGroupID.x * kRows;
    const uint token_begin = p.token_begin + gl_WorkGroupID.y * kTokens;
    const uint tile_row = subgroup % ROW_GROUPS * TILE_ROWS * M;  // of this subgroup's tile
    const uint tile_token = subgroup / ROW_GROUPS * TILE_TOKENS * N;

    coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sum[TILE_ROWS * TILE_TOKENS];
    [[unroll]] for (uint i = 0u; i < TILE_ROWS * TILE_TOKENS; i++) {
        sum[i] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);
    }
    for (uint b = 0u; b < COLS / kBlock; b += SUBS) {
        wait_for_all();
        stage_weights(row_begin, b, thread);
        stage_x(token_begin, b, thread);
        wait_for_all();
        for (uint step = 0u; step < kSteps; step++) {
            coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> w[TILE_ROWS];
            [[unroll]] for (uint i = 0u; i < TILE_ROWS; i++) {
                coopMatLoad(w[i], w_tile, (tile_row + i * M) * kStride + step * (K / 8u), kStride,
                            gl_CooperativeMatrixLayoutRowMajor);
            }
            [[unroll]] for (uint j = 0u; j < TILE_TOKENS; j++) {
                coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> v;
                coopMatLoad(v, x_tile, (tile_token + j * N) * kStride + step * (K / 8u), kStride,
                            gl_CooperativeMatrixLayoutColumnMajor);
                [[unroll]] for (uint i = 0u; i < TILE_ROWS; i++) {
                    sum[i * TILE_TOKENS + j] = coopMatMulAdd(w[i], v, sum[i * TILE_TOKENS + j]);
                }
            }
        }
    }

    const uint own = subgroup * M * N;
    [[unroll]] for (uint i = 0u; i < TILE_ROWS; i++) {
        [[unroll]] for (uint j = 0u; j < TILE_TOKENS; j++) {
            coopMatStore(sum[i * TILE_TOKENS + j], sums, own, M,
                         gl_CooperativeMatrixLayoutColumnMajor);
            subgroupBarrier();
            for (uint e = gl_SubgroupInvocationID; e < M * N; e += gl_SubgroupSize) {
                const uint row = row_begin + tile_row + i * M + e % M;
                const uint t = token_begin + tile_token + j * N + e / M;
                if (row < p.n_rows && t < p.token_end) {
                    y[t * p.y_stride + p.y_begin + row] =
                        sums[own + e] / kWeightScale * x_scales[t];
                }
            }
            subgroupBarrier();
        }
    }
}
