// A consumer that does not read: tokens wait, captures and stats are dropped and counted.
#include "tests/support/engine_driver.h"
#include "tests/support/real_model.h"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <thread>

namespace {

using support::Answer;
using support::ask;
using support::EngineDriver;

void capture_live_rows(EngineDriver& driver) {
    model::CaptureSpec spec;
    spec.live_rows = true;
    driver.send(app::SetCapture{spec});
}

}  // namespace

TEST_CASE("queue full: a stalled reader loses no token and order is kept") {
    EngineDriver roomy;
    roomy.load();
    const Answer expected = roomy.answer(ask("Tell me a story.", 60));
    REQUIRE(expected.finished->stats.dropped == 0);

    EngineDriver driver(16);
    driver.load();
    capture_live_rows(driver);
    const app::RequestId id = driver.send_generate(ask("Tell me a story.", 60));
    std::this_thread::sleep_for(std::chrono::milliseconds(support::full_run() ? 10000 : 1500));
    driver.wait([&] { return driver.ended(id); });
    const Answer answer = driver.answer_of(id);
    REQUIRE(answer.ids == expected.ids);
    REQUIRE(answer.text == expected.text);
    REQUIRE(answer.finished->stats.dropped > 0);
    REQUIRE(answer.n_captures + 1 < answer.tokens.size());
    REQUIRE(driver.n_endings(id) == 1);

    capture_live_rows(driver);  // and a reader that keeps up misses nothing afterwards
    REQUIRE(driver.answer(ask("Hello", 3)).ids.size() == 3);
}

TEST_CASE("queue full: commands are taken as soon as there is room, and the end comes at once") {
    EngineDriver driver(4);
    driver.load();
    const app::RequestId id = driver.send_generate(ask("Tell me a story.", -1));
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    driver.send(app::Stop{id});
    driver.wait([&] { return driver.ended(id); });
    REQUIRE(driver.answer_of(id).finished->reason == app::FinishReason::stopped);
    REQUIRE(driver.answer_of(id).tokens.size() < 8);  // what the queue held, and the one in work

    driver.send_generate(ask("Tell me a story.", -1));
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    REQUIRE(driver.destroy() <=
            1000 * support::load_factor());  // it waits for room that never comes
}

TEST_CASE("queue full: more commands than the queue holds are refused, not lost") {
    std::atomic<bool> held = true;
    app::Engine engine([&] {
        while (held) {
            std::this_thread::yield();
        }
    });
    REQUIRE(engine.send(app::UnloadModel{}));  // its event holds the engine in wake
    size_t n_taken = 0;
    while (engine.send(app::Generate{.id = n_taken + 1})) {
        REQUIRE(++n_taken < 100000);
    }
    held = false;
    size_t n_endings = 0;
    while (n_endings < n_taken) {
        if (const auto event = engine.poll()) {
            n_endings += std::holds_alternative<app::Failed>(*event) ? 1 : 0;
        }
    }
    REQUIRE(n_endings == n_taken);
}
