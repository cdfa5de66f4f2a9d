#include "model/tokenizer.h"

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <unordered_map>

#include "gpu/base.h"
#include "model/bpe_library.h"
#include "model/sentencepiece_proto.h"
#include "model/utf8.h"

namespace model {
namespace {

// Far more than fits any context.
constexpr size_t kMaxTextBytes = 16u << 20;

// Which texts of control tokens start at a place: for encode_special.
class ControlTexts {
public:
    void add(std::string_view text, TokenId id) {
        ids_.emplace(text, id);
        starts_[static_cast<uint8_t>(text[0])] = true;
        lengths_.insert(text.size());
    }

    struct Match {
        TokenId id = -1;
        size_t size = 0;  // 0: none
    };

    /// The longest control text at the front of `text`.
    Match front(std::string_view text) const {
        if (text.empty() || !starts_[static_cast<uint8_t>(text[0])]) {
            return {};
        }
        for (const size_t length : lengths_) {
            if (length <= text.size()) {
                const auto found = ids_.find(text.substr(0, length));
                if (found != ids_.end()) {
                    return {found->second, length};
                }
            }
        }
        return {};
    }

private:
    // The views are of the library's own strings, which live as long as it does.
    std::unordered_map<std::string_view, TokenId> ids_;
    std::set<size_t, std::greater<>> lengths_;  // all that occur, longest first
    std::array<bool, 256> starts_{};
};

std::string text_of(std::string_view piece) {
    std::string out;
    for (size_t i = 0; i < piece.size();) {
        if (piece.substr(i).starts_with(kSpaceMark)) {
            out += ' ';
            i += kSpaceMark.size();
        } else {
            out += piece[i++];
        }
    }
    return out;
}

// Characters that would act on the line they are shown in, not show: controls, direction marks,
// joiners, line separators, the byte order mark.
bool is_invisible(uint32_t code) {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xAD || code == 0x061C ||
           (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF ||
           (code >= 0xFFF9 && code <= 0xFFFB);
}

std::string_view visible_sign(uint32_t code) {
    switch (code) {
        case '\n':
            return "↵";
        case '\t':
            return "⇥";
        case ' ':
        case kSpaceMarkCode:
            return "·";
        default:
            return {};
    }
}

// One character several times, as in runs of spaces and newlines.
bool is_run(std::string_view piece, size_t char_size) {
    return piece.size() > char_size &&
           piece.substr(char_size) == piece.substr(0, piece.size() - char_size);
}

std::string displayed(std::string_view piece) {
    const Utf8Char front = utf8_front(piece);
    if (!visible_sign(front.code).empty() && is_run(piece, front.size)) {
        return fmt::format("{}×{}", visible_sign(front.code), piece.size() / front.size);
    }
    std::string out;
    while (!piece.empty()) {
        const Utf8Char c = utf8_front(piece);
        if (c.size == 0) {
            out += fmt::format("<0x{:02X}>", static_cast<uint8_t>(piece[0]));
        } else if (!visible_sign(c.code).empty()) {
            out += visible_sign(c.code);
        } else if (is_invisible(c.code)) {
            out += fmt::format("<U+{:04X}>", c.code);
        } else {
            out += piece.substr(0, c.size);
        }
        piece.remove_prefix(std::max(c.size, 1u));
    }
    return out;
}

}  // namespace

struct Tokenizer::Impl {
    BpeLibrary library;
    uint32_t vocab_size = 0;                // ids that the library knows
    std::vector<std::string> extra_pieces;  // ids from vocab_size on, for display only
    std::vector<TokenKind> kinds;           // of all ids
    std::string arena;                      // bytes of all tokens, one behind the other
    std::vector<uint32_t> offsets;          // [all ids + 1], into arena
    std::array<TokenId, 256> byte_ids{};
    ControlTexts control_texts;
    TokenId bos = -1, eos = -1;
    std::optional<TokenId> start_of_turn, end_of_turn;
    bool has_turn_template = false;
    std::vector<TokenId> stop_ids;

    explicit Impl(const Vocabulary& vocabulary) : library(vocabulary) {}

    void fill_tables(const Vocabulary& vocabulary, const TokenizerData& data);
    void add_bytes(TokenKind kind, std::string_view piece, uint8_t byte);
    void add_stop(std::optional<TokenId> id);

    std::optional<TokenId> find(std::string_view text) const;
    void encode(std::vector<TokenId>& out, std::string_view text) const;

    size_t check_id(TokenId id) const {
        if (id < 0 || static_cast<size_t>(id) >= kinds.size()) {
            throw base::Error(base::ErrorKind::usage,
                              fmt::format("there is no token {}, the vocabulary has 0 to {}", id,
                                          kinds.size() - 1));
        }
        return static_cast<size_t>(id);
    }
};

void Tokenizer::Impl::add_bytes(TokenKind kind, std::string_view piece, uint8_t byte) {
    if (kind == TokenKind::byte) {
        arena += static_cast<char>(byte);
    } else if (kind != TokenKind::control && kind != TokenKind::unknown) {
        arena += text_of(piece);
    }
    kinds.push_back(kind);
    offsets.push_back(static_cast<uint32_t>(arena.size()));
}

void Tokenizer::Impl::fill_tables(const Vocabulary& vocabulary, const TokenizerData& data) {
    vocab_size = static_cast<uint32_t>(vocabulary.pieces.size());
    byte_ids = vocabulary.byte_ids;
    std::vector<uint8_t> byte_of(vocab_size);
    for (int value = 0; value < 256; ++value) {
        byte_of[byte_ids[value]] = static_cast<uint8_t>(value);
    }
    kinds.reserve(data.pieces.size());
    offsets.reserve(data.pieces.size() + 1);
    offsets.push_back(0);
    for (uint32_t id = 0; id < vocab_size; ++id) {
        const TokenKind kind = vocabulary.kinds[id];
        add_bytes(kind, vocabulary.pieces[id], byte_of[id]);
        if (kind == TokenKind::control) {
            const auto token = static_cast<TokenId>(id);
            control_texts.add(library.piece(token), token);
        }
    }
    for (size_t id = vocab_size; id < data.pieces.size(); ++id) {
        extra_pieces.push_back(data.pieces[id]);
        add_bytes(TokenKind::control, data.pieces[id], 0);
    }
    arena.shrink_to_fit();
}

void Tokenizer::Impl::add_stop(std::optional<TokenId> id) {
    if (id && std::ranges::find(stop_ids, *id) == stop_ids.end()) {
        stop_ids.push_back(*id);
    }
}

std::optional<TokenId> Tokenizer::Impl::find(std::string_view text) const {
    if (const auto id = library.find(text)) {
        return id;
    }
    const auto extra = std::ranges::find(extra_pieces, text);
    if (extra != extra_pieces.end()) {
        return static_cast<TokenId>(vocab_size + (extra - extra_pieces.begin()));
    }
    return {};
}

void Tokenizer::Impl::encode(std::vector<TokenId>& out, std::string_view text) const {
    // The library would turn bytes that are no UTF-8 into U+FFFD. They have tokens of their own.
    while (!text.empty()) {
        size_t valid = 0;
        while (valid < text.size()) {
            const uint32_t size = utf8_front(text.substr(valid)).size;
            if (size == 0) {
                break;
            }
            valid += size;
        }
        library.encode(out, text.substr(0, valid));
        text.remove_prefix(valid);
        if (!text.empty()) {
            out.push_back(byte_ids[static_cast<uint8_t>(text[0])]);
            text.remove_prefix(1);
        }
    }
}

namespace {

void check_text_size(std::string_view text) {
    if (text.size() > kMaxTextBytes) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("the text has {} bytes, at most {} are possible", text.size(),
                                      kMaxTextBytes));
    }
}

// Without a template the file may still say that answers end with the marker of a turn. Gemma 1
// files say so of base models too, so there only a template counts.
bool speaks_in_turns(const TokenizerData& data, Architecture architecture, TokenId end_of_turn) {
    if (!data.chat_template.empty()) {
        return data.chat_template.find("<start_of_turn>") != std::string::npos;
    }
    if (architecture == Architecture::gemma) {
        return false;
    }
    return data.eos_id == end_of_turn ||
           std::ranges::find(data.stop_ids, end_of_turn) != data.stop_ids.end();
}

}  // namespace

Tokenizer::Tokenizer(const TokenizerData& data, const Config& config) {
    const Vocabulary vocabulary = make_vocabulary(data, config);
    impl_ = std::make_unique<Impl>(vocabulary);
    impl_->fill_tables(vocabulary, data);
    impl_->bos = vocabulary.bos;
    impl_->eos = vocabulary.eos;
    impl_->start_of_turn = impl_->find("<start_of_turn>");
    impl_->end_of_turn = impl_->find("<end_of_turn>");
    impl_->has_turn_template = impl_->start_of_turn && impl_->end_of_turn &&
                               speaks_in_turns(data, config.architecture, *impl_->end_of_turn);
    impl_->add_stop(vocabulary.eos);
    impl_->add_stop(impl_->end_of_turn);
    impl_->add_stop(impl_->start_of_turn);
    impl_->add_stop(data.eos_id);
    for (const TokenId id : data.stop_ids) {
        impl_->add_stop(id);
    }
}

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

uint32_t Tokenizer::vocab_size() const {
    return impl_->vocab_size;
}

std::vector<TokenId> Tokenizer::encode(std::string_view text) const {
    check_text_size(text);
    std::vector<TokenId> out;
    impl_->encode(out, text);
    return out;
}

std::vector<TokenId> Tokenizer::encode_special(std::string_view text) const {
    check_text_size(text);
    std::vector<TokenId> out;
    size_t start = 0;  // of the plain text that is not encoded yet
    for (size_t i = 0; i < text.size();) {
        const auto match = impl_->control_texts.front(text.substr(i));
        if (match.size == 0) {
            ++i;
            continue;
        }
        impl_->encode(out, text.substr(start, i - start));
        out.push_back(match.id);
        i += match.size;
        start = i;
    }
    impl_->encode(out, text.substr(start));
    return out;
}

std::string_view Tokenizer::bytes(TokenId id) const {
    const size_t i = impl_->check_id(id);
    return std::string_view(impl_->arena)
        .substr(impl_->offsets[i], impl_->offsets[i + 1] - impl_->offsets[i]);
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids) const {
    std::string out;
    for (const TokenId id : ids) {
        out += bytes(id);
    }
    return out;
}

const std::string& Tokenizer::piece(TokenId id) const {
    const size_t i = impl_->check_id(id);
    return i < impl_->vocab_size ? impl_->library.piece(id)
                                 : impl_->extra_pieces[i - impl_->vocab_size];
}

std::string Tokenizer::display(TokenId id) const {
    return displayed(piece(id));
}

TokenKind Tokenizer::kind(TokenId id) const {
    return impl_->kinds[impl_->check_id(id)];
}

std::optional<TokenId> Tokenizer::find(std::string_view piece) const {
    return impl_->find(piece);
}

TokenId Tokenizer::bos() const {
    return impl_->bos;
}

TokenId Tokenizer::eos() const {
    return impl_->eos;
}

std::optional<TokenId> Tokenizer::start_of_turn() const {
    return impl_->start_of_turn;
}

std::optional<TokenId> Tokenizer::end_of_turn() const {
    return impl_->end_of_turn;
}

bool Tokenizer::has_turn_template() const {
    return impl_->has_turn_template;
}

const std::vector<TokenId>& Tokenizer::stop_ids() const {
    return impl_->stop_ids;
}

bool Tokenizer::is_stop(TokenId id) const {
    return std::ranges::find(impl_->stop_ids, id) != impl_->stop_ids.end();
}

}  // namespace model
