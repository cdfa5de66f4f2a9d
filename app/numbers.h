// Numbers as people read them, in the terminal and in the window.
#pragma once

#include <cstdint>
#include <string>

namespace app {

/// 268,098,176
std::string thousands(uint64_t n);

}  // namespace app
