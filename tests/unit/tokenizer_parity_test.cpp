// The library against the plain twin, windows against the whole text, and time and stack on long
// texts of the kinds that brought others down (reliability.md D2, D8).
#include "model/bpe_library.h"
#include "model/sentencepiece_proto.h"
#include "model/source.h"
#include "model/tokenizer.h"
#include "tests/support/plain_bpe.h"
#include "tests/support/real_model.h"
#include "tests/support/vocabularies.h"

#include <catch2/catch_test_macros.hpp>

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

using namespace model;

namespace {

using Ids = std::vector<TokenId>;

std::unique_ptr<ModelSource> shipped_model() {
    return open_model("assets/demo/lapidary-demo.gguf");
}

/// Characters of twenty scripts, with what stands between words.
std::string line_of_scripts(support::Random& random) {
    struct Block {
        uint32_t first, n;
    };
    constexpr Block kBlocks[] = {{0x61, 26},     {0x41, 26},     {0xC0, 0x40},    {0x391, 0x30},
                                 {0x410, 0x40},  {0x531, 0x26},  {0x5D0, 27},     {0x627, 0x24},
                                 {0x905, 0x35},  {0x985, 0x30},  {0xA05, 0x35},   {0xB85, 0x30},
                                 {0xE01, 0x2E},  {0xE81, 0x30},  {0x10A0, 0x26},  {0x1200, 0x40},
                                 {0x3041, 0x50}, {0x30A1, 0x50}, {0x4E00, 0x300}, {0xAC00, 0x300},
                                 {0x1F600, 0x40}};
    constexpr std::string_view kBetween[] = {" ",      "  ",  "\n", "\n\n\n", "\t", ", ",
                                             ".",      "0",   "42", "<td>",   "▁",  "\r\n",
                                             "\u00a0", "://", "()", "\u0301"};
    std::string line;
    for (uint64_t n_words = random.below(8); n_words > 0; --n_words) {
        const Block block = kBlocks[random.below(std::size(kBlocks))];
        for (uint64_t n = random.below(9); n > 0; --n) {
            utf8_append(line, block.first + static_cast<uint32_t>(random.below(block.n)));
        }
        line += kBetween[random.below(std::size(kBetween))];
    }
    return line;
}

/// Runs f on a thread with 256 KB of stack.
void on_small_stack(std::function<void()> f) {
    pthread_attr_t attributes;
    REQUIRE(pthread_attr_init(&attributes) == 0);
    REQUIRE(pthread_attr_setstacksize(&attributes, 256 << 10) == 0);
    pthread_t thread = {};
    const auto entry = [](void* argument) -> void* {
        (*static_cast<std::function<void()>*>(argument))();
        return nullptr;
    };
    REQUIRE(pthread_create(&thread, &attributes, entry, &f) == 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
}

std::string repeated(std::string_view unit, size_t n_bytes) {
    std::string text;
    while (text.size() < n_bytes) {
        text += unit;
    }
    return text;
}

/// Processor time of this thread, the best of three: what else the machine does hardly counts.
double seconds_of(const std::function<void()>& f) {
    const auto now = [] {
        timespec time = {};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
    };
    double best = INFINITY;
    for (int i = 0; i < 3; ++i) {
        const double start = now();
        f();
        best = std::min(best, now() - start);
    }
    return best;
}

}  // namespace

TEST_CASE("random vocabularies: the library and the twin agree", "[tokenizer][parity]") {
    for (uint64_t seed = 0; seed < 60; ++seed) {
        const TokenizerData data = support::random_vocabulary(seed);
        const Vocabulary vocabulary = make_vocabulary(data, support::config_for(data));
        const Tokenizer tokenizer = support::tokenizer_for(data);
        const support::PlainBpe twin(vocabulary);
        support::Random random(seed);
        for (int i = 0; i < 50; ++i) {
            const std::string text = support::random_text(random, data.pieces, random.below(40));
            INFO("seed " << seed << ": " << text);
            REQUIRE(tokenizer.encode(text) == twin.encode(text));
        }
    }
}

TEST_CASE("real vocabularies: the library and the twin agree", "[tokenizer][parity]") {
    std::vector<std::unique_ptr<ModelSource>> sources;
    sources.push_back(shipped_model());
    if (const std::optional<std::string> path = support::real_model_path()) {
        sources.push_back(open_model(*path));
    }
    for (const auto& source : sources) {
        const Vocabulary vocabulary = make_vocabulary(source->tokenizer, source->config);
        const Tokenizer tokenizer(source->tokenizer, source->config);
        const support::PlainBpe twin(vocabulary);
        support::Random random(7);
        const int n_lines = support::full_run() ? 100'000 : 2'000;
        for (int i = 0; i < n_lines; ++i) {
            const std::string line =
                i % 2 == 0 ? line_of_scripts(random)
                           : support::random_text(random, source->tokenizer.pieces, 12);
            const Ids ids = tokenizer.encode(line);
            if (ids != twin.encode(line)) {
                FAIL(line);
            }
            if (tokenizer.decode(ids) != support::with_spaces(line)) {
                FAIL(line);
            }
        }
    }
}

TEST_CASE("windows give what the whole text gives", "[tokenizer][parity]") {
    for (uint64_t seed = 0; seed < 40; ++seed) {
        const TokenizerData data = support::random_vocabulary(seed);
        const BpeLibrary library(make_vocabulary(data, support::config_for(data)));
        support::Random random(seed);
        std::string text;
        while (text.size() < 60'000) {
            // Long stretches of few characters, where merges could reach far.
            const std::string few = support::random_text(random, data.pieces, 1 + random.below(3));
            for (uint64_t n = random.below(3000); n > 0; --n) {
                text += random.below(50) == 0 ? support::random_text(random, data.pieces, 1) : few;
            }
        }
        Ids windows, whole;
        library.encode(windows, text);
        library.encode_at_once(whole, support::with_spaces(text));
        INFO("seed " << seed);
        REQUIRE(windows == whole);
    }
}

TEST_CASE("windows give what the whole text gives where an end reaches far back",
          "[tokenizer][parity]") {
    // Each character pairs with the next one, the later the better: how a run of them is paired
    // depends on where it ends, from its last pair to its first.
    constexpr uint32_t kFirst = 0x4E00, kN = 4000;
    TokenizerData data = support::random_vocabulary(1);
    for (uint32_t i = 0; i < kN; ++i) {
        std::string pair;
        utf8_append(pair, kFirst + i);
        utf8_append(pair, kFirst + i + 1);
        data.pieces.push_back(pair);
        data.types.push_back(support::kNormalType);
        data.scores.push_back(static_cast<float>(i));
    }
    const BpeLibrary library(make_vocabulary(data, support::config_for(data)));
    support::Random random(1);
    for (int round = 0; round < 10; ++round) {
        std::string text;
        while (text.size() < 40'000) {
            const auto start = static_cast<uint32_t>(random.below(kN));
            const auto end = start + static_cast<uint32_t>(random.below(kN - start + 1));
            for (uint32_t i = start; i < end; ++i) {
                utf8_append(text, kFirst + i);
            }
        }
        Ids windows, whole;
        library.encode(windows, text);
        library.encode_at_once(whole, text);
        REQUIRE(windows == whole);
    }
}

TEST_CASE("long texts take time in proportion, on a small stack", "[tokenizer]") {
    const auto source = shipped_model();
    const Tokenizer tokenizer(source->tokenizer, source->config);
    const size_t n_bytes = support::full_run() ? 8'000'000 : 300'000;
    for (const std::string_view unit : {"a", " ", "\n", "us", "日", "\xFF", "▁"}) {
        const std::string once = repeated(unit, n_bytes), twice = repeated(unit, 2 * n_bytes);
        Ids ids;
        double time = 0, time_twice = 0;
        on_small_stack([&] {
            time = seconds_of([&] { ids = tokenizer.encode(once); });
            time_twice = seconds_of([&] { tokenizer.encode(twice); });
        });
        INFO("'" << unit << "': " << time << " s, twice as much " << time_twice << " s");
        CHECK(tokenizer.decode(ids) == support::with_spaces(once));
        CHECK(time < 1e-6 * static_cast<double>(n_bytes));  // 0.2 s for 1 MB is usual
        CHECK(time_twice < 3 * std::max(time, 0.05));
    }
}
