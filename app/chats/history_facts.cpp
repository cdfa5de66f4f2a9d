// AnswerFacts as JSON, and back.
#include <array>
#include <string>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

#include "app/chats/history.h"

namespace app {

using json = nlohmann::json;

namespace {

constexpr std::array<const char*, 4> kFinish = {"stop", "length", "context_full", "stopped"};

/// Takes the value when it is of the right kind.
void take(const json& j, const char* name, std::string& value) {
    if (const auto it = j.find(name); it != j.end() && it->is_string()) {
        value = it->get<std::string>();
    }
}
void take(const json& j, const char* name, bool& value) {
    if (const auto it = j.find(name); it != j.end() && it->is_boolean()) {
        value = it->get<bool>();
    }
}
/// A whole number that does not fit is left out, too.
template <class Number>
void take(const json& j, const char* name, Number& value) {
    const auto it = j.find(name);
    if (it == j.end() || !it->is_number()) {
        return;
    }
    if constexpr (std::is_floating_point_v<Number>) {
        value = it->get<Number>();
    } else if (it->is_number_unsigned()) {
        const auto n = it->get<uint64_t>();
        value = std::in_range<Number>(n) ? Number(n) : value;
    } else if (it->is_number_integer()) {
        const auto n = it->get<int64_t>();
        value = std::in_range<Number>(n) ? Number(n) : value;
    }
}

json sampling_json(const model::SamplingParams& s) {
    return {{"temperature", s.temperature},
            {"top_k", s.top_k},
            {"top_p", s.top_p},
            {"min_p", s.min_p},
            {"repeat_penalty", s.repeat_penalty},
            {"repeat_last_n", s.repeat_last_n},
            {"presence_penalty", s.presence_penalty},
            {"frequency_penalty", s.frequency_penalty},
            {"seed", s.seed},
            {"llama_cpp_order", s.llama_cpp_order}};
}

void take_sampling(const json& j, model::SamplingParams& s) {
    take(j, "temperature", s.temperature);
    take(j, "top_k", s.top_k);
    take(j, "top_p", s.top_p);
    take(j, "min_p", s.min_p);
    take(j, "repeat_penalty", s.repeat_penalty);
    take(j, "repeat_last_n", s.repeat_last_n);
    take(j, "presence_penalty", s.presence_penalty);
    take(j, "frequency_penalty", s.frequency_penalty);
    take(j, "seed", s.seed);
    take(j, "llama_cpp_order", s.llama_cpp_order);
}

json stats_json(const Stats& s) {
    return {{"prompt_ms", s.prompt_ms},           {"predicted_ms", s.predicted_ms},
            {"first_token_ms", s.first_token_ms}, {"prompt_n", s.prompt_n},
            {"predicted_n", s.predicted_n},       {"gb_per_s", s.gb_per_s}};
}

void take_stats(const json& j, Stats& s) {
    take(j, "prompt_ms", s.prompt_ms);
    take(j, "predicted_ms", s.predicted_ms);
    take(j, "first_token_ms", s.first_token_ms);
    take(j, "prompt_n", s.prompt_n);
    take(j, "predicted_n", s.predicted_n);
    take(j, "gb_per_s", s.gb_per_s);
}

}  // namespace

std::string to_json(const model::SamplingParams& sampling) {
    return sampling_json(sampling).dump();
}

std::optional<model::SamplingParams> sampling_params(std::string_view text) {
    const json j = json::parse(text, nullptr, false);
    if (!j.is_object()) {
        return std::nullopt;
    }
    model::SamplingParams out;
    take_sampling(j, out);
    return out;
}

std::string to_json(const AnswerFacts& f) {
    json j = {{"model", f.model_name},       {"model_key", f.model_key},
              {"n_prompt", f.n_prompt},      {"answer_begin", f.answer_begin},
              {"scored", f.scored},          {"sampling", sampling_json(f.sampling)},
              {"stats", stats_json(f.stats)}};
    if (f.finish) {
        j["finish"] = kFinish[size_t(*f.finish)];
    }
    if (!f.error.empty()) {
        j["error"] = f.error;
        j["hint"] = f.hint;
    }
    if (f.n_dropped_turns != 0) {
        j["n_dropped_turns"] = f.n_dropped_turns;
    }
    if (f.edited) {
        j["edited"] = true;
    }
    if (f.given) {
        j["given"] = true;
    }
    if (f.branched) {
        j["branch"] = {{"position", f.branch_position},
                       {"chosen", f.branch_chosen},
                       {"instead_of", f.branch_instead_of}};
    }
    return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

AnswerFacts answer_facts(std::string_view text) {
    AnswerFacts f;
    const json j = json::parse(text, nullptr, false);
    if (!j.is_object()) {
        return f;
    }
    take(j, "model", f.model_name);
    take(j, "model_key", f.model_key);
    take(j, "n_prompt", f.n_prompt);
    take(j, "answer_begin", f.answer_begin);
    take(j, "scored", f.scored);
    take(j, "error", f.error);
    take(j, "hint", f.hint);
    take(j, "n_dropped_turns", f.n_dropped_turns);
    take(j, "edited", f.edited);
    take(j, "given", f.given);
    std::string finish;
    take(j, "finish", finish);
    for (size_t i = 0; i < kFinish.size(); ++i) {
        if (finish == kFinish[i]) {
            f.finish = FinishReason(i);
        }
    }
    if (const auto it = j.find("sampling"); it != j.end() && it->is_object()) {
        take_sampling(*it, f.sampling);
    }
    if (const auto it = j.find("stats"); it != j.end() && it->is_object()) {
        take_stats(*it, f.stats);
    }
    if (const auto it = j.find("branch"); it != j.end() && it->is_object()) {
        f.branched = true;
        take(*it, "position", f.branch_position);
        take(*it, "chosen", f.branch_chosen);
        take(*it, "instead_of", f.branch_instead_of);
    }
    return f;
}

}  // namespace app
