// Transfer: a staging ring between host memory and memory that the host cannot see.
#pragma once

#include "gpu/buffer.h"
#include "gpu/timeline.h"

#include <array>
#include <cstddef>
#include <optional>
#include <span>

namespace gpu {

/// Two staging slots of kChunkBytes for each direction, made when it is first used: while the GPU
/// copies one, the host fills or reads the other. However large the weights, loading them takes no
/// more host-visible memory than this.
class Transfer {
public:
    static constexpr uint64_t kChunkBytes = 8u << 20;

    explicit Transfer(Device& device);
    ~Transfer();
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    void upload(const Range& dst, std::span<const std::byte> src);
    void download(std::span<std::byte> dst, const Range& src);

private:
    struct Slot {
        VkCommandPool pool = VK_NULL_HANDLE;
        VkCommandBuffer commands = VK_NULL_HANDLE;
        uint64_t number = 0;  // of the submit that last used it
    };

    Slot& idle_slot(uint64_t chunk);
    void submit_copy(Slot& slot, const Range& dst, const Range& src);
    Range staging(std::optional<Buffer>& ring, Memory memory, uint64_t chunk, uint64_t size);

    Device& device_;
    Timeline timeline_;
    std::array<Slot, 2> slots_;
    std::optional<Buffer> upload_ring_;
    std::optional<Buffer> readback_ring_;
};

}  // namespace gpu
