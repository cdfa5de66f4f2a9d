// File: a regular file that is read by position. ByteSource: what a parser reads from, a file or
// bytes in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace model {

class ByteSource {
public:
    virtual ~ByteSource() = default;
    virtual uint64_t size() const = 0;
    /// Name for messages.
    virtual const std::string& name() const = 0;
    /// Copy bytes [offset, offset + dst.size()), which must lie inside (CHECK).
    virtual void read(uint64_t offset, std::span<std::byte> dst) const = 0;
};

/// Bytes in memory, for tests and fuzzing. Does not own them.
class MemorySource : public ByteSource {
public:
    MemorySource(std::string name, std::span<const std::byte> bytes)
        : name_(std::move(name)), bytes_(bytes) {}
    uint64_t size() const override { return bytes_.size(); }
    const std::string& name() const override { return name_; }
    void read(uint64_t offset, std::span<std::byte> dst) const override;

private:
    std::string name_;
    std::span<const std::byte> bytes_;
};

/// An open regular file. Everything that is no regular file (folder, pipe, device) is refused
/// without being read. A file that was cut, has grown or was replaced since it was opened gives
/// base::Error(model) at the next read. Safe to read from several threads.
class File : public ByteSource {
public:
    explicit File(const std::string& path);
    ~File() override;
    File(File&& other) noexcept;
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    File& operator=(File&&) = delete;

    uint64_t size() const override { return size_; }
    const std::string& name() const override { return path_; }
    void read(uint64_t offset, std::span<std::byte> dst) const override;

private:
    void check_unchanged() const;

    std::string path_;
    int fd_ = -1;
    uint64_t size_ = 0;
    uint64_t device_ = 0;
    uint64_t inode_ = 0;
};

bool is_directory(const std::string& path);
bool file_exists(const std::string& path);
/// A whole file as text; refuses more than max_bytes.
std::string read_text(const std::string& path, uint64_t max_bytes);

}  // namespace model
