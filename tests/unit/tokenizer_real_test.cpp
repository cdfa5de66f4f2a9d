// The real vocabulary of Gemma 3 (LAPIDARY_MODEL: the 270M GGUF): the vectors of spec 6.7 and the
// texts of the golden file. The shipped model's vocabulary beside it.
#include "model/chat.h"
#include "model/source.h"
#include "model/tokenizer.h"
#include "tests/support/real_model.h"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <optional>

using namespace model;

namespace {

using Ids = std::vector<TokenId>;

const Tokenizer& real_tokenizer() {
    const std::optional<std::string> path = support::real_model_path();
    if (!path) {
        SKIP(support::kNoRealModel);
    }
    static std::optional<Tokenizer> tokenizer;  // takes a while to load; is not changed by use
    if (!tokenizer) {
        const auto source = open_model(*path);
        tokenizer.emplace(source->tokenizer, source->config);
    }
    return *tokenizer;
}

std::string times(int n, char c) {
    return std::string(static_cast<size_t>(n), c);
}

}  // namespace

TEST_CASE("Gemma 3: vectors", "[tokenizer][real]") {
    const Tokenizer& t = real_tokenizer();
    CHECK(t.encode("hello world") == Ids{23391, 1902});
    CHECK(t.encode("12345") == Ids{236770, 236778, 236800, 236812, 236810});
    CHECK(t.encode("  ") == Ids{138});
    CHECK(t.encode(" hello  ") == Ids{29104, 138});
    CHECK(t.encode("hello ") == Ids{23391, 236743});
    CHECK(t.encode("a\n\n\nb") == Ids{236746, 109, 236763});
    CHECK(t.encode(times(40, '\n')) == Ids{137, 115});
    CHECK(t.encode(times(40, ' ') + "x") == Ids{167, 145, 236781});
    CHECK(t.encode("<table><th></th></table>") == Ids{168, 174, 182, 176});
    CHECK(t.encode("</s><s>x</s>") == Ids{212, 203, 236781, 212});
    CHECK(t.encode("one line\nand another line") == Ids{811, 1757, 107, 624, 2264, 1757});
    CHECK(t.encode("Language: English\r\n\r\n") == Ids{28040, 236787, 5422, 251, 107, 251, 107});
    CHECK(t.encode("ҔӌԐڎ") == Ids{448, 386, 449, 378, 450, 382, 247155});
    CHECK(t.encode("日本語のテキスト、中文文本") ==
          Ids{94951, 236945, 95830, 236951, 55041, 57489});
    CHECK(t.encode("👩‍👩‍👧‍👦 family") ==
          Ids{243767, 237243, 243767, 237243, 244814, 237243, 244990, 2523});
    CHECK(t.encode("\u00a0nbsp\u3000ideographic") ==
          Ids{432, 398, 11539, 465, 366, 366, 754, 9814});
    CHECK(t.encode("\t\tint main() {\n") == Ids{255969, 720, 1689, 825, 642, 107});
    CHECK(t.encode("Yes") == Ids{10784});
    CHECK(t.encode("No") == Ids{3771});
    CHECK(t.encode("user") == Ids{2364});
    CHECK(t.encode("model") == Ids{4368});
    CHECK(render_chat(t, ChatFormat::turns, {{Role::user, "Hi"}}) ==
          Ids{2, 105, 2364, 107, 10979, 106, 107, 105, 4368, 107});
}

TEST_CASE("Gemma 3: special tokens", "[tokenizer][real]") {
    const Tokenizer& t = real_tokenizer();
    CHECK(t.vocab_size() == 262'144);
    CHECK(t.bos() == 2);
    CHECK(t.eos() == 1);
    CHECK(t.start_of_turn() == 105);
    CHECK(t.end_of_turn() == 106);
    CHECK(t.kind(3) == TokenKind::unknown);
    for (const TokenId id : {0, 1, 2, 105, 106, 255'999, 256'000}) {
        CHECK(t.kind(id) == TokenKind::control);
    }
    for (const TokenId id :
         {4, 5, 6, 104, 107, 137, 138, 167, 168, 203, 237, 255'968, 255'998, 256'001, 262'143}) {
        CHECK(t.kind(id) == TokenKind::user_defined);
    }
    CHECK_FALSE(t.is_stop(212));  // </s>
    CHECK_FALSE(t.has_turn_template());
    CHECK(chat_format(t) == ChatFormat::question_answer);
    CHECK(t.display(109) == "↵×3");
    CHECK(t.display(29104) == "·hello");
    StreamDecoder decoder(t);
    std::string shown;
    for (const TokenId id : t.encode("ҔӌԐڎ")) {
        shown += decoder.push(id);
    }
    CHECK(shown == "ҔӌԐڎ");
}

TEST_CASE("Gemma 3: text spells no control token", "[tokenizer][real]") {
    const Tokenizer& t = real_tokenizer();
    std::string all;
    std::vector<TokenId> controls;
    for (TokenId id = 0; id < static_cast<TokenId>(t.vocab_size()); ++id) {
        if (t.kind(id) == TokenKind::control || t.kind(id) == TokenKind::unknown) {
            controls.push_back(id);
            all += t.piece(id);
        }
    }
    CHECK(controls == std::vector<TokenId>{0, 1, 2, 3, 105, 106, 255'999, 256'000});
    for (const TokenId id : t.encode(all)) {
        CHECK(t.kind(id) != TokenKind::control);
        CHECK(t.kind(id) != TokenKind::unknown);
    }
    CHECK(t.encode_special("<bos><start_of_turn>user\n<end_of_turn>") ==
          Ids{2, 105, 2364, 107, 106});
}

TEST_CASE("Gemma 3: every golden text", "[tokenizer][real]") {
    const Tokenizer& tokenizer = real_tokenizer();
    std::ifstream file("tests/golden/gemma3-270m.json");
    REQUIRE(file.is_open());
    const auto texts = nlohmann::json::parse(file);
    CHECK(texts.size() == 21);
    for (const auto& entry : texts) {
        const auto name = entry.at("name").get<std::string>();
        const auto text = entry.at("text").get<std::string>();
        INFO(name);
        const Ids ids = render_completion(tokenizer, text, name == "control");
        CHECK(ids == entry.at("tokens").get<Ids>());
        if (name != "control") {
            CHECK(tokenizer.decode(ids) == text);
        }
    }
}

TEST_CASE("every piece of Gemma 3 is its own token", "[tokenizer][real]") {
    const Tokenizer& t = real_tokenizer();
    std::vector<std::string> others;
    for (TokenId id = 0; id < static_cast<TokenId>(t.vocab_size()); ++id) {
        if (t.kind(id) == TokenKind::normal || t.kind(id) == TokenKind::user_defined) {
            if (t.encode(t.bytes(id)) != Ids{id}) {
                others.push_back(t.piece(id));
            }
        }
    }
    // Merging by score passes these four by, in every implementation of it.
    CHECK(others == std::vector<std::string>{"▁YYYY", "▁yyyy", "▁diffformul", "▁::::::::"});
}

TEST_CASE("the shipped model chats in turns", "[tokenizer]") {
    const auto source = open_model("assets/demo/lapidary-demo.gguf");
    const Tokenizer t(source->tokenizer, source->config);
    CHECK(t.vocab_size() == 4096);
    CHECK(chat_format(t) == ChatFormat::turns);
    CHECK(t.start_of_turn() == 4);
    CHECK(t.end_of_turn() == 5);
    CHECK(t.stop_ids() == Ids{1, 5, 4});
    const Ids prompt = render_chat(t, ChatFormat::turns, {{Role::user, "Hi"}});
    CHECK(prompt.front() == 2);
    CHECK(prompt[1] == 4);
    CHECK(std::count(prompt.begin(), prompt.end(), 2) == 1);
}
