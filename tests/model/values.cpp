// What heads add for a key: norms of their value outputs against the double reference (B7).
#include <cmath>

#include <fmt/format.h>

#include "model/source.h"
#include "tests/support/catch.h"
#include "tests/support/device_model.h"
#include "tests/support/golden_taps.h"
#include "tests/support/random.h"
#include "tests/support/reference_model.h"
#include "tests/support/worst.h"

namespace {

/// |g * W_O,h v| in double, from weights as the file has them.
double norm_of(const support::ReferenceWeights& weights, uint32_t layer, uint32_t head,
               const double* v) {
    const model::Config& c = weights.config;
    const support::ReferenceWeights::Layer& w = weights.layers[layer];
    const size_t q_width = size_t{c.num_attention_heads} * c.head_dim;
    double sum = 0;
    for (size_t r = 0; r < c.hidden_size; ++r) {
        double dot = 0;
        for (size_t i = 0; i < c.head_dim; ++i) {
            dot += static_cast<double>(w.attn_output[r * q_width + head * c.head_dim + i]) * v[i];
        }
        if (!w.post_attention_norm.empty()) {
            dot *= static_cast<double>(w.post_attention_norm[r]);
        }
        sum += dot * dot;
    }
    return std::sqrt(sum);
}

}  // namespace

TEST_CASE("norms of what each head adds for a key are the reference's, on both paths (B7)") {
    constexpr uint32_t n = 45;
    support::Random random(17);
    std::vector<uint32_t> tokens(n);
    for (uint32_t& token : tokens) {
        token = static_cast<uint32_t>(random.below(420));
    }
    for (const char* name : support::kTinyModels) {
        const std::string path = fmt::format("tests/golden/{}.gguf", name);
        const support::ReferenceWeights weights(*model::open_model(path));
        const model::Config& c = weights.config;
        support::Reference64 forward(weights, {.half_q = true, .half_k = true, .half_v = true});
        std::vector<std::vector<double>> v(c.num_hidden_layers);
        forward.set_store_hook([&](model::Tap tap, uint32_t layer, std::span<double> values) {
            if (tap == model::Tap::v) {
                v[layer].assign(values.begin(), values.end());  // as stored
            }
        });
        forward.run(tokens);
        for (const model::Path form : {model::Path::plain, model::Path::fast}) {
            model::Session session(
                support::runtime(), support::load_model(path),
                {.path = form, .n_ctx = 64, .n_ubatch = 32, .full_cache = true, .keep_q = true});
            const std::vector<model::TokenId> ids = support::as_ids(tokens);
            session.sync(std::span(ids).first(30));
            for (uint32_t i = 30; i < n; ++i) {
                session.decode(ids[i]);
            }
            const uint64_t before = session.logits_hash();
            double worst = 0, largest = 0, smallest = 1e9;
            for (uint32_t l = 0; l < c.num_hidden_layers; ++l) {
                // In two parts, as the engine asks for them.
                const std::vector<float> first = session.value_norms(l, 0, 40);
                const std::vector<float> rest = session.value_norms(l, 40, n - 40);
                REQUIRE(first.size() + rest.size() == size_t{c.num_attention_heads} * n);
                for (uint32_t h = 0; h < c.num_attention_heads; ++h) {
                    const uint32_t kv = h / (c.num_attention_heads / c.num_key_value_heads);
                    for (uint32_t key = 0; key < n; ++key) {
                        const double ours =
                            static_cast<double>(key < 40 ? first[size_t{h} * 40 + key]
                                                         : rest[size_t{h} * (n - 40) + key - 40]);
                        const double truth = norm_of(
                            weights, l, h,
                            v[l].data() + (size_t{key} * c.num_key_value_heads + kv) * c.head_dim);
                        support::widen(worst, std::abs(ours - truth) / std::max(truth, 1.0));
                        largest = std::max(largest, truth);
                        smallest = std::min(smallest, truth);
                    }
                }
            }
            fmt::print("{} {}: norms {:.2f} to {:.2f}, within {:.1e}\n", name,
                       form == model::Path::fast ? "fast" : "plain", smallest, largest, worst);
            CHECK(worst <= 1e-3);
            CHECK(largest > 1.1 * smallest);
            // Looking changes nothing: the next token is as it would have been.
            CHECK(session.logits_hash() == before);
        }
    }
}
