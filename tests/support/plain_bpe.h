// The plain twin of the tokenizer: what spec 6.1 says, written down without the library. Slower and
// without windows; the definition that model::Tokenizer is held against.
// In a header, because the fuzz targets use it too and link no test objects.
#pragma once

#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/utf8.h"
#include "model/vocabulary.h"

namespace support {

class PlainBpe {
public:
    /// For vocabularies without tokens of type "unused".
    explicit PlainBpe(const model::Vocabulary& vocabulary) : vocabulary_(vocabulary) {
        for (size_t id = 0; id < vocabulary_.pieces.size(); ++id) {
            const model::TokenKind kind = vocabulary_.kinds[id];
            const std::string& piece = vocabulary_.pieces[id];
            if (kind == model::TokenKind::user_defined) {
                user_defined_[piece.substr(0, model::utf8_front(piece).size)].push_back(piece);
            }
            if (kind == model::TokenKind::normal || kind == model::TokenKind::user_defined) {
                ids_.emplace(piece, static_cast<model::TokenId>(id));
            }
        }
    }

    /// Bytes that are no UTF-8 become byte tokens; what lies between them is tokenized apart.
    std::vector<model::TokenId> encode(std::string_view text) const {
        std::vector<model::TokenId> out;
        std::string valid;  // with "▁" for spaces
        while (!text.empty()) {
            const uint32_t size = model::utf8_front(text).size;
            if (size > 0) {
                valid += text[0] == ' ' ? model::kSpaceMark : text.substr(0, size);
                text.remove_prefix(size);
                continue;
            }
            encode_valid(out, valid);
            valid.clear();
            out.push_back(vocabulary_.byte_ids[static_cast<uint8_t>(text[0])]);
            text.remove_prefix(1);
        }
        encode_valid(out, valid);
        return out;
    }

private:
    struct Symbol {
        size_t start = 0, size = 0;  // size 0: merged into the one on its left
        int left = -1, right = -1;
        bool is_final = false;  // user-defined: never merges
    };
    struct Merge {
        float score = 0;
        int left = 0, right = 0;
        size_t size = 0;  // of both; differs from the symbols' when one has changed since
        bool operator<(const Merge& other) const {
            return score != other.score ? score < other.score : left > other.left;
        }
    };

    std::vector<Symbol> split(std::string_view text) const {
        std::vector<Symbol> symbols;
        for (size_t i = 0; i < text.size(); i += symbols.back().size) {
            const size_t char_size = model::utf8_front(text.substr(i)).size;
            Symbol symbol{i, char_size, static_cast<int>(symbols.size()) - 1,
                          static_cast<int>(symbols.size()) + 1};
            const auto found = user_defined_.find(std::string(text.substr(i, char_size)));
            if (found != user_defined_.end()) {
                for (const std::string& piece : found->second) {
                    if (text.substr(i).starts_with(piece)) {
                        symbol.is_final = true;
                        symbol.size = std::max(symbol.size, piece.size());
                    }
                }
            }
            symbols.push_back(symbol);
        }
        if (!symbols.empty()) {
            symbols.back().right = -1;
        }
        return symbols;
    }

    void encode_valid(std::vector<model::TokenId>& out, std::string_view text) const {
        std::vector<Symbol> symbols = split(text);
        std::priority_queue<Merge> merges;
        const auto offer = [&](int left, int right) {
            if (left < 0 || right < 0 || symbols[left].is_final || symbols[right].is_final) {
                return;
            }
            const size_t size = symbols[left].size + symbols[right].size;
            const auto found = ids_.find(std::string(text.substr(symbols[left].start, size)));
            if (found != ids_.end()) {
                merges.push({vocabulary_.scores[found->second], left, right, size});
            }
        };
        for (size_t i = 1; i < symbols.size(); ++i) {
            offer(static_cast<int>(i) - 1, static_cast<int>(i));
        }
        while (!merges.empty()) {
            const Merge merge = merges.top();
            merges.pop();
            Symbol& left = symbols[merge.left];
            Symbol& right = symbols[merge.right];
            if (left.size == 0 || right.size == 0 || left.size + right.size != merge.size) {
                continue;
            }
            left.size = merge.size;
            left.right = right.right;
            right.size = 0;
            if (left.right >= 0) {
                symbols[left.right].left = merge.left;
            }
            offer(left.left, merge.left);
            offer(merge.left, left.right);
        }
        for (const Symbol& symbol : symbols) {
            append(out, text.substr(symbol.start, symbol.size));
        }
    }

    void append(std::vector<model::TokenId>& out, std::string_view piece) const {
        const auto found = ids_.find(std::string(piece));
        if (!piece.empty() && found != ids_.end()) {
            out.push_back(found->second);
            return;
        }
        for (const char c : piece) {
            out.push_back(vocabulary_.byte_ids[static_cast<uint8_t>(c)]);
        }
    }

    model::Vocabulary vocabulary_;
    std::unordered_map<std::string, model::TokenId> ids_;
    std::unordered_map<std::string, std::vector<std::string>> user_defined_;  // by first character
};

}  // namespace support
