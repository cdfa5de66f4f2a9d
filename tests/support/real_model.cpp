#include "tests/support/real_model.h"

#include <cstdlib>
#include <fstream>
#include <limits>

#include <nlohmann/json.hpp>

#include "gpu/base.h"

namespace support {

std::optional<std::string> real_model_path() {
    const char* path = std::getenv("LAPIDARY_MODEL");
    return path != nullptr && *path != 0 ? std::optional<std::string>(path) : std::nullopt;
}

bool full_run() {
    const char* full = std::getenv("LAPIDARY_FULL");
    return full != nullptr && *full != 0;
}

std::vector<GoldenText> golden_texts() {
    std::ifstream in("tests/golden/gemma3-270m.json");
    CHECK(in.good(), "tests run in the repository root");
    std::vector<GoldenText> texts;
    for (const nlohmann::json& entry : nlohmann::json::parse(in)) {
        GoldenText& text = texts.emplace_back();
        text.name = entry.at("name");
        text.text = entry.at("text");
        text.tokens = entry.at("tokens").get<std::vector<uint32_t>>();
        for (const nlohmann::json& value : entry.at("logprob")) {
            text.logprob.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                                   : value.get<double>());
        }
        text.last_top = entry.at("last_top").get<std::vector<std::pair<uint32_t, double>>>();
        text.greedy = entry.at("greedy").get<std::vector<uint32_t>>();
        text.greedy_margin = entry.at("greedy_margin").get<std::vector<double>>();
    }
    return texts;
}

GoldenText golden_text(const std::string& name) {
    for (GoldenText& text : golden_texts()) {
        if (text.name == name) {
            return std::move(text);
        }
    }
    CHECK(false, "no golden text {}", name);
}

}  // namespace support
