#include "app/ui/state/device_choice.h"

#include <algorithm>

namespace app::ui {

DeviceChoice choose_device(const LibraryFacts& facts, const std::string& asked,
                           const std::string& remembered) {
    using Step = DeviceChoice::Step;
    if (!asked.empty()) {
        return {Step::open, asked, false};
    }
    if (!remembered.empty()) {
        return {Step::open, remembered, true};
    }
    if (!facts.devices_known || facts.measuring) {
        return {};
    }
    const auto n_usable = std::ranges::count_if(
        facts.devices, [](const DeviceFacts& device) { return device.problem.empty(); });
    if (n_usable < 2) {
        return {Step::open, {}, false};  // also where there is none: the engine says why
    }
    const int fastest = fastest_device(facts.devices);
    return fastest < 0 ? DeviceChoice{Step::measure, {}, false}
                       : DeviceChoice{Step::open, facts.devices[size_t(fastest)].uuid, true};
}

}  // namespace app::ui
