#include "tests/op_test_sample.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace op_test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<uint32_t> poisoned(size_t n) {
    return std::vector<uint32_t>(n, kPoison);
}

params::SampleParams kernel_params(const SampleCase& c) {
    const double draw = 1 / c.temperature, cut = c.llama_cpp_order ? 1 : draw;
    const auto high = [](double x) { return static_cast<float>(x); };
    const auto low = [&](double x) { return static_cast<float>(x - static_cast<double>(high(x))); };
    const auto top_p = c.top_p < 1 ? static_cast<uint64_t>(std::ldexp(c.top_p, 64)) : 0;
    return {
        .greedy = c.greedy,
        .top_k = c.top_k,
        .top_p_on = c.top_p<1, .top_p_lo = static_cast<uint32_t>(top_p),
                            .top_p_hi = static_cast<uint32_t>(top_p >> 32), .min_p_on = c.min_p> 0,
        .log_min_p = c.min_p > 0 ? static_cast<float>(std::log(c.min_p)) : 0,
        .seed_lo = 77,
        .seed_hi = 5,
        .penalties_on = c.penalties,
        .last_n = 64,
        .repeat_penalty = 1.3f,
        .presence_penalty = 0.25f,
        .frequency_penalty = 0.125f,
        .cut_scale_hi = high(cut),
        .cut_scale_lo = low(cut),
        .draw_scale_hi = high(draw),
        .draw_scale_lo = low(draw),
        .one_scale = cut == draw};
}

}  // namespace

std::vector<SampleCase> sample_cases() {
    return {
        {.name = "one logit", .vocab = 1},
        {.name = "two", .vocab = 2, .top_k = 1},
        {.name = "a group", .vocab = 64, .top_k = 5, .top_p = 0.9},
        {.name = "a prime", .vocab = 1009, .penalties = true, .top_k = 40, .temperature = 0.7},
        {.name = "top-k 128", .vocab = 5000, .top_k = 128, .top_p = 0.5, .min_p = 0.01},
        {.name = "argmax", .vocab = 777, .penalties = true, .greedy = true},
        {.name = "ties", .vocab = 3000, .top_k = 100, .top_p = 0.97, .spread = 1, .step = 0.5f},
        {.name = "all the same", .vocab = 4100, .top_k = 64, .spread = 0},
        {.name = "all the same, no top-k", .vocab = 4100, .top_p = 0.7, .spread = 0},
        {.name = "min-p 1 keeps the ties", .vocab = 600, .top_k = 50, .min_p = 1, .spread = 0},
        {.name = "min-p 1, no top-k", .vocab = 600, .min_p = 1, .spread = 0.5f, .step = 1},
        {.name = "mostly -Inf", .vocab = 2000, .top_k = 64, .min_p = 0.1, .one_in = 40},
        {.name = "fewer than ten left", .vocab = 500, .top_p = 0.999, .one_in = 100},
        {.name = "top-k beyond the list",
         .vocab = 3001,
         .penalties = true,
         .top_k = 1000,
         .top_p = 0.8,
         .spread = 1},
        {.name = "top-k beyond the vocabulary", .vocab = 300, .top_k = 4000, .min_p = 0.02},
        {.name = "llama.cpp's order, hot",
         .vocab = 2500,
         .llama_cpp_order = true,
         .top_k = 700,
         .top_p = 0.95,
         .min_p = 0.001,
         .temperature = 1.7},
        {.name = "llama.cpp's order, cold",
         .vocab = 2500,
         .llama_cpp_order = true,
         .top_k = 60,
         .top_p = 0.95,
         .temperature = 0.3},
        {.name = "steep", .vocab = 1500, .min_p = 0.3, .temperature = 0.05, .spread = 30},
        {.name = "flat", .vocab = 9000, .temperature = 90, .spread = 0.1f, .group_size = 8},
        {.name = "huge logits", .vocab = 600, .top_p = 0.9, .spread = 1e37f},
        {.name = "large groups", .vocab = 20001, .penalties = true, .top_p = 0.9, .group_size = 64},
    };
}

SampleCase sample_case(const std::string& name) {
    const std::vector<SampleCase> cases = sample_cases();
    const auto found = std::find_if(cases.begin(), cases.end(),
                                    [&](const SampleCase& c) { return c.name == name; });
    REQUIRE(found != cases.end());
    return *found;
}

ref::SampleInput sample_input(const SampleCase& c, uint64_t seed) {
    support::Random random(seed);
    ref::SampleInput in;
    in.p = kernel_params(c);
    in.logits = random_floats(c.vocab, seed + 1, c.spread);
    in.counts.resize(c.vocab);
    for (uint32_t i = 0; i < c.vocab; ++i) {
        float& logit = in.logits[i];
        logit = c.step > 0 ? std::round(logit / c.step) * c.step : logit;
        logit = random.below(c.one_in) != 0 ? -kInf : logit;
        in.counts[i] = random.below(5) == 0 ? static_cast<uint32_t>(random.below(4)) : 0;
    }
    in.logits[random.below(c.vocab)] = c.spread * 2;  // something is left
    return in;
}

params::Sample sample_push(const SampleCase& c, uint32_t n_parts) {
    const uint32_t block = c.group_size * params::kSampleLanes;
    return {.vocab = c.vocab,
            .group_size = c.group_size,
            .n_groups = (c.vocab + block - 1) / block * params::kSampleLanes,
            .n_ctx = SampleArrays::kState.n_ctx,
            .n_parts = n_parts,
            .mass_of_draw = 0};
}

SampleArrays::SampleArrays(const ref::SampleInput& in, const params::Sample& push)
    : s(push),
      logits(in.logits),
      params(std::vector<params::SampleParams>{in.p}),
      counts(in.counts),
      groups(poisoned(size_t{4} * push.n_groups)),
      ranges(poisoned(size_t{4} * push.n_groups)),
      list(poisoned(size_t{2} * std::max(push.vocab, 8192u))),
      head(poisoned(sizeof(params::SampleHead) / 4)),
      mass(poisoned(size_t{2} * 4 * push.n_parts * params::kSampleParts)),
      state(std::vector<params::StepState>{kState}),
      history(poisoned(push.n_ctx)),
      ring(poisoned(params::kSampleSlots * sizeof(params::SampleRecord) / 4)) {}

void SampleArrays::groups_kernel(uint32_t workgroup) const {
    gpu::CommandBuffer& cmd = rig().cmd;
    cmd.dispatch(cmd.kernel("sample_groups", {workgroup}),
                 {.x = (s.n_groups + workgroup - 1) / workgroup}, s,
                 {logits.range(), params.range(), counts.range(), logits.range(), groups.range(),
                  ranges.range()},
                 {});
}

void SampleArrays::select_kernel(uint32_t workgroup, bool few) const {
    gpu::CommandBuffer& cmd = rig().cmd;
    cmd.dispatch(
        cmd.kernel("sample_select", {workgroup, few}), {}, s,
        {logits.range(), params.range(), counts.range(), logits.range(), groups.range(),
         ranges.range(), list.range(), head.range(), state.range(), history.range(), ring.range()},
        {});
}

void SampleArrays::mass_kernel(uint32_t workgroup, uint32_t copies, bool of_draw) const {
    gpu::CommandBuffer& cmd = rig().cmd;
    params::Sample push = s;
    push.mass_of_draw = of_draw;
    const uint64_t half = mass.range().size / 2;
    cmd.dispatch(cmd.kernel("sample_mass", {workgroup, copies}), {.x = s.n_parts}, push,
                 {logits.range(), params.range(), counts.range(), logits.range(), head.range(),
                  mass.range().slice(of_draw ? half : 0, half)},
                 {});
}

void SampleArrays::search_kernel(uint32_t workgroup) const {
    gpu::CommandBuffer& cmd = rig().cmd;
    cmd.dispatch(cmd.kernel("sample_search", {workgroup}), {}, s,
                 {logits.range(), params.range(), counts.range(), logits.range(), groups.range(),
                  ranges.range(), mass.range(), list.range(), head.range(), state.range(),
                  history.range(), ring.range()},
                 {});
}

params::SampleRecord SampleArrays::record() const {
    return ring.get<params::SampleRecord>()[kState.step % params::kSampleSlots];
}

void SampleArrays::check_draw(const ref::SampleInput& in) const {
    const params::SampleHead expected_head = ref::sample_select(in, s);
    const ref::SampleDraw draw = ref::sample_draw(in, kState.position + 1);
    const params::SampleRecord expected = ref::sample_record(in, expected_head, draw, kState);
    const params::SampleRecord got = record();
    CHECK(got.id == expected.id);
    CHECK(got.rank == expected.rank);
    CHECK(got.n_top == expected.n_top);
    const size_t head_bytes = offsetof(params::SampleRecord, top_ids);
    CHECK(std::memcmp(&got, &expected, head_bytes) == 0);
    CHECK(std::memcmp(got.top_ids, expected.top_ids, got.n_top * 4) == 0);
    CHECK(std::memcmp(got.top_logprobs, expected.top_logprobs, got.n_top * 4) == 0);

    const auto after = state.get<params::StepState>()[0];
    CHECK(after.token == draw.id);
    CHECK(after.position == kState.position + 1);
    CHECK(after.step == kState.step + 1);
    CHECK(after.n_ctx == kState.n_ctx);
    const auto past = history.get<uint32_t>();
    for (uint32_t i = 0; i < s.n_ctx; ++i) {
        CHECK(past[i] == (i == kState.position + 1 ? draw.id : kPoison));
    }
    const auto slots = ring.get<params::SampleRecord>();
    for (uint32_t slot = 0; slot < params::kSampleSlots; ++slot) {
        CHECK((slots[slot].status == kPoison) == (slot != kState.step % params::kSampleSlots));
    }
}

}  // namespace op_test
