#include "app/commands/args.h"

#include "app/commands/arg_options.h"
#include "app/commands/console.h"
#include "gpu/base.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <random>
#include <sstream>
#include <system_error>

namespace app {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::pair<std::string_view, CommandName> kCommands[] = {
    {"run", CommandName::run},       {"chat", CommandName::chat},
    {"score", CommandName::score},   {"trace", CommandName::trace},
    {"bench", CommandName::bench},   {"info", CommandName::info},
    {"models", CommandName::models}, {"devices", CommandName::devices},
};

/// Any of CLI11's own errors, in its words.
[[noreturn]] void usage_of(const CLI::App& app, const CLI::Error& error) {
    std::string command = "lapidary";
    for (const CLI::App* sub : app.get_subcommands()) {
        command += " " + sub->get_name();
    }
    std::string message = error.what();
    if (const size_t at = message.find(": At Most 1"); at != std::string::npos) {
        message = message.substr(0, at) + " is given more than once";
    }
    usage(message, "See '" + command + " --help'.");
}

std::optional<uint64_t> parse_seed(const std::string& text) {
    if (text == "-1") {
        return std::nullopt;
    }
    uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (text.empty() || result.ec != std::errc() || result.ptr != end) {
        usage(
            fmt::format("--seed is '{}', expected a whole number from 0 to 2^64-1, or -1 for a "
                        "random one",
                        base::escaped(text)));
    }
    return value;
}

std::vector<model::TokenId> parse_ids(const std::string& text) {
    std::vector<model::TokenId> ids;
    const char* at = text.data();
    const char* end = at + text.size();
    while (at != end) {
        model::TokenId id = 0;
        const auto result = std::from_chars(at, end, id);
        const bool last = result.ptr == end;
        if (result.ec != std::errc() || id < 0 || (!last && *result.ptr != ',')) {
            usage(fmt::format("--tokens holds '{}', expected ids separated by commas, as in 2,818",
                              base::escaped(std::string_view(at, size_t(end - at)), 40)));
        }
        ids.push_back(id);
        at = last ? end : result.ptr + 1;
        if (!last && at == end) {
            usage("--tokens ends in a comma, expected an id after it");
        }
    }
    if (ids.empty()) {
        usage("--tokens is empty, expected at least one id");
    }
    return ids;
}

void add_context(CLI::App* app, Options& o) {
    add_number(app, "-c,--ctx-size", o.session.n_ctx,
               "Positions in the context; 0: 4096, or the model's if it has fewer");
}

void add_session(CLI::App* app, Options& o) {
    add_device(app, o);
    add_context(app, o);
    add_number(
        app, "--ubatch-size", o.session.n_ubatch,
        "(-ub) Largest prefill chunk, up to 512; 0: 512 on a GPU with memory of its own, else 256");
    add_text(app, "--cache-type-k", "(-ctk) Type of the key cache: f16 or f32",
             [&o](const auto& t) { o.session.type_k = parse_cache_type("--cache-type-k", t); })
        ->type_name("TYPE");
    add_text(app, "--cache-type-v", "(-ctv) Type of the value cache: f16 or f32",
             [&o](const auto& t) { o.session.type_v = parse_cache_type("--cache-type-v", t); })
        ->type_name("TYPE");
    app->add_flag("--swa-full", o.session.full_cache,
                  "Local layers keep all positions, not only their window");
    add_text(
        app, "--emb-scale",
        "Scale of the embedding: f32, or bf16 as in the reference; default by file format",
        [&o](const auto& t) {
            if (t != "f32" && t != "bf16") {
                usage(fmt::format("--emb-scale is '{}', expected f32 or bf16", base::escaped(t)));
            }
            o.session.bf16_embedding_scale = t == "bf16";
        })
        ->type_name("TYPE");
    add_text(app, "--fit",
             "(-fit) on: refuse a model that does not fit the device, and shorten a context that "
             "-c does not set; off: load it anyway",
             [&o](const auto& t) {
                 if (t != "on" && t != "off") {
                     usage(fmt::format("--fit is '{}', expected on or off", base::escaped(t)));
                 }
                 o.fit = t == "on";
             })
        ->type_name("on|off");
    add_path(app, o);
}

void add_prompt(CLI::App* app, Options& o) {
    add_text(app, "-p,--prompt", "The text", [&o](const auto& t) {
        o.prompt = t;
    })->type_name("TEXT");
    add_name(app, "-f,--file", o.file, "Read the text from this file, as it is; - for stdin")
        ->type_name("FILE");
    app->add_flag("--special", o.special,
                  "Control tokens in the text, such as <end_of_turn>, become those tokens; without "
                  "it they are plain text");
}

/// What shapes the distribution that a token is drawn from.
void add_sampling_fields(CLI::App* app, Options& o) {
    for (const model::SamplingField& field : model::sampling_fields()) {
        std::string flags(field.flag);
        if (field.name == "temperature") {
            flags += ",--temperature";
        }
        add_text(app, flags, fmt::format("{} ({})", field.description, field.unit_range),
                 [&o, &field](const auto& t) {
                     const double value = parse_number(field.flag, t);
                     model::SamplingParams scratch;
                     model::set_field(scratch, field, value);
                     o.sampling.emplace_back(&field, value);
                 })
            ->type_name("N");
    }
    add_text(app, "--sampler-order",
             "hf: temperature before top-k, top-p, min-p; llama.cpp: after them",
             [&o](const auto& t) {
                 if (t != "hf" && t != "llama.cpp") {
                     usage(fmt::format("--sampler-order is '{}', expected hf or llama.cpp",
                                       base::escaped(t)));
                 }
                 o.llama_cpp_order = t == "llama.cpp";
             })
        ->type_name("NAME");
}

void add_sampling(CLI::App* app, Options& o) {
    add_sampling_fields(app, o);
    add_text(app, "-s,--seed", "Seed of the draws; -1: random, and printed", [&o](const auto& t) {
        o.seed = parse_seed(t);
    })->type_name("N");
}

void add_n_predict(CLI::App* app, Options& o) {
    add_number(app, "-n,--n-predict,--predict", o.n_predict,
               "Tokens to write at most; -1: until the model stops or the context is full", -1);
    app->add_option("--stop", o.stop_texts, "End the answer before this text; may be repeated")
        ->type_name("TEXT")
        ->allow_extra_args(false);
}

void add_run(CLI::App& app, Options& o) {
    CLI::App* run = app.add_subcommand("run", "Complete a text, or many");
    add_model(run, o);
    add_prompt(run, o);
    add_n_predict(run, o);
    run->add_flag("--chat", o.chat, "Put the text as one user turn and answer it");
    run->add_option("--system-prompt", o.system, "(-sys) System text, with --chat")
        ->type_name("TEXT");
    run->add_flag("--json", o.json, "One JSON line per token, then one with the totals");
    add_number(run, "--top", o.top, "With --json: the N most likely tokens at each step");
    add_name(run, "--batch", o.batch,
             "Answer every line of this JSON lines file: {\"prompt\":TEXT} or "
             "{\"turns\":[{\"role\":\"user\",\"text\":TEXT}]}, optional n, temp, seed")
        ->type_name("FILE");
    add_text(run, "--fim-before", "CodeGemma: text before the gap", [&o](const auto& t) {
        o.fill_before = t;
    })->type_name("TEXT");
    add_text(run, "--fim-after", "CodeGemma: text after the gap", [&o](const auto& t) {
        o.fill_after = t;
    })->type_name("TEXT");
    add_sampling(run, o);
    add_session(run, o);
    run->footer(
        "Examples:\n"
        "  lapidary run --chat -p 'Tell me a story about a fox.'\n"
        "  lapidary run -m gemma.gguf -p 'The capital of France is' -n 16 --temp 0\n"
        "  lapidary run -m gemma.gguf -f prompt.txt --json --top 5 > tokens.jsonl\n"
        "  lapidary run -m gemma.gguf --batch questions.jsonl --temp 0 > answers.jsonl");
}

void add_chat(CLI::App& app, Options& o) {
    CLI::App* chat = app.add_subcommand("chat", "Talk with a model in the terminal");
    add_model(chat, o);
    chat->add_option("--system-prompt", o.system, "(-sys) System text")->type_name("TEXT");
    add_text(chat, "-p,--prompt", "The first message", [&o](const auto& t) {
        o.prompt = t;
    })->type_name("TEXT");
    chat->add_flag("--single-turn", o.single_turn, "(-st) End after one answer");
    add_n_predict(chat, o);
    add_sampling(chat, o);
    add_session(chat, o);
    chat->footer(
        "While it runs: Ctrl-C stops the answer, twice it leaves; /help lists the commands, "
        "Ctrl-D\n"
        "leaves.\n"
        "Examples:\n"
        "  lapidary chat\n"
        "  lapidary chat -m gemma.gguf -sys 'Answer in one sentence.' --temp 0.7\n"
        "  printf 'What is your name?\\n' | lapidary chat");
}

void add_token_input(CLI::App* app, Options& o) {
    add_prompt(app, o);
    add_text(app, "--tokens", "Token ids instead of a text, as they are: 2,818,5279",
             [&o](const auto& t) { o.tokens = parse_ids(t); })
        ->type_name("IDS");
}

void add_score(CLI::App& app, Options& o) {
    CLI::App* score = app.add_subcommand("score", "Probability of every token of a text");
    add_model(score, o);
    add_token_input(score, o);
    add_number(score, "--top", o.top, "The N most likely next tokens at each position");
    score->add_flag("--json", o.json,
                    "JSON lines: pos, id, text, logprob, rank (0: the most likely) and entropy of "
                    "the token given those before it, top of the next; last tokens, nll (sum, "
                    "nats), ppl = exp(nll / "
                    "(tokens - 1))");
    score->add_flag("--hash", o.hash,
                    "One xxh64 over the last layer's resid_post and eight rows of logits, and the "
                    "device's subgroup size");
    add_number(score, "--prefix", o.kept_prefix, "First evaluate N tokens, then go on from there")
        ->group("Ways to the same bits");
    add_number(score, "--rewind", o.rewind, "Evaluate all, go back N tokens, evaluate them again")
        ->group("Ways to the same bits");
    add_text(score, "--edit", "First evaluate the text with another token at position N",
             [&o](const auto& t) {
                 constexpr int64_t kMost = std::numeric_limits<uint32_t>::max();
                 o.edit = uint32_t(parse_whole("--edit", t, 0, kMost));
             })
        ->type_name("N")
        ->group("Ways to the same bits");
    add_number(score, "--decode", o.decode, "Evaluate the last N tokens one by one, as in writing")
        ->group("Ways to the same bits");
    score
        ->add_flag("--capture", o.capture, "Record queries, attention rows and every tap meanwhile")
        ->group("Ways to the same bits");
    add_session(score, o);
    score->footer(
        "Examples:\n"
        "  lapidary score -p 'The cat sat on the mat.'\n"
        "  lapidary score -m gemma.gguf -f text.txt --json --top 10 > score.jsonl\n"
        "  lapidary score -m gemma.gguf -f text.txt --hash -ub 7");
}

void add_trace(CLI::App& app, Options& o) {
    CLI::App* trace = app.add_subcommand("trace", "Write attention and activations to an NPZ file");
    add_model(trace, o);
    add_token_input(trace, o);
    trace
        ->add_option("-o,--output", o.output,
                     "The file to write; .png, .svg, .csv, .json and .html hold one view, .npz "
                     "arrays, or one view with --view; .lapidary a recording that the window plays "
                     "without the model")
        ->type_name("F.npz")
        ->required();
    trace
        ->add_option("--view", o.view,
                     "matrix (of --layers and --heads), heads, tokens, next or lens; default "
                     "matrix")
        ->type_name("NAME")
        ->check(CLI::IsMember({"matrix", "heads", "tokens", "next", "lens"}));
    trace->add_option("--scale", o.picture_scale, "Of a .png: 1, or 2 for twice the pixels")
        ->type_name("N")
        ->check(CLI::Range(1, 8));
    trace->add_option("--theme", o.theme, "Of a picture: light, for print (default), or dark")
        ->type_name("NAME")
        ->check(CLI::IsMember({"light", "dark"}));
    trace
        ->add_option("--sink", o.sink,
                     "Of a picture of cells: raw (default), gutter (key 0 beside the rows) or "
                     "renorm (rows without key 0 sum to 1)")
        ->type_name("MODE")
        ->check(CLI::IsMember({"raw", "gutter", "renorm"}));
    trace->add_flag("--bare", o.bare,
                    "Of a .png of cells: the cells alone, without title, axes and legend");
    trace->add_option("--layers", o.layers, "all, or a list such as 0,5-8,-1")->type_name("LIST");
    trace->add_option("--heads", o.heads, "all, or a list")->type_name("LIST");
    trace->add_option("--queries", o.queries, "Rows of attention and logits: all, or a list")
        ->type_name("LIST");
    trace
        ->add_option(
            "--taps", o.taps,
            "List of pattern, attn_scores, attn_scores_raw, lse, rot_q, rot_k, v, embed, "
            "resid_pre, resid_mid, resid_post, attn_out, mlp_out, ..., logits; stage_p: "
            "the most likely tokens after each stage of the sampler; lens: the most likely "
            "tokens read out of resid_mid and resid_post; thumb: every head as a picture "
            "of 64 x 64")
        ->type_name("LIST");
    add_number(trace, "--top", o.top, "Most likely tokens per position; 0: 10");
    add_number(trace, "--limit", o.limit_mib, "Refuse to write more than this (default 2048)", 1)
        ->type_name("MiB");
    add_sampling_fields(trace, o);  // of stage_p
    add_session(trace, o);
    trace->footer(
        "Examples:\n"
        "  lapidary trace -p 'Anna gave Ben a cup.' -o anna.npz\n"
        "  lapidary trace -f text.txt -o t.npz --taps stage_p,lens,thumb --temp 0.7\n"
        "  lapidary trace -p 'Anna gave Ben a cup.' -o head.svg --layers 3 --heads 1\n"
        "  lapidary trace -m gemma.gguf -f text.txt -o t.npz --layers 5,-1 --queries -1 "
        "--taps pattern,logits");
}

void add_info(CLI::App& app, Options& o) {
    CLI::App* info = app.add_subcommand("info",
                                        "What a model file holds and how much memory it "
                                        "needs; no GPU involved");
    add_model(info, o);
    info->add_flag("--json", o.json, "As one JSON object");
    info->add_flag("--diagnostics", o.diagnostics,
                   "For a report of a fault: versions, devices, limits, layers, memory, the end of "
                   "the log; no text of any chat");
    info->footer(
        "Examples:\n  lapidary info\n  lapidary info -m gemma.gguf\n"
        "  lapidary info --diagnostics");
    CLI::App* models = app.add_subcommand(
        "models", "Models on this machine: Hugging Face, Ollama, LM Studio, llama.cpp");
    models->add_option("--folder", o.folders, "Look through this folder too; may be repeated")
        ->type_name("PATH")
        ->allow_extra_args(false);
    add_device(models, o);
    models->add_flag("--json", o.json, "As JSON lines");
    models->footer("Examples:\n  lapidary models\n  lapidary models --folder ~/models --json");
    CLI::App* devices = app.add_subcommand("devices", "Vulkan devices, and which one is chosen");
    add_device(devices, o);
    devices->add_flag("--json", o.json, "As JSON lines");
    devices->add_flag("--measure", o.measure,
                      "Copy for at most two seconds on each, and tell their GB/s");
    devices->footer(
        "Examples:\n  lapidary devices\n  lapidary devices --device cpu\n"
        "  lapidary devices --measure");
}

void add_top_level(CLI::App& app, Options& o, bool has_window) {
    app.set_help_flag("-h,--help", "Print this and end; each command has its own");
    app.set_version_flag("--version", fmt::format("lapidary {}", version()));
    app.require_subcommand(0, 1);
    if (!has_window) {
        return;
    }
    add_name(&app, "file,-m,--model", o.model, "Model to open in the window")->type_name("PATH");
    add_device(&app, o);
    add_context(&app, o);
    app.add_flag("--safe-mode", o.safe_mode,
                 "Start without opening a model, and without Vulkan's implicit layers");
    app.add_option("--script", o.script, "Play this script in the window, then end")
        ->type_name("FILE");
    app.add_option("--frame-log", o.frame_log, "Write how long each frame of the window took")
        ->group("");
    app.add_option("--script-chats", o.script_chats, "With --script: the file that keeps the chats")
        ->group("");
    app.add_option("--offscreen", o.offscreen, "With --script: no display, a picture of this size")
        ->type_name("WxH");
}

/// The options that count for a command line: those of the command it names, and those of none.
struct KnownOptions {
    const CLI::App* app;
    const CLI::App* command;
};

const CLI::App* named_command(const CLI::App& app, const std::vector<std::string>& argv) {
    for (const std::string& word : argv) {
        for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
            if (command->get_name() == word) {
                return command;
            }
        }
    }
    return nullptr;
}

bool option_takes_value(const void* context, std::string_view flag) {
    const auto& known = *static_cast<const KnownOptions*>(context);
    for (const CLI::App* app : {known.command, known.app}) {
        const CLI::Option* option =
            app == nullptr ? nullptr : app->get_option_no_throw(std::string(flag));
        if (option != nullptr) {
            return option->get_items_expected_min() > 0;
        }
    }
    return false;
}

/// A first word that is neither a flag, a command, nor a file that is there or might be meant.
void check_first_word(const std::vector<std::string>& argv) {
    const std::string word = argv.empty() ? "-" : argv.front();
    std::string known;
    for (const auto& [name, command] : kCommands) {
        if (name == word) {
            return;
        }
        known += (known.empty() ? "" : ", ") + std::string(name);
    }
    std::error_code failed;
    const bool is_file =
        word.find_first_of("./") != std::string::npos || std::filesystem::exists(word, failed);
    if (word.starts_with('-') || is_file) {
        return;
    }
    usage(fmt::format("'{}' is neither a command nor a file", base::escaped(word, 40)),
          "The commands are " + known + "; 'lapidary --help' explains them.");
}

}  // namespace

std::string_view version() {
    return LAPIDARY_VERSION;
}

ParsedArguments parse_arguments(const std::vector<std::string>& argv, bool has_window) {
    check_first_word(argv);
    ParsedArguments parsed;
    Options& o = parsed.options;
    CLI::App app(
        "Lapidary runs Gemma models on any Vulkan GPU and shows what they attend to.\n"
        "Without a command: the window, or the chat where there is no display.",
        "lapidary");
    app.get_formatter()->column_width(34);
    app.footer(
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 model, 4 no Vulkan device,\n"
        "5 out of memory, 6 device lost, 130 interrupted, 143 asked to end (SIGTERM),\n"
        "129 hung up (SIGHUP).");
    add_top_level(app, o, has_window);
    add_run(app, o);
    add_chat(app, o);
    add_score(app, o);
    add_trace(app, o);
    add_bench(app, o);
    add_info(app, o);
    try {
        const KnownOptions known{&app, named_command(app, argv)};
        std::vector<std::string> arguments = rewrite_arguments(argv, option_takes_value, &known);
        std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
        app.parse(arguments);
    } catch (const CLI::Success& success) {
        std::ostringstream text;
        parsed.exit_code = app.exit(success, text, text);
        put_text(text.str());
        return parsed;
    } catch (const CLI::Error& error) {
        usage_of(app, error);
    }
    for (const auto& [name, command] : kCommands) {
        o.command = app.got_subcommand(std::string(name)) ? command : o.command;
    }
    check_combinations(o);
    return parsed;
}

std::vector<uint32_t> parse_selection(std::string_view text, uint32_t n, std::string_view what) {
    std::vector<uint32_t> list;
    const auto number = [&](const char*& at, const char* end) {
        int64_t value = 0;
        const auto result = std::from_chars(at, end, value);
        if (result.ec != std::errc() || value < -int64_t(n) || value >= int64_t(n)) {
            usage(
                fmt::format("{} is '{}', expected all, or numbers from {} to {} separated by "
                            "commas",
                            what, base::escaped(text, 60), -int64_t(n), int64_t(n) - 1));
        }
        at = result.ptr;
        return uint32_t(value < 0 ? value + int64_t(n) : value);
    };
    if (text == "all") {
        for (uint32_t i = 0; i < n; ++i) {
            list.push_back(i);
        }
        return list;
    }
    const char* at = text.data();
    const char* end = at + text.size();
    while (true) {
        const uint32_t first = number(at, end);
        uint32_t last = first;
        if (at != end && *at == '-') {
            last = number(++at, end);
        }
        if (last < first) {
            usage(fmt::format("{} is '{}': the range {} to {} runs backwards", what,
                              base::escaped(text, 60), first, last),
                  "Give the smaller number first.");
        }
        for (uint32_t i = first; i <= last; ++i) {
            list.push_back(i);
        }
        if (at == end) {
            break;
        }
        if (*at != ',') {
            number(at = end, end);  // says what is wrong
        }
        ++at;
    }
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    return list;
}

model::SamplingParams sampling_of(const Options& options, const model::SamplingParams& defaults) {
    model::SamplingParams params = defaults;
    for (const auto& [field, value] : options.sampling) {
        model::set_field(params, *field, value);
    }
    params.llama_cpp_order = options.llama_cpp_order;
    std::random_device random;
    params.seed = options.seed.value_or((uint64_t{random()} << 32) | random());
    // A random seed stays short enough to be typed again.
    params.seed = options.seed ? params.seed : params.seed >> 32;
    return params;
}

}  // namespace app
