#include "model/kv_cache.h"

#include <algorithm>

#include "gpu/base.h"
#include "gpu/sizes.h"
#include "shaders/visible.h"

namespace model {
namespace {

uint32_t capacity_of(const LayerConfig& layer, const KvCacheOptions& options) {
    if (layer.is_local() && !options.full) {
        return std::min(options.n_ctx, layer.sliding_window + options.n_ubatch);
    }
    return options.n_ctx;
}

uint64_t plane_bytes_of(DType dtype, uint32_t capacity, uint32_t width) {
    return uint64_t{capacity} * width * block_bytes(dtype);
}

/// In the order of allocation: K and V of layer 0, of layer 1, ...
std::vector<uint64_t> plane_sizes(const Config& config, const KvCacheOptions& options) {
    std::vector<uint64_t> sizes;
    for (const LayerConfig& layer : config.layers) {
        const uint32_t capacity = capacity_of(layer, options);
        sizes.push_back(plane_bytes_of(options.type_k, capacity, config.kv_width()));
        sizes.push_back(plane_bytes_of(options.type_v, capacity, config.kv_width()));
    }
    return sizes;
}

/// Several blocks, since a large one may be more than a device gives at a time. No more than the
/// planes need: a second block as large as the first once took nearly twice what was foretold.
gpu::ArenaPlan plan_of(const Config& config, const KvCacheOptions& options) {
    return {plane_sizes(config, options), options.block_bytes, gpu::kRangeAlignment};
}

}  // namespace

KvCache::KvCache(gpu::Device& device, const Config& config, const KvCacheOptions& options)
    : options_(options), arena_(device, gpu::Memory::device, "KV cache", plan_of(config, options)) {
    for (const DType dtype : {options.type_k, options.type_v}) {
        CHECK(dtype == DType::f16 || dtype == DType::f32, "{}", dtype_name(dtype));
    }
    const uint32_t width = config.kv_width();
    for (const LayerConfig& layer : config.layers) {
        const uint32_t capacity = capacity_of(layer, options);
        const uint64_t largest = std::max(plane_bytes_of(options.type_k, capacity, width),
                                          plane_bytes_of(options.type_v, capacity, width));
        if (largest > device.info().max_range_bytes) {
            const uint64_t fits = device.info().max_range_bytes * capacity / largest;
            throw base::Error(
                base::ErrorKind::out_of_memory,
                fmt::format("a context of {} positions needs {} MiB for the keys of one layer; {} "
                            "binds at most {} MiB",
                            options.n_ctx, largest >> 20, device.info().name,
                            device.info().max_range_bytes >> 20),
                fmt::format("ask for at most -c {}", fits));
        }
        const auto plane = [&](const char* name, DType dtype) {
            return Tensor{name,
                          dtype,
                          {capacity, width},
                          arena_.allocate(plane_bytes_of(dtype, capacity, width))};
        };
        layers_.push_back({.k = plane("k cache", options.type_k),
                           .v = plane("v cache", options.type_v),
                           .capacity = capacity,
                           .window = layer.sliding_window});
    }
}

void KvCache::wrote(uint32_t end) {
    CHECK(end <= options_.n_ctx, "{} of {}", end, options_.n_ctx);
    high_water_ = std::max(high_water_, end);
}

void KvCache::extend(uint32_t length) {
    CHECK(length <= high_water_, "{} of {}", length, high_water_);
    length_ = length;
}

bool KvCache::can_rewind(uint32_t length) const {
    for (uint32_t l = 0; l < layers_.size(); l++) {
        const uint32_t window = layers_[l].window;
        const uint32_t oldest_needed = first_visible(length, window);
        if (length != 0 && oldest_needed < first_kept(l)) {
            return false;
        }
    }
    return true;
}

void KvCache::rewind(uint32_t length) {
    CHECK(length <= length_ && can_rewind(length), "rewind to {} of {}", length, length_);
    if (length == 0) {
        clear();
    }
    length_ = length;
}

void KvCache::clear() {
    length_ = 0;
    high_water_ = 0;
}

uint32_t KvCache::first_kept(uint32_t l) const {
    const uint32_t capacity = layers_[l].capacity;
    return high_water_ > capacity ? high_water_ - capacity : 0;
}

uint64_t KvCache::bytes() const {
    return arena_.allocated_bytes();
}

uint64_t KvCache::bytes_for(const Config& config, const KvCacheOptions& options) {
    gpu::ArenaPlan plan = plan_of(config, options);
    for (const uint64_t size : plane_sizes(config, options)) {
        plan.add(size);
    }
    return plan.bytes();
}

}  // namespace model
