// How the columns of a table share its width.
#pragma once

#include <vector>

namespace app::ui {

/// Columns as wide as their contents want where there is room; else the room is shared by how much
/// each could be squeezed. Only below their least widths is the table wider than `room`.
std::vector<float> column_widths(const std::vector<float>& least, const std::vector<float>& wanted,
                                 float room);

}  // namespace app::ui
