// AttentionView: how the window looks at attention and at its cache, beyond what is selected.
#pragma once

#include <cstdint>
#include <optional>

#include "app/ui/widgets/registry.h"

namespace app::ui {

struct AttentionView {
    bool menu_cache = false;  // to be opened, hanging from:
    Rect cache_anchor;
    std::optional<uint32_t> arcs_of;  // the row whose arcs are drawn
    double arcs_since = -1;           // when they began to grow, in ImGui's time; < 0: grown
};

}  // namespace app::ui
