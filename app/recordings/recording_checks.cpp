#include "app/recordings/recording_checks.h"

#include <limits>

#include "gpu/base.h"

namespace app {

void RecordingChecks::refuse(const std::string& what) const {
    throw base::Error(base::ErrorKind::model, base::escaped(path_, 400) + ": " + what,
                      "The file was left as it is.");
}

void RecordingChecks::refuse(std::string_view field, const std::string& found,
                             const std::string& expected) const {
    std::string place = table_;
    if (position_ >= 0) {
        place += fmt::format(" of position {}", position_);
    }
    if (layer_ >= 0) {
        place += fmt::format(", layer {}", layer_);
    }
    refuse(fmt::format("{}: {} is {}, expected {}", place, field, base::escaped(found, 80),
                       base::escaped(expected, 120)));
}

void RecordingChecks::out_of_range(std::string_view field, double found, double least,
                                   double most) const {
    constexpr double kMost = std::numeric_limits<double>::max();
    refuse(field, fmt::format("{}", found),
           most == kMost     ? fmt::format("a number from {} on", least)
           : least == -kMost ? fmt::format("a number up to {}", most)
                             : fmt::format("{} to {}", least, most));
}

}  // namespace app
