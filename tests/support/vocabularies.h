// Vocabularies for the tests of tokenizer and chat: random small ones, and stand-ins with the ids
// of the real ones. In a header, because the fuzz targets use them too and link no test objects.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer.h"
#include "model/utf8.h"
#include "tests/support/random.h"

namespace support {

inline constexpr int32_t kNormalType = 1, kUnknownType = 2, kControlType = 3, kUserDefinedType = 4,
                         kByteType = 6;

inline model::Config config_for(const model::TokenizerData& data,
                                model::Architecture architecture = model::Architecture::gemma3) {
    model::Config config;
    config.architecture = architecture;
    config.vocab_size = static_cast<uint32_t>(data.pieces.size());
    return config;
}

inline model::Tokenizer tokenizer_for(const model::TokenizerData& data) {
    return model::Tokenizer(data, config_for(data));
}

inline const std::vector<std::string>& all_control_texts() {
    static const std::vector<std::string> texts = {"<pad>",
                                                   "<eos>",
                                                   "<bos>",
                                                   "<start_of_turn>",
                                                   "<end_of_turn>",
                                                   "<start_of_image>",
                                                   "<end_of_image>",
                                                   "<|fim_prefix|>",
                                                   "<|fim_middle|>",
                                                   "<|fim_suffix|>",
                                                   "<|file_separator|>"};
    return texts;
}

/// What decoding gives back: the vocabulary cannot tell "▁" from a space.
inline std::string with_spaces(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size();) {
        const bool is_mark = text.substr(i).starts_with(model::kSpaceMark);
        out += is_mark ? ' ' : text[i];
        i += is_mark ? model::kSpaceMark.size() : 1;
    }
    return out;
}

/// Characters of one to four bytes, some alike in their last or first bytes.
inline const std::vector<std::string>& alphabet() {
    static const std::vector<std::string> chars = {
        "a", "b", "u", "s", "<", ">", "/", "\n", "\t", "▁", "é", "\xC2\xA0", "Ҕ", "日", "本", "👩"};
    return chars;
}

/// A vocabulary of about 500 tokens in random order: every special token, all bytes, learned pieces
/// whose parts may or may not be pieces, user-defined ones that overlap, and scores with ties.
inline model::TokenizerData random_vocabulary(uint64_t seed) {
    Random random(seed);
    struct Entry {
        std::string piece;
        int32_t type;
    };
    std::vector<Entry> entries = {{"<unk>", kUnknownType}};
    std::set<std::string> known = {"<unk>"};
    const auto add = [&](const std::string& piece, int32_t type) {
        if (known.insert(piece).second) {
            entries.push_back({piece, type});
        }
    };
    for (const std::string& text : all_control_texts()) {
        add(text, random.below(2) == 0 ? kControlType : kUserDefinedType);
    }
    for (uint32_t byte = 0; byte < 256; ++byte) {
        add(fmt::format("<0x{:02X}>", byte), kByteType);
    }
    for (const std::string& c : alphabet()) {
        if (c == "▁" || random.below(4) != 0) {
            add(c, kNormalType);
        }
    }
    const uint64_t n_chars = 2 + random.below(alphabet().size() - 1);
    for (int i = 0; i < 150; ++i) {
        std::string piece;
        for (uint64_t n = 2 + random.below(4); n > 0; --n) {
            piece += alphabet()[random.below(n_chars)];
        }
        add(piece, random.below(8) == 0 ? kUserDefinedType : kNormalType);
    }
    for (const char* word :
         {"he", "hello", "▁the", "▁hello", "user", "model", "</s>", "▁▁", "\n\n"}) {
        add(word, kNormalType);
    }
    model::TokenizerData data;
    for (size_t i = entries.size(); i > 0; --i) {
        std::swap(entries[i - 1], entries[random.below(i)]);
        // GGUF files spell the spaces of user-defined tokens as spaces.
        const bool as_gguf = entries[i - 1].type == kUserDefinedType && random.below(2) == 0;
        data.pieces.push_back(as_gguf ? with_spaces(entries[i - 1].piece) : entries[i - 1].piece);
        data.types.push_back(entries[i - 1].type);
        data.scores.push_back(-static_cast<float>(random.below(100)));
    }
    const auto id_of = [&](std::string_view piece) {
        return static_cast<int32_t>(std::find(data.pieces.begin(), data.pieces.end(), piece) -
                                    data.pieces.begin());
    };
    data.bos_id = id_of("<bos>");
    data.eos_id = id_of("<eos>");
    data.unk_id = id_of("<unk>");
    data.pad_id = id_of("<pad>");
    data.chat_template = "{{ bos_token }}<start_of_turn>user …";
    return data;
}

/// Text in which much of the alphabet, of the vocabulary and of the control texts occurs.
inline std::string random_text(Random& random, const std::vector<std::string>& pieces,
                               size_t n_parts) {
    std::string text;
    for (size_t i = 0; i < n_parts; ++i) {
        switch (random.below(8)) {
            case 0:
                model::utf8_append(text, static_cast<uint32_t>(random.below(0x300)));
                break;
            case 1:
                model::utf8_append(text, static_cast<uint32_t>(0xE000 + random.below(0x102000)));
                break;
            case 2:
                text += ' ';
                break;
            case 3:
                text += alphabet()[random.below(alphabet().size())];
                break;
            case 4:
                text += all_control_texts()[random.below(all_control_texts().size())];
                break;
            default:
                text += pieces[random.below(pieces.size())];
        }
    }
    return text;
}

}  // namespace support
