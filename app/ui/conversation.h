// Conversation: the message tree of one chat. Every regenerate, edit and branch is a sibling;
// nothing is ever overwritten. Kept in memory only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/messages.h"

namespace app::ui {

using NodeId = int32_t;
constexpr NodeId kNoNode = -1;

enum class AnswerState : uint8_t { none, prefill, writing, done, failed };

/// How an answer came to be when it is not a plain one.
struct BranchNote {
    uint32_t position = 0;  // of the token that differs
    std::string chosen, instead_of;
};

struct Message {
    NodeId parent = kNoNode;
    std::vector<NodeId> children;
    size_t active_child = 0;
    model::Role role = model::Role::user;
    std::string text;  // what was typed, or the answer so far

    // Answers only: the sequence of the model (prompt and answer) that this answer is a part of.
    AnswerState state = AnswerState::none;
    RequestId request = 0;
    std::vector<TokenInfo> tokens;
    std::vector<uint32_t> text_end;  // per token: bytes of `text` that are there with this token
    uint32_t n_prompt = 0;           // tokens given to the model
    uint32_t answer_begin = 0;       // first position of the answer; < n_prompt in a branch
    bool scored = false;             // the prompt tokens carry their probabilities
    uint32_t prefill_done = 0, prefill_total = 0;
    uint64_t seed = 0;
    std::optional<FinishReason> finish;
    Stats stats;
    std::string error, hint;
    std::optional<BranchNote> branch;
    std::string model_name;
    uint64_t model_serial = 0;  // which load of a model computed it
};

class Conversation {
public:
    NodeId add(NodeId parent, model::Role role, std::string text);
    Message& at(NodeId id) { return nodes_[size_t(id)]; }
    const Message& at(NodeId id) const { return nodes_[size_t(id)]; }
    bool valid(NodeId id) const { return id >= 0 && size_t(id) < nodes_.size(); }
    bool empty() const { return nodes_.empty(); }

    /// The visible messages, first to last.
    std::vector<NodeId> path() const;
    /// The last visible message of this role; kNoNode if there is none.
    NodeId last(model::Role role) const;
    /// Messages from the root to this one, as turns.
    std::vector<model::Turn> turns(NodeId leaf) const;

    /// Index among its siblings, and how many there are.
    size_t sibling_index(NodeId id) const;
    size_t sibling_count(NodeId id) const;
    /// Make the sibling `step` away the visible one; returns it.
    NodeId show_sibling(NodeId id, int step);
    void show(NodeId id);

    NodeId find_request(RequestId request) const;
    std::string title() const;

private:
    std::vector<NodeId>& siblings(NodeId id);
    const std::vector<NodeId>& siblings(NodeId id) const;
    size_t& active(NodeId parent);

    std::vector<Message> nodes_;
    std::vector<NodeId> roots_;
    size_t active_root_ = 0;
};

}  // namespace app::ui
