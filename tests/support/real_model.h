// The real Gemma 3 270M (tests/fetch_model) and its golden texts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace support {

/// $LAPIDARY_MODEL, or nothing: then the test SKIPs with kNoRealModel as its reason.
std::optional<std::string> real_model_path();
inline constexpr const char* kNoRealModel =
    "LAPIDARY_MODEL is not set to the real Gemma 3 270M (tests/fetch_model prints its path)";

/// True under tests/run --full (LAPIDARY_FULL is set): long texts and long products too.
bool full_run();
inline constexpr const char* kOnlyFull = "only in the full run (tests/run --full)";

/// One text of tests/golden/gemma3-270m.json.
struct GoldenText {
    std::string name, text;
    std::vector<uint32_t> tokens;
    std::vector<double> logprob;  // of each token; NaN for the first
    std::vector<std::pair<uint32_t, double>> last_top;
    std::vector<uint32_t> greedy;
    std::vector<double> greedy_margin;  // nats over the second choice
};
std::vector<GoldenText> golden_texts();
/// CHECKs that it exists.
GoldenText golden_text(const std::string& name);

}  // namespace support
