// The pipeline cache on disk: the driver's bytes behind our own header, so that a file that was
// cut, flipped or made by another driver never reaches the driver. Pure, except for the file
// access.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gpu {

/// Header and payload as one file. `identity` says for which device and driver.
std::vector<std::byte> pack_cache(std::string_view identity, std::span<const std::byte> payload);

/// The payload, or nullopt when anything about the file does not fit.
std::optional<std::vector<std::byte>> unpack_cache(std::string_view identity,
                                                   std::span<const std::byte> file);

/// The payload of the file at `path`; a file that does not fit is deleted.
std::optional<std::vector<std::byte>> load_cache(const std::filesystem::path& path,
                                                 std::string_view identity);

/// Write to <path>.<pid>.part and rename, so that readers see the old file or the new one. False,
/// with the reason in the log, when that did not work.
bool save_cache(const std::filesystem::path& path, std::string_view identity,
                std::span<const std::byte> payload);

/// $XDG_CACHE_HOME/lapidary, or ~/.cache/lapidary; empty when neither variable is set.
std::filesystem::path default_cache_dir();

}  // namespace gpu
