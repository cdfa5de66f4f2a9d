// The inspector's views as plain numbers, for files: exactly what the state holds and the screen
// shows.
#pragma once

#include <string_view>

#include "app/exports/view_export.h"
#include "app/ui/state/ui_state.h"

namespace app::ui {

inline constexpr std::string_view kExportViews[] = {"matrix", "heads", "tokens", "next", "lens"};

/// Empty where the view has no data now.
ViewExport view_data(const UiState& state, std::string_view view);

}  // namespace app::ui
