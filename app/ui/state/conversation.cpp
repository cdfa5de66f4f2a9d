#include "app/ui/state/conversation.h"

#include <algorithm>

#include "app/ui/widgets/format.h"

namespace app::ui {

NodeId Conversation::add(NodeId parent, model::Role role, std::string text) {
    Message m;
    m.role = role;
    m.text = std::move(text);
    const NodeId id = insert(parent, std::move(m));
    show(id);
    return id;
}

NodeId Conversation::insert(NodeId parent, Message message) {
    const auto id = NodeId(nodes_.size());
    message.parent = parent;
    message.children.clear();
    message.active_child = 0;
    nodes_.push_back(std::move(message));
    std::vector<NodeId>& all = siblings(id);
    all.push_back(id);
    active(parent) = all.size() - 1;
    return id;
}

std::vector<NodeId>& Conversation::siblings(NodeId id) {
    const NodeId parent = at(id).parent;
    return parent == kNoNode ? roots_ : at(parent).children;
}

const std::vector<NodeId>& Conversation::siblings(NodeId id) const {
    const NodeId parent = at(id).parent;
    return parent == kNoNode ? roots_ : at(parent).children;
}

size_t& Conversation::active(NodeId parent) {
    return parent == kNoNode ? active_root_ : at(parent).active_child;
}

std::vector<NodeId> Conversation::path() const {
    std::vector<NodeId> out;
    const std::vector<NodeId>* level = &roots_;
    size_t index = active_root_;
    while (index < level->size()) {
        const NodeId id = (*level)[index];
        out.push_back(id);
        level = &at(id).children;
        index = at(id).active_child;
    }
    return out;
}

NodeId Conversation::last(model::Role role) const {
    const std::vector<NodeId> visible = path();
    const auto it = std::find_if(visible.rbegin(), visible.rend(),
                                 [&](NodeId id) { return at(id).role == role; });
    return it == visible.rend() ? kNoNode : *it;
}

std::vector<model::Turn> Conversation::turns(NodeId leaf) const {
    std::vector<model::Turn> out;
    for (NodeId id = leaf; id != kNoNode; id = at(id).parent) {
        out.push_back({at(id).role, at(id).text});
    }
    if (!info.system.empty()) {
        out.push_back({model::Role::system, info.system});
    }
    std::reverse(out.begin(), out.end());
    return out;
}

size_t Conversation::sibling_index(NodeId id) const {
    const auto& all = siblings(id);  // in the order they came, which is that of their ids
    return size_t(std::lower_bound(all.begin(), all.end(), id) - all.begin());
}

size_t Conversation::sibling_count(NodeId id) const {
    return siblings(id).size();
}

NodeId Conversation::show_sibling(NodeId id, int step) {
    const auto& all = siblings(id);
    const auto wanted = int64_t(sibling_index(id)) + step;
    const auto index = size_t(std::clamp<int64_t>(wanted, 0, int64_t(all.size()) - 1));
    const NodeId chosen = all[index];
    show(chosen);
    return chosen;
}

void Conversation::show(NodeId id) {
    for (NodeId n = id; n != kNoNode; n = at(n).parent) {
        active(at(n).parent) = sibling_index(n);
    }
}

NodeId Conversation::find_request(RequestId request) const {
    for (size_t i = nodes_.size(); i-- > 0;) {
        if (nodes_[i].request == request && request != 0) {
            return NodeId(i);
        }
    }
    return kNoNode;
}

NodeId Conversation::find_stored(MessageId id) const {
    for (size_t i = 0; i < nodes_.size() && id != 0; ++i) {
        if (nodes_[i].stored == id) {
            return NodeId(i);
        }
    }
    return kNoNode;
}

NodeId Conversation::answer_before(NodeId id) const {
    NodeId at_node = at(id).parent;
    while (at_node != kNoNode && at(at_node).role != model::Role::model) {
        at_node = at(at_node).parent;
    }
    return at_node;
}

std::string Conversation::title() const {
    if (!info.name.empty()) {
        return one_line(info.name, 80);
    }
    return roots_.empty() ? info.title : one_line(at(shown_root()).text, 48);
}

}  // namespace app::ui
