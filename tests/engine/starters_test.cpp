// The prompts on offer: the shipped model shows in the named head what each is said to show.
#include "app/starters.h"
#include "tests/support/engine_driver.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

TEST_CASE("starters: the named head of the shipped model reads the token from the question") {
    support::EngineDriver driver;
    const auto info = driver.load({.n_ctx = 512});
    REQUIRE(info->shipped);
    size_t n_shown = 0;
    for (const app::Starter& starter : app::kStarters) {
        if (starter.word.empty()) {
            continue;
        }
        ++n_shown;
        INFO(starter.prompt);
        const support::Answer answer = driver.answer(support::ask(std::string(starter.prompt), 24));
        const auto named = [&](app::TokenId id) {
            return app::spells((*info->token_texts)[size_t(id)], starter.word);
        };
        const auto drawn =
            std::find_if(answer.tokens.rbegin(), answer.tokens.rend(),
                         [&](const app::TokenInfo& token) { return named(token.id); });
        REQUIRE(drawn != answer.tokens.rend());
        const app::InspectReady row = driver.inspect({.kind = app::InspectKind::row,
                                                      .layer = starter.layer,
                                                      .head = starter.head,
                                                      .query_begin = drawn->position - 1});
        float read = 0;
        for (size_t key = 0; key < answer.prompt.tokens.size(); ++key) {
            read += named(answer.prompt.tokens[key].id) ? row.tile->pattern[key] : 0;
        }
        CHECK(read > 0.5f);
    }
    CHECK(n_shown == 2);
}
