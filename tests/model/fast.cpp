// The fast path on the tiny models and on every weight type: logits and attention against the
// double reference that rounds Q, K and V alike, token by token and in chunks; capture, rings,
// allocations.
#include "tests/support/model_writer.h"  // first: its CHECK is that of gpu/base.h

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "model/sampler.h"
#include "model/source.h"
#include "tests/support/catch.h"
#include "tests/support/device_model.h"
#include "tests/support/divergence.h"
#include "tests/support/golden_taps.h"
#include "tests/support/heap_count.h"
#include "tests/support/random.h"
#include "tests/support/real_model.h"
#include "tests/support/reference_model.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_models.h"
#include "tests/support/worst.h"

namespace {

using model::DType;
using model::TokenId;
using support::random_tokens;
using support::tiny_path;

constexpr double kLimit = 2e-3;  // of logits and attention weights

model::SessionOptions fast(DType type) {
    return {
        .path = model::Path::fast, .n_ctx = 128, .n_ubatch = 32, .type_k = type, .type_v = type};
}

double worst_difference(std::span<const float> ours, std::span<const double> truth) {
    double worst = 0;
    for (size_t i = 0; i < ours.size(); ++i) {
        support::widen(worst, std::abs(static_cast<double>(ours[i]) - truth[i]));
    }
    return worst;
}

/// Logits [n, vocab]: the first n_prompt tokens at once, the others one by one.
std::vector<float> all_logits(model::Session& session, std::span<const TokenId> ids,
                              uint32_t n_prompt) {
    std::vector<float> all;
    const auto add = [&](uint32_t, std::span<const float> row) {
        all.insert(all.end(), row.begin(), row.end());
    };
    session.sync(ids.first(n_prompt), model::WantLogits::all, add);
    for (size_t i = n_prompt; i < ids.size(); ++i) {
        session.decode(ids[i]);
        add(0, session.logits());
    }
    return all;
}

/// Puts what the session has stored in the place of the reference's q, k and v, after checking that
/// it is what rounding gives: a value beside a boundary of f16 may fall on either side.
void use_stored(support::Reference64& forward, model::Session& session, double& worst) {
    forward.set_store_hook([&](model::Tap tap, uint32_t layer, std::span<double> values) {
        const std::vector<float> stored = session.stored(tap, layer, 0, session.position());
        REQUIRE(stored.size() == values.size());
        for (size_t i = 0; i < values.size(); ++i) {
            const auto own = static_cast<double>(stored[i]);
            support::widen(worst, std::abs(own - values[i]) / std::max(std::abs(own), 0.1));
            values[i] = own;
        }
    });
}

model::SessionOptions keeping(model::SessionOptions options) {
    options.full_cache = options.keep_q = options.keep_residuals = true;
    return options;
}

constexpr double kHalfStep = 1.1e-3;  // one step of f16, relative

}  // namespace

TEST_CASE("fast path: logits of the tiny models, prompt at once and token by token") {
    constexpr uint32_t n = 90;  // rings of 32 + 32 wrap
    for (const char* name : support::kTinyModels) {
        const support::ReferenceWeights weights(*model::open_model(tiny_path(name)));
        const std::vector<uint32_t> tokens = random_tokens(n, 3);
        for (const DType type : {DType::f32, DType::f16}) {
            const bool half = type == DType::f16;
            for (const uint32_t n_prompt : {1u, 37u, n}) {
                model::Session session(support::runtime(), support::load_model(tiny_path(name)),
                                       keeping(fast(type)));
                const std::vector<float> ours =
                    all_logits(session, support::as_ids(tokens), n_prompt);
                support::Reference64 forward(weights,
                                             {.half_q = half, .half_k = half, .half_v = half});
                double worst_stored = 0;
                use_stored(forward, session, worst_stored);
                forward.run(tokens);
                const double worst = worst_difference(ours, forward.logits(0, n));
                fmt::print("{} {} prompt {}: logits within {:.1e}, stored rows {:.1e}\n", name,
                           model::dtype_name(type), n_prompt, worst, worst_stored);
                INFO(name << " " << model::dtype_name(type) << ", prompt of " << n_prompt);
                CHECK(worst <= kLimit);
                CHECK(worst_stored <= (half ? kHalfStep : 1e-4));

                // Rings that wrap change no bit.
                model::Session ring(support::runtime(), support::load_model(tiny_path(name)),
                                    fast(type));
                const std::vector<float> wrapped =
                    all_logits(ring, support::as_ids(tokens), n_prompt);
                CHECK(std::memcmp(wrapped.data(), ours.data(), 4 * ours.size()) == 0);
            }
        }
    }
}

TEST_CASE("fast path: attention, LSE and lens of decoded tokens") {
    constexpr uint32_t n = 70, n_prompt = 40;
    for (const char* name : support::kTinyModels) {
        INFO(name);
        const support::ReferenceWeights weights(*model::open_model(tiny_path(name)));
        const std::vector<uint32_t> tokens = random_tokens(n, 5);
        model::Session session(support::runtime(), support::load_model(tiny_path(name)),
                               keeping(fast(DType::f16)));
        const std::vector<TokenId> ids = support::as_ids(tokens);
        session.sync(std::span(ids).first(n_prompt));
        std::vector<float> decoded;
        for (uint32_t i = n_prompt; i < n; ++i) {
            session.decode(ids[i]);
            if (i == n - 2) {
                decoded.assign(session.logits().begin(), session.logits().end());
            }
        }
        support::Reference64 forward(weights, {.half_q = true, .half_k = true, .half_v = true});
        std::vector<std::vector<double>> pattern(weights.config.num_hidden_layers);
        std::vector<std::vector<double>> lse(weights.config.num_hidden_layers);
        std::vector<std::vector<double>> mid(weights.config.num_hidden_layers);
        forward.set_taps({model::Tap::pattern, model::Tap::lse, model::Tap::resid_mid},
                         [&](model::Tap tap, uint32_t layer, std::span<const double> values) {
                             (tap == model::Tap::lse         ? lse
                              : tap == model::Tap::resid_mid ? mid
                                                             : pattern)[layer]
                                 .assign(values.begin(), values.end());
                         });
        double worst_stored = 0;
        use_stored(forward, session, worst_stored);
        forward.run(tokens);
        double worst = 0, worst_lse = 0;
        for (uint32_t l = 0; l < weights.config.num_hidden_layers; ++l) {
            const std::vector<float> ours_lse = session.lse(l);
            for (uint32_t h = 0; h < weights.config.num_attention_heads; ++h) {
                const model::AttentionTile tile = session.attention({.layer = l,
                                                                     .head = h,
                                                                     .query_begin = n_prompt,
                                                                     .n_queries = n - n_prompt,
                                                                     .key_begin = 0,
                                                                     .n_keys = n});
                const std::span<const double> truth =
                    std::span(pattern[l]).subspan((size_t{h} * n + n_prompt) * n);
                support::widen(worst, worst_difference(tile.pattern, truth));
                support::widen(worst_lse,
                               worst_difference(std::span(ours_lse).subspan(size_t{h} * n, n),
                                                std::span(lse[l]).subspan(size_t{h} * n, n)));
            }
        }
        CHECK(worst <= kLimit);
        CHECK(worst_lse <= kLimit);
        // The kept residual of a decoded token gives its logits again, through the other kernels.
        const std::vector<float> again = session.logits_at(n - 2);
        double difference = 0;
        for (size_t i = 0; i < again.size(); ++i) {
            support::widen(difference, std::abs(static_cast<double>(again[i]) -
                                                static_cast<double>(decoded[i])));
        }
        CHECK(difference <= kLimit);
        // Between attention and MLP too: what the reference has there, through the same head.
        const size_t d = weights.config.hidden_size;
        const std::vector<model::LensRow> lens =
            session.lens(n - 2, 1, std::vector<TokenId>{7, 300}, model::Tap::resid_mid);
        REQUIRE(lens.size() == mid.size());
        for (uint32_t l = 0; l < lens.size(); ++l) {
            const auto row = std::span(mid[l]).subspan((n - 2) * d, d);
            session.read_out(std::vector<float>(row.begin(), row.end()),
                             [&](uint32_t, std::span<const float> logits) {
                                 const double log_sum = model::log_sum_exp(logits);
                                 CHECK(std::abs(double(logits[7]) - log_sum -
                                                double(lens[l].asked[0])) <= kLimit);
                                 CHECK(std::abs(double(logits[300]) - log_sum -
                                                double(lens[l].asked[1])) <= kLimit);
                             });
        }
    }
}

TEST_CASE("fast path: capture changes no bit, and live rows are the pattern") {
    for (const char* name : support::kTinyModels) {
        INFO(name);
        const std::vector<TokenId> ids = support::as_ids(random_tokens(80, 9));
        model::SessionOptions options = fast(DType::f16);
        options.full_cache = options.keep_q = true;
        std::vector<uint64_t> hashes[2];
        for (const bool capture : {false, true}) {
            model::Session session(support::runtime(), support::load_model(tiny_path(name)),
                                   options);
            session.sync(std::span(ids).first(60));
            size_t n_rows = 0;
            double worst = 0;
            if (capture) {
                session.set_capture(
                    {.taps = {}, .layers = {}, .live_rows = true},
                    [&](const std::shared_ptr<const model::Capture>& got) {
                        for (const model::LiveRows& row : got->live) {
                            const model::AttentionTile tile =
                                session.attention({.layer = row.layer,
                                                   .head = 1,
                                                   .query_begin = row.position,
                                                   .n_queries = 1,
                                                   .key_begin = row.first_key,
                                                   .n_keys = row.n_keys});
                            for (uint32_t column = 0; column < row.n_keys; ++column) {
                                support::widen(worst,
                                               std::abs(static_cast<double>(row.weight(1, column)) -
                                                        static_cast<double>(tile.pattern[column])));
                            }
                            n_rows++;
                        }
                    });
            }
            // As for an answer that is written again: one row of the prompt is computed once more.
            session.rewind(59);
            session.sync(std::span(ids).first(60));
            hashes[capture].push_back(session.logits_hash());
            for (size_t i = 60; i < ids.size(); ++i) {
                session.decode(ids[i]);
                hashes[capture].push_back(session.logits_hash());
            }
            if (capture) {
                CHECK(n_rows == 21 * session.model().config.num_hidden_layers);
                CHECK(worst <= 3e-4);  // log16's rounding
            }
        }
        CHECK(hashes[0] == hashes[1]);
    }
}

TEST_CASE("fast path: taps and live rows together, and a profiler, give the same token") {
    for (const char* name : support::kTinyModels) {
        INFO(name);
        const std::vector<TokenId> ids = support::as_ids(random_tokens(30, 21));
        model::Session session(support::runtime(), support::load_model(tiny_path(name)),
                               keeping(fast(DType::f16)));
        session.sync(std::span(ids).first(29));
        size_t n_taps = 0, n_live = 0;
        session.set_capture({.taps = {model::Tap::resid_post, model::Tap::pattern},
                             .layers = {},
                             .live_rows = true},
                            [&](const std::shared_ptr<const model::Capture>& got) {
                                n_taps += got->taps.size();
                                n_live += got->live.size();
                            });
        session.decode(ids[29]);
        const uint32_t n_layers = session.model().config.num_hidden_layers;
        CHECK(n_taps == 2 * n_layers);
        CHECK(n_live == n_layers);
        const std::vector<float> tapped(session.logits().begin(), session.logits().end());
        session.set_capture({}, {});
        REQUIRE(session.rewind(29));
        gpu::Profiler profiler;
        session.set_profiler(&profiler);
        session.decode(ids[29]);
        session.set_profiler(nullptr);
        const std::vector<float> profiled(session.logits().begin(), session.logits().end());
        REQUIRE(session.rewind(29));
        session.decode(ids[29]);
        CHECK(std::memcmp(profiled.data(), session.logits().data(), 4 * profiled.size()) == 0);
        for (size_t i = 0; i < tapped.size(); ++i) {
            CHECK(std::abs(tapped[i] - profiled[i]) <= 2e-3f);
        }
        CHECK(profiler.table().find("norm_geglu") != std::string::npos);
    }
}

TEST_CASE("fast path: decode takes nothing from the heap, makes no Vulkan object, few levels") {
    for (const char* name : support::kTinyModels) {
        INFO(name);
        model::Runtime& runtime = support::runtime();
        model::Session session(runtime, support::load_model(tiny_path(name)), fast(DType::f16));
        session.sync(support::as_ids(random_tokens(20, 1)));
        session.decode(7);
        session.reset_stats();
        const size_t heap = support::heap_allocations();
        const uint64_t memory = runtime.device.allocated_bytes();
        const size_t kernels = runtime.kernels.size();
        for (TokenId token = 0; token < 80; ++token) {
            session.decode(token);
        }
        CHECK(support::heap_allocations() - heap == 0);
        CHECK(runtime.device.allocated_bytes() == memory);
        CHECK(runtime.kernels.size() == kernels);
        const uint64_t n_layers = session.model().config.num_hidden_layers;
        CHECK(session.stats().n_layer_levels <= 6 * n_layers * 80);
        CHECK(session.stats().n_layer_levels >= 5 * n_layers * 80);
    }
}

TEST_CASE("fast path: every weight type, logits' NMSE to the dequantized reference, f32 KV") {
    const support::TempDir folder;
    constexpr uint32_t n = 24, n_prompt = 12;
    for (uint8_t type = 0; type <= uint8_t(DType::iq4_xs); ++type) {
        const auto dtype = static_cast<DType>(type);
        support::TinyOptions options;
        options.config = support::tiny_config(
            model::Architecture::gemma3,
            {.hidden_size = 256, .intermediate_size = 512, .num_attention_heads = 8});
        options.matrices = dtype;
        options.seed = 100 + type;
        const std::string path =
            (folder.path() / fmt::format("{}.gguf", model::dtype_name(dtype))).string();
        support::write_gguf(support::make_tiny(options), path);
        const support::ReferenceWeights weights(*model::open_model(path));
        support::Reference64 forward(weights, {});
        const std::vector<uint32_t> tokens = random_tokens(n, 11);
        forward.run(tokens);
        const std::vector<double> reference = forward.logits(0, n);

        model::Session session(support::runtime(), support::load_model(path), fast(DType::f32));
        const std::vector<TokenId> ids = support::as_ids(tokens);
        double error = 0, power = 0;
        const auto add = [&](uint32_t position, std::span<const float> logits) {
            for (size_t i = 0; i < logits.size(); ++i) {
                const double truth = reference[position * logits.size() + i];
                const double difference = static_cast<double>(logits[i]) - truth;
                error += difference * difference;
                power += truth * truth;
            }
        };
        session.sync(std::span(ids).first(n_prompt), model::WantLogits::all, add);
        for (uint32_t i = n_prompt; i < n; ++i) {
            session.decode(ids[i]);
            add(i, session.logits());
        }
        fmt::print("{:<7} NMSE {:.1e}\n", model::dtype_name(dtype), error / power);
        INFO(model::dtype_name(dtype));
        CHECK(error / power <= 1e-7);
    }
}

TEST_CASE("fast path: KL of the real 270M to the double reference") {
    const auto path = support::real_model_path();
    if (!path) {
        SKIP(support::kNoRealModel);
    }
    const uint32_t n = support::full_run() ? 250 : 24;
    std::vector<uint32_t> tokens = support::golden_text("long").tokens;
    tokens.resize(n);
    const support::ReferenceWeights weights(*model::open_model(*path));
    support::Reference64 forward(weights, {});
    forward.run(tokens);
    const std::vector<TokenId> ids = support::as_ids(tokens);
    for (const bool one_by_one : {false, true}) {
        model::Session session(support::runtime(), support::load_model(*path),
                               {.path = model::Path::fast, .n_ctx = 512});
        std::vector<float> all;
        const auto add = [&](uint32_t, std::span<const float> row) {
            all.insert(all.end(), row.begin(), row.end());
        };
        session.sync(std::span(ids).first(one_by_one ? 1 : n), model::WantLogits::all, add);
        for (uint32_t i = session.position(); i < n; ++i) {
            session.decode(ids[i]);
            add(i, session.logits());
        }
        const support::Agreement agreement = support::agreement(forward, all, n);
        fmt::print("270M, {} tokens {}: mean KL {:.2e}, worst {:.2e}, same best {:.1f} %\n", n,
                   one_by_one ? "one by one" : "at once", agreement.mean_kl, agreement.worst_kl,
                   100 * agreement.same_best);
        CHECK(agreement.mean_kl <= 1e-5);
    }
}
