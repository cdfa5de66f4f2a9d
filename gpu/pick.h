// Which device to use. Pure: works on plain descriptions, so made-up GPUs can be tested.
#pragma once

#include "gpu/device_info.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gpu {

/// Result of a choice: the index, and in words why this one.
struct Pick {
    size_t index = 0;
    std::string why;
};

/// One card seen through two drivers: the same UUID or PCI address.
bool same_card(const DeviceInfo& a, const DeviceInfo& b);

/// Choose a device. `selector` is empty (the best), a UUID, a part of a name (case-insensitive),
/// an index ("1"), or "cpu" / "none" (a CPU device). One card counts once, the first listed wins.
/// Best: discrete, then integrated, then virtual; a CPU device only when nothing better is usable
/// or when asked for. Ties: more local memory, then the loader's order.
/// Throws base::Error(no_device) that lists what is there when nothing fits.
Pick pick_device(const std::vector<DeviceInfo>& devices, std::string_view selector);

}  // namespace gpu
