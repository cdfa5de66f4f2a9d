#include "model/fit.h"
#include "model/session.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace model;

namespace {

struct Size {
    const char* name;
    Architecture architecture;
    uint32_t layers, d, ff, q_heads, kv_heads, head_dim, vocab, window, global_every;
    double bf16, q8_0, q6_k, q4_k_m, q4_0;        // GiB, spec 9.1
    uint64_t kv_1k_ring, kv_4k_full, kv_4k_ring;  // MiB, spec 9.2 (ring = the window alone)
};

using enum Architecture;
constexpr Size kSizes[] = {
    {"Gemma 1 2B", gemma, 18, 2048, 16384, 8, 1, 256, 256000, 0, 1, 4.668, 2.480, 1.915, 1.513,
     1.439, 18, 72, 72},
    {"Gemma 1 7B", gemma, 28, 3072, 24576, 16, 16, 256, 256000, 0, 1, 15.903, 8.449, 6.523, 4.958,
     4.662, 448, 1792, 1792},
    {"Gemma 2 2B", gemma2, 26, 2304, 9216, 8, 4, 256, 256000, 4096, 2, 4.870, 2.588, 1.998, 1.586,
     1.512, 104, 416, 416},
    {"Gemma 2 9B", gemma2, 42, 3584, 14336, 16, 8, 256, 256000, 4096, 2, 17.215, 9.147, 7.062,
     5.360, 5.064, 336, 1344, 1344},
    {"Gemma 2 27B", gemma2, 46, 4608, 36864, 32, 16, 128, 256000, 4096, 2, 50.716, 26.944, 20.803,
     15.497, 14.549, 368, 1472, 1472},
    {"Gemma 3 270M", gemma3, 18, 640, 2048, 4, 1, 256, 262144, 512, 6, 0.499, 0.265, 0.257, 0.230,
     0.219, 10, 72, 19},
    {"Gemma 3 1B", gemma3, 26, 1152, 6912, 4, 1, 256, 262144, 512, 6, 1.863, 0.990, 0.936, 0.745,
     0.665, 15, 104, 27},
    {"Gemma 3 4B", gemma3, 34, 2560, 10240, 8, 4, 256, 262144, 1024, 6, 7.228, 3.840, 2.965, 2.313,
     2.195, 136, 544, 196},
    {"Gemma 3 12B", gemma3, 48, 3840, 15360, 16, 8, 256, 262144, 1024, 6, 21.917, 11.645, 8.991,
     6.793, 6.408, 384, 1536, 576},
    {"Gemma 3 27B", gemma3, 62, 5376, 21504, 32, 16, 128, 262144, 1024, 6, 50.311, 26.730, 20.638,
     15.404, 14.492, 496, 1984, 736},
};

Config config_of(const Size& s) {
    Config c;
    c.architecture = s.architecture;
    c.num_hidden_layers = s.layers;
    c.hidden_size = s.d;
    c.intermediate_size = s.ff;
    c.num_attention_heads = s.q_heads;
    c.num_key_value_heads = s.kv_heads;
    c.head_dim = s.head_dim;
    c.vocab_size = c.embedding_rows = s.vocab;
    c.qk_norm = s.architecture == gemma3;
    c.post_norms = s.architecture != gemma;
    for (uint32_t l = 0; l < s.layers; ++l) {
        const bool global = l % s.global_every == s.global_every - 1;
        c.layers.push_back({.sliding_window = global ? 0 : s.window});
    }
    return c;
}

constexpr double kGiB = 1024.0 * 1024 * 1024;

}  // namespace

TEST_CASE("weights of every size and mix are those of the table") {
    for (const Size& s : kSizes) {
        const Config c = config_of(s);
        const double wanted[] = {s.bf16, s.q8_0, s.q6_k, s.q4_k_m, s.q4_0};
        for (const QuantMix mix : quant_mixes()) {
            INFO(s.name << " " << quant_mix_name(mix));
            CHECK(double(weight_bytes(c, mix)) / kGiB ==
                  Catch::Approx(wanted[size_t(mix)]).margin(0.0006));
        }
    }
}

TEST_CASE("KV cache of every size is that of the table") {
    for (const Size& s : kSizes) {
        INFO(s.name);
        const Config c = config_of(s);
        const auto kv = [&](uint32_t n, bool full) {
            // The table's ring is the window alone: one position less.
            return fit(c, 0, {.n_ctx = n, .n_ubatch = 1, .full_cache = full}).kv >> 20;
        };
        CHECK(kv(1024, false) == s.kv_1k_ring);
        CHECK(kv(4096, true) == s.kv_4k_full);
        CHECK(kv(4096, false) == s.kv_4k_ring);
    }
}

TEST_CASE("the worked example of the specification") {
    const Config c = config_of(kSizes[7]);  // Gemma 3 4B
    const uint64_t weights = weight_bytes(c, QuantMix::q4_k_m);
    CHECK(weights == 2'483'218'432);
    const SessionOptions session{.path = Path::fast, .n_ctx = kDefaultContext};
    const Fit f = fit(c, weights, session);
    CHECK(f.kv == 83'886'080 + 152'043'520);
    // The specification's estimate of the scratch leaves out attention's own and the logits' copy.
    CHECK(f.scratch >> 20 >= 47);
    CHECK(f.kv + f.scratch == Session::bytes_for(c, session));
    // The fast path's decode step is counted where that path runs.
    CHECK(f.scratch > fit(c, weights, {.n_ctx = kDefaultContext}).scratch + (1 << 20));
    CHECK(double(f.total()) / kGiB == Catch::Approx(2.58).margin(0.06));
    const SessionOptions exact{
        .n_ctx = kDefaultContext, .type_k = DType::f32, .type_v = DType::f32};
    CHECK(fit(c, weights, exact).kv == 2 * f.kv);
    CHECK(decode_bound(f, 100e9) == Catch::Approx(100e9 / double(f.weights + f.kv)));
}

TEST_CASE("parameters add up") {
    const ParameterCounts counts = count_parameters(config_of(kSizes[5]));  // Gemma 3 270M
    CHECK(counts.embedding == 167'772'160);
    CHECK(counts.total() == 268'098'176);
}
