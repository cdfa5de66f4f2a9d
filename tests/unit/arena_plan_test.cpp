// Where an arena puts its ranges, and how much memory that takes, without a device.
#include "gpu/buffer.h"

#include "gpu/sizes.h"
#include "model/kv_cache.h"
#include "tests/support/catch.h"
#include "tests/support/model_writer.h"

#include <algorithm>
#include <numeric>
#include <vector>

using gpu::ArenaPlan;

namespace {

constexpr uint64_t kAlignment = 64;

struct Laid {
    uint64_t n_blocks = 0, bytes = 0;
    uint64_t largest_block = 0;
};

/// Adds all ranges; every one must lie in its block, aligned, behind the one before.
Laid lay(ArenaPlan plan, const std::vector<uint64_t>& sizes) {
    Laid laid;
    uint64_t block_bytes = 0, end = 0;
    for (const uint64_t size : sizes) {
        const ArenaPlan::Place place = plan.add(size);
        if (place.new_block) {
            block_bytes = place.block_bytes;
            end = 0;
            ++laid.n_blocks;
            laid.largest_block = std::max(laid.largest_block, block_bytes);
        }
        CHECK(place.offset % kAlignment == 0);
        CHECK(place.offset >= end);
        end = place.offset + size;
        CHECK(end <= block_bytes);
    }
    laid.bytes = plan.bytes();
    return laid;
}

}  // namespace

TEST_CASE("arena plan: blocks of a given size, or as large as one range") {
    const std::vector<uint64_t> sizes{600, 300, 100, 5000, 1};
    const Laid laid = lay(ArenaPlan(1024, kAlignment), sizes);
    // 600 at 0, 300 at 640; 100; 5000; 1
    CHECK(laid.n_blocks == 4);
    CHECK(laid.bytes == 1024 + 1024 + 5008 + 1024);
}

TEST_CASE("arena plan: of known ranges, nothing is lost behind a block's last one") {
    const std::vector<uint64_t> sizes{640, 320, 128, 5120, 64, 64};
    const Laid laid = lay(ArenaPlan(sizes, 1024, kAlignment), sizes);
    CHECK(laid.n_blocks == 4);
    CHECK(laid.bytes == std::accumulate(sizes.begin(), sizes.end(), uint64_t{0}));

    // Slightly more than one block took two whole ones.
    const std::vector<uint64_t> even(9, 128);
    CHECK(lay(ArenaPlan(1024, kAlignment), even).bytes == 2 * 1024);
    CHECK(lay(ArenaPlan(even, 1024, kAlignment), even).bytes == 9 * 128);
}

TEST_CASE("arena plan: a cache takes its planes' bytes, whatever the size of a block") {
    const model::Config config =
        support::tiny_config(model::Architecture::gemma3, {.hidden_size = 256, .head_dim = 64});
    model::KvCacheOptions options{.n_ctx = 4096, .n_ubatch = 64};
    options.block_bytes = uint64_t{1} << 40;
    const uint64_t planes = model::KvCache::bytes_for(config, options);
    REQUIRE(planes > 0);
    for (const uint64_t block_bytes : {1u, 64u << 10, 100'000u, 1u << 20}) {
        CAPTURE(block_bytes);
        options.block_bytes = block_bytes;
        CHECK(model::KvCache::bytes_for(config, options) == planes);
    }
}
