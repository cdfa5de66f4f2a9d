#include "app/recordings/model_hash.h"

#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

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

}  // namespace

struct ModelHash::State {
    std::vector<std::string> files;
    size_t at = 0;  // the file that is being read
    std::ifstream in;
    XXH64_state_t hash;
    std::vector<char> block = std::vector<char>(kStepBytes);
};

ModelHash::ModelHash(std::vector<std::string> files) : state_(std::make_unique<State>()) {
    XXH64_reset(&state_->hash, 0);
    state_->files = std::move(files);
    for (const std::string& file : state_->files) {
        std::error_code error;
        const auto size = std::filesystem::file_size(file, error);
        if (error) {
            fail(file);
        }
        total_bytes_ += size;
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
