#include "model/score_hash.h"

#include "gpu/base.h"

#include <xxhash.h>

#include <bit>

namespace model {

static_assert(std::endian::native == std::endian::little, "the hash is of little-endian floats");

std::array<uint32_t, 8> score_hash_rows(uint32_t n_positions) {
    CHECK(n_positions > 0);
    std::array<uint32_t, 8> rows{};
    for (uint64_t i = 0; i < 8; ++i) {
        rows[i] = uint32_t(i * (uint64_t{n_positions} - 1) / 7);
    }
    return rows;
}

uint64_t score_hash(std::span<const float> last_resid_post, std::span<const float> logits) {
    XXH64_state_t state;
    XXH64_reset(&state, 0);
    XXH64_update(&state, last_resid_post.data(), last_resid_post.size_bytes());
    XXH64_update(&state, logits.data(), logits.size_bytes());
    return XXH64_digest(&state);
}

}  // namespace model
