// Between score.cpp and trace.cpp.
#pragma once

#include "app/commands/opened.h"

#include <utility>
#include <vector>

namespace app {

/// One position: facts about its token given those before (position 0: none), and the most likely
/// next tokens.
struct ScoredToken {
    model::TokenStats stats;
    std::vector<std::pair<model::TokenId, float>> top;
};

/// --tokens as they are, or the text with BOS. Throws base::Error(usage) for ids that do not exist.
std::vector<model::TokenId> score_tokens(const Options& options, const model::Tokenizer& tokenizer,
                                         const model::Config& config);

/// Evaluate the tokens by the way the options ask for (--prefix, --rewind, --edit, --decode,
/// --capture). All ways end in the same state with the same bits.
void evaluate(model::Session& session, const std::vector<model::TokenId>& tokens,
              const Options& options, model::WantLogits want, const model::LogitsSink& on_logits);

/// Evaluate and score every position. `also` gets every row of logits.
std::vector<ScoredToken> score(model::Session& session, const std::vector<model::TokenId>& tokens,
                               const Options& options, const model::LogitsSink& also);

}  // namespace app
