// Files that the program remembers things in (the driver's pipelines, a race's winner, a
// self-test's verdict) and can do without: the bytes lie behind a header of our own, so that a file
// that was cut, flipped or made for another device or driver is noticed, never believed. Pure,
// except for the file access.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gpu {

/// Header and payload as one file. `identity` says for what it was made: device, driver, and what
/// else the payload depends on.
std::vector<std::byte> pack_checked(std::string_view identity, std::span<const std::byte> payload);

/// The payload, or nullopt when anything about the file does not fit.
std::optional<std::vector<std::byte>> unpack_checked(std::string_view identity,
                                                     std::span<const std::byte> file);

/// The payload of the file at `path`; a file that does not fit is deleted. `noun`: what it is
/// called in the log ("pipeline cache").
std::optional<std::vector<std::byte>> load_checked(std::string_view noun,
                                                   const std::filesystem::path& path,
                                                   std::string_view identity);

/// Write to <path>.<pid>.part and rename, so that readers see the old file or the new one. False,
/// with the reason in the log, when that did not work.
bool save_checked(std::string_view noun, const std::filesystem::path& path,
                  std::string_view identity, std::span<const std::byte> payload);

/// $XDG_CACHE_HOME/lapidary, or ~/.cache/lapidary; empty when neither variable is set.
std::filesystem::path default_cache_dir();

}  // namespace gpu
