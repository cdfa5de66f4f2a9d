#include "app/ui/widgets/token_coloring.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "app/ui/widgets/format.h"

namespace app::ui {

size_t rank_bucket(int32_t rank_from_0) {
    return rank_from_0 < 10 ? 0 : rank_from_0 < 100 ? 1 : rank_from_0 < 1000 ? 2 : 3;
}

const ColoringLegend& legend_of(TokenColoring coloring) {
    static constexpr std::array<ColoringLegend, kTokenColorings> kLegends{{
        {"Surprise", "Surprise, −ln p", "0", "8 nats", TokenTone::surprise},
        {"Probability", "Probability, p", "0", "100 %", TokenTone::probability},
        {"Entropy", "Entropy, −Σ p ln p", "0", "8 nats", TokenTone::entropy},
        {"Rank", "Rank in the vocabulary", "1", "above 1,000", TokenTone::surprise, true},
    }};
    return kLegends[size_t(coloring)];
}

TokenShade shade_of(const TokenInfo& token, TokenColoring coloring) {
    if (token.rank < 0 || std::isnan(token.logprob)) {
        return {};
    }
    const auto shade = [](double value, double x) {
        return TokenShade{value, std::clamp(float(x), 0.0f, 1.0f)};
    };
    switch (coloring) {
        case TokenColoring::surprise:
            return shade(-double(token.logprob), -double(token.logprob) / double(kMostNats));
        case TokenColoring::probability:
            return shade(std::exp(double(token.logprob)), std::exp(double(token.logprob)));
        case TokenColoring::entropy:
            return shade(double(token.entropy), double(token.entropy) / double(kMostNats));
        case TokenColoring::rank:
            break;
    }
    const size_t bucket = rank_bucket(token.rank);
    return shade(double(bucket), double(bucket) / double(kRankBuckets - 1));
}

std::string shade_words(const TokenInfo& token, TokenColoring coloring) {
    const TokenShade shade = shade_of(token, coloring);
    if (!shade.value) {
        return "no prediction";
    }
    switch (coloring) {
        case TokenColoring::surprise:
            return fmt::format("surprise {} nats", fixed(*shade.value, 2));
        case TokenColoring::probability:
            return "probability " + percent(*shade.value);
        case TokenColoring::entropy:
            return fmt::format("entropy {} nats", fixed(*shade.value, 2));
        case TokenColoring::rank:
            break;
    }
    return fmt::format("rank {}", thousands(uint64_t(token.rank) + 1));
}

TextScore score_of(std::span<const TokenInfo> tokens) {
    TextScore score;
    for (const TokenInfo& token : tokens) {
        if (token.rank >= 0) {
            ++score.n_scored;
            score.nll -= double(token.logprob);
        }
    }
    score.perplexity = score.n_scored > 0 ? std::exp(score.nll / double(score.n_scored))
                                          : std::numeric_limits<double>::quiet_NaN();
    return score;
}

}  // namespace app::ui
