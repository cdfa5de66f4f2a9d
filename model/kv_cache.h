// KvCache: keys and values of one sequence, all layers. Global layers keep every position; local
// layers keep a ring of the last positions (or everything in full mode).
#pragma once

#include <cstdint>
#include <vector>

#include "gpu/buffer.h"
#include "model/config.h"
#include "model/tensor.h"

namespace model {

struct KvCacheOptions {
    uint32_t n_ctx = 2048;      // positions
    uint32_t n_ubatch = 256;    // largest prefill chunk: a ring holds window + chunk positions
    DType type_k = DType::f16;  // f16 or f32
    DType type_v = DType::f16;
    bool full = false;  // local layers keep everything (llama.cpp: --swa-full)
    uint64_t block_bytes = uint64_t{256} << 20;  // of device memory, taken at a time
};

/// Where one layer's keys and values lie. Slot of position p is p % capacity.
struct KvLayer {
    Tensor k;  // type_k [capacity, kv_width]  after QK-norm and RoPE
    Tensor v;  // type_v [capacity, kv_width]
    uint32_t capacity = 0;
    uint32_t window = 0;  // 0: global
};

class KvCache {
public:
    KvCache(gpu::Device& device, const Config& config, const KvCacheOptions& options);

    const KvLayer& layer(uint32_t l) const { return layers_[l]; }
    const KvCacheOptions& options() const { return options_; }

    /// Positions [0, length) hold the sequence's keys and values.
    uint32_t length() const { return length_; }
    /// Call before work that writes positions up to (excluding) `end` is submitted: from then on
    /// the rings may have lost what those positions overwrite, even when the work is cancelled.
    void wrote(uint32_t end);
    /// Call when that work has finished: positions [0, length) are good.
    void extend(uint32_t length);
    /// True when the cache can continue from `length` positions: no ring has overwritten a key that
    /// position `length` still needs.
    bool can_rewind(uint32_t length) const;
    /// Forget positions >= length. CHECKs can_rewind.
    void rewind(uint32_t length);
    void clear();

    /// First position whose K and V are still there in layer l.
    uint32_t first_kept(uint32_t l) const;
    uint64_t bytes() const;
    /// Device memory of such a cache, to the byte, on every device.
    static uint64_t bytes_for(const Config& config, const KvCacheOptions& options);

private:
    KvCacheOptions options_;
    gpu::Arena arena_;
    std::vector<KvLayer> layers_;
    uint32_t length_ = 0;
    uint32_t high_water_ = 0;
};

}  // namespace model
