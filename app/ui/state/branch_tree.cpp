#include "app/ui/state/branch_tree.h"

#include <algorithm>

#include <fmt/format.h>

#include "app/ui/widgets/format.h"

namespace app::ui {

std::vector<BranchRow> branch_rows(const Conversation& chat) {
    std::vector<bool> shown(chat.size());
    for (const NodeId id : chat.path()) {
        shown[size_t(id)] = true;
    }
    // By sibling: those that left it, in their order.
    std::vector<NodeId> origin(chat.size());
    std::vector<std::vector<NodeId>> left(chat.size());
    for (NodeId id = 0; id < NodeId(chat.size()); ++id) {
        origin[size_t(id)] = branch_origin(chat, id);
        if (origin[size_t(id)] != kNoNode) {
            left[size_t(origin[size_t(id)])].push_back(id);
        }
    }
    // A stranger's chat may be as deep as it has messages: no recursion. The next one is on top.
    std::vector<BranchRow> rows, waiting;
    const auto wait = [&](const std::vector<NodeId>& all, NodeId of, int depth) {
        for (auto it = all.rbegin(); it != all.rend(); ++it) {
            if (origin[size_t(*it)] == of) {
                waiting.push_back({*it, depth, shown[size_t(*it)]});
            }
        }
    };
    if (!chat.empty()) {
        const std::vector<NodeId>& roots = chat.siblings(chat.shown_root());
        wait(roots, kNoNode, roots.size() > 1 ? 1 : 0);
    }
    while (!waiting.empty()) {
        const BranchRow row = waiting.back();
        waiting.pop_back();
        rows.push_back(row);
        const std::vector<NodeId>& children = chat.at(row.id).children;
        wait(left[size_t(row.id)], row.id, row.depth + 1);  // below its own messages
        wait(children, kNoNode, row.depth + (children.size() > 1 ? 1 : 0));
    }
    return rows;
}

NodeId branch_origin(const Conversation& chat, NodeId id) {
    const Message& m = chat.at(id);
    if (!m.branch) {
        return kNoNode;
    }
    const uint32_t n = m.branch->position;
    const std::vector<NodeId>& all = chat.siblings(id);
    const NodeId first = all.front() < id ? all.front() : kNoNode;
    if (m.tokens.size() <= n) {
        return first;  // tokens that are not read yet tell nothing
    }
    NodeId origin = kNoNode;
    for (const NodeId other : all) {
        if (other >= id) {
            break;
        }
        const Message& o = chat.at(other);
        if (o.tokens.size() > n && o.tokens[n].id != m.tokens[n].id &&
            std::equal(o.tokens.begin(), o.tokens.begin() + int64_t(n), m.tokens.begin(),
                       [](const TokenInfo& a, const TokenInfo& b) { return a.id == b.id; })) {
            // Of several with the same beginning, the one whose token was replaced.
            const TokenInfo& was = o.tokens[n];
            const bool named =
                token_words(was.text, was.bytes, was.control) == m.branch->instead_of;
            origin = named || origin == kNoNode ? other : origin;
        }
    }
    return origin != kNoNode ? origin : first;
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
