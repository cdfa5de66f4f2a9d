// Walk: the folders of one search, each looked into once; files become models. Used by
// discovery*.cpp only.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "app/library/discovery.h"

namespace app {

class Walk {
public:
    Walk(const SearchLimits& limits, std::function<bool()> stop)
        : left_(limits.n_entries), stop_(std::move(stop)) {}

    /// Names in a folder, sorted; hidden ones are left out. Empty: not there, or the search is
    /// over.
    std::vector<std::string> entries(const std::string& folder);
    /// Every model in and below a folder. `name`: of what is there; empty: the files' own names.
    void folder(const std::string& path, FoundIn where, const std::string& name, int depth);
    /// One GGUF file, whatever it is called.
    void file(const std::string& path, FoundIn where, const std::string& name);

    std::vector<FoundModel> take() { return std::move(found_); }

private:
    void gguf(const std::string& folder, const std::string& file,
              const std::vector<std::string>& beside, FoundIn where, const std::string& name);
    void safetensors(const std::string& folder, const std::vector<std::string>& files,
                     FoundIn where, const std::string& name);
    bool first_visit(const std::string& path);

    using FileId = std::pair<uint64_t, uint64_t>;  // device, inode
    uint32_t left_;
    std::function<bool()> stop_;
    std::set<FileId> visited_;
    std::vector<FoundModel> found_;
};

/// At most `max_bytes` of a regular file; empty when it cannot be read or has more.
std::string small_text(const std::string& path, uint64_t max_bytes);

}  // namespace app
