// SavingRecording: the recording that the user asked for, from the wish to the file.
#pragma once

#include <cstdint>
#include <string>

#include "app/engine/messages.h"

namespace app::ui {

struct SavingRecording {
    RequestId id = 0;      // of the engine's work; 0: none
    std::string path;      // where to
    bool waiting = false;  // for the sequence to be back in the engine's cache
    uint64_t done = 0, total = 0;
    std::string said;  // what the user is to be told of it; taken by whoever shows it

    bool running() const { return id != 0 || waiting; }
    double share() const { return total == 0 ? 0 : double(done) / double(total); }
};

}  // namespace app::ui
