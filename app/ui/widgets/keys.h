// Chords by name: "Ctrl+Shift+P", "F1", "[", "LeftArrow".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace app::ui {

/// An ImGuiKeyChord; names are Dear ImGui's own, and the usual short ones.
std::optional<int> parse_chord(std::string_view text);
/// Alternatives separated by " | ".
std::vector<std::string> chord_names(std::string_view keys);
/// As it is shown: "Ctrl Shift P", "←", "Ctrl −".
std::string chord_face(std::string_view chord);

}  // namespace app::ui
