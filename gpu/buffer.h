// Buffer: GPU memory with a lifetime. Range: a view of a part of one. Arena: many ranges in few
// buffers. upload() and download(): between host memory and any range.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gpu/device.h"

namespace gpu {

class Buffer;

/// A part of a buffer. Plain and copyable; does not own anything. The Buffer may not be moved or
/// destroyed while ranges of it are in use.
struct Range {
    const Buffer* buffer = nullptr;
    uint64_t offset = 0;
    uint64_t size = 0;  // bytes

    /// The part [offset, offset + size) of this range. CHECKs that it lies inside.
    Range slice(uint64_t slice_offset, uint64_t slice_size) const;
    bool empty() const { return size == 0; }
};

enum class Memory : uint8_t {
    device,    // fastest for the GPU; mapped only where all memory is one
    upload,    // host writes, GPU reads; mapped, coherent
    readback,  // GPU writes, host reads; mapped, cached where possible
};

/// Memory with a lifetime. Allocation failure throws base::Error(out_of_memory) that names `name`,
/// the bytes asked for and the bytes that are free.
class Buffer {
public:
    Buffer(Device& device, uint64_t size_bytes, Memory memory, std::string name);
    ~Buffer();
    Buffer(Buffer&&) noexcept;
    Buffer& operator=(Buffer&&) noexcept;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    VkBuffer handle() const;
    uint64_t size() const;
    const std::string& name() const;
    Range range() const;
    /// Host address, or nullptr for device memory that is not mapped.
    std::byte* mapped() const;
    /// Texels of four 32-bit unsigned integers from the range's beginning on, at least to its end,
    /// for a kernel's uniform texel buffer. Made when first asked for, kept with the buffer.
    VkBufferView texels(const Range& range) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Where an arena puts what it is asked for, without a device: the arena's own arithmetic, and how
/// much memory one will take is known before it is made.
class ArenaPlan {
public:
    ArenaPlan(uint64_t block_bytes, uint64_t alignment)
        : block_bytes_(block_bytes), alignment_(alignment) {}
    /// For ranges that are all known, in the order in which add() will be asked for them: a block
    /// ends with its last range, so that nothing is lost behind it.
    ArenaPlan(std::vector<uint64_t> sizes, uint64_t block_bytes, uint64_t alignment)
        : sizes_(std::move(sizes)), block_bytes_(block_bytes), alignment_(alignment) {}

    struct Place {
        bool new_block = false;
        uint64_t block_bytes = 0;  // of the new block
        uint64_t offset = 0;       // in the newest block
    };
    Place add(uint64_t size_bytes);
    /// Of all blocks, used or not.
    uint64_t bytes() const { return bytes_; }
    uint64_t alignment() const { return alignment_; }

private:
    uint64_t new_block_bytes(uint64_t size_bytes) const;

    std::vector<uint64_t> sizes_;  // empty: not known
    size_t n_added_ = 0;
    uint64_t block_bytes_, alignment_;
    uint64_t last_block_ = 0, used_in_last_ = 0, bytes_ = 0;
};

/// Alignment of an arena's ranges on a device that asks for `range_alignment`.
uint64_t arena_alignment(uint32_t range_alignment);

/// Hands out ranges of few big buffers, aligned for storage-buffer binding. Nothing is returned
/// singly: the arena frees everything at once. A range never exceeds maxStorageBufferRange (CHECK).
class Arena {
public:
    /// Buffers are made of `block_bytes` (or larger when one range needs it), at most the device's
    /// maxBufferSize.
    Arena(Device& device, Memory memory, std::string name, uint64_t block_bytes);
    /// Buffers as `plan`, to which nothing has been added, makes them.
    Arena(Device& device, Memory memory, std::string name, ArenaPlan plan);
    ~Arena();
    Arena(Arena&&) noexcept;
    Arena& operator=(Arena&&) noexcept;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    Range allocate(uint64_t size_bytes);
    uint64_t allocated_bytes() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Copy host bytes into a range and wait; through a staging ring where the memory is not mapped.
void upload(Device& device, const Range& dst, std::span<const std::byte> src);
/// Copy a range into host bytes and wait.
void download(Device& device, std::span<std::byte> dst, const Range& src);

}  // namespace gpu
