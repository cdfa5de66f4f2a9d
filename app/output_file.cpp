#include "app/output_file.h"

#include "gpu/base.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace app {

namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorKind;

const char* kind_of(mode_t mode) {
    return S_ISDIR(mode)    ? "a folder"
           : S_ISFIFO(mode) ? "a pipe"
           : S_ISSOCK(mode) ? "a socket"
                            : "a device";
}

/// Links followed by hand: the last one may point to a file that is still to come.
std::string without_links(std::string path) {
    for (int depth = 0; depth < 40; ++depth) {
        std::error_code failed;
        const fs::path next = fs::read_symlink(path, failed);
        if (failed) {
            return path;
        }
        path = (next.is_absolute() ? next : fs::path(path).parent_path() / next).string();
    }
    throw Error(ErrorKind::usage, base::escaped(path) + " is a link that leads in a circle",
                "Choose another file.");
}

bool same_file(const struct stat& a, const std::string& other) {
    struct stat b {};
    return ::stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool is_input(const struct stat& target, const std::string& input) {
    std::error_code failed;
    if (!fs::is_directory(input, failed)) {
        return same_file(target, input);
    }
    for (fs::directory_iterator it(input, failed), end; !failed && it != end;
         it.increment(failed)) {
        if (same_file(target, it->path().string())) {
            return true;
        }
    }
    return false;
}

/// Parts of a split model are not named on the command line; none of them is replaced either.
bool is_model_file(const std::string& path) {
    if (path.ends_with(".safetensors")) {
        return true;
    }
    std::array<char, 4> magic{};
    std::FILE* file = std::fopen(path.c_str(), "rb");
    const bool read = file != nullptr && std::fread(magic.data(), magic.size(), 1, file) == 1;
    if (file != nullptr) {
        std::fclose(file);
    }
    return read && std::string_view(magic.data(), magic.size()) == "GGUF";
}

/// What lies at the target already must be a file that may go.
void check_existing(const std::string& path, const struct stat& now,
                    const std::vector<std::string>& inputs) {
    if (!S_ISREG(now.st_mode)) {
        throw Error(ErrorKind::usage,
                    fmt::format("{} is {}, expected a file or a new name", base::escaped(path),
                                kind_of(now.st_mode)),
                    "Give the name of a file.");
    }
    const bool read_from = std::any_of(inputs.begin(), inputs.end(), [&](const auto& input) {
        return !input.empty() && is_input(now, input);
    });
    if (read_from || is_model_file(path)) {
        throw Error(ErrorKind::usage,
                    fmt::format("{} is {} and would be lost", base::escaped(path),
                                read_from ? "read from" : "a model file"),
                    "Write to another file.");
    }
}

[[noreturn]] void unwritable(const std::string& path, int error) {
    throw Error(ErrorKind::runtime,
                fmt::format("{} cannot be written: {}", base::escaped(path), std::strerror(error)),
                "Choose another place, or make it writable.");
}

/// The file `beside` gets the name `target`; false: errno says why.
bool take_name(const std::string& beside, const std::string& target, Existing existing) {
    if (existing == Existing::replaced) {
        return std::rename(beside.c_str(), target.c_str()) == 0;
    }
    // A link takes a name only where it is free, also in a race.
    if (::link(beside.c_str(), target.c_str()) == 0) {
        ::unlink(beside.c_str());
        return true;
    }
    if (errno == EEXIST) {
        return false;
    }
    // A file system without links.
    return ::renameat2(AT_FDCWD, beside.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0;
}

}  // namespace

std::string output_target(const std::string& path, const std::string& flag,
                          const std::vector<std::string>& inputs) {
    if (path.empty() || path == "-") {
        throw Error(ErrorKind::usage,
                    fmt::format("{} is '{}', expected the name of a file", flag, path),
                    "The file is written in pieces, so it cannot go to standard output.");
    }
    std::string target = without_links(path);
    struct stat now {};
    if (::stat(target.c_str(), &now) == 0) {
        check_existing(path, now, inputs);
    } else if (errno != ENOENT) {
        unwritable(path, errno);
    } else if (target.back() == '/') {
        unwritable(path, EISDIR);
    }
    const fs::path folder = fs::path(target).parent_path();
    if (::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) != 0) {
        unwritable(path, errno);
    }
    return target;
}

ReplacedFile::ReplacedFile(std::string target, Existing existing)
    : target_(std::move(target)), existing_(existing) {
    struct stat old {};
    const bool replaces = ::stat(target_.c_str(), &old) == 0;
    int fd = -1;
    for (int attempt = 0; fd < 0 && attempt < 100; ++attempt) {
        // O_EXCL: what lies there, be it a link or somebody's file, is left alone.
        beside_ = target_ + (attempt == 0 ? ".tmp" : fmt::format(".{}.tmp", attempt));
        fd = ::open(beside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST) {
            return;
        }
    }
    if (fd < 0) {
        return;
    }
    if (replaces) {
        static_cast<void>(::fchmod(fd, old.st_mode & 07777));  // keeps who may read it
    }
    file_ = ::fdopen(fd, "wb");
    if (file_ == nullptr) {
        ::close(fd);
        ::unlink(beside_.c_str());
    }
}

ReplacedFile::~ReplacedFile() {
    if (file_ != nullptr) {
        std::fclose(file_);
        ::unlink(beside_.c_str());
    }
}

bool ReplacedFile::commit() {
    std::FILE* file = std::exchange(file_, nullptr);
    const bool whole =
        std::ferror(file) == 0 && std::fflush(file) == 0 && ::fsync(::fileno(file)) == 0;
    const bool closed = std::fclose(file) == 0;
    if (whole && closed && take_name(beside_, target_, existing_)) {
        return true;
    }
    const int error = errno;
    ::unlink(beside_.c_str());
    errno = error;
    return false;
}

}  // namespace app
