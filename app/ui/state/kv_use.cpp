#include "app/ui/state/kv_use.h"

#include <algorithm>

namespace app::ui {

KvUse kv_use(const ModelInfo& model, uint32_t rows) {
    KvUse use{.rows = rows, .n_ctx = model.n_ctx, .layers = {}};
    for (const LayerInfo& layer : model.layers) {
        if (layer.kv_capacity == 0) {
            return {.rows = rows, .n_ctx = model.n_ctx, .layers = {}};
        }
        KvLayerUse l{.window = layer.window,
                     .capacity = layer.kv_capacity,
                     .held = std::min(rows, layer.kv_capacity),
                     .live = layer.window == 0 ? rows : std::min(rows, layer.window),
                     .bytes = layer.kv_bytes};
        l.held_bytes = layer.kv_bytes / layer.kv_capacity * l.held;
        use.bytes += l.bytes;
        use.held_bytes += l.held_bytes;
        use.layers.push_back(l);
    }
    return use;
}

}  // namespace app::ui
