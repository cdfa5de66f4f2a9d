#version 460
// matmul    y[t, r] = sum_k W[r, k] x[t, k]     W quantized, decoded here
//
//   binding  name    type     shape                access
//   0        quants  packed   rows of one slab     read
//   1        scales  packed   rows of one slab     read
//   2        x       f32      [n_tokens, x_stride] read
//   3        y       f32      [n_tokens, y_stride] write
//
// Order of summation, the same for one token and for many, for any workgroup: block b of 32 columns
// belongs to lane b % kMatmulLanes; within a lane products are added one by one in ascending order;
// the lanes are added in order 0, 1, ..., 7.
//
// dispatch   x: rows, one invocation each (x KSPLIT), y: tiles of TOKENS tokens
// spec 0     workgroup size = rows per workgroup (x KSPLIT invocations)
// spec 1     TYPE of W
// spec 2     TOKENS per invocation, 1 or 8: every decoded weight is used that many times
// spec 3     KSPLIT: invocations that share one row, 1 or kMatmulLanes (wide GPUs, few rows)
// cost       reads W once per tile of tokens
// reference  ref::matmul in tests/ops/matmul.cpp

#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "params.h"

layout(local_size_x_id = 0, local_size_y_id = 3) in;
layout(constant_id = 1) const uint TYPE = 0;
layout(constant_id = 2) const uint TOKENS = 1;
layout(constant_id = 3) const uint KSPLIT = 1;

layout(binding = 0) readonly buffer Quants { uint quants[]; };
layout(binding = 1) readonly buffer Scales { uint scales[]; };
layout(binding = 2) readonly buffer X { vec4 x[]; };
layout(binding = 3) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { Matmul p; };

#include "dequant.glsl"

// One partial sum per (lane, row of the workgroup, token); only used when KSPLIT > 1.
const uint kPartials = KSPLIT > 1 ? kMatmulLanes * gl_WorkGroupSize.x * TOKENS : 1u;
shared float partials[kPartials];

void main() {
    const uint row = p.row_first + gl_GlobalInvocationID.x;
    const uint t_begin = gl_WorkGroupID.y * TOKENS;
    const bool in_range = row < p.row_end;
    const RowCursor cursor = row_cursor(in_range ? row : p.row_first, p.cols);
    const uint first_block = p.col_begin / kBlock;
    const uint n_blocks = (p.n_cols + kBlock - 1u) / kBlock;

    uint x_row[TOKENS];
    [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
        x_row[t] = (min(t_begin + t, p.n_tokens - 1u) * p.x_stride + p.x_begin) / 4u;
    }
    precise float total[TOKENS];
    [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
        total[t] = 0.0;
    }
    for (uint lane = KSPLIT > 1u ? gl_LocalInvocationID.y : 0u; lane < kMatmulLanes; lane += KSPLIT) {
        precise float sum[TOKENS];
        [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
            sum[t] = 0.0;
        }
        for (uint b = lane; b < n_blocks; b += kMatmulLanes) {
            const BlockScale s = block_scale(cursor, first_block + b);
            const uint n_quads = min(kBlock, p.n_cols - b * kBlock) / 4u;
            for (uint q = 0u; q < n_quads; q++) {
                const vec4 w = weight4(cursor, s, first_block + b, q);
                [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
                    const vec4 v = x[x_row[t] + b * (kBlock / 4u) + q];
                    sum[t] = sum[t] + w.x * v.x;
                    sum[t] = sum[t] + w.y * v.y;
                    sum[t] = sum[t] + w.z * v.z;
                    sum[t] = sum[t] + w.w * v.w;
                }
            }
        }
        [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
            if (KSPLIT > 1u) {
                partials[(lane * TOKENS + t) * gl_WorkGroupSize.x + gl_LocalInvocationID.x] = sum[t];
            } else {
                total[t] = total[t] + sum[t];
            }
        }
    }
    if (KSPLIT > 1u) {
        barrier();
        if (gl_LocalInvocationID.y != 0u) {
            return;
        }
        for (uint lane = 0u; lane < kMatmulLanes; lane++) {
            [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
                total[t] = total[t] +
                           partials[(lane * TOKENS + t) * gl_WorkGroupSize.x + gl_LocalInvocationID.x];
            }
        }
    }
    if (in_range) {
        [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
            if (t_begin + t < p.n_tokens) {
                y[(t_begin + t) * p.y_stride + p.y_row_begin + row] = total[t];
            }
        }
    }
}
