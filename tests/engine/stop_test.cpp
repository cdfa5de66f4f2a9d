// Stop: within one token or one submit, wherever it comes, and the session stays usable.
#include "tests/support/engine_driver.h"
#include "tests/support/real_model.h"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdio>
#include <random>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;
using support::Answer;
using support::ask;
using support::EngineDriver;

double ms_since(Clock::time_point begun) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

/// Long enough that prefill takes a while.
app::Generate long_question(std::mt19937& random) {
    std::string text = "Tell me a story about";
    for (int i = 0; i < 150; ++i) {
        text += random() % 2 == 0 ? " a dog" : " the sea";
    }
    return ask(text, -1);
}

}  // namespace

TEST_CASE("stop: the answer ends as stopped, with the tokens it would have had anyway") {
    EngineDriver driver;
    driver.load();
    app::Generate request = ask("Tell me a story.", -1);
    request.sampling = {.temperature = 1.0F, .seed = 5};
    size_t n_tokens = 0;
    size_t n_at_stop = 0;
    app::RequestId id = 0;
    driver.on_event = [&](const app::Event& event) {
        if (std::holds_alternative<app::TokenReady>(event) && ++n_tokens == 5) {
            n_at_stop = n_tokens;
            driver.send(app::Stop{id});
        }
    };
    id = driver.send_generate(request);
    driver.wait([&] { return driver.ended(id); });
    const Answer stopped = driver.answer_of(id);
    REQUIRE(stopped.finished.value().reason == app::FinishReason::stopped);
    // The reader may be slower than the writer, so what lay in the queue does not count.
    std::printf("stop: %zu tokens after the fifth was read\n", stopped.tokens.size() - n_at_stop);
    driver.on_event = {};
    request.max_tokens = 5;
    const Answer whole = driver.answer(request);
    REQUIRE(std::equal(whole.ids.begin(), whole.ids.end(), stopped.ids.begin()));
}

TEST_CASE("stop: an id that does not run is ignored") {
    EngineDriver driver;
    driver.load();
    const app::RequestId id = driver.send_generate(ask("Tell me a long story about a dog.", 5));
    driver.send(app::Stop{id + 1000});
    driver.send(app::Stop{0});
    driver.send(app::CancelLoad{id});
    driver.wait([&] { return driver.ended(id); });
    REQUIRE(driver.answer_of(id).ids.size() == 5);
    driver.send(app::Stop{id});  // late
    REQUIRE(driver.answer(ask("Tell me a long story about a dog.", 5)).ids.size() == 5);
}

namespace {

/// Stops n_cancels answers at random moments, every second one while its prompt is computed.
void random_cancels(EngineDriver& driver, int n_cancels, int prefill_ms, int answer_ms) {
    const Answer expected = driver.answer(ask("What is your name?", 4));
    std::mt19937 random(11);
    std::vector<double> latencies_ms;
    size_t n_in_prefill = 0;
    for (int i = 0; i < n_cancels; ++i) {
        const app::RequestId id =
            driver.send_generate(i % 2 == 0 ? long_question(random) : ask("Tell me a story.", -1));
        driver.wait_ms(int(random() % uint32_t(i % 2 == 0 ? prefill_ms : answer_ms)));
        if (driver.ended(id)) {
            REQUIRE_FALSE(driver.answer_of(id).failed.has_value());
            continue;
        }
        const Clock::time_point begun = Clock::now();
        driver.send(app::Stop{id});
        driver.wait([&] { return driver.ended(id); });
        latencies_ms.push_back(ms_since(begun));
        const Answer answer = driver.answer_of(id);
        REQUIRE(driver.n_endings(id) == 1);
        REQUIRE_FALSE(answer.failed.has_value());
        n_in_prefill += answer.scored.tokens.empty() ? 1 : 0;
        if (i % 10 == 0) {
            REQUIRE(driver.answer(ask("What is your name?", 4)).ids == expected.ids);
        }
        driver.events.clear();
    }
    REQUIRE(driver.answer(ask("What is your name?", 4)).ids == expected.ids);
    const double p99_ms = support::quantile(latencies_ms, 0.99);
    std::printf("stop: %zu cancels, %zu in prefill: median %.1f ms, p99 %.1f ms, max %.1f ms\n",
                latencies_ms.size(), n_in_prefill, support::quantile(latencies_ms, 0.5), p99_ms,
                support::quantile(latencies_ms, 1));
    REQUIRE(latencies_ms.size() >= size_t(n_cancels) / 2);
    REQUIRE(n_in_prefill >= size_t(n_cancels) / 10);
    REQUIRE(p99_ms <= 300 * support::load_factor());
}

}  // namespace

TEST_CASE("stop: random cancels, p99 within 300 ms, and the next answer is right") {
    EngineDriver driver;
    driver.load();
    random_cancels(driver, support::full_run() ? 500 : 60, 40, 150);
}

TEST_CASE("stop: the same on the real 270M") {
    const auto path = support::real_model_path();
    if (!path) {
        SKIP(support::kNoRealModel);
    }
    EngineDriver driver;
    driver.load({.path = *path, .n_ctx = 1024});
    random_cancels(driver, support::full_run() ? 100 : 12, 3000, 3000);
}

TEST_CASE("stop: the engine ends within a second in any state") {
    std::mt19937 random(13);
    double worst_ms = 0;
    const int n_rounds = support::full_run() ? 60 : 10;
    for (int i = 0; i < n_rounds; ++i) {
        EngineDriver driver;
        if (i % 5 != 0) {
            driver.send_load();
        }
        if (i % 5 >= 2) {
            driver.wait([&] { return driver.count<app::ModelReady>() == 1; });
            driver.send_generate(i % 5 == 2 ? long_question(random) : ask("Tell me a story.", -1));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 200));
        if (i % 5 == 4) {
            driver.send(app::Shutdown{});
        }
        worst_ms = std::max(worst_ms, driver.destroy());
    }
    std::printf("stop: %d engines ended, the slowest in %.0f ms\n", n_rounds, worst_ms);
    REQUIRE(worst_ms <= 1000 * support::load_factor());
}
