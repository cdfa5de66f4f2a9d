#include "gpu/shader_source.h"

#include "gpu/base.h"
#include "gpu/embedded_shaders.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>

namespace gpu {

namespace {

std::filesystem::path shader_folder() {
    const char* value = std::getenv("LAPIDARY_SHADERS");
    const std::filesystem::path folder = value ? value : "";
    std::error_code ignored;
    if (!folder.empty() && !std::filesystem::is_directory(folder, ignored)) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("LAPIDARY_SHADERS is '{}', which is no folder",
                                      base::escaped(folder.string(), 4096)),
                          "It takes a folder of .spv files; leave it unset to use those built in.");
    }
    return folder;
}

std::vector<uint32_t> read_words(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    if (!file || bytes.size() % 4 != 0) {
        throw base::Error(base::ErrorKind::runtime,
                          fmt::format("{} is not a whole number of SPIR-V words ({} bytes)",
                                      path.string(), bytes.size()));
    }
    std::vector<uint32_t> words(bytes.size() / 4);
    std::memcpy(words.data(), bytes.data(), bytes.size());
    return words;
}

}  // namespace

std::optional<std::vector<uint32_t>> find_shader(std::string_view name) {
    const std::filesystem::path folder = shader_folder();
    const std::filesystem::path file = folder / (std::string(name) + ".spv");
    if (!folder.empty() && std::filesystem::is_regular_file(file)) {
        return read_words(file);
    }
    for (const EmbeddedShader& shader : embedded_shaders()) {
        if (name == shader.name) {
            return std::vector<uint32_t>(shader.words, shader.words + shader.n_words);
        }
    }
    return std::nullopt;
}

std::string shader_names() {
    std::set<std::string> names;
    for (const EmbeddedShader& shader : embedded_shaders()) {
        names.insert(shader.name);
    }
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(shader_folder(), ignored)) {
        if (entry.path().extension() == ".spv") {
            names.insert(entry.path().stem().string());
        }
    }
    return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace gpu
