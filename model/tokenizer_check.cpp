// What a file must fulfil to be called whole (reliability.md B9 to B11): the errors name the file
// and the limits can be lowered. Whether one can tokenize with it is asked in vocabulary.cpp, when
// a model is loaded: 'info' shows files that are whole and no more.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "model/file_error.h"
#include "model/tokenizer_files.h"

namespace model {

namespace {

constexpr int32_t kUnknown = 2;
constexpr int32_t kByte = 6;

std::optional<uint32_t> hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return static_cast<uint32_t>(c - '0');
    }
    if (c >= 'A' && c <= 'F') {
        return static_cast<uint32_t>(c - 'A' + 10);
    }
    return std::nullopt;
}

void check_lengths(const TokenizerData& data, const std::string& name, const Limits& limits) {
    const size_t n = data.pieces.size();
    if (n == 0 || n > limits.n_pieces) {
        refuse(name, "tokenizer pieces", fmt::format("{}", n),
               fmt::format("1 to {}", limits.n_pieces));
    }
    if (!data.scores.empty() && data.scores.size() != n) {
        refuse(name, "tokenizer scores", fmt::format("{}", data.scores.size()),
               fmt::format("one for each of {} pieces", n));
    }
    if (!data.types.empty() && data.types.size() != n) {
        refuse(name, "tokenizer types", fmt::format("{}", data.types.size()),
               fmt::format("one for each of {} pieces", n));
    }
}

void check_values(const TokenizerData& data, const std::string& name, const Limits& limits) {
    for (size_t i = 0; i < data.scores.size(); ++i) {
        if (!std::isfinite(data.scores[i])) {
            refuse(name, fmt::format("score of token {}", i), fmt::format("{}", data.scores[i]),
                   "a finite number");
        }
    }
    for (size_t i = 0; i < data.types.size(); ++i) {
        if (data.types[i] < 1 || data.types[i] > 6) {
            refuse(name, fmt::format("type of token {}", i), fmt::format("{}", data.types[i]),
                   "1 to 6");
        }
    }
    for (size_t i = 0; i < data.pieces.size(); ++i) {
        const std::string& piece = data.pieces[i];
        if (piece.empty() || piece.size() > limits.piece_bytes ||
            piece.find('\0') != std::string::npos) {
            refuse(name, fmt::format("token {}", i),
                   piece.empty() ? "an empty piece"
                                 : fmt::format("{} bytes, '{}'", piece.size(), piece),
                   fmt::format("1 to {} bytes without NUL", limits.piece_bytes));
        }
    }
}

void check_unique(const TokenizerData& data, const std::string& name) {
    std::vector<uint32_t> order(data.pieces.size());
    for (uint32_t i = 0; i < order.size(); ++i) {
        order[i] = i;
    }
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
        return data.pieces[a] != data.pieces[b] ? data.pieces[a] < data.pieces[b] : a < b;
    });
    for (size_t i = 1; i < order.size(); ++i) {
        if (data.pieces[order[i]] == data.pieces[order[i - 1]]) {
            refuse(name, fmt::format("token {}", order[i]),
                   fmt::format("'{}', which is token {} too", data.pieces[order[i]], order[i - 1]),
                   "unique pieces");
        }
    }
}

void check_bytes(const TokenizerData& data, const std::string& name) {
    std::array<bool, 256> seen{};
    size_t n_seen = 0;
    for (size_t i = 0; i < data.pieces.size(); ++i) {
        const std::string& piece = data.pieces[i];
        const bool typed = !data.types.empty() && data.types[i] == kByte;
        const bool spelled = piece.size() == 6 && piece.starts_with("<0x") && piece.back() == '>';
        if (!typed && !spelled) {
            continue;
        }
        const std::optional<uint8_t> value = byte_of_piece(piece);
        if (!value) {
            refuse(name, fmt::format("byte token {}", i), fmt::format("'{}'", piece),
                   "<0x00> to <0xFF>");
        }
        n_seen += seen[*value] ? 0 : 1;
        seen[*value] = true;
    }
    if (n_seen != 256) {
        refuse(name, "byte tokens", fmt::format("{}", n_seen), "256, one for each byte");
    }
}

void check_id(int32_t id, std::string_view what, const TokenizerData& data,
              const std::string& name) {
    if (id < 0 || static_cast<size_t>(id) >= data.pieces.size()) {
        refuse(name, what, fmt::format("{}", id), fmt::format("0 to {}", data.pieces.size() - 1));
    }
}

}  // namespace

std::optional<uint8_t> byte_of_piece(std::string_view piece) {
    if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') {
        return std::nullopt;
    }
    const std::optional<uint32_t> high = hex_digit(piece[3]);
    const std::optional<uint32_t> low = hex_digit(piece[4]);
    if (!high || !low) {
        return std::nullopt;
    }
    return static_cast<uint8_t>(*high * 16 + *low);
}

void check_tokenizer(const TokenizerData& data, const std::string& name, const Limits& limits) {
    check_lengths(data, name, limits);
    check_values(data, name, limits);
    check_unique(data, name);
    check_bytes(data, name);
    check_id(data.bos_id, "bos token id", data, name);
    check_id(data.eos_id, "eos token id", data, name);
    check_id(data.unk_id, "unknown token id", data, name);
    check_id(data.pad_id, "padding token id", data, name);
    for (const int32_t id : data.stop_ids) {
        check_id(id, "stop token id", data, name);
    }
    const size_t unk = static_cast<size_t>(data.unk_id);
    const bool typed = !data.types.empty() && data.types[unk] == kUnknown;
    if (!typed && data.pieces[unk] != "<unk>") {
        refuse(name, "unknown token", fmt::format("token {} '{}'", unk, data.pieces[unk]),
               "the piece <unk>");
    }
}

}  // namespace model
