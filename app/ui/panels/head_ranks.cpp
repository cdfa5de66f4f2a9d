// The line above the arcs: heads worth seeing, of the selected row or of the rows in view; where
// what they bring is not known, those with the largest weight on the link.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"

namespace app::ui {

namespace {

constexpr size_t kMostChips = 6;

struct Item {
    uint32_t layer = 0, head = 0;
    float value = 0;
};

/// Chips from x on, as many as fit.
void draw_chips(Panel& p, float x, float right, float cy, const std::vector<Item>& items,
                std::string_view what) {
    Gui& gui = p.gui;
    const TextStyle style{Face::mono_medium, 12, Color::text};
    for (size_t i = 0; i < std::min(items.size(), kMostChips); ++i) {
        const Item& item = items[i];
        const std::string label = fmt::format("{}.{}", item.layer, item.head);
        const float w = gui.width(style, label) + gui.px(13);
        const Rect chip{std::round(x), std::round(cy - gui.px(11)), std::round(w),
                        std::round(gui.px(22))};
        if (chip.right() > right) {
            break;
        }
        const Selection& s = p.state.selection;
        const bool on = item.layer == s.layer && item.head == s.head;
        const std::string id = "strongest." + std::to_string(i);
        const Hit hit = gui.hit(id, chip, "button", label);
        gui.tooltip(fmt::format("Layer {}, head {}: {} {}", item.layer, item.head,
                                percent(double(item.value)), what));
        gui.registry().bind(id, double(item.value), label);
        if (on || hit.hovered) {
            gui.fill(chip, on ? Color::accent_bg : Color::hover, 6);
        }
        gui.frame(chip, on ? Color::accent : Color::edge, 6);
        if (hit.focused) {
            gui.focus_ring(chip, 6);
        }
        gui.text_centred(style, chip.cx(), cy, label);
        if (hit.clicked) {
            p.state.select_head(item.layer, item.head);
        }
        x += w + gui.px(6);
    }
}

void draw_by_link(Panel& p, const Rect& r, float cy, std::optional<uint32_t> key) {
    Gui& gui = p.gui;
    const uint32_t query = p.state.selection.query;
    const float x = r.x + gui.px(16);
    if (!key || !p.state.live.has(query)) {
        const bool coming = p.state.ranks.not_captured.empty();
        const std::string_view when = p.state.busy() ? "Other heads: ranked when the answer is done"
                                                     : "Other heads: being ranked";
        gui.text_choice(
            with(type::kNote, Color::text3), x, cy, r.w - gui.px(32),
            {coming ? when : "Other heads on this link: not captured, the row was not kept live",
             coming ? when : "Other heads: not captured, the row was not kept"});
        return;
    }
    std::vector<Item> all;
    for (uint32_t l = 0; l < p.state.model->n_layers; ++l) {
        for (uint32_t h = 0; h < p.state.model->n_heads; ++h) {
            if (const auto w = p.state.live.weight(l, h, query, *key); w && *w > 0) {
                all.push_back({l, h, *w});
            }
        }
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Item& a, const Item& b) { return a.value > b.value; });
    draw_chips(p, gui.text(type::kNote, x, cy, "Largest on this link") + gui.px(12),
               r.right() - gui.px(12), cy, all, "on this link");
}

/// Whose list it is: until that of the row that is selected now has come, the one before it.
std::string ranked_rows(const HeadRanks& ranks, bool wanted) {
    if (wanted) {
        return ranks.in_view ? "Bring most to the rows in view" : "Bring most to this row";
    }
    return ranks.rows.n == 1 ? fmt::format("Bring most to row {}", ranks.rows.begin)
                             : fmt::format("Bring most to rows {} to {}", ranks.rows.begin,
                                           ranks.rows.begin + ranks.rows.n - 1);
}

}  // namespace

void draw_head_ranks(Panel& p, const Rect& r, float cy, std::optional<uint32_t> key) {
    Gui& gui = p.gui;
    HeadRanks& ranks = p.state.ranks;
    const HeadRanks::Rows wanted = ranks.wanted(p.state.selection.query, p.state.rows_in_cache());
    if (ranks.list.empty()) {
        draw_by_link(p, r, cy, key);
        return;
    }
    const std::string label = ranked_rows(ranks, ranks.rows == wanted);
    const float x = r.x + gui.px(16);
    if (link(gui, "strongest.rows", x, cy, label,
             ranks.in_view ? "Of the rows in view, on average. Click: of the selected row"
                           : "Of the selected row. Click: of the rows in view, on average")) {
        ranks.in_view = !ranks.in_view;
    }
    std::vector<Item> items;
    for (const HeadShare& h : ranks.list) {
        items.push_back({h.layer, h.head, h.share});
    }
    const float after = x + gui.width({Face::medium, 12, Color::accent}, label) + gui.px(12);
    draw_chips(p, after, r.right() - gui.px(12), cy, items,
               "of what its layer's heads add comes through it from tokens other than BOS and the "
               "row's own");
}

}  // namespace app::ui
