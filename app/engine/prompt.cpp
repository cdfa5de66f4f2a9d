#include "app/engine/prompt.h"

#include <algorithm>
#include <utility>

#include "model/chat.h"

namespace app {

namespace {

using model::Role;
using model::Turn;

/// Without the first n turns that are not of the system.
std::vector<Turn> without_oldest(const std::vector<Turn>& turns, uint32_t n) {
    std::vector<Turn> out;
    for (const Turn& turn : turns) {
        if (turn.role != Role::system && n > 0) {
            --n;
        } else {
            out.push_back(turn);
        }
    }
    return out;
}

/// How many turns may be left out, ascending: what stays begins with a user's turn.
std::vector<uint32_t> possible_drops(const std::vector<Turn>& turns) {
    std::vector<uint32_t> out;
    uint32_t n = 0;
    for (const Turn& turn : turns) {
        if (turn.role == Role::user) {
            out.push_back(n);
        }
        n += turn.role != Role::system ? 1 : 0;
    }
    return out;
}

Prompt render(const model::Tokenizer& tokenizer, const Generate& request, uint32_t n_dropped) {
    const model::ChatFormat format = model::chat_format(tokenizer);
    Prompt prompt;
    prompt.n_dropped_turns = n_dropped;
    prompt.ids = model::render_chat(tokenizer, format, without_oldest(request.turns, n_dropped));
    prompt.answer_begin = uint32_t(prompt.ids.size());
    std::vector<TokenId> begun = request.answer;
    if (begun.empty() && !request.answer_text.empty()) {
        const bool space =
            format == model::ChatFormat::question_answer && !request.answer_text.starts_with(' ');
        begun = tokenizer.encode((space ? " " : "") + request.answer_text);
    }
    prompt.ids.insert(prompt.ids.end(), begun.begin(), begun.end());
    return prompt;
}

[[noreturn]] void too_long(size_t n_tokens, uint32_t n_ctx, bool dropping_helps) {
    const std::string what =
        fmt::format("the prompt has {} tokens and the context holds {}", n_tokens, n_ctx);
    if (dropping_helps) {
        throw ContextFull(base::ErrorKind::usage, what,
                          "Leave out the oldest messages, start a new chat, or load the model with "
                          "a larger context.");
    }
    throw base::Error(base::ErrorKind::usage, what,
                      "Shorten the text, start a new chat, or load the model with a larger "
                      "context.");
}

/// The fewest turns left out that give the answer its room; else as few as fit at all.
Prompt drop_oldest(const model::Tokenizer& tokenizer, const Generate& request, uint32_t n_ctx,
                   size_t n_tokens) {
    const std::vector<uint32_t> drops = possible_drops(request.turns);
    const auto fits = [&](const Prompt& p, uint32_t room) { return p.ids.size() + room <= n_ctx; };
    for (const uint32_t room : {answer_room(n_ctx), 1u}) {
        // More left out is never longer, so the first that fits is found by halving.
        const auto first = std::partition_point(drops.begin(), drops.end(), [&](uint32_t n) {
            return !fits(render(tokenizer, request, n), room);
        });
        if (first != drops.end()) {
            return render(tokenizer, request, *first);
        }
    }
    too_long(n_tokens, n_ctx, false);
}

}  // namespace

uint32_t answer_room(uint32_t n_ctx) {
    return std::clamp(n_ctx / 4, 1u, 1024u);
}

Prompt compose_prompt(const model::Tokenizer& tokenizer, const Generate& request, uint32_t n_ctx) {
    if (!request.tokens.empty()) {
        if (request.tokens.size() > n_ctx) {
            too_long(request.tokens.size(), n_ctx, false);
        }
        return {request.tokens, 0, 0};
    }
    if (!request.text.empty()) {
        Prompt prompt;
        prompt.ids = model::render_completion(tokenizer, request.text, false);
        if (prompt.ids.size() > n_ctx) {
            too_long(prompt.ids.size(), n_ctx, false);
        }
        return prompt;
    }
    if (request.turns.empty()) {
        throw base::Error(base::ErrorKind::usage, "there is nothing to answer",
                          "Write a message first.");
    }
    Prompt whole = render(tokenizer, request, 0);
    if (whole.ids.size() < n_ctx || (whole.ids.size() == n_ctx && !request.drop_oldest)) {
        return whole;
    }
    if (request.drop_oldest) {
        return drop_oldest(tokenizer, request, n_ctx, whole.ids.size());
    }
    const std::vector<uint32_t> drops = possible_drops(request.turns);
    const bool helps =
        drops.size() > 1 && render(tokenizer, request, drops.back()).ids.size() < n_ctx;
    too_long(whole.ids.size(), n_ctx, helps);
}

}  // namespace app
