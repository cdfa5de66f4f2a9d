// Answers that go on: after a stop, behind a text, and in a context that is full.
#include "tests/support/engine_driver.h"

#include "tests/support/catch.h"

using app::TokenId;
using support::Answer;
using support::ask;
using support::EngineDriver;
using support::go_on;

namespace {

std::vector<TokenId> ids_of(const std::vector<app::TokenInfo>& tokens) {
    std::vector<TokenId> ids;
    for (const app::TokenInfo& t : tokens) {
        ids.push_back(t.id);
    }
    return ids;
}

}  // namespace

TEST_CASE("engine: an answer that goes on is the one it would have been, and reuses its cache") {
    EngineDriver driver;
    driver.load();
    app::Generate request = ask("Tell me a story about Tim and a dog.", 40);
    request.sampling.temperature = 0.8F;
    request.sampling.seed = 7;
    const Answer whole = driver.answer(request);
    REQUIRE(whole.ids.size() >= 12);
    for (const size_t n : {1u, 5u, 11u}) {
        INFO(n);
        request.max_tokens = int32_t(n);
        const Answer begun = driver.answer(request);
        std::vector<TokenId> ids = ids_of(begun.prompt.tokens);
        ids.insert(ids.end(), begun.ids.begin(), begun.ids.end());
        app::Generate rest = go_on(ids, int32_t(whole.ids.size() - n));
        rest.sampling = request.sampling;
        const Answer second = driver.answer(rest);
        REQUIRE(second.finished.has_value());
        CHECK(second.prompt.n_reused + 2 >= ids.size());
        std::vector<TokenId> all = begun.ids;
        all.insert(all.end(), second.ids.begin(), second.ids.end());
        CHECK(all == whole.ids);
        CHECK(begun.text + second.text == whole.text);
    }
}

TEST_CASE(
    "engine: turns that do not fit are refused as such, or the oldest are left out and told") {
    EngineDriver driver;
    REQUIRE(driver.load({.n_ctx = 128})->n_ctx == 128);
    app::Generate request = ask("What is attention?", 8);
    for (int i = 0; i < 8; ++i) {
        const std::string text = "The cup is red. The hat is blue. What colour is the hat?";
        request.turns.insert(request.turns.begin(),
                             {{model::Role::user, text}, {model::Role::model, "It is blue."}});
    }
    const Answer refused = driver.answer(request);
    REQUIRE(refused.failed.has_value());
    CHECK(refused.failed->context_full);
    CHECK_FALSE(refused.failed->device_lost);
    CHECK(refused.prompt.tokens.empty());
    request.drop_oldest = true;
    const Answer answered = driver.answer(request);
    REQUIRE(answered.finished.has_value());
    CHECK(answered.prompt.n_dropped_turns > 0);
    CHECK(answered.prompt.n_dropped_turns % 2 == 0);
    CHECK(answered.prompt.tokens.size() + 32 <= 128);
    CHECK(answered.prompt.answer_begin == answered.prompt.tokens.size());
    CHECK_FALSE(answered.ids.empty());
    // One message that is too long by itself is another matter.
    request.turns = {{model::Role::user, std::string(4000, 'x')}};
    const Answer alone = driver.answer(request);
    REQUIRE(alone.failed.has_value());
    CHECK_FALSE(alone.failed->context_full);
}

TEST_CASE("engine: an answer goes on behind the text that it was given") {
    EngineDriver driver;
    driver.load();
    app::Generate request = ask("What colour is the hat?", 4);
    request.answer_text = "The hat is";
    const Answer answer = driver.answer(request);
    REQUIRE(answer.finished.has_value());
    REQUIRE(answer.prompt.answer_begin > 0);
    std::string begun;
    for (size_t i = answer.prompt.answer_begin; i < answer.prompt.tokens.size(); ++i) {
        begun += answer.prompt.tokens[i].bytes;
    }
    CHECK(begun.find("The hat is") != std::string::npos);
    CHECK(answer.tokens.front().position == answer.prompt.tokens.size());
}
