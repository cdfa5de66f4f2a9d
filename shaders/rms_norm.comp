#version 460
// rms_norm    y[r, i] = x[r, i] / sqrt(mean_i(x[r, i]^2) + eps) * w[i]
//             scale[r] = sqrt(mean_i(x[r, i]^2) + eps)
//
//   binding  name   type  shape          access
//   0        x      f32   [rows, dim]    read
//   1        w      f32   [dim]          read    the effective gain (1 already added)
//   2        y      f32   [rows, dim]    write   may be the same range as x
//   3        scale  f32   [rows]         write
//
// Order of summation: element i belongs to lane i % kNormLanes, added in ascending order; lanes are
// added in a tree: lane l += lane l + 32, then + 16, 8, 4, 2, 1.
//
// dispatch   one workgroup per row; any dim
// spec 0     workgroup size: kNormLanes, nothing else
// cost       reads 2*dim and writes dim floats per row; bandwidth bound
// reference  ref::rms_norm in tests/support/twins.h

#extension GL_GOOGLE_include_directive : require
#include "params.h"
#include "exact.h"

layout(local_size_x_id = 0) in;

layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) readonly buffer W { float w[]; };
layout(binding = 2) writeonly buffer Y { float y[]; };
layout(binding = 3) writeonly buffer Scale { float scale[]; };
layout(push_constant) uniform Push { RmsNorm p; };

shared float lane_sum[kNormLanes];

void main() {
    const uint row = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x;
    if (row >= p.n_rows) {
        return;
    }
    const uint lane = gl_LocalInvocationID.x;
    const uint first = row * p.dim;

    precise float sum = 0.0;
    for (uint i = lane; i < p.dim; i += kNormLanes) {
        sum = sum + x[first + i] * x[first + i];
    }
    lane_sum[lane] = sum;
    barrier();
    for (uint half_size = kNormLanes / 2u; half_size > 0u; half_size /= 2u) {
        if (lane < half_size) {
            precise float both = lane_sum[lane] + lane_sum[lane + half_size];
            lane_sum[lane] = both;
        }
        barrier();
    }

    // The sum is complete before any y is written, which is what makes y == x safe.
    precise float mean_eps = lane_sum[0] * p.inv_dim + p.eps;
    const float inverse = exact_rsqrt(mean_eps);
    for (uint i = lane; i < p.dim; i += kNormLanes) {
        precise float normalized = x[first + i] * inverse;
        precise float scaled = normalized * w[i];
        y[first + i] = scaled;
    }
    if (lane == 0u) {
        precise float root = mean_eps * inverse;
        scale[row] = root;
    }
}
