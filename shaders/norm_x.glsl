// norm_x.glsl    what comes before a product in the fast path: residual sum and RMS norm, staged
//
//   r    = x                                   RESIDUAL 0
//        = x + added                           RESIDUAL 1   (Gemma 1)
//        = x + rms_norm(added) * w_added       RESIDUAL 2   (Gemma 2, 3: the norm after a block)
//   h    = rms_norm(r) * w_norm                into shared memory
//   sum  = r                                   written by the first workgroup where push.store is 1
//
// Every workgroup does this for itself: a level of its own would cost more than the arithmetic.
// x and sum are row 0 of their ranges, or row `position` where the push constants say so: then they
// are kept for the inspector.
//
//   binding  name     type  shape        access
//   3        x        f32   [1, COLS]    read
//   4        y        f32   the product  write
//   5        added    f32   [1, COLS]    read
//   6        w_added  f32   [1, COLS]    read
//   7        w_norm   f32   [1, COLS]    read
//   8        sum      f32   [1, COLS]    write
//   9        state    StepState          read
QUADS(3, X, x);
layout(binding = 4) writeonly buffer Y { float y[]; };
QUADS(5, Added, added);
QUADS(6, AddedWeight, w_added);
QUADS(7, NormWeight, w_norm);
layout(binding = 8) writeonly buffer Sum { vec4 sum[]; };
layout(binding = 9) readonly buffer State { StepState state; };

const uint kSubUnits = 8u;
#include "staged_x.glsl"
vec4 x_four(uint t, uint i) { return uintBitsToFloat(staged[i]); }

shared float subgroup_sums[128];

float workgroup_sum(float v) {
    v = subgroupAdd(v);
    if (ONE_SUBGROUP == 1u) {
        return v;
    }
    barrier();  // an earlier sum has been read
    if (subgroupElect()) {
        subgroup_sums[gl_SubgroupID] = v;
    }
    barrier();
    float total = 0.0;
    for (uint i = 0u; i < gl_NumSubgroups; i++) {
        total += subgroup_sums[i];
    }
    return total;
}

float root_scale(float square_sum) {
    return inversesqrt(square_sum / float(COLS) + p.eps);
}

// The residual sum, quad by quad.
vec4 residual(uint i, uint x_begin, float added_scale) {
    const vec4 r = FLOATS_AT(x, x_begin + i);
    if (RESIDUAL == 1u) {
        return r + FLOATS_AT(added, i);
    }
    if (RESIDUAL == 2u) {
        return r + FLOATS_AT(added, i) * added_scale * FLOATS_AT(w_added, i);
    }
    return r;
}

// A lane's own sub-blocks from beginning to end, without shared memory.
vec4 own_r[kOwn ? 8u * kSteps : 1u];
void stage_own(uint x_begin, uint sum_begin, bool store) {
    float added_scale = 1.0;
    if (RESIDUAL == 2u) {
        float squares = 0.0;
        [[unroll]] for (uint step = 0u; step < kSteps; step++) {
            float of_step = 0.0;
            [[unroll]] for (uint i = 0u; i < 8u; i++) {
                const vec4 a = FLOATS_AT(added, 8u * own_block(step) + i);
                of_step += dot(a, a);
            }
            squares += own_inside(step) ? of_step : 0.0;
        }
        added_scale = root_scale(workgroup_sum(squares));
    }
    float squares = 0.0;
    [[unroll]] for (uint step = 0u; step < kSteps; step++) {
        const uint begin = 8u * own_block(step);
        float of_step = 0.0;
        [[unroll]] for (uint i = 0u; i < 8u; i++) {
            const vec4 r = residual(begin + i, x_begin, added_scale);
            own_r[8u * step + i] = r;
            of_step += dot(r, r);
        }
        squares += own_inside(step) ? of_step : 0.0;
        if (store) {
            [[unroll]] for (uint i = 0u; i < 8u; i++) {
                sum[sum_begin + begin + i] = own_r[8u * step + i];
            }
        }
    }
    const float scale = root_scale(workgroup_sum(squares));
    [[unroll]] for (uint step = 0u; step < kSteps; step++) {
        vec4 v[8];
        [[unroll]] for (uint i = 0u; i < 8u; i++) {
            v[i] = own_r[8u * step + i] * scale * FLOATS_AT(w_norm, 8u * own_block(step) + i);
        }
        own_fixed(step, v);
    }
}

void stage_x() {
    const uint n_quads = COLS / 4u;
    const uint lane = gl_LocalInvocationID.x;
    const uint x_begin = p.x_at_position == 1u ? state.position * n_quads : 0u;
    const uint sum_begin = p.sum_at_position == 1u ? state.position * n_quads : 0u;
    const bool store = p.store == 1u && gl_WorkGroupID.x == 0u;

    if (kOwn) {
        stage_own(x_begin, sum_begin, store);
        return;
    }
    float added_scale = 1.0;
    if (RESIDUAL == 2u) {
        float squares = 0.0;
        for (uint i = lane; i < n_quads; i += gl_WorkGroupSize.x) {
            const vec4 a = FLOATS_AT(added, i);
            squares += dot(a, a);
        }
        added_scale = root_scale(workgroup_sum(squares));
    }
    float squares = 0.0;
    for (uint i = lane; i < n_quads; i += gl_WorkGroupSize.x) {
        const vec4 r = residual(i, x_begin, added_scale);
        if (store) {
            sum[sum_begin + i] = r;
        }
        squares += dot(r, r);
        staged[i] = floatBitsToUint(r);
    }
    const float scale = root_scale(workgroup_sum(squares));
    workgroup_sync();
    if (FIXED == 1u) {
        for (uint b = lane; b < COLS / kBlock; b += gl_WorkGroupSize.x) {
            vec4 v[8];
            [[unroll]] for (uint i = 0u; i < 8u; i++) {
                v[i] = uintBitsToFloat(staged[8u * b + i]) * scale * FLOATS_AT(w_norm, 8u * b + i);
            }
            stage_fixed(b, v);
        }
    } else {
        for (uint i = lane; i < n_quads; i += gl_WorkGroupSize.x) {
            staged[i] = floatBitsToUint(uintBitsToFloat(staged[i]) * scale * FLOATS_AT(w_norm, i));
        }
    }
    workgroup_sync();
}
