// Diagnostics: one text for a report of a fault. Versions, devices, limits, layers, memory, the end
// of the log; never a word of a chat.
#pragma once

#include <string>

namespace app {

struct Diagnosed {
    std::string state_folder;  // its log's end is part of the text
    std::string in_use;        // what the window says of its engine; may be empty
};
std::string diagnostics(const Diagnosed& about);

}  // namespace app
