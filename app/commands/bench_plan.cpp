#include "app/commands/bench_plan.h"

#include "gpu/base.h"

#include <charconv>
#include <limits>
#include <optional>

namespace app {

namespace {

constexpr size_t kMostValues = 1000;  // of one option: more is a typing error

[[noreturn]] void wrong_list(std::string_view flag, std::string_view text) {
    throw base::Error(
        base::ErrorKind::usage,
        fmt::format("{} is '{}', expected whole numbers or ranges", flag, base::escaped(text, 60)),
        "For example 512, or 128,512, or 128-512+128, or 1-64*2.");
}

/// Reads one number at the start of `text` and takes it away.
uint32_t take_number(std::string_view flag, std::string_view whole, std::string_view& text) {
    uint32_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc() || value > std::numeric_limits<int32_t>::max()) {
        wrong_list(flag, whole);
    }
    text.remove_prefix(size_t(result.ptr - text.data()));
    return value;
}

bool take(std::string_view& text, char letter) {
    const bool there = !text.empty() && text.front() == letter;
    text.remove_prefix(there ? 1 : 0);
    return there;
}

template <class Value>
std::vector<Value> or_default(const std::vector<Value>& list, Value value) {
    return list.empty() ? std::vector<Value>{value} : list;
}

/// The tests of one set of parameters.
void append_tests(std::vector<BenchTest>& tests, const BenchOptions& options, BenchTest test) {
    for (const uint32_t n : or_default(options.n_prompt, 512u)) {
        test.n_prompt = n;
        test.n_gen = 0;
        if (n > 0) {
            tests.push_back(test);
        }
    }
    for (const uint32_t n : or_default(options.n_gen, 128u)) {
        test.n_prompt = 0;
        test.n_gen = n;
        if (n > 0) {
            tests.push_back(test);
        }
    }
    for (const auto& [prompt, gen] : options.prompt_gen) {
        test.n_prompt = prompt;
        test.n_gen = gen;
        if (prompt + gen > 0) {
            tests.push_back(test);
        }
    }
}

}  // namespace

std::vector<BenchTest> bench_tests(const BenchOptions& options) {
    std::vector<BenchTest> tests;
    for (const uint32_t n_batch : or_default(options.n_batch, 2048u)) {
        for (const uint32_t n_ubatch : or_default(options.n_ubatch, 0u)) {
            for (const model::DType k : or_default(options.type_k, model::DType::f16)) {
                for (const model::DType v : or_default(options.type_v, model::DType::f16)) {
                    for (const uint32_t depth : or_default(options.n_depth, 0u)) {
                        append_tests(tests, options,
                                     {.n_depth = depth,
                                      .n_batch = n_batch,
                                      .n_ubatch = n_ubatch,
                                      .type_k = k,
                                      .type_v = v});
                    }
                }
            }
        }
    }
    if (tests.empty()) {
        throw base::Error(base::ErrorKind::usage, "nothing is left to measure",
                          "Give a prompt (-p), single tokens (-n), or both (-pg).");
    }
    return tests;
}

std::string bench_test_name(const BenchTest& test) {
    std::string name;
    if (test.n_prompt > 0) {
        name += fmt::format("pp{}", test.n_prompt);
    }
    if (test.n_gen > 0) {
        name += fmt::format("{}tg{}", name.empty() ? "" : "+", test.n_gen);
    }
    name += test.n_depth > 0 ? fmt::format(" @ d{}", test.n_depth) : std::string();
    return test.capture ? name + " captured" : name;
}

std::vector<uint32_t> parse_bench_numbers(std::string_view flag, std::string_view text) {
    std::vector<uint32_t> list;
    std::string_view rest = text;
    do {
        const uint64_t first = take_number(flag, text, rest);
        uint64_t last = first, step = 1, factor = 1;
        if (take(rest, '-')) {
            last = take_number(flag, text, rest);
            if (take(rest, '+')) {
                step = take_number(flag, text, rest);
            } else if (take(rest, '*')) {
                factor = take_number(flag, text, rest);
                step = 0;
            }
        }
        const bool moves = step > 0 || (factor > 1 && first > 0);
        if (last < first || (last > first && !moves)) {
            wrong_list(flag, text);
        }
        for (uint64_t n = first; n <= last; n = n * factor + step) {
            list.push_back(uint32_t(n));
            if (list.size() > kMostValues) {
                wrong_list(flag, text);
            }
            if (!moves) {
                break;
            }
        }
    } while (take(rest, ','));
    if (!rest.empty()) {
        wrong_list(flag, text);
    }
    return list;
}

std::pair<uint32_t, uint32_t> parse_prompt_gen(std::string_view text) {
    const size_t comma = text.find(',');
    const auto number = [](std::string_view part) -> std::optional<uint32_t> {
        uint32_t value = 0;
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
        const bool good = !part.empty() && error == std::errc() &&
                          end == part.data() + part.size() &&
                          value <= uint32_t(std::numeric_limits<int32_t>::max());
        return good ? std::optional(value) : std::nullopt;
    };
    const auto first = number(text.substr(0, comma));
    const auto second =
        comma == std::string_view::npos ? std::nullopt : number(text.substr(comma + 1));
    if (!first || !second) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("-pg is '{}', expected P,G: tokens of a prompt, a comma, "
                                      "single tokens after it",
                                      base::escaped(text, 60)),
                          "For example -pg 512,128.");
    }
    const uint32_t prompt = *first, gen = *second;
    if (prompt == 0 && gen == 0) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("-pg is '{}': nothing is left to measure", text),
                          "Give tokens of a prompt, single tokens, or both, as in -pg 512,128.");
    }
    return {prompt, gen};
}

BenchFormat parse_bench_format(std::string_view flag, std::string_view text) {
    constexpr std::pair<std::string_view, BenchFormat> kFormats[] = {
        {"none", BenchFormat::none}, {"md", BenchFormat::markdown}, {"csv", BenchFormat::csv},
        {"json", BenchFormat::json}, {"jsonl", BenchFormat::jsonl}, {"sql", BenchFormat::sql},
    };
    for (const auto& [name, format] : kFormats) {
        if (text == name) {
            return format;
        }
    }
    throw base::Error(base::ErrorKind::usage,
                      fmt::format("{} is '{}', expected md, csv, json, jsonl or sql", flag,
                                  base::escaped(text, 40)));
}

}  // namespace app
