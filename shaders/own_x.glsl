// own_x.glsl    the sub-blocks of one row of x that a lane needs, kept to itself where they are few
//
// A CPU reads its own stack far quicker than shared memory or a buffer. The loop over a lane's sub-blocks
// (row_tile.glsl) is then written out, so that every index is known.
//
// Needs: COLS, LANES, WHOLE, FIXED, and ONE_SUBGROUP (1: the workgroup is a single subgroup).
const uint kSteps = (COLS / kBlock + LANES - 1u) / LANES;
const uint kMostOwnSteps = 4u;  // longer code than that no longer fits a CPU's instruction cache
const bool kOwn = FIXED == 1u && ONE_SUBGROUP == 1u && WHOLE == 1u && kSteps <= kMostOwnSteps;
uvec4 own_x[kOwn ? 4u * kSteps : 1u];
float own_scale[kOwn ? kSteps : 1u];

// Sub-block of a lane's step; past the row's end the last one, whose x counts as zero there.
uint own_block(uint step) { return min(step * LANES + gl_SubgroupInvocationID, COLS / kBlock - 1u); }
bool own_inside(uint step) { return step * LANES + gl_SubgroupInvocationID < COLS / kBlock; }
