#include "app/diagnostics.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "app/commands/args.h"
#include "app/library/fit_check.h"
#include "app/state_folder.h"
#include "gpu/device.h"
#include "gpu/loader_facts.h"

namespace app {

namespace {

/// Value of KEY in a file of KEY=value or "KEY:  value" lines.
std::string value_in(const char* path, std::string_view key) {
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(key)) {
            const size_t at = line.find_first_not_of(" \t=:\"", key.size());
            const size_t end = line.find_last_not_of("\" ");
            return at == std::string::npos ? "" : line.substr(at, end - at + 1);
        }
    }
    return {};
}

std::string machine() {
    utsname kernel{};
    ::uname(&kernel);
    return fmt::format(
        "Lapidary {}, compiled by {} {}\n{}, {} {} {}\n{} CPUs, {}; memory {}, available {}\n",
        version(),
#ifdef __clang__
        "clang", __clang_version__,
#else
        "g++", __VERSION__,
#endif
        value_in("/etc/os-release", "PRETTY_NAME"), kernel.sysname, kernel.release, kernel.machine,
        std::thread::hardware_concurrency(), value_in("/proc/cpuinfo", "model name"),
        value_in("/proc/meminfo", "MemTotal"), value_in("/proc/meminfo", "MemAvailable"));
}

std::string loader() {
    const gpu::LoaderFacts facts = gpu::loader_facts();
    std::string text = facts.problem.empty() ? "Vulkan loader " + facts.version + "\n"
                                             : "No Vulkan: " + facts.problem + "\n";
    for (const gpu::LayerFacts& layer : facts.layers) {
        text += fmt::format("  layer {} ({})\n", layer.name, base::escaped(layer.description));
    }
    return text;
}

std::string device_text(const gpu::DeviceInfo& d) {
    std::string text = fmt::format(
        "Device {}\n  uuid {}{}{}, vendor {:#06x}, device {:#06x}\n"
        "  Vulkan {}.{}.{}, {} {}\n",
        base::escaped(d.name), d.uuid, d.pci.empty() ? "" : ", PCI ", d.pci, d.vendor_id,
        d.device_id, (d.api_version >> 22) & 0x7F, (d.api_version >> 12) & 0x3FF,
        d.api_version & 0xFFF, base::escaped(d.driver_name), base::escaped(d.driver_version));
    for (size_t i = 0; i < d.heaps.size(); ++i) {
        text += fmt::format(
            "  heap {}: {}{}, {} free{}{}\n", i, memory_text(d.heaps[i].size_bytes),
            d.heaps[i].local ? ", the device's own" : "", memory_text(d.heaps[i].free_bytes),
            i == d.device_heap ? ", for weights" : "", i == d.host_heap ? ", for transfers" : "");
    }
    text += fmt::format(
        "  one binding {}, one buffer {}, workgroup {}, groups {} x {} x {}, shared {} B,\n"
        "  push constants {} B, alignment {} B, subgroup {}{}, timestamps {} bits of {} ns\n",
        memory_text(d.max_range_bytes), memory_text(d.max_buffer_bytes), d.max_workgroup_size,
        d.max_groups_x, d.max_groups_y, d.max_groups_z, d.max_shared_bytes, d.max_push_bytes,
        d.range_alignment, d.subgroup_size, d.subgroup_arithmetic ? " with arithmetic" : "",
        d.timestamp_bits, d.timestamp_ns);
    text += fmt::format("  {} shapes of cooperative matrices, rounding of f32 {}{}\n",
                        d.matrix_shapes.size(), d.float_controls_rte32 ? "fixed" : "not fixed",
                        d.missing.empty() ? "" : "\n  not usable, it lacks " + d.missing);
    return text;
}

std::string devices() {
    std::string text;
    try {
        for (const gpu::DeviceInfo& device : gpu::list_devices()) {
            text += device_text(device);
        }
    } catch (const base::Error& error) {
        text = fmt::format("No device: {}\n", error.what());
    }
    return text;
}

/// What is respected and can change everything.
std::string environment() {
    constexpr std::array kNames = {"LAPIDARY_GPU",
                                   "LAPIDARY_LOG",
                                   "LAPIDARY_VALIDATE",
                                   "LAPIDARY_PERF",
                                   "LAPIDARY_DISABLE",
                                   "LAPIDARY_SHADERS",
                                   "VK_DRIVER_FILES",
                                   "VK_ICD_FILENAMES",
                                   "VK_ADD_DRIVER_FILES",
                                   "VK_LOADER_DRIVERS_SELECT",
                                   "VK_LOADER_DRIVERS_DISABLE",
                                   "VK_LOADER_LAYERS_ENABLE",
                                   "VK_LOADER_LAYERS_DISABLE",
                                   "VK_LOADER_DEBUG",
                                   "VK_INSTANCE_LAYERS",
                                   "VK_LAYER_PATH",
                                   "MESA_VK_DEVICE_SELECT",
                                   "MESA_SHADER_CACHE_DIR",
                                   "MESA_SHADER_CACHE_DISABLE",
                                   "DRI_PRIME",
                                   "NODEVICE_SELECT",
                                   "RADV_DEBUG",
                                   "ANV_DEBUG",
                                   "LP_NUM_THREADS",
                                   "LP_NATIVE_VECTOR_WIDTH",
                                   "XDG_SESSION_TYPE",
                                   "LANG"};
    std::string text;
    for (const char* name : kNames) {
        if (const char* value = std::getenv(name)) {
            text += fmt::format("  {}={}\n", name, base::escaped(value));
        }
    }
    return text.empty() ? "" : "Environment\n" + text;
}

std::string markers(const std::string& folder) {
    const std::optional<BrokenLoad> broken = LoadMarker(folder).broken();
    return broken ? fmt::format("A load did not end: {} on '{}', {}\n",
                                broken->path.empty() ? "the shipped model"
                                                     : base::escaped(broken->path, 400),
                                base::escaped(broken->device), base::escaped(broken->when))
                  : std::string();
}

}  // namespace

std::string diagnostics(const Diagnosed& about) {
    const std::string tail = log_tail(about.state_folder);
    return machine() + loader() + devices() + environment() + about.in_use +
           markers(about.state_folder) +
           (tail.empty() ? "No log.\n" : "End of " + about.state_folder + "/lapidary.log\n" + tail);
}

}  // namespace app
