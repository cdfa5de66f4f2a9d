#include "gpu/submit_ring.h"

#include "gpu/vulkan_functions.h"

#include <algorithm>

namespace gpu {

void host_barrier(const Device& device, VkCommandBuffer commands) {
    const VkMemoryBarrier2 barrier{
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER_2,
        .srcStageMask =
            VK_PIPELINE_STAGE_2_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_2_ALL_TRANSFER_BIT,
        .srcAccessMask = VK_ACCESS_2_SHADER_WRITE_BIT | VK_ACCESS_2_TRANSFER_WRITE_BIT,
        .dstStageMask = VK_PIPELINE_STAGE_2_HOST_BIT,
        .dstAccessMask = VK_ACCESS_2_HOST_READ_BIT,
    };
    const VkDependencyInfo dependency{
        .sType = VK_STRUCTURE_TYPE_DEPENDENCY_INFO,
        .memoryBarrierCount = 1,
        .pMemoryBarriers = &barrier,
    };
    device.vk().CmdPipelineBarrier2(commands, &dependency);
}

SubmitRing::SubmitRing(Device& device) : device_(device), timeline_(device), ticks_(kMaxStamps) {
    for (Slot& slot : slots_) {
        create_slot(slot);
    }
}

SubmitRing::~SubmitRing() {
    const VulkanFunctions& vk = device_.vk();
    for (const Slot& slot : slots_) {
        vk.DestroyQueryPool(device_.handle(), slot.queries, nullptr);
        vk.DestroyCommandPool(device_.handle(), slot.pool, nullptr);
    }
}

void SubmitRing::create_slot(Slot& slot) {
    const VulkanFunctions& vk = device_.vk();
    const VkCommandPoolCreateInfo pool_info{
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .queueFamilyIndex = device_.queue_family(),
    };
    device_.check(vk.CreateCommandPool(device_.handle(), &pool_info, nullptr, &slot.pool),
                  "vkCreateCommandPool");
    const VkCommandBufferAllocateInfo commands_info{
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = slot.pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    device_.check(vk.AllocateCommandBuffers(device_.handle(), &commands_info, &slot.commands),
                  "vkAllocateCommandBuffers");
    slot.stamps.reserve(kMaxStamps);
    if (device_.info().timestamp_ns > 0) {
        const VkQueryPoolCreateInfo queries_info{
            .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
            .queryType = VK_QUERY_TYPE_TIMESTAMP,
            .queryCount = kMaxStamps,
        };
        device_.check(vk.CreateQueryPool(device_.handle(), &queries_info, nullptr, &slot.queries),
                      "vkCreateQueryPool");
    }
}

VkCommandBuffer SubmitRing::open() {
    Slot& slot = slots_[next_];
    if (open_) {
        return slot.commands;
    }
    if (device_.lost()) {
        throw base::Error(base::ErrorKind::device_lost,
                          fmt::format("{} was lost", device_.info().name), "Load the model again.");
    }
    const VulkanFunctions& vk = device_.vk();
    device_.check(vk.ResetCommandPool(device_.handle(), slot.pool, 0), "vkResetCommandPool");
    const VkCommandBufferBeginInfo begin{
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    device_.check(vk.BeginCommandBuffer(slot.commands, &begin), "vkBeginCommandBuffer");
    open_ = true;
    slot.stamps.clear();
    slot.gap = false;
    slot.typical = true;
    if (slot.queries) {
        vk.CmdResetQueryPool(slot.commands, slot.queries, 0, slot.n_to_reset);
        slot.n_queries = 0;
        write_timestamp(slot);
    }
    return slot.commands;
}

void SubmitRing::write_timestamp(Slot& slot) {
    device_.vk().CmdWriteTimestamp2(slot.commands, VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT,
                                    slot.queries, slot.n_queries++);
}

/// Room for a start, an end, and the end of the submit.
bool SubmitRing::stamps_left() const {
    return !open_ || slots_[next_].n_queries + 3 <= kMaxStamps;
}

void SubmitRing::before(bool timed) {
    Slot& slot = slots_[next_];
    if (timed && slot.queries && slot.gap) {
        slot.stamps.push_back({});
        write_timestamp(slot);
    }
}

void SubmitRing::after(bool timed, const Stamp& stamp) {
    Slot& slot = slots_[next_];
    slot.gap = !timed;
    if (timed && slot.queries) {
        CHECK(slot.n_queries < kMaxStamps);
        slot.stamps.push_back(stamp);
        write_timestamp(slot);
    }
}

void SubmitRing::end_with_host_barrier(const Slot& slot) {
    host_barrier(device_, slot.commands);
    device_.check(device_.vk().EndCommandBuffer(slot.commands), "vkEndCommandBuffer");
}

void SubmitRing::submit(double planned_ms) {
    CHECK(open_ && in_flight_ < kInFlight, "in flight {}", in_flight_);
    Slot& slot = slots_[next_];
    open_ = false;
    if (slot.queries) {
        write_timestamp(slot);
    }
    end_with_host_barrier(slot);
    slot.n_to_reset = slot.n_queries;
    slot.planned_ms = planned_ms;
    slot.submitted = Clock::now();
    slot.number = timeline_.submit(slot.commands);
    ++in_flight_;
    next_ = (next_ + 1) % kSlots;
}

SubmitRing::Finished SubmitRing::retire() {
    CHECK(in_flight_ > 0);
    Slot& slot = slots_[(next_ + kSlots - in_flight_) % kSlots];
    --in_flight_;  // first, so that a lost device leaves nothing to wait for again
    timeline_.wait(slot.number);
    const Clock::time_point started = std::max(slot.submitted, retired_);
    retired_ = Clock::now();
    const double host_ms = std::chrono::duration<double, std::milli>(retired_ - started).count();
    const double measured_ms = slot.queries ? measure(slot) : host_ms;
    return {.planned_ms = slot.planned_ms,
            .measured_ms = measured_ms,
            .typical = slot.typical,
            .stamps = slot.stamps};
}

double SubmitRing::measure(Slot& slot) {
    device_.check(
        device_.vk().GetQueryPoolResults(device_.handle(), slot.queries, 0, slot.n_queries,
                                         slot.n_queries * sizeof(uint64_t), ticks_.data(),
                                         sizeof(uint64_t), VK_QUERY_RESULT_64_BIT),
        "vkGetQueryPoolResults");
    const uint32_t bits = device_.info().timestamp_bits;
    const uint64_t mask = bits >= 64 ? UINT64_MAX : (uint64_t{1} << bits) - 1;
    const auto between_ms = [&](size_t from, size_t to) {
        const auto ticks = static_cast<double>((ticks_[to] - ticks_[from]) & mask);
        return ticks * static_cast<double>(device_.info().timestamp_ns) * 1e-6;
    };
    for (size_t i = 0; i < slot.stamps.size(); ++i) {
        if (!slot.stamps[i].name.empty()) {
            slot.stamps[i].ms = between_ms(i, i + 1);
        }
    }
    return between_ms(0, slot.n_queries - 1);
}

}  // namespace gpu
