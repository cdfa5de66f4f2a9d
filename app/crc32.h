// CRC-32 as ZIP and PNG have it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace app {

/// Continued from `crc` (0 to begin).
uint32_t crc32(uint32_t crc, std::span<const std::byte> bytes);

}  // namespace app
