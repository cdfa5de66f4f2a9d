// HazardTracker against an oracle that remembers every byte.
#include "gpu/hazards.h"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <random>
#include <vector>

using gpu::Access;
using gpu::HazardTracker;

namespace {

constexpr uint64_t kBuffers = 3;
constexpr uint64_t kBytes = 48;

/// Who touched each byte since the last barrier.
struct Oracle {
    std::array<std::array<bool, kBytes>, kBuffers> read{}, written{};

    bool must_wait(const std::vector<Access>& accesses) const {
        for (const Access& access : accesses) {
            for (uint64_t at = access.begin; at < access.end; ++at) {
                if (written[access.buffer][at] || (access.write && read[access.buffer][at])) {
                    return true;
                }
            }
        }
        return false;
    }
    void remember(const std::vector<Access>& accesses) {
        for (const Access& access : accesses) {
            for (uint64_t at = access.begin; at < access.end; ++at) {
                (access.write ? written : read)[access.buffer][at] = true;
            }
        }
    }
};

std::vector<Access> random_accesses(std::mt19937& random) {
    std::vector<Access> accesses(1 + random() % 4);
    for (Access& access : accesses) {
        access.buffer = random() % kBuffers;
        access.begin = random() % kBytes;
        access.end = access.begin + 1 + random() % std::min<uint64_t>(8, kBytes - access.begin);
        access.write = random() % 3 == 0;
    }
    return accesses;
}

const Access kReadA{.buffer = 1, .begin = 0, .end = 16, .write = false};
const Access kWriteA{.buffer = 1, .begin = 0, .end = 16, .write = true};
const Access kReadB{.buffer = 2, .begin = 0, .end = 16, .write = false};
const Access kWriteB{.buffer = 2, .begin = 0, .end = 16, .write = true};

}  // namespace

TEST_CASE("hazards: ping-pong of four takes three barriers") {
    HazardTracker tracker;
    const std::array forth{kReadA, kWriteB};
    const std::array back{kReadB, kWriteA};
    CHECK_FALSE(tracker.needs_barrier(forth));
    CHECK(tracker.needs_barrier(back));
    CHECK(tracker.needs_barrier(forth));
    CHECK(tracker.needs_barrier(back));
}

TEST_CASE("hazards: readers do not wait for readers") {
    HazardTracker tracker;
    CHECK_FALSE(tracker.needs_barrier(std::array{kReadA}));
    CHECK_FALSE(tracker.needs_barrier(std::array{kReadA, kReadB}));
    CHECK(tracker.needs_barrier(std::array{kWriteA}));
}

TEST_CASE("hazards: neighbours in one buffer do not touch") {
    HazardTracker tracker;
    for (uint64_t i = 0; i < 1000; ++i) {
        const Access part{.buffer = 1, .begin = 16 * i, .end = 16 * i + 16, .write = true};
        REQUIRE_FALSE(tracker.needs_barrier(std::array{part}));
    }
    const Access last{.buffer = 1, .begin = 15999, .end = 16000, .write = false};
    CHECK(tracker.needs_barrier(std::array{last}));
}

TEST_CASE("hazards: one dispatch may read and write the same bytes") {
    HazardTracker tracker;
    CHECK_FALSE(tracker.needs_barrier(std::array{kReadA, kWriteA}));
    CHECK(tracker.needs_barrier(std::array{kReadA, kWriteA}));
}

TEST_CASE("hazards: reset forgets") {
    HazardTracker tracker;
    CHECK_FALSE(tracker.needs_barrier(std::array{kWriteA}));
    tracker.reset();
    CHECK_FALSE(tracker.needs_barrier(std::array{kReadA}));
}

TEST_CASE("hazards: exactly the barriers of the oracle, 200,000 random dispatches") {
    std::mt19937 random(20251125);
    size_t n_barriers = 0;
    for (int list = 0; list < 4000; ++list) {
        HazardTracker tracker;
        Oracle oracle;
        for (int i = 0; i < 50; ++i) {
            const std::vector<Access> accesses = random_accesses(random);
            const bool expected = oracle.must_wait(accesses);
            REQUIRE(tracker.needs_barrier(accesses) == expected);
            if (expected) {
                oracle = {};
                ++n_barriers;
            }
            oracle.remember(accesses);
        }
    }
    CHECK(n_barriers > 10'000);  // the lists are dense enough to mean something
}
