#include "model/tokenizer.h"
#include "model/utf8.h"

namespace model {

std::string StreamDecoder::push(TokenId id) {
    const std::string_view bytes = tokenizer_->bytes(id);
    if (tokenizer_->kind(id) != TokenKind::byte) {
        return flush() + utf8_replaced(bytes);
    }
    pending_ += bytes;
    std::string out;
    while (!pending_.empty() && !utf8_incomplete(pending_)) {
        const uint32_t size = utf8_front(pending_).size;
        out += size > 0 ? std::string_view(pending_).substr(0, size) : kReplacement;
        pending_.erase(0, size > 0 ? size : 1);
    }
    return out;
}

std::string StreamDecoder::flush() {
    std::string out = utf8_replaced(pending_);
    pending_.clear();
    return out;
}

}  // namespace model
