// The golden tiny models, and texts for them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/random.h"

namespace support {

/// "tiny-gemma3": its file.
inline std::string tiny_path(const std::string& name) {
    return "tests/golden/" + name + ".gguf";
}

/// n ids that every tiny model has.
inline std::vector<uint32_t> random_tokens(uint32_t n, uint64_t seed) {
    Random random(seed);
    std::vector<uint32_t> tokens(n);
    for (uint32_t& token : tokens) {
        token = static_cast<uint32_t>(random.below(420));
    }
    return tokens;
}

}  // namespace support
