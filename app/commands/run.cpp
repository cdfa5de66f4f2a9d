// run: complete a text, or many. run_batch.cpp has the many.
#include "app/commands/run.h"

#include "app/commands/commands.h"
#include "app/commands/console.h"
#include "app/commands/generate.h"
#include "app/commands/interrupt.h"
#include "app/json_out.h"

#include <cstdio>

namespace app {

namespace {

void print_token_json(const model::Tokenizer& tokenizer, const GeneratedToken& token) {
    put("{}\n", JsonObject()
                    .add("pos", token.position)
                    .add("id", token.id)
                    .add("text", token_text(tokenizer, token.id))
                    .raw("bytes", json_bytes(tokenizer.bytes(token.id)))
                    .add("logprob", token.stats.logprob)
                    .raw("top", top_json(tokenizer, token.top))
                    .str());
    flush_output();
}

void print_totals_json(const Opened& opened, const GenerateResult& result, size_t n_prompt) {
    const model::Session::Stats& stats = opened.session->stats();
    put("{}\n", JsonObject()
                    .add("finish_reason", finish_reason_name(result.reason))
                    .add("prompt_tokens", uint64_t{n_prompt})
                    .add("completion_tokens", uint64_t{result.ids.size()})
                    .raw("timings", JsonObject()
                                        .add("load_ms", opened.load_ms)
                                        .add("prompt_n", stats.prompt_n)
                                        .add("prompt_ms", stats.prompt_ms)
                                        .add("predicted_n", stats.predicted_n)
                                        .add("predicted_ms", stats.predicted_ms)
                                        .str())
                    .str());
}

/// Prompt, stop texts and stop ids as the options ask for them; sampling is the model's to add.
GenerateRequest make_request(const Options& options, const model::Tokenizer& tokenizer) {
    GenerateRequest request;
    request.max_tokens = options.n_predict;
    request.stop_texts = options.stop_texts;
    request.top = options.top;
    if (options.fill_before || options.fill_after) {
        request.stop_ids = model::fill_in_the_middle_stop_ids(tokenizer);  // refuses most models
        request.tokens = model::render_fill_in_the_middle(
            tokenizer, options.fill_before.value_or(""), options.fill_after.value_or(""));
    } else if (options.chat) {
        std::vector<model::Turn> turns;
        if (!options.system.empty()) {
            turns.push_back({model::Role::system, options.system});
        }
        turns.push_back({model::Role::user, *options.prompt});
        put_turns(request, tokenizer, turns);
        say_frame(tokenizer);
    } else {
        request.tokens = model::render_completion(tokenizer, *options.prompt, options.special);
    }
    return request;
}

}  // namespace

std::string top_json(const model::Tokenizer& tokenizer,
                     const std::vector<std::pair<model::TokenId, float>>& top) {
    JsonArray list;
    for (const auto& [id, logprob] : top) {
        list.raw(JsonObject()
                     .add("id", id)
                     .add("text", token_text(tokenizer, id))
                     .add("logprob", logprob)
                     .str());
    }
    return list.str();
}

void put_turns(GenerateRequest& request, const model::Tokenizer& tokenizer,
               const std::vector<model::Turn>& turns) {
    const model::ChatFormat format = model::chat_format(tokenizer);
    request.tokens = model::render_chat(tokenizer, format, turns);
    for (std::string& text : model::stop_texts(format)) {
        request.stop_texts.push_back(std::move(text));
    }
}

void say_frame(const model::Tokenizer& tokenizer) {
    if (model::chat_format(tokenizer) == model::ChatFormat::question_answer) {
        tell(
            "lapidary: this is a base model without a chat template; it is asked as "
            "\"Question: ... Answer:\"\n");
    }
}

void say_seed(const Options& options, const model::SamplingParams& sampling) {
    if (!options.seed && sampling.temperature > 0) {
        tell("lapidary: seed {}\n", sampling.seed);
    }
}

int run_command(const Options& options) {
    std::vector<BatchLine> batch;
    if (!options.batch.empty()) {
        batch = read_batch(options.batch);  // mistakes in it are told before anything is loaded
    }
    GenerateRequest request;
    Opened opened = open_session(options, options.session, [&](const model::ModelFiles& files) {
        if (options.batch.empty()) {
            request = make_request(options, files.tokenizer);
            check_room(request.tokens.size(), options.session, files.source->config);
        }
    });
    if (!options.batch.empty()) {
        return run_batch(options, opened, batch);
    }
    request.sampling = sampling_of(options, opened.default_sampling());
    say_seed(options, request.sampling);
    const model::Tokenizer& tokenizer = opened.model->tokenizer;
    if (options.json) {
        request.on_token = [&](const GeneratedToken& t) { print_token_json(tokenizer, t); };
    } else {
        request.on_text = [](std::string_view text) {
            put_text(text);
            flush_output();
        };
    }
    model::Sampler sampler(opened.model->config.vocab_size);
    const GenerateResult result = generate(*opened.session, sampler, request);
    if (options.json) {
        print_totals_json(opened, result, request.tokens.size());
    } else {
        put("\n");
    }
    flush_output();
    if (const std::string note = finish_note(result.reason, opened.session->n_ctx());
        !note.empty()) {
        tell("lapidary: {}\n", note);
    }
    tell_speed(opened.session->stats(), result.logits_hash);
    return result.reason == FinishReason::stopped ? interrupted_exit_code() : 0;
}

}  // namespace app
