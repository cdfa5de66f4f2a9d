// parallel_for: every piece once, on known threads; an exception ends it and arrives.
#include "gpu/parallel.h"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <string>

TEST_CASE("parallel_for does every piece once, whatever their number") {
    for (const size_t n : {size_t{0}, size_t{1}, size_t{2}, size_t{3}, size_t{1000}}) {
        std::vector<std::atomic<int>> done(n);
        std::atomic<size_t> highest{0};
        base::parallel_for(n, [&](size_t thread, size_t i) {
            ++done[i];
            size_t seen = highest;
            while (thread > seen && !highest.compare_exchange_weak(seen, thread)) {
            }
        });
        for (size_t i = 0; i < n; ++i) {
            CHECK(done[i] == 1);
        }
        CHECK(highest < base::parallel_threads(n));
    }
}

TEST_CASE("parallel_for's thread 0 is the caller") {
    const std::thread::id caller = std::this_thread::get_id();
    std::atomic<int> wrong{0};
    base::parallel_for(200, [&](size_t thread, size_t) {
        wrong += (thread == 0) != (std::this_thread::get_id() == caller);
    });
    CHECK(wrong == 0);
}

TEST_CASE("parallel_for ends early at an exception and throws it again") {
    std::atomic<size_t> n_done{0};
    std::string what;
    try {
        base::parallel_for(1000000, [&](size_t, size_t i) {
            if (i == 10) {
                throw std::runtime_error("piece 10");
            }
            ++n_done;
        });
    } catch (const std::runtime_error& error) {
        what = error.what();
    }
    CHECK(what == "piece 10");
    CHECK(n_done >= 10);
    CHECK(n_done < 999999);
}
