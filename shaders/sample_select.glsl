// sample_select.glsl    the second half of sample_select.comp: the sums of all groups, the head, the
// draw among the tokens in best[].

shared uint least;
shared uint has_invalid;
shared uvec2 cut_sums[kSampleBest];
shared uvec2 draw_sums[kSampleBest];
shared uint n_left;
shared uint chosen;

// Sums over all groups relative to the largest logit, best[0]: 256 partial sums, each over ascending
// groups, then a tree. Writes the head's raw half; the status is its result.
uint sum_groups(uint n_raw) {
    if (lane() == 0u) {
        has_invalid = uint(n_raw == 0u);
    }
    barrier();
    const float largest = logit_of(best[0].x);
    for (uint part = lane(); part < kSampleParts; part += gl_WorkGroupSize.x) {
        precise float sum = 0.0;
        precise float product = 0.0;
        for (uint g = part; g < s.n_groups; g += kSampleParts) {
            const uvec4 group = groups[g];
            if (group.x == kNone) {
                has_invalid = 1u;
            } else if (group.x > kKeyNegInf && n_raw > 0u) {
                const float x = below(logit_of(group.x), largest);
                const float factor = exp_below(x);
                const float own = uintBitsToFloat(group.z);
                precise float moved = uintBitsToFloat(group.w) + x * own;
                sum = sum + factor * own;
                product = product + factor * moved;
            }
        }
        sums[part] = sum;
        weighted[part] = product;
    }
    for (uint half_size = kSampleParts / 2u; half_size > 0u; half_size /= 2u) {
        barrier();
        for (uint part = lane(); part < half_size; part += gl_WorkGroupSize.x) {
            precise float sum = sums[part] + sums[part + half_size];
            precise float product = weighted[part] + weighted[part + half_size];
            sums[part] = sum;
            weighted[part] = product;
        }
    }
    barrier();
    const uint status = has_invalid != 0u ? kSampleInvalid : kSampleFine;
    const uint n_top = min(n_raw, kSampleTop);
    if (lane() == 0u) {
        head.status = status;
        head.raw_key = best[0].x;
        head.sum = sums[0];
        head.weighted = weighted[0];
        head.n_raw = n_top;
        least = kNone;
    }
    for (uint i = lane(); i < n_top; i += gl_WorkGroupSize.x) {
        head.raw_best[2u * i] = best[i].x;
        head.raw_best[2u * i + 1u] = best[i].y;
    }
    meet();
    return status;
}

// The head's other half, for sample_mass and sample_search.
void find_range() {
    if (FEW == 0u) {
        uint own = kNone;
        for (uint g = lane(); g < s.n_groups; g += gl_WorkGroupSize.x) {
            own = min(own, ranges[g].z);
        }
        atomicMin(least, own);
        barrier();
    }
    if (lane() == 0u) {
        head.key = best[0].x;
        head.id = best[0].y;
        head.least_key = least;
    }
}

// sums[i] = weights of best[0 .. i]; every invocation adds up its own, which is no slower than a tree.
void add_up(uint n) {
    const float largest = logit_of(best[0].x);
    for (uint i = lane(); i < n; i += gl_WorkGroupSize.x) {
        const float logit = logit_of(best[i].x);
        tile[i] = weight(scaled(logit, largest, cut_scale()));
        tile[i + kSampleBest] = weight(scaled(logit, largest, draw_scale()));
    }
    barrier();
    for (uint i = lane(); i < n; i += gl_WorkGroupSize.x) {
        uvec2 cut = uvec2(0u);
        uvec2 drawn = uvec2(0u);
        for (uint j = 0u; j <= i; j++) {
            cut = add64(cut, tile[j]);
            drawn = add64(drawn, tile[j + kSampleBest]);
        }
        cut_sums[i] = cut;
        draw_sums[i] = drawn;
    }
    barrier();
}

// The cuts: top-p, then min-p. Each leaves a prefix of best[0 .. n).
uint cut(uint n) {
    const float largest = logit_of(best[0].x);
    const uvec2 wanted = mul64_high(cut_sums[n - 1u], uvec2(p.top_p_lo, p.top_p_hi));
    for (uint i = lane(); i < n; i += gl_WorkGroupSize.x) {
        const bool beyond_p = p.top_p_on != 0u && i > 0u && !less64(cut_sums[i - 1u], wanted);
        const float x = scaled(logit_of(best[i].x), largest, cut_scale());
        const bool below_min = p.min_p_on != 0u && i > 0u && x < p.log_min_p;
        if (beyond_p || below_min) {
            atomicMin(n_left, i);
        }
    }
    barrier();
    return n_left;
}

struct Drawn {
    uint id;
    float p_final;
};

// The token of best[0 .. n) whose part of the sum the random number falls in.
Drawn draw(uint n) {
    if (FEW == 0u || p.greedy != 0u) {
        return Drawn(best[0].y, 1.0);
    }
    if (lane() == 0u) {
        n_left = n;
        chosen = n;
    }
    add_up(n);
    const uint end = cut(n);
    const uvec2 sum = draw_sums[end - 1u];
    const uvec2 target = mul64_high(sum, uniform64(state.position + 1u));
    for (uint i = lane(); i < end; i += gl_WorkGroupSize.x) {
        if (less64(target, draw_sums[i])) {
            atomicMin(chosen, i);
        }
    }
    barrier();
    const float p_final = exact_div(to_float64(tile[chosen + kSampleBest]), to_float64(sum));
    return Drawn(best[chosen].y, p_final);
}
