#include "gpu/command_buffer.h"

#include "gpu/hazards.h"
#include "gpu/profiler.h"
#include "gpu/recording.h"
#include "gpu/submit_ring.h"
#include "gpu/vulkan_functions.h"

#include <algorithm>
#include <array>
#include <utility>

namespace gpu {

namespace {

Access access(const Range& range, bool write) {
    return {.buffer = reinterpret_cast<uint64_t>(range.buffer->handle()),
            .begin = range.offset,
            .end = range.offset + range.size,
            .write = write};
}

void check_range(const Range& range, std::string_view user, size_t position) {
    CHECK(range.buffer && range.size > 0, "range {} of {} is empty", position, user);
    CHECK(range.offset <= range.buffer->size() && range.size <= range.buffer->size() - range.offset,
          "range {} of {}: [{}, +{}) of buffer {} with {} bytes", position, user, range.offset,
          range.size, range.buffer->name(), range.buffer->size());
}

/// Everything about a dispatch that can be wrong before the GPU sees it.
void check_dispatch(const DeviceInfo& device, const Kernel& kernel, const GroupCount& groups,
                    uint32_t push_bytes, std::span<const Range> ranges) {
    const ShaderInterface& interface = kernel.interface();
    CHECK(push_bytes == interface.push_bytes, "{} takes {} push-constant bytes, given {}",
          kernel.name(), interface.push_bytes, push_bytes);
    CHECK(ranges.size() == interface.bindings.size(), "{} has {} bindings, given {} ranges",
          kernel.name(), interface.bindings.size(), ranges.size());
    CHECK(groups.x > 0 && groups.y > 0 && groups.z > 0 && groups.x <= device.max_groups_x &&
              groups.y <= device.max_groups_y && groups.z <= device.max_groups_z,
          "{} with {} x {} x {} groups", kernel.name(), groups.x, groups.y, groups.z);
    for (size_t i = 0; i < ranges.size(); ++i) {
        check_range(ranges[i], kernel.name(), i);
        CHECK(ranges[i].size <= device.max_range_bytes, "range {} of {} has {} bytes, device {}", i,
              kernel.name(), ranges[i].size, device.max_range_bytes);
        CHECK(ranges[i].offset % device.range_alignment == 0, "range {} of {} at {}, aligned {}", i,
              kernel.name(), ranges[i].offset, device.range_alignment);
    }
}

}  // namespace

struct CommandBuffer::Impl {
    Impl(Device& owner, KernelCache& cache)
        : device(owner),
          kernels(cache),
          planner(starting_rates(owner.info().type)),
          ring(owner),
          replays(owner) {}

    /// What is about to be recorded, for the plan and the clocks.
    struct Command {
        std::string_view name;
        uint32_t kernel = SubmitPlanner::kNoKernel;
        Work work;
    };

    VkCommandBuffer prepare(const Command& command, std::span<const Access> accesses);
    VkCommandBuffer prepare_recorded(const Command& command, std::span<const Access> accesses);
    void count(const Recording& replayed);
    void done(const Command& command);
    void barrier(VkCommandBuffer commands);
    void bind(VkCommandBuffer commands, const Kernel& kernel, std::span<const Range> ranges);
    void flush();
    void ask_stop();
    void retire();
    void wait_for_all();
    void abandon() noexcept;

    Device& device;
    KernelCache& kernels;
    SubmitPlanner planner;
    SubmitRing ring;
    Timeline replays;
    Recording* recording = nullptr;  // set between begin_recording() and end_recording()
    HazardTracker hazards;
    std::function<bool()> stop;
    Profiler* profiler = nullptr;
    SubmitStats stats;
    bool first_use_open = false;  // the open submit holds a kernel's first use
    bool timed = false;           // the command that is being recorded
    double open_ms = 0;           // predicted time of what is recorded and not submitted
};

/// Everything that comes before a command: end a full submit, open the next, place a barrier.
VkCommandBuffer CommandBuffer::Impl::prepare(const Command& command,
                                             std::span<const Access> accesses) {
    if (recording) {
        return prepare_recorded(command, accesses);
    }
    const bool no_stamp_left = profiler && !ring.stamps_left();
    const SubmitPlanner::Use use = planner.use(command.kernel);
    // A driver may compile a kernel at its first use, for seconds: it gets a submit of its own.
    if (no_stamp_left || use.first || first_use_open ||
        planner.must_flush(open_ms, command.work, command.kernel)) {
        flush();
    }
    const VkCommandBuffer commands = ring.open();
    first_use_open = use.first;
    if (use.first) {
        ring.mark_untypical();
    }
    timed = profiler || (use.sample && ring.stamps_left());
    ring.before(timed);
    if (hazards.needs_barrier(accesses)) {
        barrier(commands);
    }
    open_ms += planner.predict_ms(command.work, command.kernel);
    return commands;
}

VkCommandBuffer CommandBuffer::Impl::prepare_recorded(const Command& command,
                                                      std::span<const Access> accesses) {
    if (open_ms > 0 && planner.must_flush(open_ms, command.work, command.kernel)) {
        recording->close(std::exchange(open_ms, 0.0));
    }
    const VkCommandBuffer commands = recording->open();
    if (hazards.needs_barrier(accesses)) {
        barrier(commands);
        ++recording->n_barriers_;
    }
    open_ms += planner.predict_ms(command.work, command.kernel);
    recording->bytes_ += command.work.bytes;
    return commands;
}

void CommandBuffer::Impl::done(const Command& command) {
    if (recording) {
        return;
    }
    stats.bytes += command.work.bytes;
    ring.after(timed, {.name = command.name, .kernel = command.kernel, .work = command.work});
}

/// Reaches back over earlier submits too: the queue keeps their order.
void CommandBuffer::Impl::barrier(VkCommandBuffer commands) {
    constexpr VkPipelineStageFlags2 kStages =
        VK_PIPELINE_STAGE_2_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_2_ALL_TRANSFER_BIT;
    const VkMemoryBarrier2 memory{
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER_2,
        .srcStageMask = kStages,
        .srcAccessMask = VK_ACCESS_2_SHADER_WRITE_BIT | VK_ACCESS_2_TRANSFER_WRITE_BIT,
        .dstStageMask = kStages,
        .dstAccessMask = VK_ACCESS_2_SHADER_READ_BIT | VK_ACCESS_2_SHADER_WRITE_BIT |
                         VK_ACCESS_2_TRANSFER_READ_BIT | VK_ACCESS_2_TRANSFER_WRITE_BIT,
    };
    const VkDependencyInfo dependency{
        .sType = VK_STRUCTURE_TYPE_DEPENDENCY_INFO,
        .memoryBarrierCount = 1,
        .pMemoryBarriers = &memory,
    };
    device.vk().CmdPipelineBarrier2(commands, &dependency);
    if (!recording) {
        ++stats.n_barriers;
    }
}

void CommandBuffer::Impl::count(const Recording& replayed) {
    stats.n_submits += replayed.n_submits();
    stats.n_dispatches += replayed.n_dispatches();
    stats.n_barriers += replayed.n_barriers();
    stats.bytes += replayed.bytes();
    for (const Recording::Submit& submit : replayed.submits_) {
        stats.longest_planned_ms = std::max(stats.longest_planned_ms, submit.planned_ms);
    }
}

void CommandBuffer::Impl::bind(VkCommandBuffer commands, const Kernel& kernel,
                               std::span<const Range> ranges) {
    std::array<VkDescriptorBufferInfo, kMaxBindings> buffers{};
    std::array<VkBufferView, kMaxBindings> texels{};
    std::array<VkWriteDescriptorSet, kMaxBindings> writes{};
    for (uint32_t i = 0; i < ranges.size(); ++i) {
        writes[i] = {
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET, .dstBinding = i, .descriptorCount = 1};
        if (kernel.interface().bindings[i].texels) {
            texels[i] = ranges[i].buffer->texels(ranges[i]);
            writes[i].descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER;
            writes[i].pTexelBufferView = &texels[i];
            continue;
        }
        buffers[i] = {.buffer = ranges[i].buffer->handle(),
                      .offset = ranges[i].offset,
                      .range = ranges[i].size};
        writes[i].descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
        writes[i].pBufferInfo = &buffers[i];
    }
    const VulkanFunctions& vk = device.vk();
    vk.CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, kernel.pipeline());
    if (!ranges.empty()) {
        vk.CmdPushDescriptorSetKHR(commands, VK_PIPELINE_BIND_POINT_COMPUTE, kernel.layout(), 0,
                                   static_cast<uint32_t>(ranges.size()), writes.data());
    }
}

void CommandBuffer::Impl::flush() {
    if (!ring.is_open()) {
        return;
    }
    if (ring.in_flight() == SubmitRing::kInFlight) {
        retire();
    }
    ask_stop();  // after the wait: a stop that came during it starts nothing more
    const double planned_ms = std::exchange(open_ms, 0.0);
    ring.submit(planned_ms);
    ++stats.n_submits;
    stats.longest_planned_ms = std::max(stats.longest_planned_ms, planned_ms);
}

void CommandBuffer::Impl::ask_stop() {
    if (stop && stop()) {
        abandon();
        throw base::Cancelled();
    }
}

void CommandBuffer::Impl::retire() {
    const SubmitRing::Finished finished = ring.retire();
    for (const SubmitRing::Stamp& stamp : finished.stamps) {
        if (stamp.ms < 0) {
            continue;
        }
        if (finished.typical) {
            planner.sample(stamp.kernel, stamp.work, stamp.ms);
        }
        if (profiler) {
            profiler->add(stamp.name, stamp.ms, stamp.work);
        }
    }
    if (finished.typical) {
        planner.correct(finished.planned_ms, finished.measured_ms);
    }
    stats.longest_measured_ms = std::max(stats.longest_measured_ms, finished.measured_ms);
}

void CommandBuffer::Impl::wait_for_all() {
    while (ring.in_flight() > 0) {
        retire();
    }
    hazards.reset();
}

void CommandBuffer::Impl::abandon() noexcept {
    ring.drop();
    open_ms = 0;
    while (ring.in_flight() > 0) {
        try {
            retire();
        } catch (const std::exception& error) {
            base::write_log(base::LogArea::gpu, error.what());
        }
    }
    hazards.reset();
}

CommandBuffer::CommandBuffer(Device& device, KernelCache& kernels)
    : impl_(std::make_unique<Impl>(device, kernels)) {}

CommandBuffer::~CommandBuffer() {
    abandon();
}

Device& CommandBuffer::device() {
    return impl_->device;
}
KernelCache& CommandBuffer::kernels() {
    return impl_->kernels;
}

const Kernel& CommandBuffer::kernel(std::string_view name,
                                    std::initializer_list<uint32_t> constants) {
    return impl_->kernels.get(name, constants);
}

void CommandBuffer::dispatch_bytes(const Kernel& kernel, const GroupCount& groups, const void* push,
                                   uint32_t push_bytes, std::span<const Range> ranges,
                                   const Work& work) {
    check_dispatch(impl_->device.info(), kernel, groups, push_bytes, ranges);
    std::array<Access, kMaxBindings> accesses{};
    for (size_t i = 0; i < ranges.size(); ++i) {
        accesses[i] = access(ranges[i], kernel.interface().bindings[i].written);
    }
    const Impl::Command command{.name = kernel.name(), .kernel = kernel.id(), .work = work};
    const VkCommandBuffer commands = impl_->prepare(command, {accesses.data(), ranges.size()});
    impl_->bind(commands, kernel, ranges);
    const VulkanFunctions& vk = impl_->device.vk();
    if (push_bytes > 0) {
        vk.CmdPushConstants(commands, kernel.layout(), VK_SHADER_STAGE_COMPUTE_BIT, 0, push_bytes,
                            push);
    }
    vk.CmdDispatch(commands, groups.x, groups.y, groups.z);
    if (impl_->recording) {
        ++impl_->recording->n_dispatches_;
    } else {
        ++impl_->stats.n_dispatches;
    }
    impl_->done(command);
}

void CommandBuffer::copy(const Range& dst, const Range& src) {
    check_range(dst, "copy", 0);
    check_range(src, "copy", 1);
    CHECK(src.size == dst.size, "copy of {} bytes into {}", src.size, dst.size);
    const Impl::Command command{.name = "copy",
                                .work = {.bytes = 2.0 * static_cast<double>(src.size)}};
    const std::array accesses{access(src, false), access(dst, true)};
    const VkCommandBuffer commands = impl_->prepare(command, accesses);
    const VkBufferCopy region{.srcOffset = src.offset, .dstOffset = dst.offset, .size = src.size};
    impl_->device.vk().CmdCopyBuffer(commands, src.buffer->handle(), dst.buffer->handle(), 1,
                                     &region);
    impl_->done(command);
}

void CommandBuffer::fill(const Range& dst, uint32_t word) {
    check_range(dst, "fill", 0);
    CHECK(dst.offset % 4 == 0 && dst.size % 4 == 0, "fill of [{}, +{})", dst.offset, dst.size);
    const Impl::Command command{.name = "fill", .work = {.bytes = static_cast<double>(dst.size)}};
    const std::array accesses{access(dst, true)};
    const VkCommandBuffer commands = impl_->prepare(command, accesses);
    impl_->device.vk().CmdFillBuffer(commands, dst.buffer->handle(), dst.offset, dst.size, word);
    impl_->done(command);
}

uint32_t CommandBuffer::parts(const Kernel& kernel, const Work& work) const {
    return impl_->planner.parts(work, kernel.id());
}

uint32_t CommandBuffer::parts(const Work& work) const {
    return impl_->planner.parts(work);
}

void CommandBuffer::finish() {
    impl_->flush();
    impl_->wait_for_all();
}

void CommandBuffer::begin_recording(Recording& recording) {
    CHECK(!impl_->recording && !impl_->ring.is_open() && impl_->ring.in_flight() == 0);
    wait_replay(impl_->replays.last());
    recording.clear();
    impl_->recording = &recording;
    impl_->hazards.reset();
    impl_->open_ms = 0;
    impl_->barrier(recording.open());  // behind what earlier submits wrote
}

void CommandBuffer::end_recording() {
    CHECK(impl_->recording);
    host_barrier(impl_->device, impl_->recording->open());
    impl_->recording->close(std::exchange(impl_->open_ms, 0.0));
    impl_->recording = nullptr;
    impl_->hazards.reset();
}

void CommandBuffer::replay(const Recording& recording) {
    finish();
    for (const Recording::Submit& submit : recording.submits_) {
        impl_->ask_stop();
        const auto begin = std::chrono::steady_clock::now();
        impl_->replays.wait(impl_->replays.submit(submit.commands));
        const std::chrono::duration<double, std::milli> ms =
            std::chrono::steady_clock::now() - begin;
        impl_->stats.longest_measured_ms = std::max(impl_->stats.longest_measured_ms, ms.count());
    }
    impl_->count(recording);
}

uint64_t CommandBuffer::start_replay(const Recording& recording) {
    CHECK(!impl_->ring.is_open() && impl_->ring.in_flight() == 0);
    impl_->ask_stop();
    for (const Recording::Submit& submit : recording.submits_) {
        impl_->replays.submit(submit.commands);
    }
    impl_->count(recording);
    return impl_->replays.last();
}

void CommandBuffer::wait_replay(uint64_t number) {
    if (number > 0) {
        impl_->replays.wait(number);
    }
}

void CommandBuffer::abandon() noexcept {
    if (impl_->recording) {
        impl_->recording->clear();
        impl_->recording = nullptr;
    }
    impl_->abandon();
}

void CommandBuffer::set_stop(std::function<bool()> stop) {
    impl_->stop = std::move(stop);
}

const SubmitStats& CommandBuffer::stats() const {
    return impl_->stats;
}
void CommandBuffer::reset_stats() {
    impl_->stats = {};
}
SubmitPlanner& CommandBuffer::planner() {
    return impl_->planner;
}

void CommandBuffer::set_profiler(Profiler* profiler) {
    impl_->profiler = profiler;
}

}  // namespace gpu
