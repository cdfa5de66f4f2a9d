// What the background of a token tells: surprise, probability, entropy or rank, with the unit of
// its legend; and the score of a whole text. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "app/engine/messages.h"
#include "app/ui/widgets/theme.h"

namespace app::ui {

enum class TokenColoring : uint8_t { surprise, probability, entropy, rank };
constexpr size_t kTokenColorings = 4;

/// Nats at the end of the scale; more has the last colour.
constexpr float kMostNats = 8;
/// Ranks from 1: 1-10, 11-100, 101-1,000, above (GLTR's).
constexpr size_t kRankBuckets = 4;
size_t rank_bucket(int32_t rank_from_0);

struct ColoringLegend {
    std::string_view name;       // for menus: "Surprise"
    std::string_view title;      // with its formula: "Surprise, −ln p"
    std::string_view low, high;  // the ends of the ramp; the last one with the unit
    TokenTone tone;
    bool steps = false;  // four buckets instead of a ramp: kRankNames
};
const ColoringLegend& legend_of(TokenColoring coloring);
constexpr std::array<std::string_view, kRankBuckets> kRankNames = {"1–10", "11–100", "101–1,000",
                                                                   "above"};

struct TokenShade {
    std::optional<double> value;  // nats, 0..1, nats, bucket; nothing: no prediction
    float x = 0;                  // 0..1 of the scale
};
TokenShade shade_of(const TokenInfo& token, TokenColoring coloring);
/// "no prediction" for the first token; what the shade shows in words otherwise.
std::string shade_words(const TokenInfo& token, TokenColoring coloring);

/// Of the tokens that have a prediction, as `lapidary score` prints it.
struct TextScore {
    size_t n_scored = 0;
    double nll = 0;         // sum of -ln p, nats
    double perplexity = 0;  // exp(nll / n_scored); NaN: nothing is scored
};
TextScore score_of(std::span<const TokenInfo> tokens);

}  // namespace app::ui
