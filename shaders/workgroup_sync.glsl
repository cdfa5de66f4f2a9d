// workgroup_sync.glsl    what was written to shared memory before is there for all after; where the
// workgroup is a single subgroup (ONE_SUBGROUP 1), without the barrier that costs a CPU dear
void workgroup_sync() {
    if (ONE_SUBGROUP == 1u) {
        subgroupMemoryBarrierShared();
        subgroupBarrier();
    } else {
        barrier();
    }
}
