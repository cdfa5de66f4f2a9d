// How many invocations of a GPU share a row of a matrix.
#include "model/ops/teams.h"
#include "model/session.h"

#include <bit>

#include <catch2/catch_test_macros.hpp>

using model::ops::best_lanes;
using model::ops::gpu_lanes;

TEST_CASE("lanes of a GPU: many while the matrix is small, none idle once it is large") {
    // Rows of 1,152 numbers: 4 lanes with 9 reads each leave none idle, and left most of an H100
    // so.
    constexpr uint32_t kSubs = 1152 / 32;
    CHECK(best_lanes(32, kSubs) == 4);
    CHECK(gpu_lanes(32, kSubs, 1152) == 32);
    CHECK(gpu_lanes(32, kSubs, 262'144 / 2) == 4);  // the head: everything is busy as it is
}

TEST_CASE("lanes of a GPU are a power of two within the subgroup") {
    for (const uint32_t subgroup : {1u, 2u, 8u, 32u, 64u}) {
        for (const uint32_t subs : {1u, 5u, 20u, 36u, 168u, 672u}) {
            for (const uint64_t n_tiles : {1ull, 128ull, 5376ull, 1ull << 20}) {
                CAPTURE(subgroup, subs, n_tiles);
                const uint32_t lanes = gpu_lanes(subgroup, subs, n_tiles);
                CHECK(std::has_single_bit(lanes));
                CHECK(lanes <= subgroup);
            }
        }
    }
}

TEST_CASE("a prompt's chunk is larger on a GPU with memory of its own") {
    gpu::DeviceInfo device;
    device.type = gpu::DeviceType::discrete;
    CHECK(model::default_chunk(device) == model::kLargestChunk);
    for (const gpu::DeviceType type : {gpu::DeviceType::integrated, gpu::DeviceType::cpu}) {
        device.type = type;
        CHECK(model::default_chunk(device) == model::kDefaultChunk);
    }
}
