// What Vulkan's loader has to say, for a report of a fault.
#pragma once

#include <string>
#include <vector>

namespace gpu {

struct LayerFacts {
    std::string name, description;
};
struct LoaderFacts {
    std::string version;             // of the loader, "1.3.239"; empty: there is none
    std::string problem;             // why there is none
    std::vector<LayerFacts> layers;  // implicit ones too, as far as they are not disabled
};
/// Never throws.
LoaderFacts loader_facts();

}  // namespace gpu
