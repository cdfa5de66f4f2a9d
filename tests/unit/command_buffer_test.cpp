// CommandBuffer on the real device (lavapipe where there is no GPU), under full validation.
// `add` (x += y) is the kernel: simple enough to know every result.
#include "gpu/command_buffer.h"
#include "gpu/profiler.h"
#include "gpu/recording.h"
#include "gpu/vulkan_functions.h"

#include "tests/support/heap_count.h"
#include "tests/support/temp_dir.h"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

using gpu::Memory;
using gpu::Range;
using gpu::Work;

namespace {

struct Push {
    uint32_t n;
    float value;
};

/// A device with its kernels and two vectors of n floats.
struct Bench {
    explicit Bench(const gpu::DeviceOptions& options = {.validate = 2})
        : device(options),
          kernels(device, "-"),
          cmd(device, kernels),
          arena(device, Memory::device, "test vectors", 1 << 16),
          a(arena.allocate(n * sizeof(float))),
          b(arena.allocate(n * sizeof(float))) {
        set(a, 1);
        set(b, 1);
    }

    void set(const Range& range, float value) {
        const std::vector<float> values(n, value);
        gpu::upload(device, range, std::as_bytes(std::span(values)));
    }
    std::vector<float> get(const Range& range) {
        std::vector<float> values(range.size / sizeof(float));
        gpu::download(device, std::as_writable_bytes(std::span(values)), range);
        return values;
    }
    /// x += y
    void add(const Range& x, const Range& y, const Work& work = {}) {
        const auto n_floats = static_cast<uint32_t>(x.size / sizeof(float));
        cmd.dispatch(cmd.kernel("add", {64}), {.x = (n_floats + 63) / 64}, Push{n_floats, 0},
                     {x, y}, work);
    }

    static constexpr uint32_t n = 1000;
    gpu::Device device;
    gpu::KernelCache kernels;
    gpu::CommandBuffer cmd;
    gpu::Arena arena;
    Range a, b;
};

base::ErrorKind kind_of_error(const auto& action) {
    try {
        action();
    } catch (const base::Error& error) {
        INFO(error.what());
        return error.kind();
    }
    FAIL("no error was thrown");
    return base::ErrorKind::runtime;
}

VkResult VKAPI_CALL lose_at_submit(VkQueue, uint32_t, const VkSubmitInfo2*, VkFence) {
    return VK_ERROR_DEVICE_LOST;
}
VkResult VKAPI_CALL never_signalled(VkDevice, const VkSemaphoreWaitInfo*, uint64_t) {
    return VK_TIMEOUT;
}
VkResult VKAPI_CALL no_memory(VkDevice, const VkMemoryAllocateInfo*, const VkAllocationCallbacks*,
                              VkDeviceMemory*) {
    return VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

/// What is recorded through a patched device: barriers, and copies (empty) between them.
struct Recorded {
    PFN_vkCmdCopyBuffer copy = nullptr;
    PFN_vkCmdPipelineBarrier2 barrier = nullptr;
    std::vector<std::optional<VkMemoryBarrier2>> commands;
} recorded;
void VKAPI_CALL record_copy(VkCommandBuffer commands, VkBuffer src, VkBuffer dst, uint32_t n,
                            const VkBufferCopy* regions) {
    recorded.commands.emplace_back();
    recorded.copy(commands, src, dst, n, regions);
}
void VKAPI_CALL record_barrier(VkCommandBuffer commands, const VkDependencyInfo* dependency) {
    recorded.commands.emplace_back(*dependency->pMemoryBarriers);
    recorded.barrier(commands, dependency);
}

}  // namespace

TEST_CASE("of a device that hangs nothing is destroyed any more") {
    gpu::VulkanFunctions vk;
    vk.forget_destroyers();
    CHECK(vk.DestroyBuffer != nullptr);
    CHECK(vk.DestroyBufferView != nullptr);
    CHECK(vk.DestroyFence != nullptr);
    CHECK(vk.DestroyDevice != nullptr);
    CHECK(vk.FreeCommandBuffers != nullptr);
    CHECK(vk.FreeMemory != nullptr);
    CHECK(vk.CreateBuffer == nullptr);
    CHECK(vk.CmdDispatch == nullptr);
}

TEST_CASE("command buffer: a recording replayed does the same again") {
    Bench bench;
    gpu::Recording recording(bench.device);
    bench.cmd.begin_recording(recording);
    bench.add(bench.a, bench.b);
    bench.add(bench.b, bench.a);
    bench.cmd.end_recording();
    CHECK(recording.n_dispatches() == 2);
    CHECK(recording.n_barriers() == 1);  // beside the one before everything
    CHECK(recording.n_submits() == 1);
    CHECK(bench.cmd.stats().n_dispatches == 0);  // recorded, not run
    const std::vector<float> before = bench.get(bench.a);

    bench.cmd.replay(recording);
    bench.cmd.replay(recording);
    CHECK(bench.get(bench.a) == std::vector<float>(bench.n, 5));  // as four single dispatches give
    CHECK(bench.get(bench.b) == std::vector<float>(bench.n, 8));
    CHECK(before != bench.get(bench.a));
    CHECK(bench.cmd.stats().n_dispatches == 4);
    CHECK(bench.cmd.stats().n_barriers == 2);

    // Two in flight, each behind the other.
    const uint64_t first = bench.cmd.start_replay(recording);
    const uint64_t second = bench.cmd.start_replay(recording);
    CHECK(first < second);
    bench.cmd.wait_replay(second);
    CHECK(bench.get(bench.b) == std::vector<float>(bench.n, 55));  // 13 21, 34 55: Fibonacci
    CHECK(bench.device.validation_messages() == 0);
}

TEST_CASE("command buffer: stop is asked before a replay, and it leaves nothing behind") {
    Bench bench;
    gpu::Recording recording(bench.device);
    bench.cmd.begin_recording(recording);
    bench.add(bench.a, bench.b);
    bench.cmd.end_recording();
    const std::vector<float> before = bench.get(bench.a);
    bench.cmd.set_stop([] { return true; });
    CHECK_THROWS_AS(bench.cmd.replay(recording), base::Cancelled);
    CHECK(bench.get(bench.a) == before);
    bench.cmd.set_stop({});
    bench.cmd.replay(recording);
    CHECK(bench.get(bench.a) != before);
}

TEST_CASE("command buffer: ping-pong of four has three barriers and the right sums") {
    Bench bench;
    for (int i = 0; i < 2; ++i) {
        bench.add(bench.a, bench.b);
        bench.add(bench.b, bench.a);
    }
    bench.cmd.finish();
    CHECK(bench.cmd.stats().n_dispatches == 4);
    CHECK(bench.cmd.stats().n_barriers == 3);
    CHECK(bench.cmd.stats().n_submits == 2);  // a kernel's first use has one of its own
    CHECK(bench.get(bench.a) == std::vector<float>(bench.n, 5));  // 1 1, 2 1, 2 3, 5 3, 5 8
    CHECK(bench.get(bench.b) == std::vector<float>(bench.n, 8));
    CHECK(bench.device.validation_messages() == 0);
}

TEST_CASE("command buffer: independent work takes no barrier") {
    Bench bench;
    const Range c = bench.arena.allocate(bench.a.size);
    bench.set(c, 3);
    bench.add(bench.a, c);
    bench.add(bench.b, c);
    bench.add(bench.arena.allocate(64), c.slice(0, 64));
    bench.cmd.finish();
    CHECK(bench.cmd.stats().n_barriers == 0);
    CHECK(bench.get(bench.b) == std::vector<float>(bench.n, 4));
}

TEST_CASE("command buffer: copies and fills take part in the order") {
    Bench bench;
    bench.cmd.fill(bench.a, 0x40000000);  // 2.0f
    bench.add(bench.b, bench.a);
    bench.cmd.copy(bench.a.slice(0, 400), bench.b.slice(400, 400));
    bench.cmd.fill(bench.b.slice(0, 4), 0);
    bench.cmd.finish();
    CHECK(bench.cmd.stats().n_barriers == 2);
    std::vector<float> expected(bench.n, 2);
    std::fill_n(expected.begin(), 100, 3.0f);
    CHECK(bench.get(bench.a) == expected);
    CHECK(bench.get(bench.b)[0] == 0);
    CHECK(bench.device.validation_messages() == 0);
}

TEST_CASE("command buffer: work is cut into short submits, results and order stay") {
    Bench bench;
    constexpr int kSteps = 60;
    for (int i = 0; i < kSteps; ++i) {
        bench.add(bench.a, bench.b, {.flops = 0.15e9});  // 30 ms each at the first guess
    }
    bench.cmd.finish();
    const gpu::SubmitStats stats = bench.cmd.stats();
    CHECK(stats.n_submits >= 5);
    CHECK(stats.longest_planned_ms <= gpu::SubmitPlanner::kTargetMs);
    CHECK(stats.n_barriers == kSteps - 1);
    CHECK(bench.get(bench.a) == std::vector<float>(bench.n, 1 + kSteps));
    CHECK(bench.device.validation_messages() == 0);
}

TEST_CASE("command buffer: stop ends between submits, and the recorder goes on") {
    Bench bench;
    int n_asked = 0;
    bench.cmd.set_stop([&] { return ++n_asked > 3; });
    const auto record = [&] {
        for (int i = 0; i < 100; ++i) {
            bench.add(bench.a, bench.b, {.flops = 0.5e9});
        }
        bench.cmd.finish();
    };
    CHECK_THROWS_AS(record(), base::Cancelled);
    CHECK(bench.cmd.stats().n_submits == 3);

    bench.cmd.set_stop({});
    bench.set(bench.a, 1);
    bench.add(bench.a, bench.b);
    bench.cmd.finish();
    CHECK(bench.get(bench.a) == std::vector<float>(bench.n, 2));
    CHECK(bench.device.validation_messages() == 0);
}

TEST_CASE("command buffer: abandoned work is never run") {
    Bench bench;
    bench.add(bench.a, bench.b);
    bench.cmd.abandon();
    bench.cmd.finish();
    CHECK(bench.get(bench.a) == std::vector<float>(bench.n, 1));
    CHECK(bench.cmd.stats().n_submits == 0);
}

TEST_CASE("command buffer: a profiler sees every dispatch, also beyond one submit's stamps") {
    Bench bench;
    gpu::Profiler profiler;
    bench.cmd.set_profiler(&profiler);
    for (int i = 0; i < 2500; ++i) {
        bench.add(bench.a, bench.b, {.flops = 1e3, .bytes = 12e3});
    }
    bench.cmd.fill(bench.b, 0);
    bench.cmd.finish();
    CHECK(profiler.by_kernel().at("add").n == 2500);
    CHECK(profiler.by_kernel().at("add").bytes == 2500 * 12e3);
    CHECK(profiler.by_kernel().at("fill").n == 1);
    if (bench.device.info().timestamp_ns > 0) {
        CHECK(profiler.by_kernel().at("add").ms > 0);
    }
    CHECK(bench.device.validation_messages() == 0);
}

TEST_CASE("command buffer: recording the same step again allocates nothing") {
    Bench bench({.validate = 0});
    const auto step = [&] {
        for (int i = 0; i < 200; ++i) {
            bench.add(bench.a, bench.b, {.flops = 5e6});
            bench.add(bench.b, bench.a, {.flops = 5e6});
        }
        bench.cmd.finish();
    };
    for (int i = 0; i < 5; ++i) {
        step();
    }
    bench.kernels.freeze();
    const size_t before = support::heap_allocations();
    step();
    CHECK(support::heap_allocations() - before == 0);
}

TEST_CASE("command buffer: memory that the host cannot see goes through the staging ring") {
    Bench bench({.validate = 2, .disable = "unified"});
    REQUIRE(bench.a.buffer->mapped() == nullptr);
    bench.add(bench.a, bench.b);
    bench.cmd.finish();
    CHECK(bench.get(bench.a) == std::vector<float>(bench.n, 2));

    constexpr size_t kLarge = (20u << 20) + 4;  // two and a half turns of the ring
    const gpu::Buffer large(bench.device, kLarge, Memory::device, "large");
    std::vector<uint32_t> words(kLarge / 4);
    std::iota(words.begin(), words.end(), 7u);
    const uint64_t before = bench.device.allocated_bytes();
    gpu::upload(bench.device, large.range(), std::as_bytes(std::span(words)));
    std::vector<uint32_t> back(words.size());
    gpu::download(bench.device, std::as_writable_bytes(std::span(back)), large.range());
    CHECK(back == words);
    CHECK(bench.device.allocated_bytes() - before <= 32u << 20);
    CHECK(bench.device.validation_messages() == 0);
}

TEST_CASE("transfer: a copy stands between barriers, behind work that nobody has waited for") {
    recorded = {};
    Bench bench({.validate = 0, .disable = "unified", .patch = [](gpu::VulkanFunctions& vk) {
                     recorded.copy = std::exchange(vk.CmdCopyBuffer, record_copy);
                     recorded.barrier = std::exchange(vk.CmdPipelineBarrier2, record_barrier);
                 }});
    recorded.commands.clear();
    CHECK(bench.get(bench.a) == std::vector<float>(bench.n, 1));
    bench.set(bench.a, 2);
    REQUIRE(recorded.commands.size() == 6);
    for (const size_t first : {0u, 3u}) {
        const auto& before = recorded.commands[first];
        const auto& after = recorded.commands[first + 2];
        REQUIRE((before && !recorded.commands[first + 1] && after));
        // There was none before the copy: it could read what a dispatch was still writing.
        CHECK(before->srcStageMask == VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT);
        CHECK((before->srcAccessMask & VK_ACCESS_2_MEMORY_WRITE_BIT) != 0);
        CHECK((before->dstAccessMask & VK_ACCESS_2_TRANSFER_READ_BIT) != 0);
        CHECK((before->dstAccessMask & VK_ACCESS_2_TRANSFER_WRITE_BIT) != 0);
        CHECK((after->dstAccessMask & VK_ACCESS_2_HOST_READ_BIT) != 0);
    }
}

TEST_CASE("command buffer: a device lost at submit stays lost, and everything can be torn down") {
    Bench bench({.validate = 0,
                 .patch = [](gpu::VulkanFunctions& vk) { vk.QueueSubmit2 = lose_at_submit; }});
    bench.add(bench.a, bench.b);
    CHECK(kind_of_error([&] { bench.cmd.finish(); }) == base::ErrorKind::device_lost);
    CHECK(bench.device.lost());
    CHECK(kind_of_error([&] { bench.add(bench.a, bench.b); }) == base::ErrorKind::device_lost);
    bench.cmd.abandon();
}

TEST_CASE("command buffer: a device that never answers is given up") {
    // As a GPU: a CPU device would be given time of its own first.
    Bench bench({.validate = 0, .disable = "cpu", .patch = [](gpu::VulkanFunctions& vk) {
                     vk.WaitSemaphores = never_signalled;
                 }});
    bench.add(bench.a, bench.b);
    CHECK(kind_of_error([&] { bench.cmd.finish(); }) == base::ErrorKind::device_lost);
    CHECK(bench.device.lost());
}

TEST_CASE("buffer: no memory names the buffer and the numbers, and counts nothing") {
    gpu::Device device(
        {.validate = 0, .patch = [](gpu::VulkanFunctions& vk) { vk.AllocateMemory = no_memory; }});
    try {
        const gpu::Buffer buffer(device, 3 << 20, Memory::device, "weights of layer 3");
        FAIL("no error was thrown");
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::out_of_memory);
        const std::string what = error.what();
        CHECK(what.find("weights of layer 3") != std::string::npos);
        CHECK(what.find("3.0 MiB") != std::string::npos);
        CHECK(what.find("free") != std::string::npos);
    }
    CHECK(device.allocated_bytes() == 0);
}

TEST_CASE("buffer: more than the device's largest buffer is refused before it is tried") {
    gpu::Device device({.validate = 2});
    CHECK(kind_of_error([&] {
              const gpu::Buffer buffer(device, device.info().max_buffer_bytes + 1, Memory::device,
                                       "too large");
          }) == base::ErrorKind::out_of_memory);
}

TEST_CASE("arena: ranges are aligned, apart, and spread over blocks") {
    gpu::Device device({.validate = 2});
    gpu::Arena arena(device, Memory::device, "arena", 4096);
    std::vector<Range> ranges;
    for (uint64_t i = 1; i <= 50; ++i) {
        ranges.push_back(arena.allocate(i * 37));
    }
    ranges.push_back(arena.allocate(10'000));  // larger than a block
    for (const Range& range : ranges) {
        CHECK(range.offset % device.info().range_alignment == 0);
        CHECK(range.offset + range.size <= range.buffer->size());
        for (const Range& other : ranges) {
            const bool apart = range.buffer != other.buffer || &range == &other ||
                               range.offset + range.size <= other.offset ||
                               other.offset + other.size <= range.offset;
            REQUIRE(apart);
        }
    }
    CHECK(arena.allocated_bytes() == 50 * 51 / 2 * 37 + 10'000);
}

TEST_CASE("kernel cache: the file is written, used, and thrown away when it is damaged") {
    const support::TempDir folder;
    gpu::Device device({.validate = 2});
    const auto file = folder.path() / (device.info().uuid + ".pipelines");
    const auto start = [&] {
        gpu::KernelCache kernels(device, folder.path().string());
        CHECK(kernels.get("add", {64}).interface().bindings.size() == 2);
        CHECK(&kernels.get("add", {64}) == &kernels.get("add", {64}));
        CHECK(kernels.size() == 1);
    };
    start();
    REQUIRE(std::filesystem::exists(file));
    const auto size = std::filesystem::file_size(file);
    for (const uintmax_t cut : {uintmax_t{0}, uintmax_t{10}, size / 2, size - 1}) {
        std::filesystem::resize_file(file, cut);
        start();
        CHECK(std::filesystem::file_size(file) == size);
    }
    for (uintmax_t at = 0; at < size; ++at) {
        std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekp(static_cast<std::streamoff>(at));
        stream.put('\x5a');
        stream.close();
        start();
    }
}

TEST_CASE("kernel cache: many at once, each once") {
    gpu::Device device({.validate = 2});
    gpu::KernelCache kernels(device, "-");
    const std::vector<gpu::KernelRequest> requests{
        {"add", {32}}, {"add", {64}}, {"add", {128}}, {"add", {64}}, {"softcap", {64}}};
    kernels.create(requests);
    CHECK(kernels.size() == 4);
    kernels.create(requests);
    CHECK(kernels.size() == 4);
    kernels.freeze();
    CHECK(kernels.get("softcap", {64}).name() == "softcap");
    CHECK(device.validation_messages() == 0);
}

TEST_CASE("device: describes itself") {
    const std::vector<gpu::DeviceInfo> devices = gpu::list_devices();
    REQUIRE_FALSE(devices.empty());
    for (const gpu::DeviceInfo& info : devices) {
        CAPTURE(info.name);
        CHECK(info.uuid.size() == 32);
        CHECK(info.max_range_bytes >= 128u << 20);
        CHECK(info.local_heap_bytes > 0);
        CHECK(info.max_workgroup_size >= 128);
        CHECK_FALSE(info.driver_name.empty());
    }
}
