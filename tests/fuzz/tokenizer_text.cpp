// Any text through the tokenizer: it comes back from its tokens, none of them a control token; the
// library, its windows and the plain twin agree.
// Input: one byte chooses the vocabulary, one whether the text is repeated until it needs windows;
// the rest is text.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "gpu/base.h"
#include "model/bpe_library.h"
#include "model/tokenizer.h"
#include "model/utf8.h"
#include "tests/support/plain_bpe.h"
#include "tests/support/vocabularies.h"

namespace {

using namespace model;

struct Subject {
    TokenizerData data;
    Vocabulary vocabulary;
    Tokenizer tokenizer;
    BpeLibrary library;
    support::PlainBpe twin;

    explicit Subject(uint64_t seed)
        : data(support::random_vocabulary(seed)),
          vocabulary(make_vocabulary(data, support::config_for(data))),
          tokenizer(support::tokenizer_for(data)),
          library(vocabulary),
          twin(vocabulary) {}
};

const Subject& subject(uint8_t seed) {
    static std::array<std::optional<Subject>, 16> subjects;
    auto& one = subjects[seed % subjects.size()];
    if (!one) {
        one.emplace(seed % subjects.size());
    }
    return *one;
}

void check_stream(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
    StreamDecoder decoder(tokenizer);
    std::string shown;
    for (const TokenId id : ids) {
        shown += decoder.push(id);
    }
    CHECK(shown + decoder.flush() == utf8_replaced(tokenizer.decode(ids)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) {
        return 0;
    }
    const Subject& s = subject(data[0]);
    const std::string unit(reinterpret_cast<const char*>(data) + 2, size - 2);
    std::string text = unit;
    while (data[1] >= 0xF0 && !unit.empty() && text.size() < 20'000) {
        text += unit;
    }
    const std::vector<TokenId> ids = s.tokenizer.encode(text);
    for (const TokenId id : ids) {
        CHECK(s.tokenizer.kind(id) != TokenKind::control);
        CHECK(s.tokenizer.kind(id) != TokenKind::unknown);
    }
    CHECK(s.tokenizer.decode(ids) == support::with_spaces(text));
    CHECK(ids == s.twin.encode(text));
    check_stream(s.tokenizer, ids);
    if (utf8_valid(text)) {
        std::vector<TokenId> whole;
        s.library.encode_at_once(whole, text);
        CHECK(ids == whole);
    }
    for (const TokenId id : s.tokenizer.encode_special(text)) {
        CHECK(utf8_valid(s.tokenizer.display(id)));
    }
    return 0;
}
