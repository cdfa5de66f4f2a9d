// All branches of a chat as rows of a tree, and the way back from one to where one was. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/ui/state/ui_types.h"

namespace app::ui {

struct BranchRow {
    NodeId id = kNoNode;
    int depth = 0;       // grows where there is a choice, not with every message
    bool shown = false;  // on the visible path
};

/// Depth first. An answer that branched from another one's token stands below that one.
std::vector<BranchRow> branch_rows(const Conversation& chat);
/// The answer that this one left at its branch's token; kNoNode where it left none.
NodeId branch_origin(const Conversation& chat, NodeId id);
/// One line that tells it from its siblings: "at 41: return, not if: ...".
std::string branch_label(const Conversation& chat, NodeId id, size_t max_chars);

/// Selections that were left for a branch, newest last.
class BranchTrail {
public:
    struct Place {
        size_t chat = 0;
        Selection selection;
    };
    void leave(size_t chat, const Selection& selection);
    bool empty() const { return places_.empty(); }
    std::optional<Place> take();

private:
    static constexpr size_t kMost = 100;
    std::vector<Place> places_;
};

}  // namespace app::ui
