// Where SPIR-V comes from: compiled into the program, or from the folder LAPIDARY_SHADERS.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gpu {

/// The words of shader `name`: <LAPIDARY_SHADERS>/<name>.spv if there is such a file, else the
/// embedded ones; nullopt when neither exists. Throws base::Error(usage) when LAPIDARY_SHADERS
/// names no folder.
std::optional<std::vector<uint32_t>> find_shader(std::string_view name);

/// All known names, comma-separated, for the message about an unknown one.
std::string shader_names();

}  // namespace gpu
