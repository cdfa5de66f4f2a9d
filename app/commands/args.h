// Arguments: the command line as data. Flags keep llama.cpp's names and meanings; one that cannot
// be honoured is refused and not reused.
#pragma once

#include "app/commands/bench_plan.h"
#include "model/sampler.h"
#include "model/session.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace app {

enum class CommandName : uint8_t { none, run, chat, score, trace, bench, info, models, devices };

struct Options {
    // Model, device, session.
    std::string model;  // empty: the shipped one
    std::string device;
    model::SessionOptions session;
    std::optional<model::Path> path;  // unset: fast where it can run

    // Text.
    std::optional<std::string> prompt;
    std::string file;  // "-": standard input
    std::string system;
    std::vector<std::string> stop_texts;
    std::optional<std::string> fill_before, fill_after;  // run
    std::string batch;                                   // run
    std::optional<std::vector<model::TokenId>> tokens;   // score, trace

    // Sampling: what was given; the rest are the model's defaults.
    std::vector<std::pair<const model::SamplingField*, double>> sampling;
    std::optional<uint64_t> seed;  // unset: random

    // trace
    std::string output;
    std::string layers = "all", heads = "all", queries = "all", taps = "pattern,lse,resid_post";

    BenchOptions bench;

    std::string view;  // trace: one view as a picture or table; empty: arrays
    std::string theme = "light", sink = "raw";  // of its picture

    // The window.
    std::string script, offscreen, frame_log;
    std::string script_chats;  // where a scripted session keeps chats; empty: in memory

    std::vector<std::string> folders;  // models: looked through as well

    int32_t n_predict = -1;
    uint32_t top = 0;
    uint32_t kept_prefix = 0, rewind = 0, decode = 0;  // score
    std::optional<uint32_t> edit;                      // score
    uint32_t limit_mib = 2048;                         // trace
    std::optional<uint32_t> picture_scale;             // trace; unset: 1
    bool bare = false;                                 // trace: a picture's cells alone
    CommandName command = CommandName::none;
    bool special = false;
    bool llama_cpp_order = false;
    bool json = false;
    bool chat = false;         // run
    bool single_turn = false;  // chat
    bool hash = false;         // score
    bool capture = false;      // score
    bool fit = true;           // refuse what does not fit, shorten a context nobody asked for
    bool measure = false;      // devices
    bool diagnostics = false;  // info
    bool safe_mode = false;    // the window
};

std::string_view version();  // "0.1.0"

/// The command line as given, ready to run; or the exit code when parsing has already answered
/// (--help, --version: 0, text on stdout).
struct ParsedArguments {
    Options options;
    std::optional<int> exit_code;
};

/// `argv` without the program's name. `has_window`: the window is built in, so its flags exist.
/// Throws base::Error(usage).
ParsedArguments parse_arguments(const std::vector<std::string>& argv, bool has_window);

/// Single-dash names of several letters are put into the form the parser knows, wherever they are
/// flags and not values; `takes_value` tells which flags are followed by one. What it knows is
/// never refused.
std::vector<std::string> rewrite_arguments(const std::vector<std::string>& argv,
                                           bool (*takes_value)(const void*, std::string_view),
                                           const void* context);

/// Why a flag of llama.cpp is not taken here; empty for any other word.
std::string_view refusal(std::string_view flag);

/// "all", or numbers separated by commas; negative ones count from the end; "3-7" is a range.
/// Sorted, without doubles. Throws base::Error(usage) naming `what`.
std::vector<uint32_t> parse_selection(std::string_view text, uint32_t n, std::string_view what);

/// Sampling parameters: the model's defaults, then what was given. Without a seed: a random one.
model::SamplingParams sampling_of(const Options& options, const model::SamplingParams& defaults);

}  // namespace app
