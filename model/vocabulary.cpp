// The fix-ups of spec 6.4 and what the tokenizer needs of a vocabulary. The readers have checked
// already that the file is whole (tokenizer_check.cpp); this does not rely on it, because
// TokenizerData may come from elsewhere. The rules on lengths, nesting, spaces and control tokens
// are the library's and stand only here.
#include "model/vocabulary.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "gpu/base.h"
#include "model/limits.h"
#include "model/tokenizer_files.h"
#include "model/utf8.h"

namespace model {
namespace {

constexpr size_t kGemma12Size = 256'000;
constexpr size_t kGemma3Size = 262'144;  // ids from here on are not part of the BPE vocabulary
constexpr size_t kMaxTokens = Limits{}.n_pieces;
constexpr size_t kMaxPieceBytes = 512;  // Gemma's longest has 93: a run of 31 spaces
// The library looks up user-defined tokens in an array of fixed size (64) that it does not check.
// Gemma nests 31 deep: runs of 1 to 31 newlines.
constexpr size_t kMaxNestedUserDefined = 32;

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
    throw base::Error(base::ErrorKind::model,
                      "tokenizer: " + fmt::format(format, std::forward<Args>(args)...),
                      "The file is damaged or does not hold a Gemma tokenizer.");
}

void check_sizes(const TokenizerData& data) {
    const size_t n = data.pieces.size();
    if (n == 0) {
        refuse("there are no tokens");
    }
    if (n > kMaxTokens) {
        refuse("{} tokens, at most {} are possible", n, kMaxTokens);
    }
    if (!data.scores.empty() && data.scores.size() != n) {
        refuse("{} tokens but {} scores", n, data.scores.size());
    }
    if (!data.types.empty() && data.types.size() != n) {
        refuse("{} tokens but {} token types", n, data.types.size());
    }
}

TokenKind kind_of_type(int32_t type, size_t id) {
    if (type < 1 || type > 6) {
        refuse("token {} has type {}, expected 1 to 6", id, type);
    }
    return static_cast<TokenKind>(type - 1);
}

VocabularyLayout find_layout(const std::vector<std::string>& pieces) {
    const auto turns_at = [&](size_t id) {
        return pieces[id] == "<start_of_turn>" && pieces[id + 1] == "<end_of_turn>";
    };
    if (pieces.size() == kGemma12Size && turns_at(106)) {
        return VocabularyLayout::gemma_1_2;
    }
    if (pieces.size() == kGemma3Size && turns_at(105)) {
        return VocabularyLayout::gemma_3;
    }
    return VocabularyLayout::other;
}

std::string with_space_marks(std::string_view piece) {
    std::string out;
    for (const char c : piece) {
        if (c == ' ') {
            out += kSpaceMark;
        } else {
            out += c;
        }
    }
    return out;
}

// Files name as NORMAL what sentencepiece must match before it merges (spec 6.4, fix-up 3).
void force_user_defined(Vocabulary& vocabulary) {
    struct IdRange {
        size_t first, last;
    };
    std::vector<IdRange> ranges;
    if (vocabulary.layout == VocabularyLayout::gemma_1_2) {
        ranges = {{4, 105}, {108, 216}, {255'968, 255'999}};
    } else if (vocabulary.layout == VocabularyLayout::gemma_3) {
        ranges = {{4, 104}, {107, 237}, {255'968, 255'998}, {256'001, 262'143}};
    }
    for (const IdRange& range : ranges) {
        for (size_t id = range.first; id <= range.last; ++id) {
            vocabulary.kinds[id] = TokenKind::user_defined;
        }
    }
}

// Tokens that stand for structure, not text: message text must never yield them (D4). Those of
// CodeGemma are not in the list of spec 6.4, but source code may well spell them.
bool is_control_text(std::string_view piece) {
    constexpr std::string_view kTexts[] = {
        "<pad>",          "<eos>",
        "<bos>",          "<start_of_turn>",
        "<end_of_turn>",  "<start_of_image>",
        "<end_of_image>", "<image_soft_token>",
        "<|fim_prefix|>", "<|fim_middle|>",
        "<|fim_suffix|>", "<|file_separator|>",
    };
    return piece.starts_with('<') && std::ranges::find(kTexts, piece) != std::end(kTexts);
}

void check_piece(std::string_view piece, size_t id) {
    if (piece.empty()) {
        refuse("token {} has no text", id);
    }
    if (piece.size() > kMaxPieceBytes) {
        refuse("token {} is {} bytes long, expected at most {}", id, piece.size(), kMaxPieceBytes);
    }
    if (piece.find('\0') != std::string_view::npos || !utf8_valid(piece)) {
        refuse("token {} is not UTF-8 text: '{}'", id, base::escaped(piece));
    }
}

void set_byte_kinds(Vocabulary& vocabulary) {
    vocabulary.byte_ids.fill(-1);
    for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
        if (const auto value = byte_of_piece(vocabulary.pieces[id])) {
            vocabulary.kinds[id] = TokenKind::byte;
            vocabulary.byte_ids[*value] = static_cast<TokenId>(id);
        } else if (vocabulary.kinds[id] == TokenKind::byte) {
            refuse("byte token {} is written '{}', expected '<0x00>' to '<0xFF>'", id,
                   base::escaped(vocabulary.pieces[id]));
        }
    }
    for (int value = 0; value < 256; ++value) {
        if (vocabulary.byte_ids[value] < 0) {
            refuse("byte token <0x{:02X}> is missing", value);
        }
    }
}

using IdByText = std::unordered_map<std::string_view, TokenId>;

// A space must be a token: as three bytes it would come back from decoding as a "▁".
void check_space(const Vocabulary& vocabulary, const IdByText& ids) {
    const auto found = ids.find(kSpaceMark);
    if (found == ids.end() || (vocabulary.kinds[found->second] != TokenKind::normal &&
                               vocabulary.kinds[found->second] != TokenKind::user_defined)) {
        refuse("there is no token for a space ('{}')", kSpaceMark);
    }
}

IdByText check_unique(const Vocabulary& vocabulary) {
    IdByText ids;
    ids.reserve(vocabulary.pieces.size());
    for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
        const auto [other, is_new] =
            ids.try_emplace(vocabulary.pieces[id], static_cast<TokenId>(id));
        if (!is_new) {
            refuse("tokens {} and {} are the same: '{}'", other->second, id,
                   base::escaped(vocabulary.pieces[id]));
        }
    }
    return ids;
}

// A special token is known by its text. The file's id counts only where the text does not exist.
void find_specials(Vocabulary& vocabulary, const TokenizerData& data, const IdByText& ids) {
    const auto by_text = [&](std::string_view text, TokenId otherwise) {
        const auto found = ids.find(text);
        return found == ids.end() ? otherwise : found->second;
    };
    const auto typed_unknown = std::ranges::find(vocabulary.kinds, TokenKind::unknown);
    vocabulary.unk =
        by_text("<unk>", typed_unknown == vocabulary.kinds.end()
                             ? -1
                             : static_cast<TokenId>(typed_unknown - vocabulary.kinds.begin()));
    if (vocabulary.unk < 0) {
        refuse("there is no <unk>");
    }
    vocabulary.bos = by_text("<bos>", data.bos_id);
    vocabulary.eos = by_text("<eos>", data.eos_id);
    vocabulary.pad = by_text("<pad>", -1);
    const auto n = static_cast<TokenId>(vocabulary.pieces.size());
    for (const TokenId id : {vocabulary.bos, vocabulary.eos}) {
        if (id < 0 || id >= n || vocabulary.kinds[id] == TokenKind::byte) {
            refuse("begin or end of text is token {}, expected a control token below {}", id, n);
        }
    }
    vocabulary.kinds[vocabulary.bos] = TokenKind::control;
    vocabulary.kinds[vocabulary.eos] = TokenKind::control;
    vocabulary.kinds[vocabulary.unk] = TokenKind::unknown;
    if (vocabulary.bos == vocabulary.eos || vocabulary.bos == vocabulary.unk ||
        vocabulary.eos == vocabulary.unk) {
        refuse("begin of text, end of text and unknown are tokens {}, {} and {}, expected three",
               vocabulary.bos, vocabulary.eos, vocabulary.unk);
    }
    if (std::ranges::count(vocabulary.kinds, TokenKind::unknown) > 1) {
        refuse("more than one token has the type 'unknown'");
    }
}

void check_ids_of_file(const TokenizerData& data) {
    const auto n = static_cast<int64_t>(data.pieces.size());
    const auto check = [n](const char* name, int32_t id) {
        if (id < 0 || id >= n) {
            refuse("{} is {}, expected 0 to {}", name, id, n - 1);
        }
    };
    check("bos_token_id", data.bos_id);
    check("eos_token_id", data.eos_id);
    check("unknown_token_id", data.unk_id);
    check("padding_token_id", data.pad_id);
    for (const int32_t id : data.stop_ids) {
        check("a stop token id", id);
    }
}

// The library finds a control token when a text is left as one character that is spelled like it.
void check_control_lengths(const Vocabulary& vocabulary) {
    for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
        const TokenKind kind = vocabulary.kinds[id];
        const std::string& piece = vocabulary.pieces[id];
        if ((kind == TokenKind::control || kind == TokenKind::unknown) &&
            utf8_front(piece).size == piece.size()) {
            refuse("control token {} is a single character: '{}'", id, base::escaped(piece));
        }
    }
}

void check_nesting(const Vocabulary& vocabulary) {
    std::vector<std::string_view> texts;
    for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
        if (vocabulary.kinds[id] == TokenKind::user_defined) {
            texts.push_back(vocabulary.pieces[id]);
        }
    }
    std::ranges::sort(texts);
    std::vector<std::string_view> chain;  // each a prefix of the next
    for (const std::string_view text : texts) {
        while (!chain.empty() && !text.starts_with(chain.back())) {
            chain.pop_back();
        }
        chain.push_back(text);
        if (chain.size() > kMaxNestedUserDefined) {
            refuse("more than {} user-defined tokens begin with one another, such as '{}'",
                   kMaxNestedUserDefined, base::escaped(text));
        }
    }
}

void set_scores(Vocabulary& vocabulary, const TokenizerData& data) {
    const size_t n = vocabulary.pieces.size();
    vocabulary.scores.resize(n);
    for (size_t id = 0; id < n; ++id) {
        // Gemma's pieces are sorted by score, so the id will do (exact in a float below 2^24).
        vocabulary.scores[id] = data.scores.empty() ? -static_cast<float>(id) : data.scores[id];
        if (!std::isfinite(vocabulary.scores[id])) {
            refuse("token {} has the score {}", id, vocabulary.scores[id]);
        }
    }
}

}  // namespace

Vocabulary make_vocabulary(const TokenizerData& data, const Config& config) {
    check_sizes(data);
    check_ids_of_file(data);
    const size_t n = std::min({data.pieces.size(), size_t{config.vocab_size}, kGemma3Size});
    Vocabulary vocabulary;
    vocabulary.pieces.reserve(n);
    vocabulary.kinds.reserve(n);
    for (size_t id = 0; id < n; ++id) {
        const TokenKind kind =
            data.types.empty() ? TokenKind::normal : kind_of_type(data.types[id], id);
        check_piece(data.pieces[id], id);
        vocabulary.kinds.push_back(kind);
        vocabulary.pieces.push_back(
            kind == TokenKind::user_defined ? with_space_marks(data.pieces[id]) : data.pieces[id]);
    }
    set_scores(vocabulary, data);
    vocabulary.layout = find_layout(vocabulary.pieces);
    force_user_defined(vocabulary);
    for (size_t id = 0; id < n; ++id) {
        if (is_control_text(vocabulary.pieces[id])) {
            vocabulary.kinds[id] = TokenKind::control;
        }
    }
    const IdByText ids = check_unique(vocabulary);
    set_byte_kinds(vocabulary);
    find_specials(vocabulary, data, ids);
    check_space(vocabulary, ids);
    check_control_lengths(vocabulary);
    check_nesting(vocabulary);
    return vocabulary;
}

}  // namespace model
