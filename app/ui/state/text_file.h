// Reads a text that is to be looked into from a file.
#pragma once

#include <optional>
#include <string>

namespace app::ui {

/// More than the largest context holds is refused, not cut.
constexpr size_t kMostTextBytes = size_t{1} << 20;

/// Nothing, and a sentence, for what is no file, too large, or no UTF-8 text.
std::optional<std::string> read_text_file(const std::string& path, std::string& problem);

}  // namespace app::ui
