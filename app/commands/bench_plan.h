// What `bench` measures: llama-bench's options, and the list of tests they stand for. Pure.
#pragma once

#include "model/dtype.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace app {

enum class BenchFormat : uint8_t { none, markdown, csv, json, jsonl, sql };

struct BenchOptions {
    // Lists; every combination is a test.
    std::vector<uint32_t> n_prompt, n_gen, n_depth;
    std::vector<std::pair<uint32_t, uint32_t>> prompt_gen;
    std::vector<uint32_t> n_batch, n_ubatch;
    std::vector<model::DType> type_k, type_v;

    uint32_t repetitions = 5;
    uint32_t delay_s = 0;
    int64_t gpu_layers = -1;  // all
    BenchFormat output = BenchFormat::markdown, output_err = BenchFormat::none;
    bool no_warmup = false;
    bool sync = false;     // one token in flight
    bool profile = false;  // a table of kernels after each test
    bool capture = false;  // each test also as the window runs it, in turns
};

/// One test: after n_depth tokens, a prompt of n_prompt tokens at once and then n_gen tokens one by
/// one; the prompt and the single tokens are timed together.
struct BenchTest {
    uint32_t n_prompt = 0, n_gen = 0, n_depth = 0;
    uint32_t n_batch = 0, n_ubatch = 0;  // n_ubatch 0: the session's own
    model::DType type_k = model::DType::f16, type_v = model::DType::f16;
    bool capture = false;  // Q and residuals are kept, and every row's attention is told live

    uint32_t n_tokens() const { return n_prompt + n_gen; }
    uint32_t n_ctx() const { return n_depth + n_tokens(); }
};

/// All tests in llama-bench's order: parameters first, in each pp, then tg, then pp+tg. What is not
/// given is 512 prompt tokens, 128 single tokens, depth 0, f16. Throws base::Error(usage) when
/// nothing is left to measure.
std::vector<BenchTest> bench_tests(const BenchOptions& options);

/// "pp512", "tg128", "pp512+tg128", each with " @ d1024" at a depth and " captured".
std::string bench_test_name(const BenchTest& test);

/// "1,2,8-64*2,100-300+100": numbers, and ranges `first-last`, `first-last+step` and
/// `first-last*mult`. Throws base::Error(usage) that names `flag`.
std::vector<uint32_t> parse_bench_numbers(std::string_view flag, std::string_view text);

/// "512,128". Throws base::Error(usage).
std::pair<uint32_t, uint32_t> parse_prompt_gen(std::string_view text);

/// md, csv, json, jsonl, sql, none. Throws base::Error(usage) that names `flag`.
BenchFormat parse_bench_format(std::string_view flag, std::string_view text);

}  // namespace app
