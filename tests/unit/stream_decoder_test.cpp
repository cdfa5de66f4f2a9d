// StreamDecoder: whole characters only, the same text however the bytes were cut into tokens.
#include "model/tokenizer.h"

#include "model/utf8.h"
#include "tests/support/model_writer.h"
#include "tests/support/vocabularies.h"

#include <catch2/catch_test_macros.hpp>

using namespace model;

namespace {

std::string streamed(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
    StreamDecoder decoder(tokenizer);
    std::string out;
    for (const TokenId id : ids) {
        const std::string text = decoder.push(id);
        REQUIRE(utf8_valid(text));
        out += text;
    }
    return out + decoder.flush();
}

}  // namespace

TEST_CASE("characters in bytes appear whole with their last byte", "[stream_decoder]") {
    const Tokenizer tokenizer = support::tokenizer_for(support::tiny_tokenizer(500));
    for (const std::string text :
         {"👩‍👩‍👧‍👦", "日本語", "ҔӌԐڎ", "é", "\U0010FFFF", "\u0800"}) {
        StreamDecoder decoder(tokenizer);
        std::string shown;
        for (const TokenId id : tokenizer.encode(text)) {
            REQUIRE(tokenizer.kind(id) == TokenKind::byte);
            shown += decoder.push(id);
            // All that is complete is shown, and nothing else.
            const size_t n_bytes = shown.size();
            REQUIRE(shown == text.substr(0, n_bytes));
            REQUIRE(utf8_valid(shown));
        }
        CHECK(shown == text);
        CHECK(decoder.flush().empty());
    }
}

TEST_CASE("emoji and CJK cut anywhere", "[stream_decoder]") {
    const Tokenizer tokenizer = support::tokenizer_for(support::tiny_tokenizer(500));
    const std::string text = "👩‍👧 日é";
    for (size_t cut = 0; cut <= text.size(); ++cut) {
        std::vector<TokenId> ids = tokenizer.encode(text.substr(0, cut));
        const std::vector<TokenId> rest = tokenizer.encode(text.substr(cut));
        ids.insert(ids.end(), rest.begin(), rest.end());
        CHECK(streamed(tokenizer, ids) == text);
        CHECK(streamed(tokenizer, tokenizer.encode(text.substr(0, cut))) ==
              utf8_replaced(text.substr(0, cut)));
    }
}

TEST_CASE("impossible bytes become U+FFFD at once, unfinished ones when they cannot go on",
          "[stream_decoder]") {
    const Tokenizer tokenizer = support::tokenizer_for(support::tiny_tokenizer(500));
    const auto byte = [&](int value) {
        return tokenizer.find(fmt::format("<0x{:02X}>", value)).value();
    };
    StreamDecoder decoder(tokenizer);
    CHECK(decoder.push(byte(0x80)) == "\uFFFD");
    CHECK(decoder.push(byte(0xE2)).empty());
    CHECK(decoder.push(byte(0x82)).empty());
    CHECK(decoder.push(byte(0xE2)) == "\uFFFD\uFFFD");
    CHECK(decoder.push(*tokenizer.find("the")) == "\uFFFDthe");
    CHECK(decoder.push(byte(0xF0)).empty());
    CHECK(decoder.push(tokenizer.eos()) == "\uFFFD");
    CHECK(decoder.push(byte(0xF0)).empty());
    CHECK(decoder.push(byte(0x9F)).empty());
    CHECK(decoder.push(byte(0x91)).empty());
    CHECK(decoder.flush() == "\uFFFD\uFFFD\uFFFD");
    CHECK(decoder.flush().empty());
}

TEST_CASE("streaming random tokens gives the text of all of them", "[stream_decoder][property]") {
    const TokenizerData data = support::random_vocabulary(3);
    const Tokenizer tokenizer = support::tokenizer_for(data);
    support::Random random(5);
    for (int i = 0; i < 3000; ++i) {
        std::vector<TokenId> ids;
        for (uint64_t n = random.below(12); n > 0; --n) {
            const auto id = static_cast<TokenId>(random.below(data.pieces.size()));
            // Tokens without bytes end a character, which the whole text does not show.
            if (!tokenizer.bytes(id).empty()) {
                ids.push_back(id);
            }
        }
        REQUIRE(streamed(tokenizer, ids) == utf8_replaced(tokenizer.decode(ids)));
    }
}
