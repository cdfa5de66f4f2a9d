// One number for a whole evaluation: if two runs print the same, they computed the same bits.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace model {

/// Rows whose logits enter the hash: i * (n - 1) / 7 rounded down, i = 0..7. With fewer than eight
/// positions some rows come twice.
std::array<uint32_t, 8> score_hash_rows(uint32_t n_positions);

/// XXH64 with seed 0 over, as one stream of little-endian f32: resid_post of the last layer, row by
/// row [n_positions, hidden], then the eight rows of logits [8, vocab] in the order of
/// score_hash_rows. `logits` holds those eight rows.
uint64_t score_hash(std::span<const float> last_resid_post, std::span<const float> logits);

}  // namespace model
