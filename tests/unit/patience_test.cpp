// When a wait for a device ends: by the clock on a GPU, by the process's own time on a CPU device.
#include "gpu/patience.h"

#include "tests/support/catch.h"

TEST_CASE("patience: a GPU is given up by the clock") {
    const gpu::Patience gpu{.seconds = 20, .counts_own_time = false};
    CHECK(gpu.ends(20, 0));
    CHECK(gpu.ends(20, 40));
}

// Bug: a first start on a busy machine was told that the device hangs after 9 s of its own time.
TEST_CASE("patience: a CPU device has as long as it computes, and not for ever") {
    const gpu::Patience cpu{.seconds = 60, .counts_own_time = true};
    CHECK_FALSE(cpu.ends(60, 9));
    CHECK_FALSE(cpu.ends(600, 59));
    CHECK(cpu.ends(61, 60));
    CHECK(cpu.ends(1800, 0));
}
