// score: probability of every token of a text, or one hash of everything that was computed.
#include "app/commands/score.h"

#include "app/commands/commands.h"
#include "app/commands/console.h"
#include "app/commands/run.h"
#include "app/json_out.h"
#include "model/score_hash.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace app {

namespace {

void evaluate_once(model::Session& session, const std::vector<model::TokenId>& tokens,
                   const Options& options, model::WantLogits want,
                   const model::LogitsSink& on_logits) {
    const size_t n_decode = std::min<size_t>(options.decode, tokens.size() - 1);
    const std::span<const model::TokenId> all(tokens);
    session.sync(all.first(tokens.size() - n_decode), want, on_logits);
    for (const model::TokenId token : all.last(n_decode)) {
        session.decode(token);
        if (on_logits) {
            on_logits(session.position() - 1, session.logits());
        }
    }
}

/// The ids must exist, the text fit the context, and --prefix and its like lie inside it.
void check_files(const Options& options, const model::ModelFiles& files) {
    const auto n = uint32_t(score_tokens(options, files.tokenizer, files.source->config).size());
    const auto at_most = [&](const char* flag, uint32_t value, uint32_t limit) {
        if (value > limit) {
            throw base::Error(base::ErrorKind::usage,
                              fmt::format("{} is {}, the text has {} tokens, expected at most {}",
                                          flag, value, n, limit));
        }
    };
    at_most("--prefix", options.kept_prefix, n);
    at_most("--rewind", options.rewind, n);
    at_most("--edit", options.edit.value_or(0), n - 1);
    at_most("--decode", options.decode, n - 1);
    check_room(n, options.session, files.source->config);
}

model::SessionOptions session_options(const Options& options) {
    model::SessionOptions session = options.session;
    session.keep_q = options.capture;
    session.keep_residuals = options.hash;
    return session;
}

int print_hash(const Options& options, Opened& opened, const std::vector<model::TokenId>& tokens) {
    model::Session& session = *opened.session;
    const auto n = uint32_t(tokens.size());
    const auto rows = model::score_hash_rows(n);
    const uint32_t vocab = opened.model->config.vocab_size;
    std::vector<float> logits(size_t{8} * vocab);
    const auto keep = [&](uint32_t position, std::span<const float> row) {
        for (size_t i = 0; i < rows.size(); ++i) {
            if (rows[i] == position) {
                std::copy(row.begin(), row.end(), logits.begin() + ptrdiff_t(i * vocab));
            }
        }
    };
    // Without --capture the head runs for the eight rows only, from their kept residuals.
    evaluate(session, tokens, options,
             options.capture ? model::WantLogits::all : model::WantLogits::none,
             options.capture ? model::LogitsSink(keep) : model::LogitsSink());
    if (!options.capture) {
        for (const uint32_t row : rows) {
            keep(row, session.logits_at(row));
        }
    }
    const uint32_t last_layer = opened.model->config.num_hidden_layers - 1;
    const std::vector<float> residual = session.stored(model::Tap::resid_post, last_layer, 0, n);
    const std::string hash = fmt::format("{:016x}", model::score_hash(residual, logits));
    const uint32_t subgroup = opened.runtime->device.info().subgroup_size;
    if (options.json) {
        put("{}\n",
            JsonObject().add("hash", hash).add("tokens", n).add("subgroup_size", subgroup).str());
    } else {
        put("{}  {} tokens, subgroup size {}\n", hash, n, subgroup);
    }
    return 0;
}

void print_json(const model::Tokenizer& tokenizer, const std::vector<model::TokenId>& tokens,
                const std::vector<ScoredToken>& scored) {
    for (size_t i = 0; i < tokens.size(); ++i) {
        JsonObject line;
        line.add("pos", uint64_t{i}).add("id", tokens[i]);
        line.add("text", token_text(tokenizer, tokens[i]));
        if (i == 0) {
            line.raw("logprob", "null").raw("rank", "null").raw("entropy", "null");
        } else {
            line.add("logprob", scored[i].stats.logprob)
                .add("rank", scored[i].stats.rank)
                .add("entropy", scored[i].stats.entropy);
        }
        put("{}\n", line.raw("top", top_json(tokenizer, scored[i].top)).str());
    }
}

void print_table(const model::Tokenizer& tokenizer, const std::vector<model::TokenId>& tokens,
                 const std::vector<ScoredToken>& scored) {
    put("{:>6} {:>7} {:>10} {:>7} {:>8}  {}\n", "pos", "id", "logprob", "rank", "entropy", "token");
    for (size_t i = 0; i < tokens.size(); ++i) {
        const std::string text = tokenizer.display(tokens[i]);
        if (i == 0) {
            put("{:>6} {:>7} {:>10} {:>7} {:>8}  {}", i, tokens[i], "-", "-", "-", text);
        } else {
            put("{:>6} {:>7} {:>10.5f} {:>7} {:>8.4f}  {}", i, tokens[i], scored[i].stats.logprob,
                scored[i].stats.rank, scored[i].stats.entropy, text);
        }
        for (const auto& [id, logprob] : scored[i].top) {
            put("  {} {:.1f} %", tokenizer.display(id), 100 * std::exp(logprob));
        }
        put("\n");
    }
}

}  // namespace

std::vector<model::TokenId> score_tokens(const Options& options, const model::Tokenizer& tokenizer,
                                         const model::Config& config) {
    if (!options.tokens) {
        return model::render_completion(tokenizer, *options.prompt, options.special);
    }
    for (const model::TokenId id : *options.tokens) {
        if (id < 0 || uint32_t(id) >= config.vocab_size) {
            throw base::Error(base::ErrorKind::usage,
                              fmt::format("--tokens holds {}, expected ids from 0 to {}", id,
                                          config.vocab_size - 1));
        }
    }
    return *options.tokens;
}

void evaluate(model::Session& session, const std::vector<model::TokenId>& tokens,
              const Options& options, model::WantLogits want, const model::LogitsSink& on_logits) {
    if (options.capture) {
        const model::CaptureSpec everything{.taps = model::TapSet::all(), .live_rows = true};
        session.set_capture(everything, [](const auto&) {});
    }
    const std::span<const model::TokenId> all(tokens);
    if (options.edit && *options.edit < tokens.size()) {
        std::vector<model::TokenId> other = tokens;
        model::TokenId& id = other[*options.edit];
        id = model::TokenId((uint32_t(id) + 1) % session.model().config.vocab_size);
        session.sync(other, model::WantLogits::none, {});
    }
    if (options.kept_prefix > 0) {
        session.sync(all.first(std::min<size_t>(options.kept_prefix, tokens.size())), want,
                     on_logits);
    }
    evaluate_once(session, tokens, options, want, on_logits);
    if (options.rewind > 0) {
        session.rewind(uint32_t(tokens.size() - std::min<size_t>(options.rewind, tokens.size())));
        evaluate_once(session, tokens, options, want, on_logits);
    }
}

std::vector<ScoredToken> score(model::Session& session, const std::vector<model::TokenId>& tokens,
                               const Options& options, const model::LogitsSink& also) {
    std::vector<ScoredToken> scored(tokens.size());
    evaluate(session, tokens, options, model::WantLogits::all,
             [&](uint32_t position, std::span<const float> logits) {
                 // The next token's facts; at the end those of any token, for the sum alone.
                 const bool last = position + 1 == tokens.size();
                 const model::TokenStats stats =
                     model::token_stats(logits, last ? 0 : tokens[position + 1]);
                 if (!last) {
                     scored[position + 1].stats = stats;
                 }
                 scored[position].top = model::top_logprobs(logits, options.top, stats.log_sum_exp);
                 if (also) {
                     also(position, logits);
                 }
             });
    return scored;
}

int score_command(const Options& options) {
    if (!options.tokens && options.prompt->empty() && !options.hash) {
        throw base::Error(base::ErrorKind::usage, "the text is empty: it has no token to score",
                          "Give at least one character.");
    }
    Opened opened =
        open_session(options, session_options(options),
                     [&](const model::ModelFiles& files) { check_files(options, files); });
    const std::vector<model::TokenId> tokens =
        score_tokens(options, opened.model->tokenizer, opened.model->config);
    if (options.hash) {
        return print_hash(options, opened, tokens);
    }
    const std::vector<ScoredToken> scored = score(*opened.session, tokens, options, {});
    double nll = 0;
    for (size_t i = 1; i < tokens.size(); ++i) {
        nll -= double(scored[i].stats.logprob);
    }
    const auto n_scored = double(tokens.size() - 1);
    const double perplexity = n_scored > 0 ? std::exp(nll / n_scored) : std::nan("");
    const model::Tokenizer& tokenizer = opened.model->tokenizer;
    if (options.json) {
        print_json(tokenizer, tokens, scored);
        put("{}\n", JsonObject()
                        .add("tokens", uint64_t{tokens.size()})
                        .add("nll", nll)
                        .add("ppl", perplexity)
                        .str());
    } else {
        print_table(tokenizer, tokens, scored);
        put("rank 0: the most likely; entropy and logprob in nats\n");
        put("{} {}, {:.6f} nats, perplexity {}\n", tokens.size(),
            tokens.size() == 1 ? "token" : "tokens", nll,
            n_scored > 0 ? fmt::format("{:.5f}", perplexity) : "-");
    }
    flush_output();
    const bool whole = opened.session->position() == tokens.size();
    tell_speed(opened.session->stats(), whole ? opened.session->logits_hash() : 0);
    return 0;
}

}  // namespace app
