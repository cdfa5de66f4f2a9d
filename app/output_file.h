// Files that commands write: what may be replaced, and how it is replaced as a whole.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace app {

/// The file that `path` names, links followed: a regular file or nothing yet, in a folder that can
/// be written, and none of `inputs` (files, or folders of files; empty ones are skipped). Throws
/// base::Error: usage for a wrong target, runtime for a place that cannot be written. `flag` is
/// how the path was given, for messages.
std::string output_target(const std::string& path, const std::string& flag,
                          const std::vector<std::string>& inputs);

/// A new file beside `target` that takes its name at commit(): no half file is ever left under it,
/// and nothing that lies beside it is overwritten.
class ReplacedFile {
public:
    explicit ReplacedFile(std::string target);
    ~ReplacedFile();  // without commit(): the new file is removed
    ReplacedFile(const ReplacedFile&) = delete;
    ReplacedFile& operator=(const ReplacedFile&) = delete;

    /// nullptr when it could not be made; errno says why.
    std::FILE* file() { return file_; }
    /// False when something went wrong; errno says what.
    bool commit();

private:
    std::string target_, beside_;
    std::FILE* file_ = nullptr;
};

}  // namespace app
