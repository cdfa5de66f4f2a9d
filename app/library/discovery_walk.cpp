#include "app/library/discovery_walk.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <optional>
#include <span>
#include <system_error>

#include <fmt/format.h>

#include "gpu/base.h"
#include "model/file.h"

namespace app {

namespace fs = std::filesystem;

namespace {

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return char(std::tolower(c)); });
    return text;
}

/// "x-00002-of-00005.gguf": part 2 of 5 of "x".
struct Part {
    std::string stem;
    uint32_t number = 0, of = 0;
};
std::optional<Part> part_of(const std::string& file) {
    constexpr size_t kTail = sizeof("-00001-of-00002.gguf") - 1;
    if (file.size() <= kTail) {
        return std::nullopt;
    }
    const std::string tail = file.substr(file.size() - kTail);
    Part part{file.substr(0, file.size() - kTail)};
    const auto number = [&](size_t at, uint32_t& out) {
        const char* begin = tail.data() + at;
        const auto [end, error] = std::from_chars(begin, begin + 5, out);
        return error == std::errc() && end == begin + 5;
    };
    const bool fits = tail[0] == '-' && tail.substr(6, 4) == "-of-" && number(1, part.number) &&
                      number(10, part.of) && part.of > 0;
    return fits ? std::optional(part) : std::nullopt;
}

std::string part_name(const Part& part, uint32_t number) {
    return fmt::format("{}-{:05}-of-{:05}.gguf", part.stem, number, part.of);
}

bool is_gguf_name(const std::string& file) {
    const std::string name = lower(file);
    // The image encoder that lies beside a model is none itself.
    return name.ends_with(".gguf") && name.find("mmproj") == std::string::npos;
}

/// Size of a regular file that begins with the magic; nothing otherwise.
std::optional<uint64_t> gguf_size(const std::string& path) {
    try {
        const model::File file(path);
        std::array<char, 4> magic{};
        if (file.size() < 24) {
            return std::nullopt;
        }
        file.read(0, std::as_writable_bytes(std::span(magic)));
        return std::string_view(magic.data(), 4) == "GGUF" ? std::optional(file.size())
                                                           : std::nullopt;
    } catch (const base::Error&) {
        return std::nullopt;
    }
}

std::string stem(const std::string& file) {
    return file.substr(0, file.size() - (sizeof(".gguf") - 1));
}

}  // namespace

std::string small_text(const std::string& path, uint64_t max_bytes) {
    try {
        return model::read_text(path, max_bytes);
    } catch (const base::Error&) {
        return {};
    }
}

std::vector<std::string> Walk::entries(const std::string& folder) {
    std::vector<std::string> names;
    std::error_code error;
    const auto options = fs::directory_options::skip_permission_denied;
    // By hand, so that a folder of a million files ends the search instead of filling the memory.
    for (fs::directory_iterator it(folder, options, error), end; !error && it != end;
         it.increment(error)) {
        if (left_ == 0 || (stop_ && stop_())) {
            left_ = 0;
            break;
        }
        --left_;
        std::string name = it->path().filename().string();
        if (!name.empty() && name[0] != '.') {
            names.push_back(std::move(name));
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

/// False for a file or folder that was seen already, by whatever path.
bool Walk::first_visit(const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 &&
           visited_.insert({uint64_t(info.st_dev), uint64_t(info.st_ino)}).second;
}

void Walk::folder(const std::string& path, FoundIn where, const std::string& name, int depth) {
    std::error_code error;
    static constexpr std::array<std::string_view, 3> kNoDisks{"/proc", "/sys", "/dev"};
    if (!fs::is_directory(path, error) || !first_visit(path) ||
        std::find(kNoDisks.begin(), kNoDisks.end(), path) != kNoDisks.end()) {
        return;
    }
    const std::vector<std::string> names = entries(path);
    std::vector<std::string> folders;
    for (const std::string& entry : names) {
        if (is_gguf_name(entry)) {
            gguf(path, entry, names, where, name);
        } else if (fs::is_directory(path + "/" + entry, error)) {
            folders.push_back(entry);
        }
    }
    safetensors(path, names, where, name);
    for (const std::string& entry : folders) {
        if (depth > 0) {
            this->folder(path + "/" + entry, where, name, depth - 1);
        }
    }
}

void Walk::file(const std::string& path, FoundIn where, const std::string& name) {
    const std::optional<uint64_t> n_bytes = gguf_size(path);
    if (n_bytes && first_visit(path)) {
        found_.push_back({.path = path, .name = name, .found_in = where, .n_bytes = *n_bytes});
    }
}

void Walk::gguf(const std::string& folder, const std::string& file,
                const std::vector<std::string>& beside, FoundIn where, const std::string& name) {
    const std::optional<Part> part = part_of(file);
    const std::string path = folder + "/" + file;
    if (part && part->number != 1 && std::ranges::count(beside, part_name(*part, 1)) > 0) {
        return;  // the first part stands for all
    }
    const std::optional<uint64_t> n_bytes = gguf_size(path);
    if (!n_bytes || !first_visit(path)) {
        return;
    }
    FoundModel found{.path = path, .name = stem(file), .found_in = where, .n_bytes = *n_bytes};
    if (part) {
        found.name = part->stem.substr(part->stem.find_last_of('/') + 1);
        for (uint32_t i = 1; i <= part->of; ++i) {
            const std::optional<uint64_t> size = gguf_size(folder + "/" + part_name(*part, i));
            found.n_parts = i;
            if (!size) {
                found.problem = fmt::format("part {} of {} is missing", i, part->of);
                break;
            }
            found.n_bytes += i == part->number ? 0 : *size;
        }
    }
    if (!name.empty()) {
        found.name = name + " · " + found.name;
    }
    found_.push_back(std::move(found));
}

/// A Hugging Face folder: config.json beside at least one .safetensors.
void Walk::safetensors(const std::string& folder, const std::vector<std::string>& files,
                       FoundIn where, const std::string& name) {
    FoundModel found{.path = folder, .found_in = where, .n_parts = 0};
    std::error_code error;
    for (const std::string& file : files) {
        if (file.ends_with(".safetensors")) {
            const uint64_t size = fs::file_size(folder + "/" + file, error);
            found.n_bytes += error ? 0 : size;
            ++found.n_parts;
        }
    }
    if (found.n_parts == 0 || std::ranges::count(files, "config.json") == 0) {
        return;
    }
    found.name = name.empty() ? fs::path(folder).filename().string() : name;
    found_.push_back(std::move(found));
}

}  // namespace app
