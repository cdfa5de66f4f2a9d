// GpuSampler against Sampler, which is the definition: the same token, except where the draw or a
// cut lies within 1e-5 of a boundary; and the record against token_stats and top_logprobs.
#include "model/gpu_sampler.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "model/sampler.h"
#include "tests/support/catch.h"
#include "tests/support/heap_count.h"
#include "tests/support/random.h"
#include "tests/support/real_model.h"
#include "tests/support/worst.h"

namespace {

using model::GpuDraw;
using model::GpuSampler;
using model::SampleForm;
using model::SamplingParams;
using model::TokenId;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr uint32_t kContext = 512;

struct Rig {
    gpu::Device device{{.validate = 2}};
    gpu::KernelCache kernels{device};
    gpu::CommandBuffer cmd{device, kernels};
};
Rig& rig() {
    static Rig the_rig;
    return the_rig;
}

/// A sampler with the buffers that a session would bring, in memory that the test writes.
class Bench {
public:
    explicit Bench(uint32_t vocab)
        : sampler(rig().device, rig().kernels, vocab, kContext),
          logits_(rig().device, vocab * sizeof(float), gpu::Memory::upload, "logits"),
          state_(rig().device, sizeof(params::StepState), gpu::Memory::upload, "state") {}

    void set(std::span<const float> logits, const SamplingParams& params,
             std::span<const TokenId> history) {
        set_logits(logits);
        sampler.set_params(params);
        sampler.set_history(history.first(history.size() - 1));  // the step adds its own
        const params::StepState state{.token = static_cast<uint32_t>(history.back()),
                                      .position = static_cast<uint32_t>(history.size()) - 1,
                                      .step = 0,
                                      .n_ctx = kContext};
        std::memcpy(state_.mapped(), &state, sizeof(state));
    }
    void set_logits(std::span<const float> logits) {
        std::memcpy(logits_.mapped(), logits.data(), logits.size_bytes());
    }
    void record(SampleForm form) {
        sampler.record_history(rig().cmd, state_.range());
        sampler.record(rig().cmd, logits_.range(), state_.range(), form);
    }
    params::StepState state() const {
        params::StepState state;
        std::memcpy(&state, state_.mapped(), sizeof(state));
        return state;
    }

    GpuSampler sampler;

private:
    gpu::Buffer logits_, state_;
};

struct Set {
    std::vector<float> logits;
    std::vector<TokenId> history;
    SamplingParams params;
    SampleForm form = SampleForm::few;
};

/// Of many kinds: flat, steep, in steps (ties), with holes, a single survivor.
std::vector<float> random_logits(support::Random& random, uint32_t vocab) {
    constexpr float kSpreads[] = {0.05f, 0.5f, 1, 2, 3, 5, 10, 30};
    const float spread = kSpreads[random.below(std::size(kSpreads))];
    const auto kind = random.below(8);
    std::vector<float> logits(vocab);
    for (float& logit : logits) {
        logit = spread * random.normal();
        if (kind == 0) {
            logit = std::round(logit * 4) / 4;
        } else if (kind == 1 && random.below(3) == 0) {
            logit = -kInf;
        } else if (kind == 2) {
            logit = 30 * std::tanh(logit / 30);
        } else if (kind == 3) {
            logit -= 20;  // all negative
        }
    }
    if (kind == 4) {
        std::fill(logits.begin(), logits.end(), random.below(2) == 0 ? -kInf : 0.25f);
    }
    if (kind == 1 || kind == 4) {
        logits[random.below(vocab)] = 3;
    }
    return logits;
}

SamplingParams random_params(support::Random& random, uint32_t vocab) {
    SamplingParams params;
    const auto one_in = [&](uint64_t n) { return random.below(n) == 0; };
    params.temperature = one_in(10) ? 0 : one_in(4) ? 1 : 0.1f + 2 * random.uniform();
    params.top_k = one_in(2)   ? static_cast<int32_t>(1 + random.below(128))
                   : one_in(3) ? static_cast<int32_t>(1 + random.below(2 * vocab))
                               : 0;
    params.top_p = one_in(3) ? 1 : one_in(20) ? 0 : random.uniform();
    params.min_p = one_in(2) ? 0 : one_in(20) ? 1 : 0.2f * random.uniform();
    params.seed = random.next();
    params.llama_cpp_order = one_in(3);
    if (one_in(2)) {
        params.repeat_penalty = one_in(3) ? 1 : 0.5f + 1.5f * random.uniform();
        params.presence_penalty = one_in(2) ? 0 : 2 * random.uniform() - 0.5f;
        params.frequency_penalty = one_in(2) ? 0 : random.uniform() - 0.25f;
        params.repeat_last_n = one_in(4) ? -1 : static_cast<int32_t>(random.below(300));
    }
    return params;
}

Set random_set(support::Random& random, uint32_t vocab) {
    Set set;
    set.logits = random_logits(random, vocab);
    set.params = random_params(random, vocab);
    set.history.resize(1 + random.below(kContext - 1));
    const uint64_t n_kinds = 1 + random.below(vocab);  // few kinds: high counts
    for (TokenId& id : set.history) {
        id = static_cast<TokenId>(random.below(n_kinds));
    }
    set.form = random.below(4) == 0 ? SampleForm::any : model::sample_form(set.params);
    return set;
}

model::Draw cpu_draw(const Set& set) {
    static model::Sampler sampler(1024);
    return sampler.sample(set.logits, set.params, set.history, set.history.size());
}

/// Whether the token is drawn by some number within 1e-5 of u, after cuts within 1e-5 of theirs.
bool within_rounding(const Set& set, TokenId id, double u) {
    constexpr double kNear = 1e-5;
    model::Sampler sampler(static_cast<uint32_t>(set.logits.size()));
    for (const double p_shift : {0.0, -kNear, kNear}) {
        for (const double min_shift : {0.0, -kNear, kNear}) {
            SamplingParams params = set.params;
            params.top_p += static_cast<float>(p_shift);
            params.min_p *= static_cast<float>(1 + min_shift);
            const auto stages = sampler.stages(set.logits, params, set.history,
                                               static_cast<uint32_t>(set.logits.size()));
            double begin = 0;
            for (const model::Candidate& candidate : stages.back().top) {
                const double end = begin + static_cast<double>(candidate.p);
                if (candidate.id == id) {
                    if (u >= begin - kNear && u <= end + kNear) {
                        return true;
                    }
                    break;
                }
                begin = end;
            }
        }
    }
    return false;
}

struct Worst {
    double logprob = 0, entropy = 0, p_final = 0, top = 0;
};

/// The record is what the CPU says of the token that was drawn.
void check_record(const Set& set, const GpuDraw& draw, Worst& worst) {
    const model::TokenStats stats = model::token_stats(set.logits, draw.id);
    const auto top = model::top_logprobs(set.logits, params::kSampleTop, stats.log_sum_exp);
    const auto error = [](float a, float b) {
        return std::abs(static_cast<double>(a) - static_cast<double>(b)) /
               std::max(1.0, std::abs(static_cast<double>(b)));
    };
    REQUIRE(draw.position == set.history.size());
    REQUIRE(draw.stats.rank == stats.rank);
    REQUIRE(draw.n_top == top.size());
    for (size_t i = 0; i < top.size(); ++i) {
        REQUIRE(draw.top[i].first == top[i].first);
        support::widen(worst.top, error(draw.top[i].second, top[i].second));
    }
    support::widen(worst.logprob, error(draw.stats.logprob, stats.logprob));
    support::widen(worst.entropy, error(draw.stats.entropy, stats.entropy));
    REQUIRE(worst.logprob <= 1e-5);
    REQUIRE(worst.entropy <= 1e-5);
    REQUIRE(worst.top <= 1e-5);
    REQUIRE(std::abs(draw.stats.log_sum_exp - stats.log_sum_exp) <=
            1e-6 * std::max(1.0, std::abs(stats.log_sum_exp)));
}

struct Outcome {
    uint32_t n = 0, n_different = 0;
    Worst worst;
};

void compare(const Set& set, const GpuDraw& draw, Outcome& outcome) {
    const model::Draw expected = cpu_draw(set);
    INFO(fmt::format(
        "set {}: temperature {} top-k {} top-p {} min-p {} order {} penalties {} {} {} of "
        "{}, u {}, {} form",
        outcome.n, set.params.temperature, set.params.top_k, set.params.top_p, set.params.min_p,
        set.params.llama_cpp_order, set.params.repeat_penalty, set.params.presence_penalty,
        set.params.frequency_penalty, set.params.repeat_last_n, expected.u,
        set.form == SampleForm::few ? "few" : "any"));
    ++outcome.n;
    check_record(set, draw, outcome.worst);
    if (draw.id != expected.id) {
        ++outcome.n_different;
        INFO(fmt::format("device {} CPU {}", draw.id, expected.id));
        REQUIRE(within_rounding(set, draw.id, expected.u));
        return;
    }
    const double error =
        std::abs(static_cast<double>(draw.p_final) - static_cast<double>(expected.p_final));
    support::widen(outcome.worst.p_final, error);
}

/// n random sets, `n_benches` of them in one submit.
Outcome run_sets(uint32_t n, uint32_t vocab, size_t n_benches, uint64_t seed) {
    support::Random random(seed);
    std::vector<std::unique_ptr<Bench>> benches;
    for (size_t i = 0; i < n_benches; ++i) {
        benches.push_back(std::make_unique<Bench>(vocab));
    }
    Outcome outcome;
    while (outcome.n < n) {
        std::vector<Set> sets;
        for (const auto& bench : benches) {
            sets.push_back(random_set(random, vocab));
            bench->set(sets.back().logits, sets.back().params, sets.back().history);
            bench->record(sets.back().form);
        }
        rig().cmd.finish();
        for (size_t i = 0; i < sets.size(); ++i) {
            compare(sets[i], benches[i]->sampler.result(0), outcome);
        }
    }
    fmt::print(
        "GPU sampler: {} sets of {} logits: {} other ids, each within 1e-5 of a boundary; "
        "worst errors: logprob {:.1e} entropy {:.1e} top {:.1e} p_final {:.1e}\n",
        outcome.n, vocab, outcome.n_different, outcome.worst.logprob, outcome.worst.entropy,
        outcome.worst.top, outcome.worst.p_final);
    CHECK(outcome.worst.p_final <= 1e-5);
    return outcome;
}

}  // namespace

TEST_CASE("the sampler on the device draws what the CPU draws") {
    const bool full = support::full_run();
    const Outcome small = run_sets(full ? 100'000 : 4'000, 1024, 16, 1);
    const Outcome large = run_sets(full ? 100 : 12, 262'144, 2, 2);
    CHECK(small.n_different + large.n_different <= 20);
}

TEST_CASE("the sampler on the device draws what the CPU draws from any vocabulary", "[width]") {
    uint32_t n_different = 0;
    for (const uint32_t vocab :
         {1u, 2u, 3u, 63u, 64u, 65u, 1000u, 5119u, 5121u, 32'771u, 262'208u}) {
        n_different += run_sets(vocab > 100'000 ? 4 : 40, vocab, 4, 100 + vocab).n_different;
    }
    CHECK(n_different <= 1);
}

TEST_CASE("the sampler on the device goes on by itself, up to three steps in a submit", "[width]") {
    // Each step's token enters the history that the next step's penalties count.
    constexpr uint32_t kVocab = 700;
    support::Random random(5);
    Bench bench(kVocab);
    std::vector<float> logits = random_logits(random, kVocab);
    for (float& logit : logits) {
        logit = std::isfinite(logit) ? logit : 0;
    }
    std::vector<TokenId> history(20);
    for (TokenId& id : history) {
        id = static_cast<TokenId>(random.below(kVocab));
    }
    SamplingParams params = random_params(random, kVocab);
    bench.set(logits, params, history);
    uint32_t step = 0;
    for (int round = 0; round < 60; ++round) {
        if (round % 5 == 0) {  // the window and the penalties change between submits
            params = random_params(random, kVocab);
            params.frequency_penalty = 0.5f;
            bench.sampler.set_params(params);
        }
        const auto n = static_cast<uint32_t>(1 + random.below(3));
        for (uint32_t i = 0; i < n; ++i) {
            bench.record(i % 2 == 0 ? model::sample_form(params) : SampleForm::any);
        }
        rig().cmd.finish();
        for (uint32_t i = 0; i < n; ++i, ++step) {
            const GpuDraw draw = bench.sampler.result(step);
            REQUIRE(draw.position == history.size());
            REQUIRE(draw.id == cpu_draw({logits, history, params}).id);
            history.push_back(draw.id);
        }
        const params::StepState state = bench.state();
        REQUIRE(state.step == step);
        REQUIRE(state.position + 1 == history.size());
        REQUIRE(state.token == static_cast<uint32_t>(history.back()));
    }
}

TEST_CASE("recording a draw on the device makes no kernel and allocates nothing") {
    gpu::Device device({.validate = 0});  // the layers allocate
    gpu::KernelCache kernels(device);
    gpu::CommandBuffer cmd(device, kernels);
    GpuSampler sampler(device, kernels, 1000, kContext);
    const gpu::Buffer logits(device, 4000, gpu::Memory::upload, "logits");
    const gpu::Buffer state(device, sizeof(params::StepState), gpu::Memory::upload, "state");
    std::memset(logits.mapped(), 0, logits.size());
    std::memset(state.mapped(), 0, state.size());
    kernels.freeze();
    size_t allocations = 0;
    for (int round = 0; round < 12; ++round) {
        const size_t before = support::heap_allocations();
        for (const SampleForm form : {SampleForm::few, SampleForm::any}) {
            sampler.record_history(cmd, state.range());
            sampler.record(cmd, logits.range(), state.range(), form);
        }
        allocations = support::heap_allocations() - before;
        cmd.finish();
    }
    CHECK(allocations == 0);  // in the last round: the command buffer's own lists have grown
}

TEST_CASE("a rewound history is told to the sampler on the device") {
    support::Random random(6);
    Set set = random_set(random, 300);
    set.params = {};
    set.params.presence_penalty = 4;
    set.params.repeat_last_n = -1;
    set.params.temperature = 0;
    Bench bench(300);
    for (const size_t n : {400u, 20u, 21u, 5u, 400u}) {
        set.history.resize(n, 7);
        bench.set(set.logits, set.params, set.history);
        bench.record(SampleForm::few);
        rig().cmd.finish();
        CHECK(bench.sampler.result(0).id == cpu_draw(set).id);
    }
}

TEST_CASE("the sampler on the device reports invalid numbers as the CPU does") {
    Bench bench(100);
    for (const SampleForm form : {SampleForm::few, SampleForm::any}) {
        for (const float bad : {kInf, std::numeric_limits<float>::quiet_NaN(), -kInf}) {
            std::vector<float> logits(100, bad == -kInf ? bad : 1.0f);
            logits[42] = bad;
            bench.set(logits, {}, std::vector<TokenId>{1});
            bench.record(form);
            rig().cmd.finish();
            std::string message;
            try {
                bench.sampler.result(0);
            } catch (const base::Error& error) {
                message = error.what();
            }
            CHECK(message == "the model produced invalid numbers");
            CHECK(bench.state().token == 1);
        }
    }
}

TEST_CASE("the seed alone decides the draw: all 64 bits of it and the position count") {
    Bench bench(1000);
    const std::vector<float> flat(1000, 0.0f);
    SamplingParams params;
    params.top_k = 0;
    params.top_p = 1;
    for (const uint64_t seed : {0ull, 1ull, 1ull << 32, 0xfedcba9876543210ull, ~0ull}) {
        for (const size_t position : {1u, 2u, 300u}) {
            params.seed = seed;
            const Set set{flat, std::vector<TokenId>(position, 3), params};
            bench.set(set.logits, params, set.history);
            bench.record(SampleForm::any);
            rig().cmd.finish();
            CHECK(bench.sampler.result(0).id == cpu_draw(set).id);
        }
    }
}
