// run --batch: many prompts in one process, answered in order.
#include "app/commands/commands.h"
#include "app/commands/run.h"
#include "app/console.h"
#include "app/interrupt.h"
#include "app/json_out.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <limits>

namespace app {

namespace {

using nlohmann::json;

[[noreturn]] void wrong(const std::string& path, size_t line, const std::string& what) {
    throw base::Error(base::ErrorKind::usage, fmt::format("{}, line {}: {}", path, line, what),
                      "A line is {\"prompt\":\"...\"} or {\"turns\":[{\"role\":\"user\",\"text\":"
                      "\"...\"}]}, with n, temp and seed if wanted.");
}

model::Role parse_role(const std::string& role) {
    if (role == "user") {
        return model::Role::user;
    }
    if (role == "system") {
        return model::Role::system;
    }
    if (role == "model" || role == "assistant") {
        return model::Role::model;
    }
    throw std::invalid_argument("role is '" + role + "', expected user, model or system");
}

int32_t parse_n(const json& value) {
    const auto n = value.get<int64_t>();
    if (!value.is_number_integer() || n < -1 || n > std::numeric_limits<int32_t>::max()) {
        throw std::invalid_argument("n is " + value.dump() + ", expected -1 or more");
    }
    return int32_t(n);
}

BatchLine parse_line(const json& object) {
    if (!object.is_object()) {
        throw std::invalid_argument("is no JSON object");
    }
    BatchLine line;
    for (const auto& [key, value] : object.items()) {
        if (key == "prompt") {
            line.prompt = value.get<std::string>();
        } else if (key == "turns") {
            for (const json& turn : value) {
                line.turns.push_back({parse_role(turn.at("role").get<std::string>()),
                                      turn.at("text").get<std::string>()});
            }
        } else if (key == "n") {
            line.n = parse_n(value);
        } else if (key == "temp") {
            model::SamplingParams scratch;
            line.temperature = value.get<double>();
            model::set_field(scratch, model::sampling_fields()[0], *line.temperature);
        } else if (key == "seed") {
            if (!value.is_number_unsigned()) {
                throw std::invalid_argument("seed is " + value.dump() + ", expected 0 or more");
            }
            line.seed = value.get<uint64_t>();
        } else {
            throw std::invalid_argument("'" + base::escaped(key, 40) + "' is no key of a line");
        }
    }
    if (line.prompt.has_value() == !line.turns.empty()) {
        throw std::invalid_argument("has neither or both of prompt and turns, expected one");
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
            lines.push_back(parse_line(json::parse(line)));
        } catch (const json::exception& error) {
            wrong(path, number, base::escaped(error.what()));
        } catch (const std::invalid_argument& error) {
            wrong(path, number, error.what());
        } catch (const base::Error& error) {
            wrong(path, number, error.what());
        }
    }
    if (lines.empty()) {
        wrong(path, number, "the file has no line to answer");
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
            tell("lapidary: batch line {}: {}\n", i, why);
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
    tell("lapidary: {}\n", speed_line(opened.session->stats(), hash));
    return exit_code;
}

}  // namespace app
