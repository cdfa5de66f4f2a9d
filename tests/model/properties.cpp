// Properties of a session that hold for every model (house.md 9), on the tiny ones.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "model/sampler.h"
#include "model/source.h"
#include "tests/support/catch.h"
#include "tests/support/device_model.h"
#include "tests/support/golden_taps.h"
#include "tests/support/heap_count.h"
#include "tests/support/random.h"
#include "tests/support/reference_model.h"
#include "tests/support/tiny_models.h"
#include "tests/support/worst.h"

namespace {

using model::DType;
using model::Tap;
using model::TokenId;
using support::random_tokens;
using support::tiny_path;

constexpr const char* kGemma3 = "tests/golden/tiny-gemma3.gguf";

std::vector<TokenId> random_ids(uint32_t n, uint64_t seed) {
    return support::as_ids(random_tokens(n, seed));
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace

TEST_CASE("decode takes nothing from the heap and makes no Vulkan object") {
    for (const char* name : support::kTinyModels) {
        INFO(name);
        model::Runtime& runtime = support::runtime();
        model::Session session(runtime, support::load_model(tiny_path(name)), {.n_ctx = 128});
        session.sync(random_ids(20, 1));
        session.decode(7);
        const size_t heap = support::heap_allocations();
        const uint64_t memory = runtime.device.allocated_bytes();
        const size_t kernels = runtime.kernels.size();
        for (TokenId token = 0; token < 80; ++token) {
            session.decode(token);
        }
        CHECK(support::heap_allocations() - heap == 0);
        CHECK(runtime.device.allocated_bytes() == memory);
        CHECK(runtime.kernels.size() == kernels);  // and they are frozen: a new one would abort
    }
}

TEST_CASE("two sessions, and two runs of one, give the same bits") {
    const std::vector<TokenId> ids = random_ids(50, 2);
    model::Session first(support::runtime(), support::load_model(kGemma3),
                         {.n_ctx = 64, .keep_residuals = true});
    first.sync(ids);
    const uint64_t hash = support::device_hash(first);
    const uint64_t logits_hash = first.logits_hash();
    first.rewind(0);
    first.sync(ids);
    CHECK(support::device_hash(first) == hash);
    CHECK(first.logits_hash() == logits_hash);
    model::Session second(support::runtime(), support::load_model(kGemma3),
                          {.n_ctx = 64, .keep_residuals = true});
    second.sync(ids);
    CHECK(support::device_hash(second) == hash);
}

// Only a GPU with memory of its own takes it unasked, and no test machine has one.
TEST_CASE("the largest chunk gives what small ones give, on the fast path within rounding") {
    const std::vector<TokenId> ids = random_ids(600, 4);
    const auto model = support::load_model(kGemma3);
    const auto session = [&](model::Path path, uint32_t chunk) {
        auto made = std::make_unique<model::Session>(
            support::runtime(), model,
            model::SessionOptions{
                .path = path, .n_ctx = 640, .n_ubatch = chunk, .keep_residuals = true});
        CHECK(made->options().n_ubatch == chunk);
        made->sync(ids);
        return made;
    };
    const auto small = session(model::Path::plain, 48);
    const auto large = session(model::Path::plain, model::kLargestChunk);
    CHECK(support::device_hash(*large) == support::device_hash(*small));
    const std::span<const float> expected = small->logits();
    CHECK(same_bits(large->logits(), expected));
    if (!model::Session::fast_obstacle(support::runtime().device.info(), model->config).empty()) {
        return;  // a device without subgroups has the plain path alone
    }
    const auto fast = session(model::Path::fast, model::kLargestChunk);
    double error = 0, power = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
        const double difference = double(fast->logits()[i]) - expected[i];
        error += difference * difference;
        power += double(expected[i]) * expected[i];
    }
    CHECK(error > 0);  // another path
    CHECK(error / power < 1e-5);
}

TEST_CASE("logits are the same bits when handed out, asked for later, and seen through the lens") {
    for (const char* name : support::kTinyModels) {
        INFO(name);
        const std::vector<TokenId> ids = random_ids(30, 3);
        const auto model = support::load_model(tiny_path(name));
        model::Session session(support::runtime(), model,
                               {.n_ctx = 64, .n_ubatch = 16, .keep_residuals = true});
        std::vector<std::vector<float>> rows;
        session.sync(ids, model::WantLogits::all, [&](uint32_t, std::span<const float> logits) {
            rows.emplace_back(logits.begin(), logits.end());
        });
        REQUIRE(rows.size() == ids.size());
        for (uint32_t position = 0; position < ids.size(); ++position) {
            CHECK(same_bits(session.logits_at(position), rows[position]));
        }
        CHECK(same_bits(session.logits(), rows.back()));
        const std::vector<TokenId> asked = {0, 5, 419};
        const std::vector<model::LensRow> lens = session.lens(11, 3, asked);
        REQUIRE(lens.size() == model->config.num_hidden_layers);
        for (size_t i = 0; i < asked.size(); ++i) {
            const double truth = support::log_probability(std::span<const float>(rows[11]),
                                                          static_cast<uint32_t>(asked[i]));
            CHECK(std::abs(static_cast<double>(lens.back().asked[i]) - truth) <= 1e-5);
        }
        CHECK(same_bits(session.logits(), rows.back()));
    }
}

// The lens of seven layers once recorded a row per layer into staging for the rows of one step.
TEST_CASE("lens and earlier logits are no part of a step whose taps are captured") {
    const std::vector<TokenId> ids = random_ids(6, 8);
    const std::vector<TokenId> asked = {0, 5, 419};
    model::Session session(support::runtime(), support::load_model(kGemma3),
                           {.n_ctx = 64, .n_ubatch = 2, .keep_q = true, .keep_residuals = true});
    session.sync(ids);
    const std::vector<model::LensRow> lens = session.lens(3, 2, asked);
    const std::vector<float> earlier = session.logits_at(3);

    support::TapCollector collector(static_cast<uint32_t>(ids.size()) + 1);
    for (const model::TapSet& taps : {model::TapSet{Tap::logits}, model::TapSet::all()}) {
        session.rewind(0);
        session.set_capture({.taps = taps, .layers = {}, .live_rows = false}, collector.sink());
        session.sync(ids);
        const std::vector<model::LensRow> again = session.lens(3, 2, asked);
        REQUIRE(again.size() == lens.size());
        for (size_t l = 0; l < lens.size(); ++l) {
            CHECK(again[l].top == lens[l].top);
            CHECK(same_bits(again[l].asked, lens[l].asked));
        }
        CHECK(same_bits(session.logits_at(3), earlier));
        session.decode(7);  // a step after them is captured as before
    }
    session.set_capture({}, {});
    const std::vector<float>& captured = collector.taps().at({Tap::logits, 0});
    const size_t width = session.logits().size();
    CHECK(same_bits(std::span(captured).last(width), session.logits()));
}

// resid_mid is not kept: it is computed again from Q, K and V, and must be what the step had.
TEST_CASE("the lens between attention and MLP reads out the bits that the step passed") {
    for (const char* name : support::kTinyModels) {
        INFO(name);
        const std::vector<TokenId> ids = random_ids(30, 11);
        const std::vector<TokenId> asked = {0, 5, 419};
        model::Session session(support::runtime(), support::load_model(tiny_path(name)),
                               {.n_ctx = 64,
                                .n_ubatch = 16,
                                .full_cache = true,
                                .keep_q = true,
                                .keep_residuals = true});
        const model::Config& config = session.model().config;
        support::TapCollector collector(uint32_t(ids.size()));
        session.set_capture({.taps = {Tap::resid_mid}, .layers = {}, .live_rows = false},
                            collector.sink());
        session.sync(ids);
        session.set_capture({}, {});
        const std::vector<float> logits(session.logits().begin(), session.logits().end());
        const std::vector<float> lse = session.lse(1);
        for (const uint32_t at : {0u, 11u, uint32_t(ids.size()) - 1}) {
            const std::vector<model::LensRow> lens = session.lens(at, 3, asked, Tap::resid_mid);
            REQUIRE(lens.size() == config.num_hidden_layers);
            for (uint32_t l = 0; l < lens.size(); ++l) {
                const std::vector<float>& rows = collector.taps().at({Tap::resid_mid, l});
                const size_t d = config.hidden_size;
                session.read_out(std::span(rows).subspan(at * d, d),
                                 [&](uint32_t, std::span<const float> row) {
                                     const double log_sum = model::log_sum_exp(row);
                                     CHECK(lens[l].top == model::top_logprobs(row, 3, log_sum));
                                     for (size_t i = 0; i < asked.size(); ++i) {
                                         CHECK(lens[l].asked[i] ==
                                               float(double(row[size_t(asked[i])]) - log_sum));
                                     }
                                 });
            }
        }
        CHECK(same_bits(session.logits(), logits));
        CHECK(same_bits(session.lse(1), lse));
        session.decode(5);  // what was kept for later steps is as it was
        const std::vector<float> after(session.logits().begin(), session.logits().end());
        session.rewind(0);
        std::vector<TokenId> longer = ids;
        longer.push_back(5);
        session.sync(longer);
        CHECK(same_bits(session.logits(), after));
    }
}

TEST_CASE("the lens between attention and MLP says what it lacks") {
    model::Session no_q(support::runtime(), support::load_model(kGemma3),
                        {.n_ctx = 64, .keep_residuals = true});
    no_q.sync(random_ids(8, 3));
    CHECK(no_q.lens_obstacle(3, Tap::resid_post).empty());
    CHECK(no_q.lens_obstacle(3, Tap::resid_mid).find("keep Q") != std::string::npos);
    CHECK_FALSE(no_q.lens_obstacle(8, Tap::resid_post).empty());
    CHECK_THROWS_AS(no_q.lens(3, 1, {}, Tap::resid_mid), base::Error);

    model::Session ring(support::runtime(), support::load_model(kGemma3),
                        {.n_ctx = 64, .n_ubatch = 4, .keep_q = true, .keep_residuals = true});
    ring.sync(random_ids(60, 3));
    CHECK(ring.lens_obstacle(59, Tap::resid_mid).empty());
    CHECK(ring.lens_obstacle(8, Tap::resid_mid).find("overwritten") != std::string::npos);
}

TEST_CASE("a tile of attention has the bits of the captured pattern, one cell or all") {
    for (const char* name : support::kTinyModels) {
        INFO(name);
        const std::vector<TokenId> ids = random_ids(40, 4);
        model::Session session(support::runtime(), support::load_model(tiny_path(name)),
                               {.n_ctx = 64, .full_cache = true, .keep_q = true});
        support::TapCollector collector(40);
        session.set_capture({.taps = {Tap::pattern}, .layers = {1}, .live_rows = false},
                            collector.sink());
        session.sync(ids);
        session.set_capture({}, {});
        const std::vector<float>& pattern = collector.taps().at({Tap::pattern, 1});
        for (uint32_t head = 0; head < 4; ++head) {
            const model::AttentionTile all = session.attention({.layer = 1,
                                                                .head = head,
                                                                .query_begin = 0,
                                                                .n_queries = 40,
                                                                .key_begin = 0,
                                                                .n_keys = 40});
            CHECK(same_bits(all.pattern, std::span(pattern).subspan(size_t{head} * 1600, 1600)));
            const model::AttentionTile cell = session.attention({.layer = 1,
                                                                 .head = head,
                                                                 .query_begin = 33,
                                                                 .n_queries = 1,
                                                                 .key_begin = 30,
                                                                 .n_keys = 1});
            CHECK(cell.pattern[0] == all.pattern[33 * 40 + 30]);
            CHECK(cell.lse[0] == all.lse[33]);
        }
    }
}

TEST_CASE("live rows are the pattern in log16, for every layer of every decoded token") {
    for (const char* name : support::kTinyModels) {
        INFO(name);
        const auto model = support::load_model(tiny_path(name));
        model::Session session(support::runtime(), model,
                               {.n_ctx = 128, .full_cache = true, .keep_q = true});
        session.sync(random_ids(60, 5));
        std::vector<model::LiveRows> rows;
        session.set_capture({.taps = {}, .layers = {}, .live_rows = true},
                            [&](const std::shared_ptr<const model::Capture>& capture) {
                                rows.insert(rows.end(), capture->live.begin(), capture->live.end());
                            });
        for (const TokenId token : {7, 300, 41, 5, 6, 8}) {
            session.decode(token);
        }
        session.set_capture({}, {});
        REQUIRE(rows.size() == size_t{6} * model->config.num_hidden_layers);
        double worst = 0;
        for (const model::LiveRows& row : rows) {
            for (uint32_t head = 0; head < model->config.num_attention_heads; ++head) {
                const model::AttentionTile tile = session.attention({.layer = row.layer,
                                                                     .head = head,
                                                                     .query_begin = row.position,
                                                                     .n_queries = 1,
                                                                     .key_begin = row.first_key,
                                                                     .n_keys = row.n_keys});
                // The host sums in double, the kernel in float.
                CHECK(std::abs(row.lse[head] - tile.lse[0]) <= 2e-6f * std::abs(tile.lse[0]));
                for (uint32_t column = 0; column < row.n_keys; ++column) {
                    const double truth = static_cast<double>(tile.pattern[column]);
                    const double ours = static_cast<double>(row.weight(head, column));
                    // Below e^-32 of the largest weight the format has nothing but zero.
                    const double error = std::max(std::abs(ours - truth) - 2e-14, 0.0);
                    support::widen(worst, error / std::max(truth, 1e-300));
                }
            }
        }
        CHECK(worst <= 2.5e-4);
    }
}

TEST_CASE("K and V of different types, and the bf16 embedding scale, have the scalar bits") {
    const std::vector<uint32_t> tokens = random_tokens(40, 6);
    for (const char* name : support::kTinyModels) {
        const support::ReferenceWeights weights(*model::open_model(tiny_path(name)));
        for (const auto& [k, v] : {std::pair{DType::f16, DType::f32}, {DType::f32, DType::f16}}) {
            INFO(name << ", K " << model::dtype_name(k) << ", V " << model::dtype_name(v));
            model::Session session(support::runtime(), support::load_model(tiny_path(name)),
                                   {.n_ctx = 64,
                                    .n_ubatch = 7,
                                    .type_k = k,
                                    .type_v = v,
                                    .bf16_embedding_scale = true,
                                    .keep_residuals = true});
            session.sync(support::as_ids(tokens));
            // Q is rounded as K is.
            support::ExactScalar scalar(weights, {.half_q = k == DType::f16,
                                                  .half_k = k == DType::f16,
                                                  .half_v = v == DType::f16,
                                                  .bf16_embedding_scale = true});
            scalar.run(tokens);
            CHECK(support::device_hash(session) == support::score_hash(scalar, 40));
        }
    }
}

TEST_CASE("a ring rewinds as far as its slack, then starts again, with the same bits") {
    const std::vector<TokenId> ids = random_ids(100, 7);
    // Local layers: window 8, chunk 16, so 24 slots; rewinding by 16 still finds 8 keys.
    model::Session session(support::runtime(), support::load_model(kGemma3),
                           {.n_ctx = 128, .n_ubatch = 16, .keep_residuals = true});
    session.sync(ids);
    const uint64_t hash = support::device_hash(session);
    CHECK(session.rewind(100 - 16));
    CHECK(session.position() == 84);
    session.sync(ids);
    CHECK(support::device_hash(session) == hash);
    CHECK_FALSE(session.rewind(100 - 40));
    CHECK(session.position() == 0);
    const model::SyncResult result = session.sync(ids);
    CHECK(result.n_prefilled == 100);
    CHECK(support::device_hash(session) == hash);
}

TEST_CASE("a stopped prefill leaves a session that goes on with the same bits") {
    const std::vector<TokenId> ids = random_ids(100, 8);
    model::Session session(support::runtime(), support::load_model(kGemma3),
                           {.n_ctx = 128, .n_ubatch = 16, .keep_residuals = true});
    session.sync(ids);
    const uint64_t hash = support::device_hash(session);
    for (const int calls : {0, 1, 3, 10}) {
        session.rewind(0);
        int left = calls;
        session.set_stop([&] { return left-- <= 0; });
        try {
            session.sync(ids);
        } catch (const base::Cancelled&) {
            CHECK(session.position() < ids.size());
        }
        session.set_stop({});
        session.sync(ids);
        CHECK(support::device_hash(session) == hash);
    }
}

TEST_CASE("sequences that share nothing, everything, or a prefix are synced with what is there") {
    const std::vector<TokenId> ids = random_ids(60, 9);
    model::Session session(support::runtime(), support::load_model(kGemma3),
                           {.n_ctx = 64, .full_cache = true});
    CHECK(session.sync(ids).n_prefilled == 60);
    const uint64_t hash = session.logits_hash();
    CHECK(session.sync(ids).n_prefilled == 0);
    std::vector<TokenId> edited = ids;
    edited[40] = (edited[40] + 1) % 400;
    const model::SyncResult result = session.sync(edited);
    CHECK(result.n_reused == 40);
    CHECK(result.n_prefilled == 20);
    CHECK(session.logits_hash() != hash);
    CHECK(session.sync(ids).n_reused == 40);
    CHECK(session.logits_hash() == hash);
    // A prefix of what is there is shortened by one, so that its logits exist.
    CHECK(session.sync(std::span(ids).first(30)).n_prefilled == 1);
    CHECK(session.position() == 30);
}
