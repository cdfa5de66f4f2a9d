// devices: every Vulkan device, the limits that matter, which one is chosen and why.
#include "app/commands/commands.h"
#include "app/commands/console.h"
#include "app/json_out.h"
#include "app/library/library.h"
#include "gpu/device.h"
#include "gpu/pick.h"
#include "gpu/sizes.h"

#include <cstdio>
#include <cstdlib>

namespace app {

namespace {

std::string api_version(uint32_t v) {
    return fmt::format("{}.{}.{}", (v >> 22) & 0x7F, (v >> 12) & 0x3FF, v & 0xFFF);
}

/// "16x16x16 16x8x16", or empty.
std::string matrices(const gpu::DeviceInfo& d) {
    std::string out;
    for (const gpu::MatrixShape& s : d.matrix_shapes) {
        out += fmt::format("{}{}x{}x{}", out.empty() ? "" : " ", s.m, s.n, s.k);
    }
    return out;
}

void print_json(size_t index, const gpu::DeviceInfo& d, bool chosen, const std::string& why,
                double gb_per_s) {
    JsonObject line;
    line.add("index", uint64_t{index})
        .add("name", d.name)
        .add("uuid", d.uuid)
        .add("type", gpu::type_name(d.type))
        .add("driver", d.driver_name)
        .add("driver_version", d.driver_version)
        .add("pci", d.pci)
        .add("api", api_version(d.api_version))
        .add("memory_bytes", d.local_heap_bytes)
        .add("free_bytes", d.budget_bytes)
        .add("max_range_bytes", d.max_range_bytes)
        .add("max_buffer_bytes", d.max_buffer_bytes)
        .add("max_workgroup_size", d.max_workgroup_size)
        .add("max_shared_bytes", d.max_shared_bytes)
        .add("subgroup_size", d.subgroup_size)
        .add("subgroup_size_control", d.subgroup_size_control)
        .add("matrices", matrices(d))
        .add("timestamps", d.timestamp_ns > 0)
        .add("float_controls_rte32", d.float_controls_rte32)
        .add("missing", d.missing)
        .add("chosen", chosen);
    if (chosen) {
        line.add("why", why);
    }
    if (gb_per_s > 0) {
        line.add("gb_per_s", gb_per_s);
    }
    put("{}\n", line.str());
}

void print_text(size_t index, const gpu::DeviceInfo& d, bool chosen, double gb_per_s) {
    put("{} {}: {}\n", chosen ? '*' : ' ', index, d.name);
    put("    uuid {}{}{}\n", d.uuid, d.pci.empty() ? "" : ", PCI ", d.pci);
    put("    {}, Vulkan {}, {} {}\n", gpu::type_name(d.type), api_version(d.api_version),
        d.driver_name, d.driver_version);
    put("    memory {:.0f} MiB, {:.0f} free; one binding {:.0f} MiB, one buffer {:.0f} MiB\n",
        base::mib(d.local_heap_bytes), base::mib(d.budget_bytes), base::mib(d.max_range_bytes),
        base::mib(d.max_buffer_bytes));
    put("    workgroup {}, shared {} KiB, subgroup {}{}, timestamps {}\n", d.max_workgroup_size,
        d.max_shared_bytes / 1024, d.subgroup_size, d.subgroup_size_control ? " (set by us)" : "",
        d.timestamp_ns > 0 ? "yes" : "no");
    if (!d.matrix_shapes.empty()) {
        put("    cooperative matrices {}, subgroup {}\n", matrices(d), d.matrix_subgroup_size);
    }
    if (!d.float_controls_rte32) {
        put("    rounding of f32 cannot be fixed: the same bits as elsewhere are likely, not "
            "promised\n");
    }
    if (gb_per_s > 0) {
        put("    copies {:.1f} GB/s, read and written\n", gb_per_s);
    }
    if (!d.missing.empty()) {
        put("    not usable, it lacks: {}\n", d.missing);
    }
}

}  // namespace

int devices_command(const Options& options) {
    const std::vector<gpu::DeviceInfo> devices = gpu::list_devices();
    std::string selector = options.device;
    if (const char* wanted = std::getenv("LAPIDARY_GPU"); selector.empty() && wanted != nullptr) {
        selector = wanted;
    }
    // What is there is shown even when none of it fits.
    std::optional<gpu::Pick> pick;
    std::optional<base::Error> why_not;
    try {
        pick = gpu::pick_device(devices, selector);
    } catch (const base::Error& error) {
        why_not = error;
    }
    for (size_t i = 0; i < devices.size(); ++i) {
        const bool chosen = pick && pick->index == i;
        const bool measured = options.measure && devices[i].missing.empty();
        const double gb_per_s = measured ? measure_device(devices[i].uuid) : 0;
        if (options.json) {
            print_json(i, devices[i], chosen, chosen ? pick->why : "", gb_per_s);
        } else {
            print_text(i, devices[i], chosen, gb_per_s);
        }
    }
    if (why_not) {
        flush_output();
        throw base::Error(*why_not);
    }
    if (!options.json) {
        put("chosen: {} ({})\n", devices[pick->index].name, pick->why);
    }
    return 0;
}

}  // namespace app
