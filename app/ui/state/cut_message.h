// What a branch inside the prompt leaves of the message it cuts into. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/ui/state/conversation.h"

namespace app::ui {

/// The turn that a position stands in, as far as the tokens before it go.
struct TurnSoFar {
    bool user = false;  // else the model's
    std::string text;   // without the role's line
};
/// Nothing where no such turn is begun: before the first, in a role's line, in another template.
std::optional<TurnSoFar> turn_before(const std::vector<TokenInfo>& tokens, uint32_t position);

struct CutMessage {
    std::string read;   // of the turn the branch cut into, without the token that was chosen
    std::string cut;    // of the question, what the model was not shown; empty: not known, or none
    bool user = false;  // the turn is the user's
};
/// Where the answer `id` begins inside a turn of its prompt instead of behind it; else nothing.
std::optional<CutMessage> cut_message(const Conversation& chat, NodeId id);
/// That, as it is told above the answer.
std::string cut_words(const CutMessage& cut, const std::string& chosen);

}  // namespace app::ui
