// Memory of a session: the cache's account, layer by layer, is what the device gave (V20); kept
// queries take what they are (V2).
#include "model/kv_cache.h"

#include "model/activations.h"
#include "model/model.h"
#include "tests/support/catch.h"
#include "tests/support/device_model.h"
#include "tests/support/golden_taps.h"

#include <fmt/format.h>

TEST_CASE("bytes of the layers sum to what the cache allocated on the device (V20)") {
    gpu::Device& device = support::runtime().device;
    for (const char* name : support::kTinyModels) {
        const auto model = support::load_model(fmt::format("tests/golden/{}.gguf", name));
        for (const bool full : {false, true}) {
            INFO(name << (full ? ", full" : ", rings"));
            const model::KvCacheOptions options{.n_ctx = 256, .n_ubatch = 32, .full = full};
            const uint64_t before = device.allocated_bytes();
            const model::KvCache cache(device, model->config, options);
            uint64_t sum = 0;
            for (uint32_t l = 0; l < model->config.num_hidden_layers; ++l) {
                const model::KvLayer& layer = cache.layer(l);
                CHECK(layer.k.range.size ==
                      uint64_t{2} * layer.capacity * model->config.kv_width());
                const bool ring = !full && layer.window != 0;
                CHECK(layer.capacity == (ring ? layer.window + 32 : 256));
                sum += layer.k.range.size + layer.v.range.size;
            }
            CHECK(sum == cache.bytes());
            CHECK(sum == device.allocated_bytes() - before);
            CHECK(sum == model::KvCache::bytes_for(model->config, options));
        }
    }
}

TEST_CASE(
    "a cache of several blocks takes what was foretold, not a last block as large as the rest") {
    gpu::Device& device = support::runtime().device;
    const auto model = support::load_model("tests/golden/tiny-gemma3.gguf");
    model::KvCacheOptions options{.n_ctx = 256, .n_ubatch = 32};
    const uint64_t planes = model::KvCache::bytes_for(model->config, options);
    for (const uint64_t block_bytes : {planes - 1, planes / 2 + 1, uint64_t{1}}) {
        CAPTURE(planes, block_bytes);
        options.block_bytes = block_bytes;
        const uint64_t before = device.allocated_bytes();
        const model::KvCache cache(device, model->config, options);
        CHECK(device.allocated_bytes() - before == planes);
        CHECK(model::KvCache::bytes_for(model->config, options) == planes);
        CHECK(cache.layer(0).k.range.buffer !=
              cache.layer(model->config.num_hidden_layers - 1).v.range.buffer);
    }
}

TEST_CASE("keeping Q at 8,192 positions of 270M's shape takes little more than Q (V2)") {
    model::Config c = support::load_model("tests/golden/tiny-gemma3.gguf")->config;
    c.num_hidden_layers = 18;
    c.layers.resize(18, c.layers.front());
    c.num_attention_heads = 4;
    c.head_dim = 256;
    const model::ActivationOptions without{.n_ctx = 8192, .n_ubatch = 256};
    model::ActivationOptions with = without;
    with.keep_q = true;
    const uint64_t q = uint64_t{18} * 8192 * 4 * 256 * 2;
    const uint64_t taken =
        model::Activations::bytes_for(c, with) - model::Activations::bytes_for(c, without);
    // A second block as large as the first wasted 189 MiB. No tensor is split over two blocks, so
    // up to one layer's Q may still be lost.
    CHECK(taken <= q + q / 18);
}
