// PNG files, by libpng.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace app {

/// 8-bit RGB, [height, width, 3], neither of them 0.
std::vector<uint8_t> encode_png(std::span<const uint8_t> rgb, uint32_t width, uint32_t height);
/// False with a sentence when the file could not be written.
bool write_png(const std::string& path, std::span<const uint8_t> rgb, uint32_t width,
               uint32_t height, std::string& problem);

}  // namespace app
