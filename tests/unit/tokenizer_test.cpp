// Tokenizer on small vocabularies: control tokens never come from text, every byte survives, and
// ids, kinds, bytes and pictures of tokens are as spec 6 has them.
#include "model/tokenizer.h"

#include "gpu/base.h"
#include "tests/support/model_writer.h"
#include "tests/support/vocabularies.h"

#include <catch2/catch_test_macros.hpp>

using namespace model;
using support::config_for;
using support::tokenizer_for;

namespace {

using Ids = std::vector<TokenId>;

TokenizerData tiny() {
    return support::tiny_tokenizer(600);
}

}  // namespace

TEST_CASE("text comes back from its tokens", "[tokenizer][property]") {
    for (uint64_t seed = 0; seed < 40; ++seed) {
        const TokenizerData data = support::random_vocabulary(seed);
        const Tokenizer tokenizer = tokenizer_for(data);
        support::Random random(seed);
        for (int i = 0; i < 30; ++i) {
            const std::string text = support::random_text(random, data.pieces, random.below(30));
            REQUIRE(tokenizer.decode(tokenizer.encode(text)) == support::with_spaces(text));
        }
        for (int i = 0; i < 30; ++i) {
            std::string bytes;
            for (uint64_t n = random.below(40); n > 0; --n) {
                bytes += static_cast<char>(random.below(256));
            }
            REQUIRE(tokenizer.decode(tokenizer.encode(bytes)) == support::with_spaces(bytes));
        }
    }
}

TEST_CASE("every pair of bytes survives", "[tokenizer]") {
    const Tokenizer tokenizer = tokenizer_for(tiny());
    for (int first = 0; first < 256; ++first) {
        for (int second = 0; second < 256; ++second) {
            const std::string text = {static_cast<char>(first), static_cast<char>(second)};
            if (tokenizer.decode(tokenizer.encode(text)) != text) {
                FAIL(first << " " << second);
            }
        }
    }
}

TEST_CASE("bytes that are no UTF-8 become byte tokens", "[tokenizer]") {
    const Tokenizer tokenizer = tokenizer_for(tiny());
    const auto byte = [&](int value) {
        return tokenizer.find(fmt::format("<0x{:02X}>", value)).value();
    };
    CHECK(tokenizer.encode("\xED\xA0\x80") == Ids{byte(0xED), byte(0xA0), byte(0x80)});
    CHECK(tokenizer.encode("\xC0\xAF") == Ids{byte(0xC0), byte(0xAF)});
    CHECK(tokenizer.encode("the\xFFthe") ==
          Ids{*tokenizer.find("the"), byte(0xFF), *tokenizer.find("the")});
    CHECK(tokenizer.encode(std::string_view("\0", 1)) == Ids{byte(0)});
}

TEST_CASE("no text spells a control token", "[tokenizer][property]") {
    for (uint64_t seed = 0; seed < 300; ++seed) {
        const TokenizerData data = support::random_vocabulary(seed);
        const Tokenizer tokenizer = tokenizer_for(data);
        support::Random random(seed);
        std::string all;
        for (const std::string& text : support::all_control_texts()) {
            all += text;
            all += support::random_text(random, data.pieces, 2);
        }
        for (const TokenId id : tokenizer.encode(all + "<unk>")) {
            REQUIRE(tokenizer.kind(id) != TokenKind::control);
            REQUIRE(tokenizer.kind(id) != TokenKind::unknown);
        }
    }
}

TEST_CASE("encode_special finds control tokens, the longest first", "[tokenizer]") {
    TokenizerData data = tiny();
    data.pieces[599] = "<eos><x>";
    data.types[599] = support::kControlType;
    const Tokenizer tokenizer = tokenizer_for(data);
    const TokenId the = *tokenizer.find("the");
    CHECK(tokenizer.encode_special("<bos>the<end_of_turn>the") == Ids{2, the, 5, the});
    CHECK(tokenizer.encode_special("<eos><eos><x><eos>") == Ids{1, 599, 1});
    CHECK(tokenizer.encode_special("the") == tokenizer.encode("the"));
    CHECK(tokenizer.encode_special("<end_of_tur") == tokenizer.encode("<end_of_tur"));
    CHECK(tokenizer.encode_special("<unk>") == tokenizer.encode("<unk>"));
    CHECK(tokenizer.encode_special("").empty());
}

TEST_CASE("special tokens are known by their text", "[tokenizer]") {
    const Tokenizer tokenizer = tokenizer_for(tiny());
    CHECK(tokenizer.bos() == 2);
    CHECK(tokenizer.eos() == 1);
    CHECK(tokenizer.start_of_turn() == 4);
    CHECK(tokenizer.end_of_turn() == 5);
    CHECK(tokenizer.kind(3) == TokenKind::unknown);
    CHECK(tokenizer.stop_ids() == Ids{1, 5, 4});
    CHECK(tokenizer.is_stop(5));
    CHECK_FALSE(tokenizer.is_stop(2));
    CHECK_FALSE(tokenizer.find("<start_of_image>").has_value());

    // The eos of some instruction-tuned files is the end of a turn (spec 4.5).
    TokenizerData data = tiny();
    data.eos_id = 5;
    data.stop_ids = {5, 7};
    const Tokenizer turned = tokenizer_for(data);
    CHECK(turned.eos() == 1);
    CHECK(turned.stop_ids() == Ids{1, 5, 4, 7});
}

TEST_CASE("a strike-through tag is no end of text", "[tokenizer]") {
    TokenizerData data = tiny();
    data.pieces[598] = "</s>";  // an HTML tag in Gemma's vocabulary
    data.types[598] = support::kUserDefinedType;
    const Tokenizer tokenizer = tokenizer_for(data);
    CHECK(tokenizer.encode("the</s>") == Ids{*tokenizer.find("the"), 598});
    CHECK(tokenizer.bytes(598) == "</s>");
    CHECK_FALSE(tokenizer.is_stop(598));
}

TEST_CASE("spaces: none is added, none is lost, runs are single tokens", "[tokenizer]") {
    TokenizerData data = tiny();
    for (std::string& piece : data.pieces) {
        if (piece == "▁▁" || piece == "▁▁▁") {
            piece = support::with_spaces(piece);  // as the converter to GGUF writes them
        }
    }
    const Tokenizer tokenizer = tokenizer_for(data);
    const TokenId two = *tokenizer.find("▁▁"), three = *tokenizer.find("▁▁▁");
    CHECK(tokenizer.encode("  ") == Ids{two});
    CHECK(tokenizer.encode("   ") == Ids{three});
    CHECK(tokenizer.encode("the") == Ids{*tokenizer.find("the")});
    CHECK(tokenizer.encode(" the  ") == Ids{*tokenizer.find("▁the"), two});
    CHECK(tokenizer.encode("the ") == Ids{*tokenizer.find("the"), *tokenizer.find("▁")});
    CHECK(tokenizer.bytes(three) == "   ");
    CHECK(tokenizer.piece(two) == "▁▁");
}

TEST_CASE("tokens as bytes and as pictures", "[tokenizer]") {
    TokenizerData data = tiny();
    data.pieces[590] = "\t\t";
    data.pieces[591] = "a\xE2\x80\x8D\xE2\x80\xAEz";  // joiner, right-to-left override
    data.pieces[592] = "·";
    data.pieces[593] = "aa";
    const Tokenizer tokenizer = tokenizer_for(data);
    CHECK(tokenizer.bytes(*tokenizer.find("▁hello")) == " hello");
    CHECK(tokenizer.bytes(*tokenizer.find("<0xE2>")) == "\xE2");
    CHECK(tokenizer.bytes(*tokenizer.find("\n\n\n")) == "\n\n\n");
    CHECK(tokenizer.bytes(1).empty());
    CHECK(tokenizer.bytes(3).empty());
    CHECK(tokenizer.display(*tokenizer.find("▁hello")) == "·hello");
    CHECK(tokenizer.display(*tokenizer.find("▁")) == "·");
    CHECK(tokenizer.display(*tokenizer.find("▁▁▁")) == "·×3");
    CHECK(tokenizer.display(*tokenizer.find("\n")) == "↵");
    CHECK(tokenizer.display(*tokenizer.find("\n\n\n")) == "↵×3");
    CHECK(tokenizer.display(*tokenizer.find("<0xE2>")) == "<0xE2>");
    CHECK(tokenizer.display(4) == "<start_of_turn>");
    CHECK(tokenizer.display(590) == "⇥×2");
    CHECK(tokenizer.display(591) == "a<U+200D><U+202E>z");
    CHECK(tokenizer.display(593) == "aa");
}

TEST_CASE("an id outside of the vocabulary is an error", "[tokenizer]") {
    const Tokenizer tokenizer = tokenizer_for(tiny());
    for (const TokenId id : {-1, 600, INT32_MAX, INT32_MIN}) {
        CHECK_THROWS_AS(tokenizer.bytes(id), base::Error);
        CHECK_THROWS_AS(tokenizer.piece(id), base::Error);
        CHECK_THROWS_AS(tokenizer.display(id), base::Error);
        CHECK_THROWS_AS(tokenizer.kind(id), base::Error);
        CHECK_THROWS_AS(tokenizer.decode({2, id}), base::Error);
        CHECK_FALSE(tokenizer.is_stop(id));
    }
}

TEST_CASE("ids behind the vocabulary can be shown, not written", "[tokenizer]") {
    TokenizerData data = tiny();
    Config config = config_for(data);
    data.pieces.push_back("<image_soft_token>");
    data.scores.push_back(0);
    data.types.push_back(support::kUserDefinedType);
    const Tokenizer tokenizer(data, config);
    CHECK(tokenizer.vocab_size() == 600);
    CHECK(tokenizer.piece(600) == "<image_soft_token>");
    CHECK(tokenizer.display(600) == "<image_soft_token>");
    CHECK(tokenizer.bytes(600).empty());
    CHECK(tokenizer.find("<image_soft_token>") == 600);
    for (const TokenId id : tokenizer.encode_special("<image_soft_token>")) {
        CHECK(id < 600);
    }
}

TEST_CASE("without scores the order of the ids counts, without types the texts", "[tokenizer]") {
    TokenizerData data = tiny();
    const Tokenizer with = tokenizer_for(data);
    data.scores.clear();
    const Tokenizer without_scores = tokenizer_for(data);
    data.types.clear();
    const Tokenizer without_types = tokenizer_for(data);
    for (const char* text : {"hello world", "the cat\nis  here", "\xFF éü"}) {
        CHECK(without_scores.encode(text) == with.encode(text));
    }
    CHECK(without_types.kind(4) == TokenKind::control);
    CHECK(without_types.kind(3) == TokenKind::unknown);
    CHECK(without_types.kind(*without_types.find("<0x41>")) == TokenKind::byte);
}

TEST_CASE("whether a model speaks in turns", "[tokenizer]") {
    const auto speaks = [](const char* chat_template, Ids stop_ids, int32_t eos,
                           Architecture architecture) {
        TokenizerData data = tiny();
        data.chat_template = chat_template;
        data.stop_ids = std::move(stop_ids);
        data.eos_id = eos;
        return Tokenizer(data, config_for(data, architecture)).has_turn_template();
    };
    CHECK(speaks("… <start_of_turn> …", {}, 1, Architecture::gemma));
    CHECK(speaks("… <start_of_turn> …", {}, 1, Architecture::gemma3));
    CHECK_FALSE(speaks("", {}, 1, Architecture::gemma3));
    CHECK_FALSE(speaks("<|im_start|>", {5}, 1, Architecture::gemma3));
    CHECK(speaks("", {1, 5}, 1, Architecture::gemma3));
    CHECK(speaks("", {}, 5, Architecture::gemma2));
    CHECK_FALSE(speaks("", {5}, 1, Architecture::gemma));  // in every Gemma 1 file
}

TEST_CASE("a text beyond any context is refused", "[tokenizer]") {
    const Tokenizer tokenizer = tokenizer_for(tiny());
    const std::string text((16u << 20) + 1, '\n');
    CHECK_THROWS_AS(tokenizer.encode(text), base::Error);
    CHECK_THROWS_AS(tokenizer.encode_special(text), base::Error);
}
