// The hash that a recording names its model by.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace app {

/// XXH64 over the bytes of a model's files (model::Model::parts), one behind the other. In steps,
/// since some are many GiB.
class ModelHash {
public:
    /// Throws base::Error(runtime) when a file cannot be read.
    explicit ModelHash(std::vector<std::string> files);
    ~ModelHash();
    ModelHash(const ModelHash&) = delete;
    ModelHash& operator=(const ModelHash&) = delete;

    /// Reads the next 16 MiB at most; true when it is complete. Throws base::Error(runtime).
    bool step();
    uint64_t total_bytes() const { return total_bytes_; }
    uint64_t done_bytes() const { return done_bytes_; }
    /// "xxh64:0123456789abcdef"
    std::string text() const;

private:
    struct State;
    std::unique_ptr<State> state_;
    uint64_t total_bytes_ = 0, done_bytes_ = 0;
};

}  // namespace app
