#include "app/ui/state/branch_tree.h"

#include <algorithm>

#include <fmt/format.h>

#include "app/ui/widgets/format.h"

namespace app::ui {

namespace {

std::vector<NodeId> siblings_of(const Conversation& chat, NodeId id) {
    const NodeId parent = chat.at(id).parent;
    if (parent != kNoNode) {
        return chat.at(parent).children;
    }
    std::vector<NodeId> roots;
    for (NodeId n = 0; n < NodeId(chat.size()); ++n) {
        if (chat.at(n).parent == kNoNode) {
            roots.push_back(n);
        }
    }
    return roots;
}

struct Walk {
    const Conversation& chat;
    std::vector<NodeId> path;  // visible
    std::vector<BranchRow> rows;

    /// `all`: siblings; those that left `origin` (kNoNode: no sibling) come now.
    void level(const std::vector<NodeId>& all, NodeId origin, int depth) {
        for (const NodeId id : all) {
            if (branch_origin(chat, id) != origin) {
                continue;
            }
            const bool shown = std::find(path.begin(), path.end(), id) != path.end();
            rows.push_back({id, depth, shown});
            const std::vector<NodeId>& children = chat.at(id).children;
            level(children, kNoNode, depth + (children.size() > 1 ? 1 : 0));
            level(all, id, depth + 1);
        }
    }
};

}  // namespace

std::vector<BranchRow> branch_rows(const Conversation& chat) {
    Walk walk{chat, chat.path(), {}};
    if (!chat.empty()) {
        const std::vector<NodeId> roots = siblings_of(chat, chat.shown_root());
        walk.level(roots, kNoNode, roots.size() > 1 ? 1 : 0);
    }
    return std::move(walk.rows);
}

NodeId branch_origin(const Conversation& chat, NodeId id) {
    const Message& m = chat.at(id);
    if (!m.branch) {
        return kNoNode;
    }
    const uint32_t n = m.branch->position;
    NodeId first = kNoNode, origin = kNoNode;
    for (const NodeId other : siblings_of(chat, id)) {
        if (other >= id) {
            break;
        }
        const Message& o = chat.at(other);
        first = first == kNoNode ? other : first;
        const bool known = o.tokens.size() > n && m.tokens.size() > n;
        if (known && o.tokens[n].id != m.tokens[n].id &&
            std::equal(o.tokens.begin(), o.tokens.begin() + int64_t(n), m.tokens.begin(),
                       [](const TokenInfo& a, const TokenInfo& b) { return a.id == b.id; })) {
            // Of several with the same beginning, the one whose token was replaced.
            const TokenInfo& was = o.tokens[n];
            const bool named =
                token_words(was.text, was.bytes, was.control) == m.branch->instead_of;
            origin = named || origin == kNoNode ? other : origin;
        }
    }
    return origin != kNoNode ? origin : first;  // tokens that are not read yet tell nothing
}

std::string branch_label(const Conversation& chat, NodeId id, size_t max_chars) {
    const Message& m = chat.at(id);
    std::string text = m.text;
    std::string head;
    if (m.branch) {
        const BranchNote& b = *m.branch;
        head = fmt::format("at {}: {} instead of {}  ", b.position, b.chosen, b.instead_of);
        if (b.position > m.answer_begin && b.position - 1 < m.text_end.size()) {
            text = text.substr(std::min<size_t>(m.text_end[b.position - 1], text.size()));
        }
    }
    if (text.empty()) {
        text = m.state == AnswerState::failed ? "(failed) " + m.error : "(nothing yet)";
    }
    return one_line(head + text, max_chars);
}

void BranchTrail::leave(size_t chat, const Selection& selection) {
    if (places_.size() == kMost) {
        places_.erase(places_.begin());
    }
    places_.push_back({chat, selection});
}

std::optional<BranchTrail::Place> BranchTrail::take() {
    if (places_.empty()) {
        return std::nullopt;
    }
    const Place place = places_.back();
    places_.pop_back();
    return place;
}

}  // namespace app::ui
