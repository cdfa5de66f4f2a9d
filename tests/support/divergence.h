// How far one engine's next-token distributions lie from the reference's.
#pragma once

#include <cstdint>
#include <span>

#include "tests/support/reference_model.h"

namespace support {

/// KL(reference || device) of one next-token distribution, full vocabulary, in double.
double divergence(std::span<const double> reference, std::span<const float> device);

struct Agreement {
    double mean_kl = 0, worst_kl = 0;
    double same_best = 0;  // share of positions with the same most likely token
};

/// Logits [n, vocab] of positions 0 to n - 1 against those of a reference that has run.
Agreement agreement(const Reference64& forward, std::span<const float> device, uint32_t n);

}  // namespace support
