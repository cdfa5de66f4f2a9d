// trace -o FILE.lapidary: every token through the model one by one, all rows of attention kept.
#include "app/commands/score.h"
#include "app/commands/trace_view.h"
#include "app/console.h"
#include "app/output_file.h"
#include "app/recording.h"

#include <cmath>
#include <limits>

namespace app {

namespace {

ModelInfo info_of(const Opened& opened) {
    const model::Model& m = *opened.model;
    ModelInfo info;
    info.path = m.path;
    info.name = m.name;
    info.format = m.format;
    info.architecture = model::architecture_name(m.config.architecture);
    info.n_params = m.weights.n_params;
    info.file_bytes = m.file_bytes;
    info.n_layers = m.config.num_hidden_layers;
    info.n_heads = m.config.num_attention_heads;
    info.n_kv_heads = m.config.num_key_value_heads;
    info.head_dim = m.config.head_dim;
    info.hidden_size = m.config.hidden_size;
    info.vocab_size = m.config.vocab_size;
    info.n_ctx = opened.session->n_ctx();
    info.device_name = opened.runtime->device.info().name;
    for (const model::LayerConfig& layer : m.config.layers) {
        info.layers.push_back({.window = layer.sliding_window});
    }
    return info;
}

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

/// The row of the first token, which sees itself alone.
std::shared_ptr<const model::Capture> first_row(const model::Config& config) {
    auto capture = std::make_shared<model::Capture>();
    capture->n_positions = 1;
    for (uint32_t l = 0; l < config.num_hidden_layers; ++l) {
        const uint32_t n = config.num_attention_heads;
        capture->live.push_back({.layer = l,
                                 .n_keys = 1,
                                 .max = std::vector<float>(n, 0.0f),
                                 .lse = std::vector<float>(n, 0.0f),
                                 .log16 = std::vector<uint16_t>(n, 0)});
    }
    return capture;
}

}  // namespace

int trace_recording(const Options& options) {
    Options adjusted = options;
    adjusted.top = options.top == 0 ? 10 : options.top;
    const std::string target =
        output_target(options.output, "-o", {model_path(options), options.file});
    Opened opened = open_session(adjusted, options.session);
    const model::Tokenizer& tokenizer = opened.model->tokenizer;
    const auto tokens = score_tokens(adjusted, tokenizer, opened.model->config);
    adjusted.decode = uint32_t(tokens.size());  // all but the first: rows come with decoding
    Recording recording{.info = info_of(opened),
                        .text = options.prompt.value_or(""),
                        .program = fmt::format("Lapidary {}", version())};
    recording.captures.push_back(first_row(opened.model->config));
    opened.session->set_capture({.taps = {}, .layers = {}, .live_rows = true},
                                [&](std::shared_ptr<const model::Capture> capture) {
                                    if (capture->first_position > 0 && !capture->live.empty()) {
                                        recording.captures.push_back(std::move(capture));
                                    }
                                });
    const std::vector<ScoredToken> scored = score(*opened.session, tokens, adjusted, {});
    for (uint32_t i = 0; i < tokens.size(); ++i) {
        recording.tokens.push_back(token_of(tokenizer, i, tokens[i], scored));
    }
    CHECK(recording.captures.size() == tokens.size(), "{} rows of {}", recording.captures.size(),
          tokens.size());
    write_recording(recording, target);
    put("{}\n", options.output);
    return 0;
}

}  // namespace app
