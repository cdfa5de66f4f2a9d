// The loop of run and chat: prompt, then token by token until something ends it.
#pragma once

#include "app/engine/messages.h"
#include "model/sampler.h"
#include "model/session.h"

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace app {

/// One drawn token with the distribution it was drawn from (raw, at temperature 1).
struct GeneratedToken {
    uint32_t position = 0;
    model::TokenId id = 0;
    model::TokenStats stats;
    std::vector<std::pair<model::TokenId, float>> top;
};

struct GenerateRequest {
    std::vector<model::TokenId> tokens;
    model::SamplingParams sampling;
    int32_t max_tokens = -1;
    std::vector<std::string> stop_texts;
    std::vector<model::TokenId> stop_ids;  // beside the tokenizer's own
    uint32_t top = 0;                      // candidates reported by on_token
    /// Text that became complete; whole UTF-8, nothing of a stop text.
    std::function<void(std::string_view)> on_text;
    /// Every drawn token, the one that ends the answer too. Empty: nothing is computed for it.
    std::function<void(const GeneratedToken&)> on_token;
};

struct GenerateResult {
    FinishReason reason = FinishReason::stop;
    std::vector<model::TokenId> ids;  // the one that ended it too
    std::string text;
    uint64_t logits_hash = 0;  // of the logits the last token was drawn from; 0: interrupted
};

/// The name in JSON: stop, length (also when the context is full), stopped.
std::string_view finish_reason_name(FinishReason reason);

/// Never more than n_ctx tokens, prompt and answer together. Ctrl-C (see interrupt.h) ends it with
/// FinishReason::stopped and keeps the text. Throws base::Error when the prompt is too long.
GenerateResult generate(model::Session& session, model::Sampler& sampler,
                        const GenerateRequest& request);

/// "12 tokens decoded, 3.41 tok/s, 293 ms/tok; prompt 5 tokens, 20.3 tok/s  #0123456789abcdef";
/// without what was not computed, and so empty when nothing was. `logits_hash` 0: there is none.
std::string speed_line(const model::Session::Stats& stats, uint64_t logits_hash);
/// It as a line on stderr; none where there is nothing to say.
void tell_speed(const model::Session::Stats& stats, uint64_t logits_hash);

/// What a person should know about the end of an answer; empty when it simply ended.
std::string finish_note(FinishReason reason, uint32_t n_ctx);

}  // namespace app
