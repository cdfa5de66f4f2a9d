#include "model/bpe_library.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <span>

#include "gpu/base.h"
#include "model/utf8.h"

namespace model {
namespace {

constexpr size_t kWindowBytes = 8u << 10;
constexpr int kMaxTries = 8;  // cuts that are tried before the window is made larger

bool continues_char(char c) {
    return (static_cast<uint8_t>(c) & 0xC0) == 0x80;
}

size_t char_start(std::string_view text, size_t position) {
    while (position > 0 && position < text.size() && continues_char(text[position])) {
        --position;
    }
    return position;
}

void append(std::vector<TokenId>& out, std::span<const TokenId> ids) {
    out.insert(out.end(), ids.begin(), ids.end());
}

size_t text_size(std::string_view piece) {
    size_t size = piece.size();
    for (size_t i = piece.find(kSpaceMark); i != std::string_view::npos;
         i = piece.find(kSpaceMark, i + kSpaceMark.size())) {
        size -= kSpaceMark.size() - 1;
    }
    return size;
}

// The library reads "▁" and a space alike. With spaces only, tokens tell how much text they cover.
std::string with_spaces(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size();) {
        const size_t mark = std::min(text.find(kSpaceMark, i), text.size());
        out += text.substr(i, mark - i);
        if (mark < text.size()) {
            out += ' ';
        }
        i = mark + kSpaceMark.size();
    }
    return out;
}

}  // namespace

struct BpeLibrary::Processor {
    sentencepiece::SentencePieceProcessor library;
};

// Tokens of the first `size` bytes of a text.
struct BpeLibrary::Window {
    std::vector<TokenId> ids;
    size_t size = 0;
};

// The first n_ids tokens of a window hold, and the next window starts n_bytes further on.
struct BpeLibrary::Cut {
    size_t n_ids = 0, n_bytes = 0;
    Window next;
};

BpeLibrary::BpeLibrary(const Vocabulary& vocabulary) : processor_(std::make_unique<Processor>()) {
    auto& library = processor_->library;
    const auto status = library.LoadFromSerializedProto(write_model_proto(vocabulary));
    if (!status.ok()) {
        throw base::Error(base::ErrorKind::model,
                          fmt::format("tokenizer: sentencepiece refuses the vocabulary: {}",
                                      base::escaped(status.ToString())));
    }
    CHECK(library.GetPieceSize() == static_cast<int>(vocabulary.pieces.size()));
    CHECK(library.bos_id() == vocabulary.bos && library.eos_id() == vocabulary.eos &&
              library.unk_id() == vocabulary.unk && library.pad_id() == vocabulary.pad,
          "bos {} eos {} unk {} pad {}", library.bos_id(), library.eos_id(), library.unk_id(),
          library.pad_id());
    text_sizes_.reserve(vocabulary.pieces.size());
    for (size_t id = 0; id < vocabulary.pieces.size(); ++id) {
        const TokenKind kind = vocabulary.kinds[id];
        const bool is_byte = kind == TokenKind::byte;
        const size_t size = is_byte ? 1 : text_size(vocabulary.pieces[id]);
        text_sizes_.push_back(static_cast<uint16_t>(size));
        is_byte_.push_back(is_byte);
        margin_ = std::max(margin_, vocabulary.pieces[id].size());
        may_cut_ = may_cut_ && kind != TokenKind::unused;
    }
}

BpeLibrary::~BpeLibrary() = default;

void BpeLibrary::encode_at_once(std::vector<TokenId>& out, std::string_view text) const {
    std::vector<int> ids;
    const auto status = processor_->library.Encode(text, &ids);
    if (!status.ok()) {
        throw base::Error(base::ErrorKind::runtime,
                          fmt::format("tokenizing failed: {}", status.ToString()));
    }
    append(out, ids);
}

BpeLibrary::Window BpeLibrary::open_window(std::string_view text, size_t size) const {
    Window window;
    window.size = char_start(text, std::min(size, text.size()));
    encode_at_once(window.ids, text.substr(0, window.size));
    return window;
}

// True when the texts of two neighbouring symbols give `ids` also without what surrounds them.
bool BpeLibrary::stay_apart(std::string_view left, std::string_view right,
                            const std::vector<TokenId>& ids) const {
    std::vector<TokenId> alone;
    encode_at_once(alone, std::string(left) + std::string(right));
    return alone == ids;
}

std::optional<BpeLibrary::Cut> BpeLibrary::find_cut(const Window& window,
                                                    std::string_view text) const {
    size_t n_ids = window.ids.size();
    size_t position = window.size;
    int n_tries = 0;
    const auto symbol_size = [&](TokenId id, size_t start) {
        return is_byte_[id] ? utf8_front(text.substr(start)).size : size_t{text_sizes_[id]};
    };
    while (n_ids > 1 && n_tries < kMaxTries) {
        --n_ids;
        const size_t size = text_sizes_[window.ids[n_ids]];
        CHECK(size <= position, "token {} of {} bytes", window.ids[n_ids], size);
        position -= size;
        if (position + margin_ > window.size || continues_char(text[position])) {
            continue;
        }
        ++n_tries;
        // The symbol on the left: a token, or all bytes of a character without a token.
        const TokenId last = window.ids[n_ids - 1];
        const size_t left =
            is_byte_[last] ? char_start(text, position - 1) : position - text_sizes_[last];
        const size_t n_left = is_byte_[last] ? position - left : 1;
        Window next = open_window(text.substr(position), kWindowBytes);
        const TokenId first = next.ids[0];
        const size_t right = symbol_size(first, position);
        const size_t n_right = is_byte_[first] ? right : 1;
        std::vector<TokenId> pair;
        append(pair, std::span(window.ids).subspan(n_ids - n_left, n_left));
        append(pair, std::span(next.ids).first(n_right));
        if (stay_apart(text.substr(left, position - left), text.substr(position, right), pair)) {
            return Cut{n_ids, position, std::move(next)};
        }
    }
    return {};
}

void BpeLibrary::encode(std::vector<TokenId>& out, std::string_view text) const {
    if (text.empty()) {
        return;
    }
    std::string copy;
    if (text.size() > kWindowBytes && text.find(kSpaceMark) != std::string_view::npos) {
        copy = with_spaces(text);
        text = copy;
    }
    size_t size = may_cut_ ? kWindowBytes : text.size();
    Window window = open_window(text, size);
    while (window.size < text.size()) {
        std::optional<Cut> cut = find_cut(window, text);
        if (!cut) {
            size *= 2;
            window = open_window(text, size);
            continue;
        }
        append(out, std::span(window.ids).first(cut->n_ids));
        text.remove_prefix(cut->n_bytes);
        window = std::move(cut->next);
        size = kWindowBytes;
    }
    append(out, window.ids);
}

const std::string& BpeLibrary::piece(TokenId id) const {
    CHECK(id >= 0 && static_cast<size_t>(id) < text_sizes_.size(), "id {}", id);
    return processor_->library.IdToPiece(id);
}

std::optional<TokenId> BpeLibrary::find(std::string_view piece) const {
    // The library answers with <unk> for what it does not know.
    const TokenId id = processor_->library.PieceToId(piece);
    if (id >= 0 && static_cast<size_t>(id) < text_sizes_.size() &&
        processor_->library.IdToPiece(id) == piece) {
        return id;
    }
    return {};
}

}  // namespace model
