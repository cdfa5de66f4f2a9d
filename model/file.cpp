#include "model/file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpu/base.h"
#include "model/file_error.h"

namespace model {

namespace {

[[noreturn]] void fail(const std::string& path, const std::string& what, std::string hint = {}) {
    throw base::Error(base::ErrorKind::model,
                      fmt::format("{}: {}", base::escaped(path, 4096), what), std::move(hint));
}

std::string_view kind_of(const struct stat& info) {
    if (S_ISDIR(info.st_mode)) {
        return "a folder";
    }
    if (S_ISFIFO(info.st_mode)) {
        return "a pipe";
    }
    if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) {
        return "a device";
    }
    return "a socket";
}

}  // namespace

void MemorySource::read(uint64_t offset, std::span<std::byte> dst) const {
    CHECK(offset <= bytes_.size() && dst.size() <= bytes_.size() - offset,
          "offset {} size {} of {}", offset, dst.size(), bytes_.size());
    if (!dst.empty()) {
        std::memcpy(dst.data(), bytes_.data() + offset, dst.size());
    }
}

File::File(const std::string& path) : path_(path) {
    // O_NONBLOCK: opening a pipe without a writer must not wait for ever.
    fd_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd_ < 0) {
        fail(path, fmt::format("cannot be opened: {}", std::strerror(errno)));
    }
    struct stat info = {};
    if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
        ::close(std::exchange(fd_, -1));
        fail(path, fmt::format("is {}, expected a regular file", kind_of(info)));
    }
    size_ = static_cast<uint64_t>(info.st_size);
    device_ = static_cast<uint64_t>(info.st_dev);
    inode_ = static_cast<uint64_t>(info.st_ino);
}

File::~File() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      device_(other.device_),
      inode_(other.inode_) {}

void File::read(uint64_t offset, std::span<std::byte> dst) const {
    CHECK(offset <= size_ && dst.size() <= size_ - offset, "offset {} size {} of {}", offset,
          dst.size(), size_);
    size_t done = 0;
    while (done < dst.size()) {
        const ssize_t n =
            ::pread(fd_, dst.data() + done, dst.size() - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            fail(path_, fmt::format("reading {} bytes at byte {} failed: {}", dst.size(), offset,
                                    std::strerror(errno)));
        }
        if (n == 0) {
            check_unchanged();
            fail(path_, fmt::format("ended at byte {} of {} while it was being read", offset + done,
                                    size_));
        }
        done += static_cast<size_t>(n);
    }
    check_unchanged();
}

void File::check_unchanged() const {
    struct stat info = {};
    if (::fstat(fd_, &info) != 0) {
        fail(path_, fmt::format("cannot be examined any more: {}", std::strerror(errno)));
    }
    if (static_cast<uint64_t>(info.st_size) != size_) {
        fail(path_,
             fmt::format("changed while it was being read: {} bytes now, {} when opened",
                         info.st_size, size_),
             "Open the model again once the file is complete.");
    }
    // A deleted file stays readable through its descriptor; another file under its name means that
    // parts opened later would not belong together.
    if (::stat(path_.c_str(), &info) == 0 && (static_cast<uint64_t>(info.st_dev) != device_ ||
                                              static_cast<uint64_t>(info.st_ino) != inode_)) {
        fail(path_, "was replaced by another file while it was being read",
             "Open the model again.");
    }
}

bool is_directory(const std::string& path) {
    struct stat info = {};
    return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool file_exists(const std::string& path) {
    struct stat info = {};
    return ::lstat(path.c_str(), &info) == 0;
}

std::string read_text(const std::string& path, uint64_t max_bytes) {
    const File file(path);
    if (file.size() > max_bytes) {
        refuse(path, "file size", fmt::format("{} bytes", file.size()),
               fmt::format("at most {}", max_bytes));
    }
    std::string text(file.size(), '\0');
    file.read(0, std::as_writable_bytes(std::span(text)));
    return text;
}

}  // namespace model
