// Pictures of exported views: cells as pixels, bars and texts as SVG.
#pragma once

#include <string>
#include <string_view>

namespace app {

/// Text for HTML and SVG.
std::string markup(std::string_view text);

}  // namespace app
