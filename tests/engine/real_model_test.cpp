// The engine on the real Gemma 3 270M, a base model: the Question / Answer frame and its stop
// texts.
#include "tests/support/real_model.h"
#include "tests/support/engine_driver.h"

#include <catch2/catch_test_macros.hpp>

#include <cstdio>

TEST_CASE("real model: a base model is asked in its frame, which is not shown") {
    const auto path = support::real_model_path();
    if (!path) {
        SKIP(support::kNoRealModel);
    }
    support::EngineDriver driver;
    const auto info = driver.load({.path = *path, .n_ctx = 512});
    REQUIRE(info->base_model);
    REQUIRE_FALSE(info->shipped);
    REQUIRE(info->token_texts->size() == info->vocab_size);
    const support::Answer answer =
        driver.answer(support::ask("What is the capital of France?", 24));
    std::printf("270M: '%s', first token %.0f ms\n", answer.text.c_str(),
                answer.finished.value().stats.first_token_ms);
    REQUIRE(answer.text.find("Paris") != std::string::npos);
    REQUIRE(answer.text.find("Question:") == std::string::npos);
    if (answer.finished->reason == app::FinishReason::stop) {
        for (const app::Event& event : driver.events) {
            if (const auto* ready = std::get_if<app::TokenReady>(&event)) {
                const bool last = ready->token.position == answer.tokens.back().position;
                REQUIRE(ready->stop == last);
            }
        }
    }
    const app::InspectReady lens =
        driver.inspect({.kind = app::InspectKind::lens, .position = 3, .ids = {5}});
    REQUIRE(lens.lens.size() == info->n_layers);
    const app::InspectReady pictures =
        driver.inspect({.kind = app::InspectKind::thumbnails, .layer = info->n_layers - 1});
    REQUIRE(pictures.thumbnails->size() == info->n_heads);
}
