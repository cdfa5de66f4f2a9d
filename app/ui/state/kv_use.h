// KvUse: how much of the engine's cache of keys and values is in use, layer by layer. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "app/engine/messages.h"

namespace app::ui {

struct KvLayerUse {
    uint32_t window = 0;    // 0: global
    uint32_t capacity = 0;  // positions it has room for
    uint32_t held = 0;      // positions whose keys and values lie in it
    uint32_t live = 0;      // the newest of them, which the last row attended to: min(rows, window)
    uint64_t bytes = 0;     // allocated
    uint64_t held_bytes = 0;
};

struct KvUse {
    uint32_t rows = 0, n_ctx = 0;
    uint64_t bytes = 0, held_bytes = 0;  // of all layers
    std::vector<KvLayerUse> layers;      // empty: the cache's sizes are not known
};

/// With `rows` positions computed.
KvUse kv_use(const ModelInfo& model, uint32_t rows);

}  // namespace app::ui
