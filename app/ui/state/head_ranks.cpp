#include "app/ui/state/head_ranks.h"

#include <algorithm>

namespace app::ui {

void HeadRanks::take(const InspectReady& answer) {
    rows = {answer.request.query_begin, answer.request.n_queries};
    not_captured = answer.not_captured;
    list = answer.heads;
    std::stable_sort(list.begin(), list.end(),
                     [](const HeadShare& a, const HeadShare& b) { return a.share > b.share; });
}

HeadRanks::Rows HeadRanks::wanted(uint32_t query, uint32_t n_rows) const {
    if (in_view && view.begin < n_rows && view.n > 0) {
        return {view.begin, std::min(view.n, n_rows - view.begin)};
    }
    return query < n_rows ? Rows{query, 1} : Rows{};
}

std::optional<size_t> HeadRanks::place(uint32_t layer, uint32_t head) const {
    const auto it = std::find_if(list.begin(), list.end(), [&](const HeadShare& h) {
        return h.layer == layer && h.head == head;
    });
    return it == list.end() ? std::nullopt : std::optional(size_t(it - list.begin()));
}

const HeadShare* HeadRanks::next(uint32_t layer, uint32_t head, int step) const {
    if (list.empty()) {
        return nullptr;
    }
    const auto last = int64_t(list.size()) - 1;
    const std::optional<size_t> at = place(layer, head);
    return &list[size_t(at ? std::clamp(int64_t(*at) + step, int64_t{0}, last)
                           : (step > 0 ? 0 : last))];
}

}  // namespace app::ui
