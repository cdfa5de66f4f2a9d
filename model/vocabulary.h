// From what a file says of its tokenizer to the vocabulary that takes part in tokenizing
// (spec 6.4).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/source.h"
#include "model/tokenizer.h"

namespace model {

/// Which of Gemma's fixed id layouts (spec 6.2) a vocabulary has; `other`: small vocabularies of
/// demonstration and test models, whose special tokens are known by their text alone.
enum class VocabularyLayout : uint8_t { other, gemma_1_2, gemma_3 };

/// The vocabulary that takes part in tokenizing: the ids below vocab_size, fixed up and checked.
struct Vocabulary {
    VocabularyLayout layout = VocabularyLayout::other;
    std::vector<std::string> pieces;
    std::vector<float> scores;
    std::vector<TokenKind> kinds;
    std::array<TokenId, 256> byte_ids{};
    TokenId bos = -1, eos = -1, unk = -1;
    TokenId pad = -1;  // -1: none
};

/// Applies the fix-ups of spec 6.4 and checks the result. Every vocabulary must be one that can
/// tokenize any text: all 256 byte tokens exactly once, "▁", <unk>, begin and end of text, and
/// pieces that are unique UTF-8 of 1 to 512 bytes. There is no half-working tokenizer: anything
/// else throws base::Error(model) naming the token.
Vocabulary make_vocabulary(const TokenizerData& data, const Config& config);

}  // namespace model
