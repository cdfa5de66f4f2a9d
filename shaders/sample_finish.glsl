// sample_finish.glsl    the end of a draw: the token's rank, the record, the step's state. For
// sample_select and sample_search, whose bindings have the same numbers.

shared uint ahead;  // tokens before the drawn one in the raw distribution

// Counts them, for all invocations of the workgroup. Groups whose best is not ahead hold none.
void count_ahead(uvec2 own) {
    if (gl_LocalInvocationID.x == 0u) {
        ahead = 0u;
    }
    barrier();
    for (uint g = gl_LocalInvocationID.x; g < s.n_groups; g += gl_WorkGroupSize.x) {
        if (!before(groups[g].xy, own)) {
            continue;
        }
        uint n = 0u;
        for (uint id = group_first(g); id < group_end(g); id += kGroupStep) {
            const vec4 four = raw_four(id);
            for (uint i = 0u; i < 4u; i++) {
                n += uint(before(uvec2(key_of(four[i]), id + i), own));
            }
        }
        atomicAdd(ahead, n);
    }
    barrier();
}

void write_record(uint status, uvec2 own, float p_final) {
    const uint slot = state.step % kSampleSlots;
    const float largest = logit_of(head.raw_key);
    const float log_sum = exact_log(head.sum);
    precise float distance = logit_of(own.x) - largest;
    precise float logprob = distance - log_sum;
    precise float entropy = log_sum - exact_div(head.weighted, head.sum);
    precise float log_sum_exp = largest + log_sum;
    ring[slot].status = status;
    ring[slot].step = state.step;
    ring[slot].position = state.position + 1u;
    ring[slot].id = own.y;
    ring[slot].p_final = p_final;
    ring[slot].logprob = logprob;
    ring[slot].rank = ahead;
    ring[slot].entropy = entropy;
    ring[slot].log_sum_exp = log_sum_exp;
    ring[slot].n_top = head.n_raw;
    for (uint i = 0u; i < head.n_raw; i++) {
        precise float log_p = logit_of(head.raw_best[2u * i]) - largest;
        log_p = log_p - log_sum;
        ring[slot].top_ids[i] = head.raw_best[2u * i + 1u];
        ring[slot].top_logprobs[i] = log_p;
    }
}

// The token is drawn; all invocations come here with the same arguments. With invalid logits the
// step goes on with the token it has: the host throws when it reads the record.
void finish(uint status, uint id, float p_final) {
    if (status == kSampleFine) {
        count_ahead(uvec2(key_of(logits[id]), id));
    }
    if (gl_LocalInvocationID.x != 0u) {
        return;
    }
    const uint position = state.position + 1u;
    if (status == kSampleFine) {
        write_record(status, uvec2(key_of(logits[id]), id), p_final);
        state.token = id;
    } else {
        ring[state.step % kSampleSlots].status = status;
        ring[state.step % kSampleSlots].step = state.step;
        ring[state.step % kSampleSlots].position = position;
    }
    if (position < s.n_ctx) {
        history[position] = state.token;
    }
    state.position = position;
    state.step = state.step + 1u;
}
