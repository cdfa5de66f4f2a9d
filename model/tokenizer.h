// Tokenizer: text <-> token ids, over the sentencepiece library (spec 6). Immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "model/source.h"

namespace model {

using TokenId = int32_t;

enum class TokenKind : uint8_t { normal, unknown, control, user_defined, unused, byte };

class Tokenizer {
public:
    /// Builds the sentencepiece model by writing its ModelProto (spec 6.4), with the piece fix-ups
    /// of the spec. Ids at or above config.vocab_size are kept for display only. Any vocabulary
    /// must be able to tokenize any text (make_vocabulary says what that takes); small ones of test
    /// models are no exception.
    /// Throws base::Error(model) on data that is no Gemma tokenizer (reliability.md B9-B11, D7).
    Tokenizer(const TokenizerData& data, const Config& config);
    ~Tokenizer();
    Tokenizer(Tokenizer&&) noexcept;
    Tokenizer& operator=(Tokenizer&&) noexcept;
    Tokenizer(const Tokenizer&) = delete;
    Tokenizer& operator=(const Tokenizer&) = delete;

    uint32_t vocab_size() const;

    /// Plain text to ids. Never yields a control token, never adds BOS. Invalid UTF-8 becomes
    /// bytes. Throws base::Error(usage) for a text above 16 MiB. Safe to call from several threads.
    std::vector<TokenId> encode(std::string_view text) const;
    /// As encode, but texts of control tokens become their ids (leftmost, longest match).
    std::vector<TokenId> encode_special(std::string_view text) const;

    // The functions of an id throw base::Error(usage) for one that is not in the vocabulary.

    /// Exact bytes of one token: control and unknown tokens give none.
    std::string_view bytes(TokenId id) const;
    /// Bytes of a sequence, concatenated; the inverse of encode, except that a "▁" in the text
    /// comes back as a space. May hold invalid UTF-8.
    std::string decode(const std::vector<TokenId>& ids) const;
    /// The piece as the vocabulary writes it: "▁hello", "<0xE2>", "<end_of_turn>".
    const std::string& piece(TokenId id) const;
    /// For lists: "·hello", runs as "↵×3", "·×12", "⇥×2", bytes as "<0xE2>", control tokens as they
    /// are, characters without a picture as "<U+200D>".
    std::string display(TokenId id) const;
    TokenKind kind(TokenId id) const;
    /// Id of a piece by its exact vocabulary text.
    std::optional<TokenId> find(std::string_view piece) const;

    TokenId bos() const;
    TokenId eos() const;
    std::optional<TokenId> start_of_turn() const;
    std::optional<TokenId> end_of_turn() const;
    /// True when the turn markers exist as tokens and the file carries a turn template, or it is
    /// the kind of file whose template may be assumed. False: a base model.
    bool has_turn_template() const;
    /// Ids that end an answer: eos, end_of_turn, start_of_turn where they exist, and the file's
    /// own.
    const std::vector<TokenId>& stop_ids() const;
    bool is_stop(TokenId id) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Whole UTF-8 out of a stream of tokens: at most 3 bytes of an incomplete character are held back
/// (spec 6.6). Each byte that belongs to no character becomes U+FFFD: at once when it is
/// impossible, else when a token that is no byte follows.
class StreamDecoder {
public:
    explicit StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}
    /// Text that became complete with this token; may be empty.
    std::string push(TokenId id);
    /// What is left, with U+FFFD for an incomplete character.
    std::string flush();

private:
    const Tokenizer* tokenizer_;
    std::string pending_;
};

}  // namespace model
