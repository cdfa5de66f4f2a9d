// compose_prompt: what a Generate asks for, as ids that fit into the context.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/engine/messages.h"
#include "gpu/base.h"

namespace app {

/// The turns do not fit, and without the oldest ones they would.
class ContextFull : public base::Error {
public:
    using base::Error::Error;
};

struct Prompt {
    std::vector<TokenId> ids;
    uint32_t answer_begin = 0;     // with turns: where the answer begins
    uint32_t n_dropped_turns = 0;  // oldest turns that were left out (the system prompt stays)
};

/// Where turns have to be left out, so many that an answer of this length still has room: a quarter
/// of the context, at most 1024 tokens.
uint32_t answer_room(uint32_t n_ctx);

/// Throws ContextFull when the turns do not fit and drop_oldest is not set; base::Error(usage) when
/// nothing helps or nothing is asked.
Prompt compose_prompt(const model::Tokenizer& tokenizer, const Generate& request, uint32_t n_ctx);

}  // namespace app
