// Files that people keep: what may be replaced, and how a file appears as a whole or not at all.
#pragma once

#include <cstdint>
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

/// What commit() does where the name is taken.
enum class Existing : uint8_t { replaced, kept };

/// A new file beside `target` that takes its name at commit(): no half file is ever left under it,
/// and nothing that lies beside it is overwritten.
class ReplacedFile {
public:
    explicit ReplacedFile(std::string target, Existing existing = Existing::replaced);
    ~ReplacedFile();  // without commit(): the new file is removed
    ReplacedFile(const ReplacedFile&) = delete;
    ReplacedFile& operator=(const ReplacedFile&) = delete;

    /// nullptr when it could not be made; errno says why.
    std::FILE* file() { return file_; }
    /// Its name until then, for what writes by name.
    const std::string& beside() const { return beside_; }
    /// On the disk, and under its name. False when something went wrong; errno says what: EEXIST
    /// where a file to be kept has appeared.
    bool commit();

private:
    std::string target_, beside_;
    Existing existing_;
    std::FILE* file_ = nullptr;
};

}  // namespace app
