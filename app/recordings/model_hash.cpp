#include "app/recordings/model_hash.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <xxhash.h>

#include "gpu/base.h"

namespace app {

namespace {

constexpr size_t kStepBytes = 16 << 20;

[[noreturn]] void fail(const std::string& path) {
    throw base::Error(base::ErrorKind::runtime,
                      base::escaped(path, 400) + ": the model's file cannot be read any more",
                      "Was it moved or removed since it was opened?");
}

/// "x-00001-of-00005.gguf" and the four that follow; of another name, the file alone.
std::vector<std::string> parts_of(const std::string& path) {
    constexpr std::string_view kFirst = "-00001-of-";
    const size_t at = path.rfind(kFirst);
    if (at == std::string::npos || at + kFirst.size() + 5 > path.size()) {
        return {path};
    }
    const std::string tail = path.substr(at + 6);
    const int n = std::atoi(path.substr(at + kFirst.size(), 5).c_str());
    std::vector<std::string> parts;
    for (int i = 1; i <= n; ++i) {
        parts.push_back(path.substr(0, at) + fmt::format("-{:05}", i) + tail);
    }
    return parts.empty() ? std::vector<std::string>{path} : parts;
}

std::vector<std::string> files_of(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
        return parts_of(path);
    }
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
        if (entry.path().extension() == ".safetensors") {
            files.push_back(entry.path().string());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

struct ModelHash::State {
    std::vector<std::string> files;
    size_t at = 0;  // the file that is being read
    std::ifstream in;
    XXH64_state_t hash;
    std::vector<char> block = std::vector<char>(kStepBytes);
};

ModelHash::ModelHash(const std::string& path) : state_(std::make_unique<State>()) {
    XXH64_reset(&state_->hash, 0);
    state_->files = files_of(path);
    for (const std::string& file : state_->files) {
        std::error_code error;
        const auto size = std::filesystem::file_size(file, error);
        if (error) {
            fail(file);
        }
        total_bytes_ += size;
    }
    if (state_->files.empty()) {
        fail(path);
    }
}

ModelHash::~ModelHash() = default;

bool ModelHash::step() {
    State& s = *state_;
    if (s.at == s.files.size()) {
        return true;
    }
    const std::string& file = s.files[s.at];
    if (!s.in.is_open()) {
        s.in.open(file, std::ios::binary);
    }
    if (!s.in) {
        fail(file);
    }
    s.in.read(s.block.data(), std::streamsize(s.block.size()));
    const auto n = size_t(s.in.gcount());
    if (s.in.bad()) {
        fail(file);
    }
    XXH64_update(&s.hash, s.block.data(), n);
    done_bytes_ += n;
    if (n < s.block.size()) {
        s.in.close();
        s.in.clear();
        ++s.at;
    }
    return s.at == s.files.size();
}

std::string ModelHash::text() const {
    return fmt::format("xxh64:{:016x}", XXH64_digest(&state_->hash));
}

}  // namespace app
