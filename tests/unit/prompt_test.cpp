// Prompts that do not fit: what is left out, and what is said.
#include "app/engine/prompt.h"
#include "tests/support/model_writer.h"
#include "tests/support/vocabularies.h"

#include "tests/support/catch.h"

using namespace app;
using model::Role;

namespace {

model::Tokenizer tokenizer() {
    model::TokenizerData data = support::tiny_tokenizer(600);
    data.chat_template = "<start_of_turn>";
    return support::tokenizer_for(data);
}

/// n questions with answers and a last question, each text of the same length.
Generate talk(size_t n, const std::string& system = {}) {
    Generate request;
    if (!system.empty()) {
        request.turns.push_back({Role::system, system});
    }
    for (size_t i = 0; i < n; ++i) {
        request.turns.push_back({Role::user, std::string(20, char('a' + i % 20))});
        request.turns.push_back({Role::model, std::string(20, char('A' + i % 20))});
    }
    request.turns.push_back({Role::user, "the last question"});
    return request;
}

std::string text_of(const model::Tokenizer& t, const std::vector<TokenId>& ids) {
    std::string out;
    for (const TokenId id : ids) {
        out += t.bytes(id);
    }
    return out;
}

}  // namespace

TEST_CASE("a prompt that fits is whole, and its end is where the answer begins") {
    const model::Tokenizer t = tokenizer();
    const Generate request = talk(3);
    const Prompt p = compose_prompt(t, request, 4096);
    CHECK(p.ids == model::render_chat(t, model::chat_format(t), request.turns));
    CHECK(p.answer_begin == p.ids.size());
    CHECK(p.n_dropped_turns == 0);
    // Dropping changes nothing where nothing has to be dropped.
    Generate dropping = request;
    dropping.drop_oldest = true;
    CHECK(compose_prompt(t, dropping, uint32_t(p.ids.size()) + 1).ids == p.ids);
}

TEST_CASE("turns are never left out unless it was asked for, and then the oldest ones") {
    const model::Tokenizer t = tokenizer();
    Generate request = talk(10, "Be brief.");
    const auto whole = uint32_t(compose_prompt(t, request, 100000).ids.size());
    CHECK(compose_prompt(t, request, whole).ids.size() == whole);
    CHECK_THROWS_AS(compose_prompt(t, request, whole - 1), ContextFull);
    request.drop_oldest = true;
    for (uint32_t n_ctx : {whole, whole - 1, whole / 2, whole / 4}) {
        INFO(n_ctx);
        const Prompt p = compose_prompt(t, request, n_ctx);
        CHECK(p.ids.size() + answer_room(n_ctx) <= n_ctx);
        CHECK(p.n_dropped_turns > 0);
        CHECK(p.n_dropped_turns % 2 == 0);
        const std::string text = text_of(t, p.ids);
        CHECK(text.find("the last question") != std::string::npos);
        CHECK(text.find("Be brief.") != std::string::npos);
        CHECK(text.find("aaaa") == std::string::npos);
        // No more than needed: with one pair more it would not have had its room.
        Generate fewer = request;
        fewer.drop_oldest = false;
        fewer.turns.erase(fewer.turns.begin() + 1,
                          fewer.turns.begin() + 1 + int64_t(p.n_dropped_turns) - 2);
        CHECK(compose_prompt(t, fewer, 100000).ids.size() + answer_room(n_ctx) > n_ctx);
    }
}

TEST_CASE("a last message that does not fit by itself is refused in words") {
    const model::Tokenizer t = tokenizer();
    Generate request = talk(4);
    request.turns.back().text = std::string(500, 'z');
    for (const bool dropping : {false, true}) {
        request.drop_oldest = dropping;
        try {
            compose_prompt(t, request, 200);
            FAIL("it was not refused");
        } catch (const ContextFull&) {
            FAIL("leaving turns out does not help here");
        } catch (const base::Error& error) {
            CHECK(std::string(error.what()).find("the context holds 200") != std::string::npos);
            CHECK_FALSE(error.hint().empty());
        }
    }
}

TEST_CASE("an answer that was begun goes behind the prompt, by ids or by text") {
    const model::Tokenizer t = tokenizer();
    Generate request = talk(1);
    const Prompt plain = compose_prompt(t, request, 4096);
    request.answer = {300, 301, 302};
    const Prompt by_ids = compose_prompt(t, request, 4096);
    CHECK(by_ids.answer_begin == plain.ids.size());
    REQUIRE(by_ids.ids.size() == plain.ids.size() + 3);
    CHECK(by_ids.ids.back() == 302);
    request.answer.clear();
    request.answer_text = "Well,";
    const Prompt by_text = compose_prompt(t, request, 4096);
    CHECK(by_text.answer_begin == plain.ids.size());
    CHECK(text_of(t, by_text.ids).ends_with("Well,"));
}
