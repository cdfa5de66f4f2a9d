// tokenizer.model, tokenizer.json, generation_config.json: valid ones, and each broken in one place
// (reliability.md B8 to B12).
#include "model/tokenizer_files.h"

#include <bit>
#include <cmath>

#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/hf_writer.h"
#include "tests/support/refusal.h"

using model::TokenizerData;
using nlohmann::json;
using support::Bytes;
using support::names;

namespace {

std::string refusal(const Bytes& bytes, const model::Limits& limits = {}) {
    return support::refusal(
        [&] { (void)model::parse_tokenizer_model(bytes, "tokenizer.model", limits); });
}

std::string refusal(const json& file, const model::Limits& limits = {}) {
    const std::string text = file.dump();
    return support::refusal([&] { (void)model::parse_tokenizer_json(text, "t.json", limits); });
}

/// tokenizer.model of a changed vocabulary.
std::string changed(auto change) {
    TokenizerData data = support::tiny_tokenizer(400);
    change(data);
    return refusal(support::tokenizer_model(data));
}

Bytes bytes_of(std::initializer_list<int> values) {
    Bytes bytes;
    for (const int value : values) {
        bytes.push_back(static_cast<std::byte>(value));
    }
    return bytes;
}

/// A valid file with these bytes behind it: protobuf fields may come in any order.
std::string with_tail(const Bytes& tail) {
    Bytes bytes = support::tokenizer_model(support::tiny_tokenizer(400));
    bytes.insert(bytes.end(), tail.begin(), tail.end());
    return refusal(bytes);
}

}  // namespace

TEST_CASE("tokenizer.model: pieces, scores, types and ids come out") {
    const TokenizerData data = support::tiny_tokenizer(400);
    const TokenizerData read =
        model::parse_tokenizer_model(support::tokenizer_model(data), "tokenizer.model");
    CHECK(read.pieces == data.pieces);
    CHECK(read.scores == data.scores);
    CHECK(read.types == data.types);
    CHECK(read.bos_id == 2);
    CHECK(read.eos_id == 1);
    CHECK(read.unk_id == 3);
    CHECK(read.pad_id == 0);
}

TEST_CASE("tokenizer.model: unknown fields of every wire type are skipped") {
    CHECK(with_tail(bytes_of({0x98, 0x06, 0x80, 0x01})).empty());              // varint
    CHECK(with_tail(bytes_of({0x99, 0x06, 1, 2, 3, 4, 5, 6, 7, 8})).empty());  // fixed64
    CHECK(with_tail(bytes_of({0x9a, 0x06, 0x02, 'a', 'b'})).empty());          // bytes
    CHECK(with_tail(bytes_of({0x9d, 0x06, 1, 2, 3, 4})).empty());              // fixed32
}

TEST_CASE("tokenizer.model B8: cut, overlong and nested fields") {
    const Bytes whole = support::tokenizer_model(support::tiny_tokenizer(400));
    for (size_t n = 0; n < whole.size(); ++n) {
        if (refusal(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))).empty()) {
            FAIL("accepted after " << n << " of " << whole.size() << " bytes");
        }
    }
    const Bytes tails[] = {
        bytes_of({0x80}),
        bytes_of({0x0a}),
        bytes_of({0x0a, 0x80}),
        bytes_of({0x0a, 0x05, 1}),
        bytes_of({0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}),
        bytes_of({0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}),
        bytes_of({0x98, 0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}),
        bytes_of({0x98, 0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}),
        bytes_of({0x00, 0x00}),              // field 0
        bytes_of({0x0b}),                    // group start
        bytes_of({0x0b, 0x0b, 0x0b, 0x0c}),  // nested groups
        bytes_of({0x0c}),                    // group end
        bytes_of({0x0e}),
        bytes_of({0x0f}),              // wire types 6 and 7
        bytes_of({0x08, 0x01}),        // pieces as varint
        bytes_of({0x0d, 1, 2, 3, 4}),  // pieces as fixed32
        bytes_of({0x10, 0x01}),        // trainer_spec as varint
        bytes_of({0x18, 0x01}),        // normalizer_spec as varint
        bytes_of({0x0d, 1, 2}),
        bytes_of({0x99, 0x06, 1}),
        bytes_of({0x0a, 0x02, 0x08, 0x01}),        // piece text as varint
        bytes_of({0x0a, 0x02, 0x10, 0x01}),        // score as varint
        bytes_of({0x0a, 0x05, 0x1d, 0, 0, 0, 0}),  // type as fixed32
        bytes_of({0x0a, 0x02, 0x18, 0x00}),
        bytes_of({0x0a, 0x02, 0x18, 0x07}),  // type 0, 7
        bytes_of({0x0a, 0x00}),              // an empty piece
        bytes_of({0x12, 0x02, 0x18, 0x01}),  // unigram
        bytes_of({0x12, 0x05, 0x1d, 2, 0, 0, 0}),
        bytes_of({0x12, 0x03, 0xc0, 0x02, 0x7f}),
        bytes_of({0x12, 0x00}),
        bytes_of({0x1a, 0x02, 0x18, 0x01}),                 // add_dummy_prefix
        bytes_of({0x1a, 0x00}),                             // the defaults, which are not Gemma's
        bytes_of({0x1a, 0x04, 0x18, 0, 0x20, 1}),           // remove_extra_whitespaces
        bytes_of({0x1a, 0x06, 0x18, 0, 0x20, 0, 0x28, 0}),  // no escape
        bytes_of({0x1a, 0x08, 0x18, 0, 0x20, 0, 0x12, 2, 'a', 'b'}),  // a filled charsmap
        bytes_of({0x1a, 0x02, 0x10, 0x01}),                           // charsmap as varint
    };
    for (size_t i = 0; i < std::size(tails); ++i) {
        INFO("tail " << i);
        CHECK(names(with_tail(tails[i]), {"tokenizer.model"}));
    }
    model::Limits limits;
    limits.n_pieces = 399;
    CHECK(names(refusal(whole, limits), {"399"}));
    limits = {};
    limits.tokenizer_model_bytes = 100;
    CHECK(names(refusal(whole, limits), {"file size"}));
}

TEST_CASE("tokenizer.model B9: vocabularies that are none") {
    CHECK_FALSE(changed([](auto& d) { d.pieces.clear(); }).empty());
    CHECK(names(changed([](auto& d) { d.pieces[20] = d.pieces[390]; }), {"unique"}));
    CHECK(names(changed([](auto& d) { d.pieces[390] = ""; }), {"empty"}));
    CHECK(names(changed([](auto& d) { d.pieces[390] = std::string("\0", 1); }), {"NUL"}));
    CHECK(names(changed([](auto& d) {
                    d.pieces[3] = "three!";
                    d.types[3] = 1;
                }),
                {"unknown token"}));
    for (const float score : {std::nanf(""), INFINITY, -INFINITY}) {
        CHECK(names(changed([&](auto& d) { d.scores[390] = score; }), {"score of token 390"}));
    }
    for (const char* piece : {"<0x-1>", "<0xZZ>", "<0x 1>", "<0xag>", "<0x1G>", "<0xaf>"}) {
        CHECK(names(changed([&](auto& d) { d.pieces[390] = piece; }), {"byte token 390"}));
    }
    for (const char* piece : {"<0x>", "<0x1>", "<0x111>", "byte", "0x41", "<0x41", "<0X41>"}) {
        CHECK(names(changed([&](auto& d) {
                        d.pieces[390] = piece;
                        d.types[390] = 6;
                    }),
                    {"byte token 390"}));
    }
    for (const int32_t i : {14, 100, 269}) {  // one byte less
        CHECK(names(changed([&](auto& d) {
                        d.pieces[static_cast<size_t>(i)] = "other";
                        d.types[static_cast<size_t>(i)] = 1;
                    }),
                    {"byte tokens", "255"}));
    }
    for (const int32_t id : {-1, 400, 1 << 30, INT32_MAX}) {
        CHECK_FALSE(changed([&](auto& d) { d.bos_id = id; }).empty());
        CHECK_FALSE(changed([&](auto& d) { d.eos_id = id; }).empty());
        CHECK_FALSE(changed([&](auto& d) { d.unk_id = id; }).empty());
        CHECK_FALSE(changed([&](auto& d) { d.pad_id = id; }).empty());
    }
}

TEST_CASE("tokenizer files: byte pieces are two upper-case hex digits") {
    for (int i = 0; i < 256; ++i) {
        CHECK(model::byte_of_piece(fmt::format("<0x{:02X}>", i)) == i);
    }
    for (const char* bad : {"", "<0x>", "<0xA>", "<0xGG>", "<0x-1>", "<0x+1>", "<0x0a>", "<0x00",
                            "0x00>", "<0x000>", " <0x00>", "<0X00>"}) {
        CHECK_FALSE(model::byte_of_piece(bad));
    }
}

TEST_CASE("tokenizer.json: the same vocabulary as tokenizer.model") {
    const TokenizerData data = support::tiny_tokenizer(400);
    const TokenizerData read = model::parse_tokenizer_json(support::tokenizer_json(data), "t.json");
    CHECK(read.pieces == data.pieces);
    CHECK(read.types == data.types);
    CHECK(read.scores == data.scores);
}

TEST_CASE("tokenizer.json B12: broken in one place") {
    const json seed = json::parse(support::tokenizer_json(support::tiny_tokenizer(400)));
    REQUIRE(refusal(seed).empty());
    const auto with = [&](auto change) {
        json file = seed;
        change(file);
        return refusal(file);
    };
    CHECK(names(with([](json& f) { f.erase("model"); }), {"model"}));
    CHECK(names(with([](json& f) { f["model"] = 1; }), {"model"}));
    for (const json& type : {json("Unigram"), json("WordPiece"), json(""), json(1)}) {
        CHECK(names(with([&](json& f) { f["model"]["type"] = type; }), {"type"}));
    }
    for (const json& value : {json(false), json(nullptr), json("yes")}) {
        CHECK(
            names(with([&](json& f) { f["model"]["byte_fallback"] = value; }), {"byte_fallback"}));
    }
    CHECK(names(with([](json& f) { f["model"]["end_of_word_suffix"] = "</w>"; }), {"suffix"}));
    CHECK(names(with([](json& f) { f["model"]["continuing_subword_prefix"] = "#"; }), {"prefix"}));
    for (const json& value : {json(1), json::array(), json("x"), json(nullptr)}) {
        CHECK(names(with([&](json& f) { f["model"]["vocab"] = value; }), {"vocab"}));
    }
    CHECK_FALSE(with([](json& f) {
                    f["model"]["vocab"] = json::object();
                    f["added_tokens"] = json::array();
                    f["model"]["merges"] = json::array();
                }).empty());
    for (const json& id : {json(-1), json(1.5), json("3"), json(nullptr), json(1u << 31),
                           json(4294967296ull), json(18446744073709551615ull), json(1u << 20)}) {
        CHECK(names(with([&](json& f) { f["model"]["vocab"]["zebra"] = id; }), {"zebra"}));
        CHECK_FALSE(with([&](json& f) { f["added_tokens"][0]["id"] = id; }).empty());
    }
    CHECK(names(with([](json& f) { f["model"]["vocab"]["zebra"] = 401; }), {"400"}));  // a gap
    CHECK(names(with([](json& f) { f["model"]["vocab"]["zebra"] = 399; }), {"token 399"}));
    CHECK(names(with([](json& f) { f["model"]["vocab"][""] = 400; }), {"empty"}));
    CHECK(names(with([](json& f) { f["model"]["vocab"].erase("<0x41>"); }), {"no piece for id"}));
    for (const json& content : {json(""), json(nullptr), json(1), json::array()}) {
        CHECK_FALSE(with([&](json& f) { f["added_tokens"][0]["content"] = content; }).empty());
    }
    for (const json& added :
         {json(1), json("x"), json::object(), json::array({1}), json::array({json::object()})}) {
        CHECK_FALSE(with([&](json& f) { f["added_tokens"] = added; }).empty());
    }
    CHECK_FALSE(with([](json& f) { f["added_tokens"][0]["special"] = "yes"; }).empty());
    for (const json& merge :
         {json("nopiece x"), json("t"), json("t h e"), json(""), json(1), json(nullptr),
          json::array(), json::array({"t"}), json::array({"t", "h", "e"}), json::array({1, 2}),
          json::array({"t", "\xe6\x97\xa5"}), json::object()}) {
        INFO(merge);
        CHECK(names(with([&](json& f) { f["model"]["merges"].push_back(merge); }), {"merges"}));
    }
    CHECK(with([](json& f) { f["model"]["merges"].push_back("t h"); }).empty());
    CHECK(names(with([](json& f) { f["model"].erase("merges"); }), {"merges"}));
    CHECK(names(with([](json& f) { f["model"]["merges"] = "t h"; }), {"merges"}));
    model::Limits limits;
    limits.n_merges = 1;
    CHECK(names(refusal(seed, limits), {"merges", "at most 1"}));
    limits = {};
    limits.n_pieces = 399;
    CHECK_FALSE(refusal(seed, limits).empty());
}

TEST_CASE("tokenizer files: missing scores follow the order of ids") {
    TokenizerData data = support::tiny_tokenizer(400);
    const std::vector<float> scores = data.scores;
    data.scores.clear();
    model::fill_scores(data);
    CHECK(data.scores == scores);
}

TEST_CASE("generation_config.json: stop ids and sampling values") {
    TokenizerData data;
    data.stop_ids = {1};
    const auto read = [&](const char* text) {
        return model::parse_generation_config(data, text, "g.json");
    };
    const model::SamplingHints hints =
        read(R"({"eos_token_id":[1,106],"temperature":1.0,"top_p":0.95,"top_k":64})");
    CHECK(data.stop_ids == std::vector<int32_t>{1, 106});
    CHECK(hints.temperature == 1);
    CHECK(hints.top_p == 0.95f);
    CHECK(hints.top_k == 64);
    CHECK(read("{}").top_k == -1);
    for (const char* bad :
         {"[]", "1", "", R"({"eos_token_id":"1"})", R"({"eos_token_id":-1})",
          R"({"eos_token_id":[1.5]})", R"({"eos_token_id":[[1]]})", R"({"eos_token_id":{}})",
          R"({"eos_token_id":4294967296})", R"({"temperature":"1"})", R"({"temperature":1e39})",
          R"({"top_p":true})", R"({"top_k":-1})", R"({"top_k":1.5})", R"({"top_k":"64"})",
          R"({"top_k":64,"top_k":64})"}) {
        INFO(bad);
        CHECK(names(support::refusal([&] { (void)read(bad); }), {"g.json"}));
    }
}
