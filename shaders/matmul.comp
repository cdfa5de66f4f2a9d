#version 460
// matmul    y[t, r] = sum_k W[r, k] x[t, k]     W quantized, decoded here
//
//   binding  name    type     shape                access
//   0,1,2    planes  packed   rows of one slab     read
//   3        x       f32      [n_tokens, x_stride] read
//   4        y       f32      [n_tokens, y_stride] write
//
// Order of summation, the same for one token and for many, for any workgroup: block b of 32 columns
// belongs to lane b % kMatmulLanes; within a lane products are added one by one in ascending order;
// the lanes are added in order 0, 1, ..., 7.
//
// dispatch   x: rows, ROWS x workgroup size per workgroup, y: tiles of TOKENS tokens
// spec 0     workgroup size in x (times KSPLIT in y)
// spec 1     TYPE of W
// spec 2     TOKENS per invocation: every decoded weight is used that many times
// spec 3     KSPLIT: invocations that share one row, 1 or kMatmulLanes (wide GPUs, few rows)
// spec 4     ROWS per invocation: every element of x that is read is used that many times
// cost       reads W once per tile of tokens
// reference  ref::matmul in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "params.h"
#include "quads.glsl"

layout(local_size_x_id = 0, local_size_y_id = 3) in;
layout(constant_id = 1) const uint TYPE = 0;
layout(constant_id = 2) const uint TOKENS = 1;
layout(constant_id = 3) const uint KSPLIT = 1;
layout(constant_id = 4) const uint ROWS = 1;

QUADS(3, X, x);
layout(binding = 4) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { Matmul p; };

#include "weights.glsl"

// One partial sum per (lane, row, token) of the workgroup; only used when KSPLIT > 1.
const uint kPartials = KSPLIT > 1 ? kMatmulLanes * gl_WorkGroupSize.x * ROWS * TOKENS : 1u;
shared float partials[kPartials];

void main() {
    // Row i of this invocation: a workgroup's width apart, so that neighbouring invocations read
    // neighbouring units.
    const uint first_row =
        p.row_first + gl_WorkGroupID.x * gl_WorkGroupSize.x * ROWS + gl_LocalInvocationID.x;
    const uint t_begin = gl_WorkGroupID.y * TOKENS;
    const uint first_block = p.col_begin / kBlock;
    const uint n_blocks = (p.n_cols + kBlock - 1u) / kBlock;

    RowCursor cursor[ROWS];
    [[unroll]] for (uint i = 0u; i < ROWS; i++) {
        const uint row = first_row + i * gl_WorkGroupSize.x;
        cursor[i] = row_cursor(0u, row < p.row_end ? row : p.row_first, p.cols);
    }
    uint x_row[TOKENS];
    [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
        x_row[t] = (min(t_begin + t, p.n_tokens - 1u) * p.x_stride + p.x_begin) / 4u;
    }
    precise float total[ROWS * TOKENS];
    [[unroll]] for (uint i = 0u; i < ROWS * TOKENS; i++) {
        total[i] = 0.0;
    }
    for (uint lane = KSPLIT > 1u ? gl_LocalInvocationID.y : 0u; lane < kMatmulLanes; lane += KSPLIT) {
        precise float sum[ROWS * TOKENS];
        [[unroll]] for (uint i = 0u; i < ROWS * TOKENS; i++) {
            sum[i] = 0.0;
        }
        for (uint b = lane; b < n_blocks; b += kMatmulLanes) {
            SubScale s[ROWS];
            uvec2 high[ROWS];
            [[unroll]] for (uint i = 0u; i < ROWS; i++) {
                s[i] = sub_scale(cursor[i], first_block + b);
                high[i] = high_words(cursor[i], first_block + b);
            }
            const uint n_quads = min(kBlock, p.n_cols - b * kBlock) / 4u;
            [[unroll]] for (uint h = 0u; h < 2u; h++) {
                uvec4 codes[ROWS];
                [[unroll]] for (uint i = 0u; i < ROWS; i++) {
                    codes[i] = is_plain() ? uvec4(0u) : code_unit(cursor[i], first_block + b, h);
                }
                [[unroll]] for (uint q = 0u; q < 4u; q++) {
                    if (4u * h + q >= n_quads) {
                        break;  // only where a row is no whole number of blocks
                    }
                    vec4 w[ROWS];
                    [[unroll]] for (uint i = 0u; i < ROWS; i++) {
                        w[i] = weight4(cursor[i], s[i], codes[i], high[i], first_block + b, h, q);
                    }
                    [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
                        const vec4 v = FLOATS_AT(x, x_row[t] + b * (kBlock / 4u) + 4u * h + q);
                        [[unroll]] for (uint i = 0u; i < ROWS; i++) {
                            const uint c = i * TOKENS + t;
                            sum[c] = sum[c] + w[i].x * v.x;
                            sum[c] = sum[c] + w[i].y * v.y;
                            sum[c] = sum[c] + w[i].z * v.z;
                            sum[c] = sum[c] + w[i].w * v.w;
                        }
                    }
                }
            }
        }
        [[unroll]] for (uint i = 0u; i < ROWS * TOKENS; i++) {
            if (KSPLIT > 1u) {
                partials[(lane * ROWS * TOKENS + i) * gl_WorkGroupSize.x + gl_LocalInvocationID.x] =
                    sum[i];
            } else {
                total[i] = total[i] + sum[i];
            }
        }
    }
    if (KSPLIT > 1u) {
        barrier();
        if (gl_LocalInvocationID.y != 0u) {
            return;
        }
        for (uint lane = 0u; lane < kMatmulLanes; lane++) {
            [[unroll]] for (uint i = 0u; i < ROWS * TOKENS; i++) {
                total[i] = total[i] + partials[(lane * ROWS * TOKENS + i) * gl_WorkGroupSize.x +
                                               gl_LocalInvocationID.x];
            }
        }
    }
    [[unroll]] for (uint i = 0u; i < ROWS; i++) {
        const uint row = first_row + i * gl_WorkGroupSize.x;
        if (row < p.row_end) {
            [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
                if (t_begin + t < p.n_tokens) {
                    y[(t_begin + t) * p.y_stride + p.y_row_begin + row] = total[i * TOKENS + t];
                }
            }
        }
    }
}
