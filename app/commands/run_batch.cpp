// run --batch: many prompts in one process, answered in order.
#include "app/commands/commands.h"
#include "app/commands/console.h"
#include "app/commands/interrupt.h"
#include "app/commands/run.h"
#include "app/json_out.h"
#include "model/json_reader.h"

#include <cstdio>
#include <limits>

namespace app {

namespace {

using model::Json;

constexpr const char* kLine =
    "A line is {\"prompt\":\"...\"} or {\"turns\":[{\"role\":\"user\",\"text\":\"...\"}]}, with n, "
    "temp and seed if wanted.";

/// As messages name a line: "b.jsonl, line 2".
std::string place(const std::string& path, size_t line) {
    return fmt::format("{}, line {}", base::escaped(path), line);
}

[[noreturn]] void wrong(const std::string& path, size_t line, const std::string& what) {
    throw base::Error(base::ErrorKind::usage, fmt::format("{}: {}", place(path, line), what),
                      kLine);
}

/// What a line is missing; parse_batch adds where.
[[noreturn]] void expected(const std::string& field, const std::string& found,
                           const std::string& what) {
    throw base::Error(base::ErrorKind::usage,
                      fmt::format("{} is {}, expected {}", field, found, what));
}

const std::string& text_of(const Json& value, const std::string& field) {
    if (value.text() == nullptr) {
        expected(field, value.described(), "a text");
    }
    return *value.text();
}

model::Role parse_role(const std::string& role, const std::string& field) {
    if (role == "user") {
        return model::Role::user;
    }
    if (role == "system") {
        return model::Role::system;
    }
    if (role == "model" || role == "assistant") {
        return model::Role::model;
    }
    expected(field, "'" + base::escaped(role, 40) + "'", "user, model or system");
}

model::Turn parse_turn(const Json& value, const std::string& name) {
    const Json* role = value.find("role");
    const Json* text = value.find("text");
    if (role == nullptr || text == nullptr || value.object()->size() != 2) {
        expected(name, value.described(), "an object of role and text");
    }
    return {parse_role(text_of(*role, "the role of " + name), "the role of " + name),
            text_of(*text, "the text of " + name)};
}

std::vector<model::Turn> parse_turns(const Json& value) {
    if (value.array() == nullptr || value.array()->empty()) {
        expected("turns", value.described(), "a list of at least one turn");
    }
    std::vector<model::Turn> turns;
    std::optional<model::Role> first;
    for (const Json& turn : *value.array()) {
        turns.push_back(parse_turn(turn, fmt::format("turn {}", turns.size() + 1)));
        if (!first && turns.back().role != model::Role::system) {
            first = turns.back().role;
        }
    }
    if (first != model::Role::user) {
        expected("the first turn", "not the user's", "role user, after system if there is one");
    }
    if (turns.back().role != model::Role::user) {
        expected("the last turn", "not the user's", "role user: the model answers it");
    }
    return turns;
}

int32_t parse_n(const Json& value) {
    const auto* negative = std::get_if<int64_t>(&value.data);
    if (negative != nullptr && *negative == -1) {
        return -1;
    }
    constexpr auto kMost = uint64_t(std::numeric_limits<int32_t>::max());
    if (value.integer() == nullptr || *value.integer() > kMost) {
        expected("n", value.described(), fmt::format("a whole number from -1 to {}", kMost));
    }
    return int32_t(*value.integer());
}

double parse_temperature(const Json& value) {
    const std::optional<double> temperature = value.number();
    if (!temperature) {
        expected("temp", value.described(), "a number");
    }
    model::SamplingParams scratch;
    model::set_field(scratch, model::sampling_field("temperature"), *temperature);
    return *temperature;
}

BatchLine parse_line(std::string_view text) {
    const Json object = model::parse_json(text, "JSON", {.json_depth = 8});
    if (object.object() == nullptr) {
        expected("the line", object.described(), "a JSON object");
    }
    BatchLine line;
    for (const auto& [key, value] : *object.object()) {
        if (key == "prompt") {
            line.prompt = text_of(value, "prompt");
        } else if (key == "turns") {
            line.turns = parse_turns(value);
        } else if (key == "n") {
            line.n = parse_n(value);
        } else if (key == "temp") {
            line.temperature = parse_temperature(value);
        } else if (key == "seed") {
            if (value.integer() == nullptr) {
                expected("seed", value.described(), "a whole number from 0 to 2^64-1");
            }
            line.seed = *value.integer();
        } else {
            expected("a key", "'" + base::escaped(key, 40) + "'", "prompt, turns, n, temp or seed");
        }
    }
    if (line.prompt.has_value() == !line.turns.empty()) {
        expected("the line", line.prompt ? "prompt and turns" : "neither prompt nor turns",
                 "one of them");
    }
    return line;
}

GenerateRequest request_of(const BatchLine& line, const Options& options, const Opened& opened,
                           const model::SamplingParams& sampling) {
    const model::Tokenizer& tokenizer = opened.model->tokenizer;
    GenerateRequest request;
    request.sampling = sampling;
    request.sampling.seed = line.seed.value_or(sampling.seed);
    if (line.temperature) {
        request.sampling.temperature = float(*line.temperature);
    }
    request.max_tokens = line.n.value_or(options.n_predict);
    request.stop_texts = options.stop_texts;
    std::vector<model::Turn> turns = line.turns;
    if (line.prompt && options.chat) {
        turns.push_back({model::Role::user, *line.prompt});
    }
    if (turns.empty()) {
        request.tokens = model::render_completion(tokenizer, *line.prompt, options.special);
        return request;
    }
    if (!options.system.empty()) {
        turns.insert(turns.begin(), {model::Role::system, options.system});
    }
    put_turns(request, tokenizer, turns);
    return request;
}

}  // namespace

std::vector<BatchLine> parse_batch(std::string_view text, const std::string& path) {
    std::vector<BatchLine> lines;
    size_t number = 0;
    while (!text.empty()) {
        ++number;
        const size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
            continue;
        }
        try {
            lines.push_back(parse_line(line));
            lines.back().number = number;
        } catch (const base::Error& error) {
            wrong(path, number, error.what());
        }
    }
    if (lines.empty()) {
        throw base::Error(base::ErrorKind::usage,
                          base::escaped(path) + " is empty, expected a line for each answer",
                          kLine);
    }
    return lines;
}

std::vector<BatchLine> read_batch(const std::string& path) {
    return parse_batch(read_text_file(path), path);
}

int run_batch(const Options& options, Opened& opened, const std::vector<BatchLine>& lines) {
    const model::SamplingParams sampling = sampling_of(options, opened.default_sampling());
    say_seed(options, sampling);
    model::Sampler sampler(opened.model->config.vocab_size);
    uint64_t hash = 0;
    int exit_code = 0;
    bool stopped = false;
    for (size_t i = 0; i < lines.size() && !stopped; ++i) {
        const GenerateRequest request = request_of(lines[i], options, opened, sampling);
        JsonObject out;
        out.add("index", uint64_t{i});
        if (request.tokens.size() > opened.session->n_ctx()) {
            // One line that is too long does not take the others' answers away.
            const std::string why = fmt::format("the prompt has {} tokens, the context holds {}",
                                                request.tokens.size(), opened.session->n_ctx());
            tell("lapidary: {}: {}\n  Shorten it, or ask for a longer context with -c.\n",
                 place(options.batch, lines[i].number), why);
            out.add("text", "").raw("ids", "[]").add("finish_reason", "error").add("error", why);
            exit_code = base::exit_code(base::ErrorKind::usage);
        } else {
            const GenerateResult result = generate(*opened.session, sampler, request);
            out.add("text", result.text)
                .add("ids", result.ids)
                .add("finish_reason", finish_reason_name(result.reason));
            hash = result.logits_hash;
            if (result.reason == FinishReason::stopped) {
                stopped = true;
                exit_code = interrupted_exit_code();
            }
        }
        put("{}\n", out.str());
        flush_output();
    }
    tell_speed(opened.session->stats(), hash);
    return exit_code;
}

}  // namespace app
