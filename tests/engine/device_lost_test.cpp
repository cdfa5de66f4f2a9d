// A lost device: the request says so, and the next load starts with a new one.
#include "tests/support/engine_driver.h"

#include <catch2/catch_test_macros.hpp>

#include <atomic>

namespace {

using support::Answer;
using support::ask;
using support::EngineDriver;

/// An engine whose device is declared lost when `lose` is set, in the engine's own thread.
struct Losing {
    std::atomic<bool> lose = false;
    EngineDriver driver{64, [this](app::Worker& worker) {
                            if (worker.runtime() != nullptr && lose.exchange(false)) {
                                worker.runtime()->device.mark_lost();
                            }
                        }};
};

}  // namespace

TEST_CASE("device lost: in an answer, when idle, and right again after the next load") {
    Losing losing;
    EngineDriver& driver = losing.driver;
    driver.load();
    const Answer expected = driver.answer(ask("What is your name?", 8));
    for (int round = 0; round < 2; ++round) {
        driver.on_event = [&](const app::Event& event) {
            losing.lose = losing.lose || std::holds_alternative<app::TokenReady>(event);
        };
        const Answer lost = driver.answer(ask("Tell me a long story about a dog.", -1));
        driver.on_event = {};
        losing.lose = false;
        REQUIRE(lost.failed.has_value());
        REQUIRE(lost.failed->device_lost);
        REQUIRE_FALSE(lost.failed->hint.empty());
        REQUIRE_FALSE(lost.tokens.empty());
        driver.wait([&] { return driver.count<app::ModelUnloaded>() == size_t(round) + 1; });
        REQUIRE(driver.answer(ask("Hello", 3)).failed->message == "no model is loaded");
        REQUIRE_FALSE(driver.inspect({.kind = app::InspectKind::tile}).not_captured.empty());
        driver.load();
        REQUIRE(driver.answer(ask("What is your name?", 8)).ids == expected.ids);
    }
}
