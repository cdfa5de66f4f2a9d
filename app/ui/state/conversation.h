// Conversation: the message tree of one chat. Every regenerate, edit and branch is a sibling;
// nothing is ever overwritten. What of it is in the chats' file: chat_saver.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/chats/history.h"
#include "app/engine/messages.h"

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
    model::SamplingParams sampling;  // with the seed
    std::optional<FinishReason> finish;
    Stats stats;
    std::string error, hint;
    std::optional<BranchNote> branch;
    std::string model_name;
    std::string model_key;         // ids mean the same only where it is equal
    uint32_t n_dropped_turns = 0;  // oldest turns that the model was not shown
    bool edited = false;           // the user wrote it
    bool given = false;            // a text to be looked into: read, never written

    // In the chats' file.
    MessageId stored = 0;
    uint32_t saved_tokens = 0;   // of `tokens`, from the first on
    size_t saved_text = 0;       // bytes of `text`
    uint32_t stored_tokens = 0;  // that can be read while `tokens` is empty
    bool tokens_asked = false;

    /// Of the sequence, those that are no prompt: what an answer counts.
    size_t answer_tokens() const {
        return tokens.size() > answer_begin ? tokens.size() - answer_begin : 0;
    }
};

/// Where a chat's messages are.
enum class ChatContent : uint8_t { here, stored, coming, unreadable };

/// What the list of chats shows, and what holds for the whole chat.
struct ChatInfo {
    ChatId stored = 0;  // in the chats' file
    ChatContent content = ChatContent::here;
    std::string name;   // given by the user
    std::string title;  // while the messages are not here
    std::string system;
    ContextPolicy policy = ContextPolicy::ask;
    std::optional<model::SamplingParams> sampling;  // what it draws with; the seed is no part of it
    int64_t use = 0;                                // order of the list
    int64_t used_at = 0;                            // seconds since 1970; 0: in this session
    bool deleted = false;
};

class Conversation {
public:
    NodeId add(NodeId parent, model::Role role, std::string text);
    /// The same, of a whole message; its place in the tree is set here.
    NodeId insert(NodeId parent, Message message);
    /// Make it the visible one among its siblings, whether they are visible or not.
    void choose(NodeId id) { active(at(id).parent) = sibling_index(id); }
    Message& at(NodeId id) { return nodes_[size_t(id)]; }
    const Message& at(NodeId id) const { return nodes_[size_t(id)]; }
    bool valid(NodeId id) const { return id >= 0 && size_t(id) < nodes_.size(); }
    bool empty() const { return nodes_.empty(); }

    /// The visible messages, first to last.
    std::vector<NodeId> path() const;
    /// The last visible message of this role; kNoNode if there is none.
    NodeId last(model::Role role) const;
    /// The system prompt, if there is one, and the messages from the root to this one.
    std::vector<model::Turn> turns(NodeId leaf) const;

    /// It and those with the same parent, in the order they came.
    const std::vector<NodeId>& siblings(NodeId id) const;
    /// Index among its siblings, and how many there are.
    size_t sibling_index(NodeId id) const;
    size_t sibling_count(NodeId id) const;
    /// Make the sibling `step` away the visible one; returns it.
    NodeId show_sibling(NodeId id, int step);
    void show(NodeId id);

    NodeId find_request(RequestId request) const;
    NodeId find_stored(MessageId id) const;
    size_t size() const { return nodes_.size(); }
    /// The nearest answer above it; kNoNode if there is none.
    NodeId answer_before(NodeId id) const;
    /// The visible first message and its siblings.
    NodeId shown_root() const { return roots_.empty() ? kNoNode : roots_[active_root_]; }
    std::string title() const;
    /// The text that this chat is about, where it is none but a text to look into; else kNoNode.
    NodeId given_text() const {
        const NodeId root = shown_root();
        return root != kNoNode && at(root).given ? root : kNoNode;
    }

    ChatInfo info;

private:
    std::vector<NodeId>& siblings(NodeId id);
    size_t& active(NodeId parent);

    std::vector<Message> nodes_;
    std::vector<NodeId> roots_;
    size_t active_root_ = 0;
};

}  // namespace app::ui
