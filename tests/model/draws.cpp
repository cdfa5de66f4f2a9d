// Session draws on the device: the same tokens, logits and rows as decode() and Sampler give, one
// step ahead of whoever listens; and everything else that a session can be asked comes between as
// usual.
#include "tests/support/model_writer.h"  // first: its CHECK is that of gpu/base.h

#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "model/gpu_sampler.h"
#include "tests/support/catch.h"
#include "tests/support/device_model.h"
#include "tests/support/golden_taps.h"
#include "tests/support/heap_count.h"
#include "tests/support/random.h"
#include "tests/support/real_model.h"
#include "tests/support/worst.h"

namespace {

using model::GpuDraw;
using model::SamplingParams;
using model::Session;
using model::TokenId;

std::unique_ptr<Session> session_of(const char* name, uint32_t n_ctx = 128) {
    return std::make_unique<Session>(support::runtime(),
                                     support::load_model(fmt::format("tests/golden/{}.gguf", name)),
                                     model::SessionOptions{.path = model::Path::fast,
                                                           .n_ctx = n_ctx,
                                                           .n_ubatch = 32,
                                                           .full_cache = true,
                                                           .keep_q = true,
                                                           .keep_residuals = true});
}

std::vector<TokenId> prompt(uint32_t n, uint64_t seed) {
    support::Random random(seed);
    std::vector<TokenId> ids(n);
    for (TokenId& id : ids) {
        id = TokenId(random.below(420));
    }
    return ids;
}

struct Step {
    TokenId id = 0;
    uint64_t hash = 0;  // of the logits it was drawn from
    model::TokenStats stats;
};

TokenId draw_on_host(const Session& session, const SamplingParams& params) {
    model::Sampler sampler(session.model().config.vocab_size);
    return sampler.sample(session.logits(), params, session.tokens(), session.position()).id;
}

/// n tokens after the first, with decode() and Sampler.
std::vector<Step> by_host(Session& session, TokenId first, const SamplingParams& params, size_t n) {
    std::vector<Step> steps;
    TokenId id = first;
    for (size_t i = 0; i < n; ++i) {
        session.decode(id);
        id = draw_on_host(session, params);
        steps.push_back({id, session.logits_hash(), model::token_stats(session.logits(), id)});
    }
    return steps;
}

std::vector<Step> by_device(Session& session, TokenId first, const SamplingParams& params, size_t n,
                            const std::function<void()>& between = {}) {
    std::vector<Step> steps;
    session.start_drawing(first, params);
    for (size_t i = 0; i < n; ++i) {
        const GpuDraw draw = session.next_drawn();
        CHECK(draw.position == session.position());
        steps.push_back({draw.id, session.logits_hash(), draw.stats});
        if (between) {
            between();
        }
    }
    return steps;
}

void check_same(const std::vector<Step>& ours, const std::vector<Step>& truth) {
    REQUIRE(ours.size() == truth.size());
    for (size_t i = 0; i < ours.size(); ++i) {
        INFO("token " << i);
        CHECK(ours[i].id == truth[i].id);
        CHECK(ours[i].hash == truth[i].hash);
        CHECK(ours[i].stats.rank == truth[i].stats.rank);
        CHECK(std::abs(ours[i].stats.logprob - truth[i].stats.logprob) < 1e-4f);
        CHECK(std::abs(ours[i].stats.entropy - truth[i].stats.entropy) < 1e-4f);
    }
}

SamplingParams params_of(int kind) {
    SamplingParams params;
    params.seed = uint64_t(kind) * 77;
    params.temperature = kind == 0 ? 0 : 1.3f;
    params.top_k = kind == 1 ? 40 : 0;
    params.top_p = kind == 2 ? 0.9f : 1;
    params.repeat_penalty = kind == 3 ? 1.4f : 1;
    params.repeat_last_n = 20;
    return params;
}

}  // namespace

TEST_CASE("draws: ids, logits and figures of decode and Sampler, every kind of parameters") {
    for (const char* name : support::kTinyModels) {
        const auto session = session_of(name);
        REQUIRE(session->draws_on_device());
        const std::vector<TokenId> ids = prompt(21, 5);
        for (int kind = 0; kind < 4; ++kind) {
            INFO(name << ", kind " << kind);
            const SamplingParams params = params_of(kind);
            session->sync(ids);
            const TokenId first = draw_on_host(*session, params);
            const std::vector<Step> truth = by_host(*session, first, params, 60);
            REQUIRE(session->rewind(21));
            check_same(by_device(*session, first, params, 60), truth);
        }
    }
}

TEST_CASE("draws: what was computed ahead is dropped, the sequence goes on from what was taken") {
    const auto session = session_of("tiny-gemma3");
    const SamplingParams params = params_of(1);
    const std::vector<TokenId> ids = prompt(17, 6);
    session->sync(ids);
    const std::vector<Step> truth = by_host(*session, 3, params, 30);
    REQUIRE(session->rewind(17));
    const std::vector<Step> some = by_device(*session, 3, params, 9);
    CHECK(session->position() == 17 + 9);
    CHECK(session->logits_hash() == truth[8].hash);
    session->decode(some.back().id);  // by hand
    CHECK(session->logits_hash() == truth[9].hash);
    CHECK(session->tokens().back() == truth[8].id);
    const std::vector<Step> rest = by_device(*session, truth[9].id, params, 20);
    check_same(rest, {truth.begin() + 10, truth.end()});
    std::vector<TokenId> all = session->tokens();
    all.resize(25);
    session->sync(all);
    CHECK(session->position() == 25);
}

TEST_CASE("draws: questions and captures between the tokens change none of them") {
    const auto session = session_of("tiny-gemma2");
    const SamplingParams params = params_of(2);
    const std::vector<TokenId> ids = prompt(15, 7);
    session->sync(ids);
    const std::vector<Step> truth = by_host(*session, 4, params, 24);
    REQUIRE(session->rewind(15));
    size_t n_live = 0, n_asked = 0;
    const uint32_t n_layers = session->model().config.num_hidden_layers;
    const auto between = [&] {
        const uint32_t last = session->position() - 1;
        const std::vector<float> again = session->logits_at(last);
        double worst = 0;  // the plain path's head computes it again
        for (size_t i = 0; i < again.size(); ++i) {
            support::widen(worst, std::abs(again[i] - session->logits()[i]));
        }
        CHECK(worst < 2e-3);
        const model::AttentionTile tile = session->attention({.layer = 1,
                                                              .head = 2,
                                                              .query_begin = last,
                                                              .n_queries = 1,
                                                              .key_begin = 0,
                                                              .n_keys = last + 1});
        double sum = 0;
        for (const float weight : tile.pattern) {
            sum += double(weight);
        }
        CHECK(std::abs(sum - 1) < 1e-3);
        if (++n_asked % 5 == 0) {
            session->set_capture({.taps = {}, .layers = {}, .live_rows = n_asked % 10 == 5},
                                 [&](const std::shared_ptr<const model::Capture>& got) {
                                     n_live += got->live.size();
                                     CHECK(got->first_position + 1 == session->position());
                                 });
        }
    };
    check_same(by_device(*session, 4, params, 24, between), truth);
    // On from token 5 to 10 and from 15 to 20; the row that ran ahead of the switch has none.
    CHECK(n_live == 2 * 4 * n_layers + 2 * n_layers);
}

TEST_CASE("draws: live rows are those of decode") {
    const auto session = session_of("tiny-gemma3");
    const SamplingParams params = params_of(1);
    const std::vector<TokenId> ids = prompt(30, 8);
    std::vector<std::vector<uint16_t>> rows[2];
    for (const bool device : {false, true}) {
        session->sync(ids);
        session->set_capture({.taps = {}, .layers = {}, .live_rows = true},
                             [&](const std::shared_ptr<const model::Capture>& got) {
                                 for (const model::LiveRows& row : got->live) {
                                     rows[device].push_back(row.log16);
                                 }
                             });
        device ? by_device(*session, 9, params, 20) : by_host(*session, 9, params, 20);
        session->set_capture({}, {});
        REQUIRE(session->rewind(30));
    }
    CHECK(rows[0].size() == 20 * session->model().config.num_hidden_layers);
    CHECK(rows[0] == rows[1]);
}

TEST_CASE("draws: to the end of the context and no further") {
    const auto session = session_of("tiny-gemma3", 40);
    session->sync(prompt(30, 9));
    session->start_drawing(5, params_of(0));
    for (int i = 0; i < 10; ++i) {
        session->next_drawn();
    }
    CHECK(session->position() == 40);
    try {
        session->next_drawn();
        FAIL_CHECK("a token beyond the context");
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::usage);
    }
}

TEST_CASE("draws: a step takes nothing from the heap and makes no Vulkan object") {
    const auto session = session_of("tiny-gemma");
    session->sync(prompt(10, 10));
    session->start_drawing(5, params_of(1));
    session->next_drawn();
    const size_t heap = support::heap_allocations();
    const uint64_t memory = support::runtime().device.allocated_bytes();
    const size_t kernels = support::runtime().kernels.size();
    for (int i = 0; i < 80; ++i) {
        session->next_drawn();
    }
    CHECK(support::heap_allocations() - heap == 0);
    CHECK(support::runtime().device.allocated_bytes() == memory);
    CHECK(support::runtime().kernels.size() == kernels);
}

TEST_CASE("draws: Stop comes between two steps, and the session stays usable") {
    const auto session = session_of("tiny-gemma3");
    const SamplingParams params = params_of(1);
    session->sync(prompt(12, 11));
    const std::vector<Step> truth = by_host(*session, 6, params, 20);
    REQUIRE(session->rewind(12));
    session->start_drawing(6, params);
    bool stop = false;
    session->set_stop([&] { return stop; });
    for (int i = 0; i < 5; ++i) {
        session->next_drawn();
    }
    stop = true;
    CHECK_THROWS_AS(session->next_drawn(), base::Cancelled);
    stop = false;
    CHECK(session->position() == 12 + 5);
    CHECK(session->logits_hash() == truth[4].hash);
    check_same(by_device(*session, truth[4].id, params, 10),
               {truth.begin() + 5, truth.begin() + 15});
    session->set_stop({});
}
