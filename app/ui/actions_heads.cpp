// Actions on the heads that are looked at, and on the cache behind them.
#include "app/ui/actions.h"

namespace app::ui {

namespace {

bool has_ranks(const Panel& p) {
    return !p.state.ranks.list.empty();
}

void step_rank(Panel& p, int by) {
    const Selection& s = p.state.selection;
    if (const HeadShare* next = p.state.ranks.next(s.layer, s.head, by)) {
        p.state.select_head(next->layer, next->head);
    }
}

const Action kActions[] = {
    {"head.interesting_next", "Next interesting head", "Inspector", "J", Where::inspector,
     has_ranks, [](Panel& p) { step_rank(p, 1); }, true},
    {"head.interesting_previous", "Previous interesting head", "Inspector", "K", Where::inspector,
     has_ranks, [](Panel& p) { step_rank(p, -1); }, true},
    {"head.interesting_rows", "Interesting heads: of this row, of the rows in view", "Inspector",
     "Shift+J", Where::inspector, nullptr,
     [](Panel& p) { p.state.ranks.in_view = !p.state.ranks.in_view; }},
    {"cache.menu", "Cache of keys and values, layer by layer", "Inspector", "Ctrl+Shift+K",
     Where::anywhere, [](const Panel& p) { return p.state.ready(); },
     [](Panel& p) {
         const Widget* meter = p.gui.registry().find("top.context");
         const ImVec2 size = ImGui::GetIO().DisplaySize;
         p.view.attention.menu_cache = true;
         p.view.attention.cache_anchor =
             meter != nullptr ? Rect{meter->rect.x, meter->rect.bottom() + p.gui.px(4), 0, 0}
                              : Rect{size.x / 3, size.y / 4, 0, 0};
     }},
};

}  // namespace

std::span<const Action> heads_actions() {
    return kActions;
}

}  // namespace app::ui
