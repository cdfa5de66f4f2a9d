// sample_search.glsl    finding one token by a sum, for sample_search.comp. All invocations of the
// workgroup call these with the same arguments and get the same results.

const uint kEntries = kSampleParts + 1u;  // of prefix sums: entry b is before bin b

shared uint first_low[3u * kEntries];   // over the bins of sample_mass
shared uint first_high[3u * kEntries];
shared uint bin_low[3u * kSampleParts];  // of the narrowing that is going on
shared uint bin_high[3u * kSampleParts];
shared uint step_low[3u * kEntries];
shared uint step_high[3u * kEntries];
shared uint gathered;  // bin whose tokens are in list[0 .. n_list)
shared uint n_list;
shared uint smallest;
shared uint largest_value;
shared uint winner;

void meet() {
    memoryBarrierBuffer();
    barrier();
}

uvec2 max_one(uvec2 a) { return (a.x | a.y) == 0u ? uvec2(1u, 0u) : a; }

Sums sums_of(uvec2 token) {
    const float largest = logit_of(head.key);
    const float logit = logit_of(token.x);
    Sums own;
    own.by[kNumber] = uvec2(1u, 0u);
    own.by[kCut] = weight(scaled(logit, largest, cut_scale()));
    own.by[kDraw] = own.by[kCut];
    if (p.one_scale == 0u) {
        own.by[kDraw] = weight(scaled(logit, largest, draw_scale()));
    }
    return own;
}

// Prefix sums over the bins of all parts.
void add_up_parts() {
    for (uint bin = lane(); bin < kSampleParts; bin += gl_WorkGroupSize.x) {
        uint n = 0u;
        uvec2 cut = uvec2(0u);
        uvec2 drawn = uvec2(0u);
        for (uint part = 0u; part < s.n_parts; part++) {
            const uvec4 own = mass[part * kSampleParts + bin];
            n += own.x;
            cut = add64(cut, own.yz);
            if (p.one_scale == 0u) {
                drawn = add64(drawn, mass[(s.n_parts + part) * kSampleParts + bin].yz);
            }
        }
        drawn = p.one_scale != 0u ? cut : drawn;
        bin_low[bin] = n;
        bin_high[bin] = 0u;
        bin_low[kSampleParts + bin] = cut.x;
        bin_high[kSampleParts + bin] = cut.y;
        bin_low[2u * kSampleParts + bin] = drawn.x;
        bin_high[2u * kSampleParts + bin] = drawn.y;
    }
    if (lane() == 0u) {
        gathered = kNoBin;
    }
    barrier();
    for (uint i = lane(); i < 3u * kEntries; i += gl_WorkGroupSize.x) {
        const uint base = i / kEntries * kSampleParts;
        uvec2 sum = uvec2(0u);
        for (uint bin = 0u; bin < i % kEntries; bin++) {
            sum = add64(sum, uvec2(bin_low[base + bin], bin_high[base + bin]));
        }
        first_low[i] = sum.x;
        first_high[i] = sum.y;
    }
    barrier();
}

Sums before_bin(uint bin) {
    Sums sums;
    for (uint kind = 0u; kind < 3u; kind++) {
        const uint at = kind * kEntries + bin;
        sums.by[kind] = uvec2(first_low[at], first_high[at]);
    }
    return sums;
}

// list = the tokens of this bin, in any order. Groups whose best lies in a later bin have none.
void gather(uint bin) {
    if (gathered == bin) {
        return;
    }
    barrier();
    if (lane() == 0u) {
        gathered = bin;
        n_list = 0u;
    }
    barrier();
    const uint from = least_key(bin);
    const uint size = (bin == 0u ? kKeyInf : least_key(bin - 1u)) - from;
    for (uint g = lane(); g < s.n_groups; g += gl_WorkGroupSize.x) {
        if (ranges[g].x < from) {
            continue;
        }
        for (uint id = group_first(g); id < group_end(g); id += kGroupStep) {
            const vec4 four = penalised_four(id, raw_four(id));
            for (uint i = 0u; i < 4u; i++) {
                const uint key = key_of(four[i]);
                if (key - from < size) {
                    list[atomicAdd(n_list, 1u)] = uvec2(key, id + i);
                }
            }
        }
    }
    meet();
}

// With one temperature the draw's weights are those of the cuts.
uint kind_of(uint kind) { return p.one_scale != 0u ? min(kind, kCut) : kind; }

void add_shared(uint at, uvec2 amount) {
    const uint carry = uint(atomicAdd(bin_low[at], amount.x) > ~amount.x);
    if (amount.y + carry != 0u) {
        atomicAdd(bin_high[at], amount.y + carry);
    }
}

// What the narrowing goes by, smaller first: ~key, and where `same` is a key, the ids of its tokens.
uint value_of(uvec2 token, uint same) { return same == 0u ? ~token.x : token.y; }
bool takes_part(uvec2 token, uint same) { return same == 0u || token.x == same; }

uvec2 value_range(uint same) {
    barrier();
    if (lane() == 0u) {
        smallest = 0xffffffffu;
        largest_value = 0u;
    }
    barrier();
    for (uint i = lane(); i < n_list; i += gl_WorkGroupSize.x) {
        if (takes_part(list[i], same)) {
            atomicMin(smallest, value_of(list[i], same));
            atomicMax(largest_value, value_of(list[i], same));
        }
    }
    barrier();
    return uvec2(smallest, largest_value);
}

// One step: the 256 equal parts of [range.x, range.y], and the one where the target is reached.
// `base` becomes the sums before that part.
uvec2 narrow(uvec2 range, uint same, uint kind, uvec2 target, inout Sums base) {
    const uint width = range.y - range.x;
    const uint shift = width < kSampleParts ? 0u : uint(findMSB(width)) - 7u;
    for (uint i = lane(); i < 3u * kSampleParts; i += gl_WorkGroupSize.x) {
        bin_low[i] = 0u;
        bin_high[i] = 0u;
    }
    if (lane() == 0u) {
        winner = width >> shift;
    }
    barrier();
    for (uint i = lane(); i < n_list; i += gl_WorkGroupSize.x) {
        const uvec2 token = list[i];
        const uint value = value_of(token, same);
        if (takes_part(token, same) && value >= range.x && value <= range.y) {
            const Sums own = sums_of(token);
            const uint bin = (value - range.x) >> shift;
            if (p.top_k != 0u) {
                add_shared(bin, own.by[kNumber]);
            }
            add_shared(kCut * kSampleParts + bin, own.by[kCut]);
            if (p.one_scale == 0u) {
                add_shared(kDraw * kSampleParts + bin, own.by[kDraw]);
            }
        }
    }
    barrier();
    for (uint i = lane(); i < 3u * kEntries; i += gl_WorkGroupSize.x) {
        uvec2 sum = base.by[i / kEntries];
        for (uint bin = 0u; bin < i % kEntries; bin++) {
            const uint at = i / kEntries * kSampleParts + bin;
            sum = add64(sum, uvec2(bin_low[at], bin_high[at]));
        }
        step_low[i] = sum.x;
        step_high[i] = sum.y;
    }
    barrier();
    for (uint bin = lane(); bin < width >> shift; bin += gl_WorkGroupSize.x) {
        const uint at = kind_of(kind) * kEntries + bin + 1u;
        if (!less64(uvec2(step_low[at], step_high[at]), target)) {
            atomicMin(winner, bin);
        }
    }
    barrier();
    const uint bin = winner;
    for (uint k = 0u; k < 3u; k++) {
        const uint at = kind_of(k) * kEntries + bin;
        base.by[k] = uvec2(step_low[at], step_high[at]);
    }
    barrier();
    const uint begin = range.x + (bin << shift);
    return uvec2(begin, begin + min(range.y - begin, (1u << shift) - 1u));
}

// The bin where the sum of this kind reaches the target, 1 <= target <= total.
uint bin_with(uint kind, uvec2 target) {
    uint bin = 0u;
    for (uint half_size = kSampleParts / 2u; half_size > 0u; half_size /= 2u) {
        const uint at = kind * kEntries + bin + half_size;
        bin += less64(uvec2(first_low[at], first_high[at]), target) ? half_size : 0u;
    }
    return bin;
}

// The first gathered token at which the sum of this kind reaches the target; `base`, the sums before
// the bin, becomes those over the token and all before it.
uvec2 narrow_down(uint kind, uvec2 target, inout Sums base) {
    uvec2 token = uvec2(0u);
    for (uint step = 0u; step < 2u; step++) {  // the key, then the id
        uvec2 range = value_range(token.x);
        while (range.x < range.y) {
            range = narrow(range, token.x, kind, target, base);
        }
        token = step == 0u ? uvec2(~range.x, 0u) : uvec2(token.x, range.x);
    }
    const Sums own = sums_of(token);
    for (uint k = 0u; k < 3u; k++) {
        base.by[k] = add64(base.by[k], own.by[k]);
    }
    return token;
}

// The draw's weights of the gathered tokens with this key or a larger one.
uvec2 draw_sum_from(uint key) {
    if (lane() == 0u) {
        bin_low[0] = 0u;
        bin_high[0] = 0u;
    }
    barrier();
    for (uint i = lane(); i < n_list; i += gl_WorkGroupSize.x) {
        if (list[i].x >= key) {
            add_shared(0u, sums_of(list[i]).by[kDraw]);
        }
    }
    barrier();
    return uvec2(bin_low[0], bin_high[0]);
}
