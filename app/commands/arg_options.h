// Pieces of the command line's parser that several commands share: values and common options.
// Included by the files that describe the command line only.
#pragma once

#include "app/commands/args.h"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

namespace app {

/// Throws base::Error(usage).
[[noreturn]] void usage(const std::string& message, std::string hint = {});

// Values. Each throws base::Error(usage) that names the flag and what was expected.
double parse_number(std::string_view flag, const std::string& text);
int64_t parse_whole(std::string_view flag, const std::string& text, int64_t min, int64_t max);
model::DType parse_cache_type(std::string_view flag, const std::string& text);

/// "file,-m,--model": -m
std::string first_flag(const std::string& flags);

CLI::Option* add_text(CLI::App* app, const std::string& flags, std::string description,
                      const std::function<void(const std::string&)>& set);

/// A whole number that may have any value of its type from `min` on.
template <class Number>
CLI::Option* add_number(CLI::App* app, const std::string& flags, Number& number,
                        const std::string& description, int64_t min = 0) {
    const std::string flag = first_flag(flags);
    return add_text(app, flags, description,
                    [&number, flag, min](const auto& t) {
                        number =
                            Number(parse_whole(flag, t, min, std::numeric_limits<Number>::max()));
                    })
        ->type_name("N");
}

/// A name of something, which is never empty.
CLI::Option* add_name(CLI::App* app, const std::string& flags, std::string& name,
                      const std::string& description);

void add_model(CLI::App* app, Options& o);
void add_device(CLI::App* app, Options& o);
void add_path(CLI::App* app, Options& o);

/// Options that do not go together, and ones that would change nothing
/// (app/commands/arg_checks.cpp).
void check_combinations(const Options& o);

/// The command `bench` (app/commands/bench_args.cpp).
void add_bench(CLI::App& app, Options& o);

}  // namespace app
