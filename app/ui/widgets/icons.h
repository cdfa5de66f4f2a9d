// Icons: strokes on a 16 x 16 grid, 1.5 wide.
#pragma once

#include <cstdint>

struct ImDrawList;

namespace app::ui {

enum class Icon : uint8_t {
    none,
    plus,
    minus,
    chat,
    info,
    gear,
    chip,
    chevron_down,
    chevron_left,
    chevron_right,
    panel,
    copy,
    refresh,
    pencil,
    search,
    lock,
    branch,
    warning,
    check,
    arrow_up,
    arrow_down,
    folder,
    first,
    last,
    close,
    sidebar,
    stop,
    dot,
    ring,
    keyboard,
    trash,
    more,
    lines,
};

/// Centre, size of the whole grid in pixels, colour, stroke in grid units.
void draw_icon(ImDrawList* draw, Icon icon, float cx, float cy, float size, uint32_t color,
               float stroke = 1.5f);

}  // namespace app::ui
