// The menu of the context meter: the cache of keys and values, layer by layer, as it is allocated
// and as it is filled.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "app/ui/panels/panels.h"
#include "app/ui/state/kv_use.h"

namespace app::ui {

namespace {

constexpr float kRow = 20;        // design pixels
constexpr size_t kMostRows = 20;  // more scroll
constexpr float kWidth = 420;

/// Held positions, and bright at their end those that the newest row attended to.
void draw_track(const Gui& gui, const Rect& track, const KvLayerUse& l) {
    gui.fill(track, Color::edge, 3);
    const float per = track.w / float(std::max(l.capacity, 1u));
    if (l.held > 0) {
        gui.fill({track.x, track.y, std::max(gui.px(2), per * float(l.held)), track.h}, Color::bar,
                 3);
        const float live = std::max(gui.px(2), per * float(std::min(l.live, l.held)));
        const float end = std::max(track.x + live, track.x + per * float(l.held));
        gui.fill({end - live, track.y, live, track.h}, Color::accent, 3);
    }
}

void draw_layer(Panel& p, const Rect& row, size_t index, const KvLayerUse& l) {
    Gui& gui = p.gui;
    const float cy = row.cy();
    const bool global = l.window == 0;
    draw_layer_sign(gui, row.x + gui.px(10), cy, global, global ? Color::text : Color::text2);
    gui.text_right(with(type::kValue, Color::text), row.x + gui.px(44), cy, std::to_string(index));
    const std::string base = fmt::format("cache.layer.{}", index);
    gui.number(with(type::kValue, Color::text), row.right() - gui.px(10), cy, base + ".bytes",
               double(l.bytes), file_size(l.bytes));
    gui.number(type::kValue, row.right() - gui.px(82), cy, base + ".live", double(l.live),
               fmt::format("{} of {}", thousands(l.live),
                           thousands(global ? l.capacity : std::min(l.window, l.capacity))));
    const float left = row.x + gui.px(56), right = row.right() - gui.px(190);
    draw_track(gui, {left, std::round(cy - gui.px(3)), right - left, std::round(gui.px(6))}, l);
    gui.registry().bind(base + ".held", double(l.held), thousands(l.held));
    gui.hit(base, row, "note", std::to_string(index));
    gui.tooltip(fmt::format(
        "Layer {}, {}: {} positions live, {} kept, room for {}\n{} bytes of keys and values, {} of "
        "them filled",
        index,
        global ? std::string("global") : fmt::format("local, sees {}, itself included", l.window),
        thousands(l.live), thousands(l.held), thousands(l.capacity), thousands(l.bytes),
        thousands(l.held_bytes)));
}

void draw_layers(Panel& p, const KvUse& use) {
    Gui& gui = p.gui;
    const float step = std::round(gui.px(kRow));
    const float height = step * float(std::min(use.layers.size(), kMostRows));
    ImGui::BeginChild("layers", {0, height}, 0, ImGuiWindowFlags_NoBackground);
    const bool outer = std::exchange(gui.scrolls, true);
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    for (size_t l = 0; l < use.layers.size(); ++l) {
        draw_layer(p, {at.x, at.y + step * float(l), width, step}, l, use.layers[l]);
    }
    ImGui::SetCursorScreenPos(at);
    ImGui::Dummy({1, step * float(use.layers.size())});
    gui.scrolls = outer;
    ImGui::EndChild();
}

}  // namespace

void draw_cache_menu(Panel& p) {
    Gui& gui = p.gui;
    const Rect& anchor = p.view.attention.cache_anchor;
    const float room = ImGui::GetIO().DisplaySize.x - gui.px(8);
    const float width = std::min(gui.px(kWidth), room);
    if (!begin_menu(gui, "cache", std::max(0.0f, std::min(anchor.x, room - width)), anchor.y,
                    width)) {
        return;
    }
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float right = at.x + ImGui::GetContentRegionAvail().x - gui.px(10);
    const float cy = at.y + std::round(gui.px(28)) / 2;
    const KvUse use = p.state.ready() ? kv_use(*p.state.model, p.state.rows_in_cache()) : KvUse{};
    menu_title(gui, "Cache of keys and values");
    if (use.layers.empty()) {
        badge(gui, "cache.badge", right, cy, Source::not_captured);
        menu_note(gui, "What the cache held was not recorded.");
        end_menu(gui);
        return;
    }
    badge(gui, "cache.badge", right, cy, Source::captured);
    menu_note(gui,
              fmt::format("{} of {} positions, {} of {}", thousands(use.rows), thousands(use.n_ctx),
                          file_size(use.held_bytes), file_size(use.bytes)));
    gui.registry().bind("cache.rows", use.rows, thousands(use.rows));
    gui.registry().bind("cache.bytes", double(use.bytes), file_size(use.bytes));
    gui.registry().bind("cache.held_bytes", double(use.held_bytes), file_size(use.held_bytes));
    draw_layers(p, use);
    menu_note(gui,
              "Bright: the positions that the newest token attends to, in a local layer those of "
              "its window. Grey: older ones, kept so that earlier rows can be looked at.",
              Color::text3);
    end_menu(gui);
}

}  // namespace app::ui
