// NoRoom: what the engine says of a model that does not fit, as plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace app {

/// Something to open where a model does not fit. Without can_open it is advice only.
struct Alternative {
    std::string text;  // "Open it with a context of 2,048 tokens"
    std::string path, device;
    uint32_t n_ctx = 0;
    bool can_open = false;
    bool anyway = false;  // whatever its size
};
/// Why a model was refused before anything of it was read.
struct NoRoom {
    std::string path, device;  // as asked for
    uint32_t n_ctx = 0;
    std::string parts;  // "weights 15.4 GiB, KV cache 0.4 GiB, ..."
    std::vector<Alternative> alternatives;
};

}  // namespace app
