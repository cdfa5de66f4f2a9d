// Random commands in random order, read slowly or fast: every request ends exactly once.
#include "tests/support/engine_driver.h"
#include "tests/support/real_model.h"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <random>

namespace {

using support::ask;
using support::EngineDriver;

app::Command random_command(std::mt19937& random, app::RequestId id, app::RequestId last) {
    const auto one_of = [&](uint32_t n) { return uint32_t(random() % n); };
    switch (one_of(20)) {
        case 0:
            return app::LoadModel{.id = id, .n_ctx = 64 + one_of(100)};
        case 1:
            return app::LoadModel{.id = id, .path = "/nonexistent"};
        case 2:
            return app::CancelLoad{last};
        case 3:
            return one_of(4) == 0 ? app::Command(app::UnloadModel{})
                                  : app::Command(app::Stop{last});
        case 4:
        case 5:
            return app::Stop{last};
        case 6: {
            model::CaptureSpec spec;
            spec.live_rows = one_of(2) == 0;
            return app::SetCapture{spec};
        }
        case 7:
        case 8:
        case 9:
        case 10:
            return app::Inspect{.id = id,
                                .kind = app::InspectKind(one_of(5)),
                                .layer = one_of(7),
                                .head = one_of(5),
                                .query_begin = one_of(40),
                                .n_queries = one_of(40),
                                .key_begin = one_of(20),
                                .n_keys = one_of(40),
                                .position = one_of(60)};
        default: {
            app::Generate request =
                ask(one_of(2) == 0 ? "Hello" : "Tell me a story.", int32_t(one_of(12)));
            request.id = id;
            request.sampling.temperature = 1;
            request.sampling.seed = random();
            request.score_prompt = one_of(2) == 0;
            return request;
        }
    }
}

void play(uint32_t seed, size_t n_commands) {
    std::mt19937 random(seed);
    EngineDriver driver(8 + random() % 40);
    driver.load();
    app::RequestId last = 0;
    std::vector<app::RequestId> expected;
    for (size_t i = 0; i < n_commands; ++i) {
        const app::Command command = random_command(random, driver.new_id(), last);
        if (const auto* g = std::get_if<app::Generate>(&command)) {
            expected.push_back(last = g->id);
        } else if (const auto* l = std::get_if<app::LoadModel>(&command)) {
            expected.push_back(last = l->id);
        }
        driver.send(command);
        if (random() % 3 == 0) {
            driver.wait_ms(int(random() % 25));
        } else if (random() % 40 == 0) {
            driver.wait([&] { return last == 0 || driver.ended(last); });
        }
        driver.drain();  // the command queue is bounded, the reader must not lag for ever
    }
    for (const app::RequestId id : expected) {
        driver.wait([&] { return driver.ended(id); });
    }
    driver.wait_ms(30);
    for (const app::RequestId id : expected) {
        INFO("seed " << seed << " request " << id);
        REQUIRE(driver.n_endings(id) == 1);
    }
    driver.load();
    REQUIRE(driver.answer(ask("Hello", 3)).ids.size() == 3);
    REQUIRE(driver.n_missed_wakes == 0);
}

}  // namespace

TEST_CASE("sequences: random commands, one ending each") {
    const uint32_t n_rounds = support::full_run() ? 100 : 4;
    for (uint32_t seed = 0; seed < n_rounds; ++seed) {
        play(seed, 100);
    }
}
