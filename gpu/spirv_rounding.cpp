#include "gpu/spirv_rounding.h"

#include "gpu/base.h"

namespace gpu {

namespace {

// Numbers of the SPIR-V specification.
constexpr uint32_t kHeaderWords = 5;
constexpr uint32_t kOpEntryPoint = 15;
constexpr uint32_t kOpExecutionMode = 16;
constexpr uint32_t kOpCapability = 17;
constexpr uint32_t kCapabilityRoundingModeRte = 4467;
constexpr uint32_t kModeRoundingModeRte = 4462;

uint32_t instruction(uint32_t opcode, uint32_t n_words) {
    return (n_words << 16) | opcode;
}

}  // namespace

std::vector<uint32_t> with_round_to_nearest(std::span<const uint32_t> words) {
    std::vector<uint32_t> out(words.begin(), words.begin() + kHeaderWords);
    out.insert(out.end(), {instruction(kOpCapability, 2), kCapabilityRoundingModeRte});
    for (size_t at = kHeaderWords; at < words.size();) {
        const uint32_t opcode = words[at] & 0xffff;
        const uint32_t n_words = words[at] >> 16;
        CHECK(n_words > 0 && at + n_words <= words.size(), "instruction at word {}", at);
        const std::span<const uint32_t> whole = words.subspan(at, n_words);
        out.insert(out.end(), whole.begin(), whole.end());
        if (opcode == kOpEntryPoint) {
            const uint32_t entry_point = whole[2];
            out.insert(out.end(), {instruction(kOpExecutionMode, 4), entry_point,
                                   kModeRoundingModeRte, /* width */ 32});
        }
        at += n_words;
    }
    return out;
}

}  // namespace gpu
