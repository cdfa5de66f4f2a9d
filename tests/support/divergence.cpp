#include "tests/support/divergence.h"
#include "tests/support/worst.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace support {

double divergence(std::span<const double> reference, std::span<const float> device) {
    const double log_reference = -log_probability(reference, 0) + reference[0];
    const double log_device = -log_probability(device, 0) + static_cast<double>(device[0]);
    double sum = 0;
    for (size_t i = 0; i < reference.size(); ++i) {
        const double p = reference[i] - log_reference;
        sum += std::exp(p) * (p - (static_cast<double>(device[i]) - log_device));
    }
    return sum;
}

Agreement agreement(const Reference64& forward, std::span<const float> device, uint32_t n) {
    const size_t vocab = device.size() / n;
    Agreement all;
    constexpr uint32_t kRows = 32;
    for (uint32_t begin = 0; begin < n; begin += kRows) {
        const uint32_t rows = std::min(kRows, n - begin);
        const std::vector<double> logits = forward.logits(begin, rows);
        for (uint32_t r = 0; r < rows; ++r) {
            const auto reference = std::span(logits).subspan(r * vocab, vocab);
            const auto row = device.subspan((begin + r) * vocab, vocab);
            const double kl = divergence(reference, row);
            all.mean_kl += kl / n;
            widen(all.worst_kl, kl);
            const auto best = [](const auto& values) {
                return std::max_element(values.begin(), values.end()) - values.begin();
            };
            all.same_best += (best(reference) == best(row) ? 1.0 : 0.0) / n;
        }
    }
    return all;
}

}  // namespace support
