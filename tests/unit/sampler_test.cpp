#include "model/sampler.h"

#include "gpu/base.h"
#include "model/sampler_math.h"
#include "tests/support/real_model.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>

using namespace model;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

SamplingParams everything_off() {
    SamplingParams params;
    params.top_k = 0;
    params.top_p = 1;
    return params;
}

std::vector<float> random_logits(std::mt19937& random, size_t n, float spread) {
    std::normal_distribution<float> normal(0, spread);
    std::vector<float> logits(n);
    std::generate(logits.begin(), logits.end(), [&] { return normal(random); });
    return logits;
}

std::vector<TokenId> ids_of(const StageResult& stage) {
    std::vector<TokenId> ids;
    for (const Candidate& candidate : stage.top) {
        ids.push_back(candidate.id);
    }
    return ids;
}

const StageResult& find_stage(const std::vector<StageResult>& stages, SamplerStage wanted) {
    return *std::find_if(stages.begin(), stages.end(),
                         [&](const StageResult& s) { return s.stage == wanted; });
}

/// The survivors by the definition, straight and slow: sort a list of (probability, id) per stage.
std::vector<std::pair<TokenId, double>> naive_final(std::span<const float> logits,
                                                    const SamplingParams& params) {
    std::vector<std::pair<TokenId, double>> list;  // id, logit; then id, probability
    for (size_t i = 0; i < logits.size(); ++i) {
        if (logits[i] != -kInf) {
            list.emplace_back(TokenId(i), logits[i]);
        }
    }
    std::stable_sort(list.begin(), list.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    const auto softmax = [&](double temperature) {
        std::vector<double> p;
        double sum = 0;
        for (const auto& [id, logit] : list) {
            p.push_back(std::exp((logit - list[0].second) / temperature));
            sum += p.back();
        }
        for (double& x : p) {
            x /= sum;
        }
        return p;
    };
    const double t = params.temperature;
    const double t_filter = params.llama_cpp_order ? 1 : t;
    if (params.top_k > 0 && list.size() > size_t(params.top_k)) {
        list.resize(size_t(params.top_k));
    }
    if (params.top_p < 1) {
        const auto p = softmax(t_filter);
        size_t n = 0;
        for (double sum = 0; n < p.size() && (n == 0 || sum < double(params.top_p)); ++n) {
            sum += p[n];
        }
        list.resize(n);
    }
    if (params.min_p > 0) {
        const auto p = softmax(t_filter);
        size_t n = 1;
        while (n < p.size() && p[n] >= double(params.min_p) * p[0]) {
            ++n;
        }
        list.resize(n);
    }
    const auto p = softmax(t);
    for (size_t i = 0; i < list.size(); ++i) {
        list[i].second = p[i];
    }
    return list;
}

bool throws_invalid(std::span<const float> logits, const SamplingParams& params) {
    Sampler sampler(uint32_t(logits.size()));
    int n = 0;
    const auto count = [&](const auto& f) {
        try {
            f();
        } catch (const base::Error& error) {
            n += std::string_view(error.what()) == "the model produced invalid numbers" &&
                 error.kind() == base::ErrorKind::runtime;
        }
    };
    count([&] { sampler.sample(logits, params, {}, 0); });
    count([&] { sampler.stages(logits, params, {}, 5); });
    count([&] { token_stats(logits, 0); });
    count([&] { log_sum_exp(logits); });
    return n == 4;
}

}  // namespace

TEST_CASE("philox4x32-10 gives the known answers of its authors") {
    CHECK((philox4x32({0, 0, 0, 0}, {0, 0}) ==
           std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    constexpr uint32_t kOnes = 0xffffffff;
    CHECK((philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}) ==
           std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    CHECK((philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
           std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST_CASE("uniform depends on seed and position only and covers [0, 1)") {
    CHECK(uniform(1, 2) == uniform(1, 2));
    CHECK(uniform(1, 2) != uniform(2, 1));
    double sum = 0;
    std::array<int, 16> bins{};
    constexpr int kDraws = 160'000;
    for (uint64_t i = 0; i < kDraws; ++i) {
        const double u = uniform(i % 20, i / 20);
        REQUIRE((u >= 0 && u < 1));
        sum += u;
        ++bins[size_t(u * 16)];
    }
    CHECK(sum / kDraws == Catch::Approx(0.5).margin(0.003));  // 4 standard deviations
    for (const int n : bins) {
        CHECK(n == Catch::Approx(10'000).margin(400));
    }
}

TEST_CASE("portable_exp is exp") {
    for (double x = 0; x > -705; x -= 0.0137) {
        const double wanted = x > -700 ? std::exp(x) : 0;
        REQUIRE(portable_exp(x) == Catch::Approx(wanted).epsilon(2e-15));
    }
    CHECK(portable_exp(-double(kInf)) == 0);
    CHECK(portable_exp(0) == 1);
}

TEST_CASE("E1: invalid numbers are an error at any place and stage") {
    const size_t n = 300;
    std::mt19937 random(1);
    for (const float bad : {kNan, -kNan, kInf}) {
        for (const size_t place : {size_t{0}, n / 2, n - 1}) {
            for (const float temperature : {0.0f, 1.0f}) {
                for (const float penalty : {1.0f, 1.3f}) {
                    auto logits = random_logits(random, n, 3);
                    logits[place] = bad;
                    SamplingParams params;
                    params.temperature = temperature;
                    params.repeat_penalty = penalty;
                    CHECK(throws_invalid(logits, params));
                }
            }
        }
    }
    CHECK(throws_invalid(std::vector<float>(n, kNan), {}));
    CHECK(throws_invalid(std::vector<float>(n, -kInf), {}));
}

TEST_CASE("-Inf logits are tokens that never come") {
    std::vector<float> logits(100, -kInf);
    logits[17] = -3;
    Sampler sampler(100);
    for (uint64_t position = 0; position < 50; ++position) {
        CHECK(sampler.sample(logits, everything_off(), {}, position).id == 17);
    }
    const auto stages = sampler.stages(logits, everything_off(), {}, 5);
    CHECK(stages[0].n_left == 1);
    CHECK(stages[0].top[0].p == 1);
}

TEST_CASE("temperature 0 is the argmax, ties to the lowest id") {
    std::vector<float> logits = {-1, 4, 0, 4, 4};
    Sampler sampler(5);
    SamplingParams params;
    for (const float temperature : {0.0f, -0.0f, -1.0f}) {
        params.temperature = temperature;
        const Draw draw = sampler.sample(logits, params, {}, 9);
        CHECK(draw.id == 1);
        CHECK(draw.p_final == 1);
        CHECK(sampler.stages(logits, params, {}, 5).back().n_left == 1);
    }
    logits = {-5, -0.0f, 0.0f};  // both zeros are the same logit
    CHECK(sampler.sample(logits, params, {}, 0).id == 1);
    params.temperature = 1;
    params.top_k = 1;
    CHECK(sampler.sample(logits, params, {}, 0).id == 1);
}

TEST_CASE("top-k 1 is the argmax") {
    std::mt19937 random(2);
    Sampler sampler(1000);
    SamplingParams params = everything_off();
    params.top_k = 1;
    for (uint64_t i = 0; i < 100; ++i) {
        const auto logits = random_logits(random, 1000, 4);
        CHECK(sampler.sample(logits, params, {}, i).id == argmax(logits));
    }
}

TEST_CASE("the token that crosses p stays, in both orders (spec 11, row 36)") {
    // Probabilities 0.5, 0.3, 0.15, 0.05 at temperature 1; at 0.5: 0.685, 0.247, 0.062, 0.007.
    std::vector<float> logits;
    for (const double p : {0.05, 0.5, 0.15, 0.3}) {
        logits.push_back(float(std::log(p)));
    }
    SamplingParams params = everything_off();
    params.temperature = 0.5f;
    params.top_p = 0.9f;
    Sampler sampler(4);
    const auto ours = sampler.stages(logits, params, {}, 10);
    CHECK(ids_of(ours.back()) == std::vector<TokenId>{1, 3});
    params.llama_cpp_order = true;
    const auto theirs = sampler.stages(logits, params, {}, 10);
    CHECK(ids_of(theirs.back()) == std::vector<TokenId>{1, 3, 2});
    CHECK(theirs[5].stage == SamplerStage::temperature);
}

TEST_CASE("min-p is relative to the most likely") {
    std::vector<float> logits;
    for (const double p : {0.6, 0.3, 0.08, 0.02}) {
        logits.push_back(float(std::log(p)));
    }
    SamplingParams params = everything_off();
    params.min_p = 0.12f;  // 0.072 of 0.6
    Sampler sampler(4);
    CHECK(ids_of(sampler.stages(logits, params, {}, 10).back()) == std::vector<TokenId>{0, 1, 2});
    params.min_p = 1;
    CHECK(sampler.stages(logits, params, {}, 10).back().n_left == 1);
}

TEST_CASE("penalties look at the window only and count") {
    const std::vector<float> logits = {2, -2, 2, 2, 2};
    const std::vector<TokenId> history = {3, 0, 1, 0, -1, 99};  // ids out of range are ignored
    SamplingParams params = everything_off();
    params.repeat_penalty = 2;
    params.presence_penalty = 0.5f;
    params.frequency_penalty = 0.25f;
    params.repeat_last_n = 5;
    Sampler sampler(5);
    const auto logit_of = [&](TokenId id) {
        const auto stages = sampler.stages(logits, params, history, 5);
        const auto& top = find_stage(stages, SamplerStage::penalties).top;
        return std::find_if(top.begin(), top.end(), [&](auto& c) { return c.id == id; })->logit;
    };
    CHECK(logit_of(0) == 2.0f / 2 - 2 * 0.25f - 0.5f);
    CHECK(logit_of(1) == -2.0f * 2 - 0.25f - 0.5f);
    CHECK(logit_of(2) == 2);
    CHECK(logit_of(3) == 2);  // outside the window
    params.repeat_last_n = -1;
    CHECK(logit_of(3) == 2.0f / 2 - 0.25f - 0.5f);
    params.repeat_last_n = 0;
    CHECK(logit_of(3) == 2);
    params.repeat_last_n = 2147483647;
    CHECK(logit_of(3) == 2.0f / 2 - 0.25f - 0.5f);
    CHECK(logit_of(3) == 2.0f / 2 - 0.25f - 0.5f);  // the counts were put back to zero
}

TEST_CASE("stages are shown in order and are distributions") {
    std::mt19937 random(3);
    const auto logits = random_logits(random, 5000, 3);
    SamplingParams params;
    params.temperature = 0.7f;
    params.min_p = 0.01f;
    Sampler sampler(5000);
    const auto stages = sampler.stages(logits, params, {}, 40);
    REQUIRE(stages.size() == 7);
    uint32_t previous = 5000;
    for (size_t i = 0; i < 7; ++i) {
        CHECK(stages[i].stage == stage_order(params)[i]);
        CHECK(stages[i].n_left <= previous);
        previous = stages[i].n_left;
        double sum = stages[i].other;
        for (size_t j = 0; j < stages[i].top.size(); ++j) {
            sum += double(stages[i].top[j].p);
            CHECK((j == 0 || stages[i].top[j - 1].p >= stages[i].top[j].p));
        }
        CHECK(sum == Catch::Approx(1).margin(1e-6));
    }
    CHECK(find_stage(stages, SamplerStage::top_k).n_left == 64);
    // The raw stage is the full softmax: what token_stats says (spec 11, row 37).
    const Candidate best = stages[0].top[0];
    CHECK(double(best.p) == Catch::Approx(std::exp(double(token_stats(logits, best.id).logprob))));
}

TEST_CASE("stages seen from given tokens are the same stages") {
    std::mt19937 random(5);
    const auto logits = random_logits(random, 3000, 3);
    SamplingParams params;
    params.temperature = 0.7f;
    params.repeat_penalty = 1.5f;
    params.top_p = 0.8f;
    const std::vector<TokenId> history = {7, 9, 7, 2999};
    Sampler sampler(3000);
    for (const bool llama_cpp : {false, true}) {
        params.llama_cpp_order = llama_cpp;
        const auto stages = sampler.stages(logits, params, history, 3000);
        const std::vector<TokenId> ids = {2999, 7, stages.back().top[1].id, 0};
        const auto p = sampler.stage_probabilities(logits, params, history, ids);
        REQUIRE(p.size() == 7 * ids.size());
        for (size_t s = 0; s < 7; ++s) {
            for (size_t i = 0; i < ids.size(); ++i) {
                const auto& top = stages[s].top;
                const auto at = std::find_if(top.begin(), top.end(),
                                             [&](const Candidate& c) { return c.id == ids[i]; });
                CHECK(p[s * ids.size() + i] == (at == top.end() ? 0.0f : at->p));
            }
        }
        CHECK(p.back() == 0);  // token 0 is cut
        CHECK(p[6 * ids.size() + 2] > 0);
    }
}

TEST_CASE("draws follow the final distribution") {
    std::vector<float> logits;
    for (const double p : {0.1, 0.2, 0.3, 0.4}) {
        logits.push_back(float(std::log(p)));
    }
    Sampler sampler(4);
    SamplingParams params = everything_off();
    params.seed = 5;
    std::array<int, 4> counts{};
    for (uint64_t position = 0; position < 20000; ++position) {
        const Draw draw = sampler.sample(logits, params, {}, position);
        ++counts[size_t(draw.id)];
        REQUIRE(draw.p_final == Catch::Approx(0.1 * (draw.id + 1)).epsilon(1e-6));
    }
    for (size_t i = 0; i < 4; ++i) {
        CHECK(counts[i] == Catch::Approx(2000.0 * double(i + 1)).margin(250));
    }
}

TEST_CASE("E2: any parameters leave at least one candidate and match the definition") {
    const int n_sets = support::full_run() ? 1'000'000 : 100'000;
    std::mt19937 random(4);
    const auto pick = [&](auto... values) {
        const std::array list{values...};
        return list[random() % list.size()];
    };
    Sampler sampler(64);
    for (int i = 0; i < n_sets; ++i) {
        const size_t n = 1 + random() % 64;
        auto logits = random_logits(random, n, pick(0.0f, 0.1f, 3.0f, 30.0f));
        for (float& l : logits) {
            l = random() % 8 == 0 ? -kInf : random() % 4 == 0 ? std::round(l) : l;
        }
        logits[random() % n] = pick(1.0f, -1e30f, 1e30f, 0.0f);
        SamplingParams params;
        params.temperature = pick(0.0f, -1.0f, 1e-9f, kNan, 1e9f, 1.0f, 0.7f, 1.5f);
        params.top_k = pick(0, -1, 1, 2, 40, 64, 65, 2147483647);
        params.top_p = pick(0.0f, 1.0f, kNan, 0.5f, 0.95f, 1e-9f);
        params.min_p = pick(0.0f, 1.0f, 0.05f, 0.5f, 1e-9f, kNan);
        params.llama_cpp_order = random() % 2;
        params.seed = random();
        const Draw draw = sampler.sample(logits, params, {}, uint64_t(i));
        REQUIRE((draw.id >= 0 && size_t(draw.id) < n));
        REQUIRE(logits[size_t(draw.id)] != -kInf);
        REQUIRE((draw.p_final > 0 && draw.p_final <= 1));
        if (!(params.temperature > 0)) {
            REQUIRE(draw.id == argmax(logits));
            continue;
        }
        const auto wanted = naive_final(logits, params);
        const auto hit = std::find_if(wanted.begin(), wanted.end(),
                                      [&](const auto& w) { return w.first == draw.id; });
        // A token at the edge of p may fall on either side of it by rounding of libm's exp.
        const auto stages = sampler.stages(logits, params, {}, 64);
        const bool same = stages.back().n_left == wanted.size();
        REQUIRE(std::abs(int64_t(stages.back().n_left) - int64_t(wanted.size())) <= 1);
        if (same) {
            REQUIRE(hit != wanted.end());
            REQUIRE(double(draw.p_final) == Catch::Approx(hit->second).epsilon(1e-5));
        }
    }
}

TEST_CASE("E4: the same seed draws the same tokens, whatever was asked before") {
    std::mt19937 random(5);
    Sampler used(2000);
    for (uint64_t i = 0; i < 100; ++i) {
        const auto logits = random_logits(random, 2000, 2);
        SamplingParams params;
        params.seed = 42;
        params.repeat_penalty = i % 3 == 0 ? 1.1f : 1.0f;
        const std::vector<TokenId> history = {1, 5, 9, 5};
        const Draw first = used.sample(logits, params, history, i);
        used.stages(logits, everything_off(), history, 7);
        Sampler fresh(2000);
        const Draw second = fresh.sample(logits, params, history, i);
        CHECK(first.id == second.id);
        CHECK(first.p_final == second.p_final);
        // stages() and sample() agree to the bit.
        const auto stages = used.stages(logits, params, history, 2000);
        const auto& top = stages.back().top;
        const auto drawn =
            std::find_if(top.begin(), top.end(), [&](const auto& c) { return c.id == first.id; });
        REQUIRE(drawn != top.end());
        CHECK(drawn->p == first.p_final);
    }
}

TEST_CASE("E3: one table validates every number at its limits") {
    const std::array values = {-std::numeric_limits<double>::infinity(),
                               -2147483649.0,
                               -2147483648.0,
                               -2.0,
                               -1.0,
                               -0.5,
                               0.0,
                               0.5,
                               1.0,
                               2147483647.0,
                               2147483648.0,
                               std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::quiet_NaN()};
    std::set<std::string_view> names;
    for (const SamplingField& field : sampling_fields()) {
        names.insert(field.name);
        auto list = std::vector<double>(values.begin(), values.end());
        for (const double edge : {field.min, field.max}) {
            for (const double step : {-1.0, -0.001, 0.0, 0.001, 1.0}) {
                list.push_back(edge + step);
            }
        }
        for (const double value : list) {
            const bool whole = !field.integer || value == std::floor(value);
            const bool good = value >= field.min && value <= field.max && whole;
            SamplingParams params;
            const double before = field_value(params, field);
            bool accepted = true;
            try {
                set_field(params, field, value);
            } catch (const base::Error& error) {
                accepted = false;
                CHECK(error.kind() == base::ErrorKind::usage);
                CHECK(std::string(error.what()).find(field.name) != std::string::npos);
                CHECK(field_value(params, field) == before);
            }
            INFO(field.name << " = " << value);
            CHECK(accepted == good);
            if (accepted) {
                CHECK_NOTHROW(validate(params));
                CHECK(field_value(params, field) == Catch::Approx(value).epsilon(1e-6));
            }
        }
    }
    CHECK(names.size() == sampling_fields().size());
    SamplingParams params;
    params.top_p = kNan;
    CHECK_THROWS_AS(validate(params), base::Error);
    params = {};
    params.repeat_penalty = 0;
    CHECK_THROWS_AS(validate(params), base::Error);
    CHECK_NOTHROW(validate({}));
}

TEST_CASE("defaults follow the generation and the file") {
    Config config;
    config.architecture = Architecture::gemma3;
    SamplingParams params = default_sampling(config, {}, false);
    CHECK((params.temperature == 1 && params.top_k == 64 && params.top_p == 0.95f));
    config.architecture = Architecture::gemma2;
    params = default_sampling(config, {}, false);
    CHECK((params.temperature == 0.95f && params.top_k == 100 && params.top_p == 1));
    params = default_sampling(config, {}, true);
    CHECK((params.temperature == 1 && params.top_k == 64 && params.top_p == 0.95f));
    params = default_sampling(config, {0.5f, kNan, 7}, false);
    CHECK((params.temperature == 0.5f && params.top_k == 7 && params.top_p == 1));
    params = default_sampling(config, {1e9f, 2, -1}, false);  // out of range: not taken
    CHECK((params.temperature == 0.95f && params.top_k == 100 && params.top_p == 1));
}

TEST_CASE("token_stats and top_logprobs are the full softmax") {
    std::mt19937 random(6);
    auto logits = random_logits(random, 3000, 2);
    logits[5] = logits[9] = 11;
    logits[1] = -kInf;
    double sum = 0;
    double entropy = 0;
    for (const float l : logits) {
        sum += std::exp(double(l));
    }
    for (const float l : logits) {
        const double p = std::exp(double(l)) / sum;
        entropy -= p > 0 ? p * std::log(p) : 0;
    }
    const TokenStats stats = token_stats(logits, 9);
    CHECK(double(stats.logprob) == Catch::Approx(11 - std::log(sum)));
    CHECK(stats.rank == 1);
    CHECK(token_stats(logits, 5).rank == 0);
    CHECK(double(stats.entropy) == Catch::Approx(entropy));
    CHECK(stats.log_sum_exp == Catch::Approx(std::log(sum)));
    CHECK(log_sum_exp(logits) == stats.log_sum_exp);
    CHECK(token_stats(logits, 1).logprob == -kInf);
    CHECK(token_stats(logits, 1).rank == 2999);

    for (const uint32_t k : {0u, 1u, 10u, 2999u, 5000u}) {
        const auto top = top_logprobs(logits, k, stats.log_sum_exp);
        CHECK(top.size() == std::min(k, 2999u));
        for (size_t i = 0; i < top.size(); ++i) {
            CHECK(token_stats(logits, top[i].first).rank == int32_t(i));
            CHECK(top[i].second == token_stats(logits, top[i].first).logprob);
        }
    }
}
