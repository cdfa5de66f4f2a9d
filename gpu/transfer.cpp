#include "gpu/transfer.h"

#include "gpu/vulkan_functions.h"

#include <algorithm>
#include <cstring>

namespace gpu {

namespace {

struct Side {
    VkPipelineStageFlags2 stages;
    VkAccessFlags2 accesses;
};

void memory_barrier(const Device& device, VkCommandBuffer commands, const Side& before,
                    const Side& after) {
    const VkMemoryBarrier2 barrier{
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER_2,
        .srcStageMask = before.stages,
        .srcAccessMask = before.accesses,
        .dstStageMask = after.stages,
        .dstAccessMask = after.accesses,
    };
    const VkDependencyInfo dependency{
        .sType = VK_STRUCTURE_TYPE_DEPENDENCY_INFO,
        .memoryBarrierCount = 1,
        .pMemoryBarriers = &barrier,
    };
    device.vk().CmdPipelineBarrier2(commands, &dependency);
}

}  // namespace

Transfer::Transfer(Device& device) : device_(device), timeline_(device) {
    for (Slot& slot : slots_) {
        const VkCommandPoolCreateInfo pool_info{
            .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
            .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
            .queueFamilyIndex = device.queue_family(),
        };
        device.check(
            device.vk().CreateCommandPool(device.handle(), &pool_info, nullptr, &slot.pool),
            "vkCreateCommandPool");
        const VkCommandBufferAllocateInfo commands_info{
            .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
            .commandPool = slot.pool,
            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
            .commandBufferCount = 1,
        };
        device.check(
            device.vk().AllocateCommandBuffers(device.handle(), &commands_info, &slot.commands),
            "vkAllocateCommandBuffers");
    }
}

Transfer::~Transfer() {
    for (const Slot& slot : slots_) {
        device_.vk().DestroyCommandPool(device_.handle(), slot.pool, nullptr);
    }
}

Transfer::Slot& Transfer::idle_slot(uint64_t chunk) {
    Slot& slot = slots_[chunk % slots_.size()];
    if (slot.number > 0) {
        timeline_.wait(slot.number);
    }
    device_.check(device_.vk().ResetCommandPool(device_.handle(), slot.pool, 0),
                  "vkResetCommandPool");
    return slot;
}

Range Transfer::staging(std::optional<Buffer>& ring, Memory memory, uint64_t chunk, uint64_t size) {
    if (!ring) {
        ring.emplace(device_, slots_.size() * kChunkBytes, memory, "staging ring");
    }
    return ring->range().slice(chunk % slots_.size() * kChunkBytes, size);
}

void Transfer::submit_copy(Slot& slot, const Range& dst, const Range& src) {
    const VulkanFunctions& vk = device_.vk();
    const VkCommandBufferBeginInfo begin{
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    device_.check(vk.BeginCommandBuffer(slot.commands, &begin), "vkBeginCommandBuffer");
    // A command buffer's work may still be running: nobody has to wait for it before a transfer.
    memory_barrier(device_, slot.commands,
                   {VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT, VK_ACCESS_2_MEMORY_WRITE_BIT},
                   {VK_PIPELINE_STAGE_2_ALL_TRANSFER_BIT,
                    VK_ACCESS_2_TRANSFER_READ_BIT | VK_ACCESS_2_TRANSFER_WRITE_BIT});
    const VkBufferCopy region{.srcOffset = src.offset, .dstOffset = dst.offset, .size = dst.size};
    vk.CmdCopyBuffer(slot.commands, src.buffer->handle(), dst.buffer->handle(), 1, &region);
    // What was copied becomes visible to whatever runs or reads next, on either side.
    memory_barrier(
        device_, slot.commands,
        {VK_PIPELINE_STAGE_2_ALL_TRANSFER_BIT, VK_ACCESS_2_TRANSFER_WRITE_BIT},
        {VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT | VK_PIPELINE_STAGE_2_HOST_BIT,
         VK_ACCESS_2_MEMORY_READ_BIT | VK_ACCESS_2_MEMORY_WRITE_BIT | VK_ACCESS_2_HOST_READ_BIT});
    device_.check(vk.EndCommandBuffer(slot.commands), "vkEndCommandBuffer");
    slot.number = timeline_.submit(slot.commands);
}

void Transfer::upload(const Range& dst, std::span<const std::byte> src) {
    uint64_t chunk = 0;
    for (uint64_t at = 0; at < src.size(); at += kChunkBytes, ++chunk) {
        const uint64_t size = std::min<uint64_t>(kChunkBytes, src.size() - at);
        Slot& slot = idle_slot(chunk);
        const Range ring = staging(upload_ring_, Memory::upload, chunk, size);
        std::memcpy(ring.buffer->mapped() + ring.offset, src.data() + at, size);
        submit_copy(slot, dst.slice(at, size), ring);
    }
    timeline_.wait(timeline_.last());
}

void Transfer::download(std::span<std::byte> dst, const Range& src) {
    // One copy ahead of the host: chunk i is submitted while chunk i - 1 is read.
    const uint64_t n_chunks = (dst.size() + kChunkBytes - 1) / kChunkBytes;
    const auto size_of = [&](uint64_t chunk) {
        return std::min<uint64_t>(kChunkBytes, dst.size() - chunk * kChunkBytes);
    };
    const auto read = [&](uint64_t chunk) {
        timeline_.wait(slots_[chunk % slots_.size()].number);
        const Range ring = staging(readback_ring_, Memory::readback, chunk, size_of(chunk));
        std::memcpy(dst.data() + chunk * kChunkBytes, ring.buffer->mapped() + ring.offset,
                    ring.size);
    };
    for (uint64_t chunk = 0; chunk < n_chunks; ++chunk) {
        Slot& slot = idle_slot(chunk);
        const Range ring = staging(readback_ring_, Memory::readback, chunk, size_of(chunk));
        submit_copy(slot, ring, src.slice(chunk * kChunkBytes, ring.size));
        if (chunk > 0) {
            read(chunk - 1);
        }
    }
    if (n_chunks > 0) {
        read(n_chunks - 1);
    }
}

}  // namespace gpu
