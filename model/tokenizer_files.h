// Tokenizer files (spec 4.5, 6): tokenizer.model, tokenizer.json and generation_config.json into
// TokenizerData. No foreign bytes reach the sentencepiece library.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "model/limits.h"
#include "model/source.h"

namespace model {

/// A sentencepiece ModelProto. `name` is the file's, for messages.
TokenizerData parse_tokenizer_model(std::span<const std::byte> bytes, const std::string& name,
                                    const Limits& limits = {});

/// A Hugging Face tokenizer.json with a BPE model. Scores come from fill_scores().
TokenizerData parse_tokenizer_json(std::string_view text, const std::string& name,
                                   const Limits& limits = {});

/// generation_config.json: adds its eos ids to the stop ids, returns its sampling values.
SamplingHints parse_generation_config(TokenizerData& tokenizer, std::string_view text,
                                      const std::string& name, const Limits& limits = {});

/// What every source must fulfil: pieces, unique and not empty; one score and type each, if any;
/// 256 byte pieces; an unknown piece; ids inside the vocabulary.
void check_tokenizer(const TokenizerData& data, const std::string& name, const Limits& limits = {});

/// Where a file has no scores: minus the distance to the first learned piece, which gives the same
/// merges for Gemma (spec 6.4).
void fill_scores(TokenizerData& data);

/// Value of "<0xAF>": two upper-case hex digits and nothing else.
std::optional<uint8_t> byte_of_piece(std::string_view piece);

}  // namespace model
