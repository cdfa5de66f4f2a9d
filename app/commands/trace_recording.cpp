// trace -o FILE.lapidary: a text with everything that a recording keeps of it.
#include "app/commands/console.h"
#include "app/commands/score.h"
#include "app/commands/trace_view.h"
#include "app/output_file.h"
#include "app/recordings/recording_maker.h"

#include <unistd.h>

#include <limits>

namespace app {

namespace {

TokenInfo token_of(const model::Tokenizer& tokenizer, uint32_t position, model::TokenId id,
                   const std::vector<ScoredToken>& scored) {
    constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
    TokenInfo t{.position = position,
                .id = id,
                .text = tokenizer.display(id),
                .bytes = std::string(tokenizer.bytes(id)),
                .control = tokenizer.bytes(id).empty(),
                .logprob = kNone,
                .rank = -1,
                .entropy = kNone};
    if (position > 0) {
        const model::TokenStats& stats = scored[position].stats;
        t.logprob = stats.logprob;
        t.rank = stats.rank;
        t.entropy = stats.entropy;
        for (const auto& [other, logprob] : scored[position - 1].top) {
            t.top.push_back({other, tokenizer.display(other), logprob});
        }
    }
    return t;
}

}  // namespace

int trace_recording(const Options& options) {
    Options adjusted = options;
    adjusted.top = options.top == 0 ? 10 : options.top;
    const std::string target =
        output_target(options.output, "-o", {model_path(options), options.file});
    model::SessionOptions session = options.session;
    session.keep_q = session.full_cache = session.keep_residuals = true;
    Opened opened = open_session(adjusted, session, [&](const model::ModelFiles& files) {
        const model::Config& config = files.source->config;
        check_room(score_tokens(options, files.tokenizer, config).size(), session, config);
    });
    const model::Tokenizer& tokenizer = opened.model->tokenizer;
    const auto tokens = score_tokens(adjusted, tokenizer, opened.model->config);
    auto draft = std::make_shared<Recording>();
    draft->info = model_facts(*opened.model, *opened.session, opened.runtime->device.info().name);
    draft->text = options.prompt.value_or("");
    draft->program = fmt::format("Lapidary {}", version());
    draft->answer_begin = uint32_t(tokens.size());  // nothing was drawn
    draft->sampling = sampling_of(options, opened.default_sampling());
    const std::vector<ScoredToken> scored = score(*opened.session, tokens, adjusted, {});
    for (uint32_t i = 0; i < tokens.size(); ++i) {
        draft->tokens.push_back(token_of(tokenizer, i, tokens[i], scored));
    }
    RecordingMaker maker(*opened.session, std::move(draft));
    const bool shown = ::isatty(STDERR_FILENO) != 0;
    for (uint64_t told = 0; !maker.step();) {
        const uint64_t percent = 100 * maker.done() / maker.total();
        if (shown && percent != told) {
            told = percent;
            tell("\r\x1b[Krecording: {} %", percent);
        }
    }
    if (shown) {
        tell("\r\x1b[K");
    }
    write_recording(maker.recording(), target);
    put("{}\n", options.output);
    return 0;
}

}  // namespace app
