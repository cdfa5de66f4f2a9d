// Which device the first model of a session is opened on. Pure.
#pragma once

#include <string>

#include "app/library/library.h"

namespace app::ui {

struct DeviceChoice {
    enum class Step : uint8_t { wait, measure, open } step = Step::wait;
    std::string device;     // selector; empty: the engine's own choice
    bool optional = false;  // where it is not there any more, another will do
};

/// `asked`: on the command line or in LAPIDARY_GPU; wins. `remembered`: worked on this machine
/// before. Else the fastest of several, by measurement; one alone is not measured.
DeviceChoice choose_device(const LibraryFacts& facts, const std::string& asked,
                           const std::string& remembered);

}  // namespace app::ui
