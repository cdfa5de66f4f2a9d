// teams.glsl    a team: LANES neighbouring invocations of one subgroup that share a piece of work
//
// Needs: LANES (a power of two, at most a subgroup) and WHOLE (1: a team is a whole subgroup).
uint team_lane() { return gl_SubgroupInvocationID % LANES; }
uint team() {
    return gl_SubgroupID * (gl_SubgroupSize / LANES) + gl_SubgroupInvocationID / LANES;
}
uint n_teams() { return gl_WorkGroupSize.x / LANES; }

float team_sum(float v) {
    if (WHOLE == 1u) {
        return subgroupAdd(v);
    }
    [[unroll]] for (uint mask = LANES / 2u; mask > 0u; mask /= 2u) {
        v += subgroupShuffleXor(v, mask);
    }
    return v;
}
