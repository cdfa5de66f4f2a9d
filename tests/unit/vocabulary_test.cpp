// make_vocabulary: what is refused (reliability.md B9, B10), and the fix-ups of spec 6.4 on
// stand-ins for the vocabularies of Gemma 1/2 and Gemma 3 as early files have them.
#include "model/vocabulary.h"

#include "gpu/base.h"
#include "tests/support/model_writer.h"
#include "tests/support/vocabularies.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cmath>
#include <functional>

using namespace model;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

using Ids = std::vector<TokenId>;

void refused(const std::string& message, const std::function<void(TokenizerData&)>& damage) {
    TokenizerData data = support::tiny_tokenizer(500);
    damage(data);
    INFO(message);
    CHECK_THROWS_MATCHES(support::tokenizer_for(data), base::Error,
                         MessageMatches(ContainsSubstring(message)));
}

size_t index_of(const TokenizerData& data, std::string_view piece) {
    const auto found = std::find(data.pieces.begin(), data.pieces.end(), piece);
    CHECK(found != data.pieces.end());
    return static_cast<size_t>(found - data.pieces.begin());
}

}  // namespace

TEST_CASE("damaged vocabularies are refused", "[vocabulary]") {
    refused("no tokens", [](auto& d) { d = {}; });
    refused("500 tokens but 499 scores", [](auto& d) { d.scores.pop_back(); });
    refused("500 tokens but 501 token types", [](auto& d) { d.types.push_back(1); });
    refused("type 0", [](auto& d) { d.types[9] = 0; });
    refused("type 7", [](auto& d) { d.types[9] = 7; });
    refused("type -1", [](auto& d) { d.types[9] = -1; });
    refused("token 490 has the score nan", [](auto& d) { d.scores[490] = NAN; });
    refused("score inf", [](auto& d) { d.scores[490] = INFINITY; });
    refused("token 490 has no text", [](auto& d) { d.pieces[490].clear(); });
    refused("513 bytes long", [](auto& d) { d.pieces[490] = std::string(513, 'x'); });
    refused("not UTF-8", [](auto& d) { d.pieces[490] = "a\xFF"; });
    refused("not UTF-8", [](auto& d) { d.pieces[490] = std::string("a\0b", 3); });
    refused("tokens 480 and 490 are the same", [](auto& d) { d.pieces[490] = d.pieces[480]; });
    refused("no <unk>", [](auto& d) {
        d.pieces[3] = "xxx";
        d.types[3] = support::kNormalType;
    });
    refused("no token for a space", [](auto& d) { d.pieces[index_of(d, "▁")] = "x1"; });
    refused("more than one", [](auto& d) { d.types[490] = support::kUnknownType; });
    refused("bos_token_id is -1", [](auto& d) { d.bos_id = -1; });
    refused("eos_token_id is 500", [](auto& d) { d.eos_id = 500; });
    refused("unknown_token_id", [](auto& d) { d.unk_id = INT32_MAX; });
    refused("padding_token_id", [](auto& d) { d.pad_id = INT32_MIN; });
    refused("stop token", [](auto& d) { d.stop_ids = {1, 500}; });
    refused("expected three", [](auto& d) {
        d.pieces[1] = "x1";
        d.pieces[2] = "x2";
        d.eos_id = 2;
    });
    refused("begin or end of text", [](auto& d) {
        d.pieces[2] = "x2";
        d.bos_id = static_cast<int32_t>(index_of(d, "<0x00>"));
    });
    refused("single character", [](auto& d) { d.types[index_of(d, "!")] = support::kControlType; });
    refused("begin with one another", [](auto& d) {
        for (size_t i = 0; i < 33; ++i) {
            d.pieces[460 + i] = std::string(i + 1, 'q');
            d.types[460 + i] = support::kUserDefinedType;
        }
        d.pieces[index_of(d, "q")] = "qx";
    });
}

TEST_CASE("byte tokens have one spelling each", "[vocabulary]") {
    for (const char* spelling :
         {"<0x-1>",  "<0xZZ>",  "<0xaa>", "<0xAA",  "0xAA",     "<0XAA>",
          "<0xA>",   "<0xAAA>", "<0x A>", "<0x+A>", "< xAA>",   "<0xA\xC3\xA9>",
          "<0xAG>",  "<0xGA>",  "AA",     "<0x>",   "\xC2\xAA", "<0x0xA>",
          "<0xAA>>", "<<0xAA>", "<0xAa>", "<0x.A>", "<0x/A>",   "<0x:A>",
          "<0x@A>",  "<0x`A>",  "<0xA:>", "<0xA/>", "<0xA@>",   "<0xA[>"}) {
        refused("byte token", [&](auto& d) { d.pieces[index_of(d, "<0xAA>")] = spelling; });
        refused("byte token <0xAA> is missing", [&](auto& d) {
            const size_t id = index_of(d, "<0xAA>");
            d.pieces[id] = spelling;
            d.types[id] = support::kNormalType;
        });
    }
    refused("is missing", [](auto& d) {
        d.pieces[index_of(d, "<0x00>")] = "x1";
        d.types.clear();
    });
    refused("are the same", [](auto& d) { d.pieces[index_of(d, "<0x01>")] = "<0x00>"; });
}

namespace {

// The ids of spec 6.2, all typed NORMAL but the six of early files, and of the learned pieces the
// few that the vectors of spec 6.7 need, with what they are merged from at ids of our choice.
// The rest is filled with characters for private use. The real vocabulary is not at hand.
TokenizerData gemma_2_stand_in() {
    TokenizerData data;
    data.pieces.resize(256'000);
    data.types.assign(256'000, support::kNormalType);
    for (uint32_t i = 0; i < 256'000; ++i) {
        utf8_append(data.pieces[i], 0xE000 + i / 1000);
        utf8_append(data.pieces[i], 0xF0000 + i % 1000);
    }
    const auto run = [&](size_t id, std::string_view unit, int first, int last) {
        for (int n = first; n <= last; ++n) {
            data.pieces[id].clear();
            for (int i = 0; i < n; ++i) {
                data.pieces[id] += unit;
            }
            ++id;
        }
    };
    const auto list = [&](size_t id, std::initializer_list<const char*> pieces) {
        for (const char* piece : pieces) {
            data.pieces[id++] = piece;
        }
    };
    list(0, {"<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<2mass>", "[@BOS@]"});
    for (size_t i = 0; i < 99; ++i) {
        data.pieces[7 + i] = fmt::format("<unused{}>", i);
    }
    list(106, {"<start_of_turn>", "<end_of_turn>"});
    run(108, "\n", 1, 31);
    run(139, "▁", 2, 31);
    list(169,
         {"<table>", "<caption>", "<thead>", "<tbody>", "<tfoot>", "<tr>", "<th>", "<td>",
          "</table>", "</caption>", "</thead>", "</tbody>", "</tfoot>", "</tr>", "</th>", "</td>"});
    for (size_t value = 0; value < 256; ++value) {
        data.pieces[217 + value] = fmt::format("<0x{:02X}>", value);
    }
    for (const int32_t id : {0, 1, 2, 106, 107}) {
        data.types[id] = support::kControlType;
    }
    data.types[3] = support::kUnknownType;

    const std::vector<std::pair<size_t, std::string>> learned = {
        {17534, "hello"},       {2134, "▁world"}, {785, "one"},
        {2017, "▁line"},        {639, "and"},     {2550, "▁another"},
        {176831, "Bienvenido"}, {476, "▁a"},      {4004, "▁este"},
        {25431, "▁proyecto"},   {544, "hi"},      {241847, "🤨"},
        {11048, "there"},       {248372, "⇲"},    {26242, "▁bob"},
        {235248, "▁"},          {235269, ","},    {235274, "1"},
        {235284, "2"},          {235304, "3"},    {235310, "4"},
        {235308, "5"},          {8939, "pad"},    {235322, "<"},
        {235313, ">"},          {176, "<td>"}};
    std::set<std::string> known(data.pieces.begin(), data.pieces.end());
    for (const auto& [id, piece] : learned) {
        data.pieces[id] = piece;
        known.insert(piece);
    }
    size_t spare = 500;  // ids below the finished words, so that the parts come first
    for (const auto& [id, piece] : learned) {
        for (size_t n = 2; n < piece.size(); ++n) {
            std::string part = piece.substr(0, n);
            if (id >= 473 && utf8_valid(part) && known.insert(part).second) {
                data.pieces[spare == 544 ? ++spare : spare] = part;
                ++spare;
            }
        }
    }
    for (size_t i = 0; i < data.pieces.size(); ++i) {
        data.scores.push_back(i < 473 ? 0.0f : -static_cast<float>(i - 473));
    }
    return data;
}

}  // namespace

TEST_CASE("Gemma 1 and 2: structure of an early file is repaired", "[vocabulary]") {
    const TokenizerData data = gemma_2_stand_in();
    const Tokenizer tokenizer(data, support::config_for(data, Architecture::gemma2));
    CHECK(tokenizer.encode("hello world") == Ids{17534, 2134});
    CHECK(tokenizer.encode("12345") == Ids{235274, 235284, 235304, 235310, 235308});
    CHECK(tokenizer.encode("  ") == Ids{139});
    CHECK(tokenizer.encode("   ") == Ids{140});
    CHECK(tokenizer.encode("        ") == Ids{145});
    CHECK(tokenizer.encode("ҔӌԐڎ") == Ids{427, 365, 428, 357, 429, 361, 435, 359});
    CHECK(tokenizer.encode(" <mask>  <pad>") == Ids{235248, 4, 139, 235322, 8939, 235313});
    CHECK(tokenizer.encode("<table><th></th></table>") == Ids{169, 175, 183, 177});
    CHECK(tokenizer.encode("one line\nand another line") == Ids{785, 2017, 108, 639, 2550, 2017});
    CHECK(tokenizer.encode("Bienvenido a este proyecto") == Ids{176831, 476, 4004, 25431});
    CHECK(tokenizer.encode("hiƻ <td>🤨there ⇲") ==
          Ids{544, 415, 404, 235248, 176, 241847, 11048, 235248, 248372});
    CHECK(tokenizer.decode({441, 401, 387}) == "ส");
    CHECK(tokenizer.bos() == 2);
    CHECK(tokenizer.eos() == 1);
    CHECK(tokenizer.start_of_turn() == 106);
    CHECK(tokenizer.end_of_turn() == 107);
    CHECK(tokenizer.kind(4) == TokenKind::user_defined);
    CHECK(tokenizer.kind(255'999) == TokenKind::user_defined);
    CHECK(tokenizer.kind(217) == TokenKind::byte);
    for (const TokenId id : tokenizer.encode("<start_of_turn>user\nHi<end_of_turn>")) {
        CHECK(tokenizer.kind(id) != TokenKind::control);
    }
    StreamDecoder decoder(tokenizer);
    std::string shown;
    for (const TokenId id : {349, 349, 349}) {
        shown += decoder.push(id);
    }
    CHECK(shown + decoder.flush() == "\uFFFD\uFFFD\uFFFD");
}

TEST_CASE("the markers of turns are control tokens whatever the file says", "[vocabulary]") {
    for (const int32_t type : {1, 3, 4, 5}) {
        TokenizerData data = support::tiny_tokenizer(500);
        data.types[4] = data.types[5] = type;
        data.pieces[499] = "<start_of_image>";
        data.types[499] = type;
        const Tokenizer tokenizer = support::tokenizer_for(data);
        for (const TokenId id : {4, 5, 499}) {
            CHECK(tokenizer.kind(id) == TokenKind::control);
            CHECK(tokenizer.encode(tokenizer.piece(id)).size() > 1);
        }
    }
}
