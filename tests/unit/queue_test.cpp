// Queue: bounded, in order, and nobody waits for ever.
#include "app/engine/queue.h"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using app::Queue;
using namespace std::chrono_literals;

TEST_CASE("queue: in order, bounded") {
    Queue<int> queue(3);
    REQUIRE_FALSE(queue.try_pop().has_value());
    REQUIRE(queue.try_push(1));
    REQUIRE(queue.try_push(2));
    REQUIRE(queue.push(3));
    REQUIRE_FALSE(queue.try_push(4));
    REQUIRE(queue.size() == 3);
    REQUIRE(queue.pop() == 1);
    REQUIRE(queue.try_push(4));
    REQUIRE(queue.try_pop() == 2);
    REQUIRE(queue.pop_for(1ms) == 3);
    REQUIRE(queue.pop() == 4);
    REQUIRE_FALSE(queue.pop_for(1ms).has_value());
}

TEST_CASE("queue: takes what can only be moved") {
    Queue<std::unique_ptr<int>> queue(1);
    REQUIRE(queue.push(std::make_unique<int>(5)));
    REQUIRE(**queue.pop() == 5);
}

TEST_CASE("queue: close drains and refuses") {
    Queue<int> queue(4);
    REQUIRE(queue.push(1));
    queue.close();
    REQUIRE_FALSE(queue.push(2));
    REQUIRE_FALSE(queue.try_push(2));
    REQUIRE(queue.pop() == 1);
    REQUIRE_FALSE(queue.pop().has_value());
    REQUIRE_FALSE(queue.pop_for(1h).has_value());  // at once
}

TEST_CASE("queue: close wakes who waits, on both ends") {
    Queue<int> full(1);
    REQUIRE(full.push(1));
    Queue<int> empty(1);
    std::atomic<int> n_woken = 0;
    std::thread pusher([&] { n_woken += full.push(2) ? 0 : 1; });
    std::thread popper([&] { n_woken += empty.pop().has_value() ? 0 : 1; });
    std::this_thread::sleep_for(5ms);
    full.close();
    empty.close();
    pusher.join();
    popper.join();
    REQUIRE(n_woken == 2);
}

TEST_CASE("queue: many producers lose nothing and keep their order") {
    constexpr int kProducers = 4;
    constexpr int kEach = 2000;
    Queue<int> queue(7);
    std::vector<std::thread> producers;
    for (int p = 0; p < kProducers; ++p) {
        producers.emplace_back([&queue, p] {
            for (int i = 0; i < kEach; ++i) {
                queue.push(p * kEach + i);
            }
        });
    }
    std::vector<int> next(kProducers);
    int n_in_order = 0;
    for (int i = 0; i < kProducers * kEach; ++i) {
        const int value = queue.pop().value();
        n_in_order += value % kEach == next[value / kEach]++ ? 1 : 0;
    }
    for (std::thread& producer : producers) {
        producer.join();
    }
    REQUIRE(n_in_order == kProducers * kEach);
    REQUIRE(queue.size() == 0);
}
