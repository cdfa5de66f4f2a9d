#include "tests/support/sample_twins.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "model/sampler.h"
#include "shaders/exact.h"

namespace ref {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr uint32_t kNone = 0xffffffff;

uint32_t bits(float x) {
    return std::bit_cast<uint32_t>(x);
}
bool is_invalid(float logit) {
    return std::isnan(logit) || logit == kInf;
}
float below(float logit, float largest) {
    return std::max(logit - largest, -1e6f);
}

float scaled(float logit, float largest, float high, float low) {
    const float distance = below(logit, largest);
    return std::min(distance * high + distance * low, 0.0f);
}

uint64_t weight(float x) {
    return x < -31.5f ? 0
                      : static_cast<uint64_t>(std::floor(
                            std::ldexp(static_cast<double>(exact::exact_exp(x)), 44) + 0.5));
}

/// Members of a group, ids ascending.
std::vector<uint32_t> members(uint32_t group, const params::Sample& s) {
    std::vector<uint32_t> ids;
    const uint32_t block = group / params::kSampleLanes, lane = group % params::kSampleLanes;
    for (uint32_t j = 0; j < s.group_size; ++j) {
        const uint32_t id =
            params::kSampleLanes * (block * s.group_size + j / 4 * 4) + 4 * lane + j % 4;
        if (id < s.vocab) {
            ids.push_back(id);
        }
    }
    return ids;
}

unsigned __int128 product(uint64_t a, uint64_t b) {
    return static_cast<unsigned __int128>(a) * b;
}
uint64_t high_half(uint64_t a, uint64_t b) {
    return static_cast<uint64_t>(product(a, b) >> 64);
}

float as_float(uint64_t a) {
    return static_cast<float>(static_cast<uint32_t>(a >> 32)) * 4294967296.0f +
           static_cast<float>(static_cast<uint32_t>(a));
}

}  // namespace

uint32_t sample_key(float logit) {
    const uint32_t b = bits(logit + 0.0f);
    return (b & 0x80000000u) != 0 ? ~b : b | 0x80000000u;
}

std::vector<float> sample_penalised(const SampleInput& in) {
    std::vector<float> logits = in.logits;
    if (in.p.penalties_on == 0) {
        return logits;
    }
    constexpr float kMost = std::numeric_limits<float>::max();
    for (size_t i = 0; i < logits.size(); ++i) {
        float& logit = logits[i];
        if (in.counts[i] > 0 && logit != -kInf) {
            logit = logit > 0 ? logit / in.p.repeat_penalty : logit * in.p.repeat_penalty;
            logit -=
                static_cast<float>(in.counts[i]) * in.p.frequency_penalty + in.p.presence_penalty;
            logit = std::clamp(logit, -kMost, kMost);
        }
    }
    return logits;
}

std::vector<uint32_t> sample_order(std::span<const float> logits) {
    std::vector<uint32_t> ids;
    for (uint32_t i = 0; i < logits.size(); ++i) {
        if (logits[i] != -kInf) {
            ids.push_back(i);
        }
    }
    std::stable_sort(ids.begin(), ids.end(),
                     [&](uint32_t a, uint32_t b) { return logits[a] > logits[b]; });
    return ids;
}

SampleGroups sample_groups(const SampleInput& in, const params::Sample& s) {
    const std::vector<float> after = sample_penalised(in);
    SampleGroups out;
    for (uint32_t group = 0; group < s.n_groups; ++group) {
        // An empty group and one of -Inf alone only have to sort behind all others.
        float largest = -kInf, best = -kInf, least = kInf;
        uint32_t id = 0, best_id = 0;
        bool invalid = false;
        for (const uint32_t i : members(group, s)) {
            const float logit = in.logits[i];
            invalid |= is_invalid(logit);
            id = logit > largest ? i : id;
            largest = std::max(largest, logit);
            best_id = after[i] > best ? i : best_id;
            best = std::max(best, after[i]);
            least = after[i] > -kInf ? std::min(least, after[i]) : least;
        }
        float sum = 0, weighted = 0;
        for (const uint32_t i : members(group, s)) {
            if (!invalid && largest > -kInf && in.logits[i] > -kInf) {
                const float x = below(in.logits[i], largest);
                const float w = exact::exact_exp(x);
                sum += w;
                weighted += w * x;
            }
        }
        const uint32_t key = invalid ? kNone : sample_key(largest);
        for (const uint32_t word : {key, id, bits(sum), bits(weighted)}) {
            out.groups.push_back(word);
        }
        const uint32_t least_key = least == kInf ? kNone : sample_key(least);
        for (const uint32_t word : {sample_key(best), best_id, least_key, 0u}) {
            out.ranges.push_back(word);
        }
    }
    return out;
}

params::SampleHead sample_select(const SampleInput& in, const params::Sample& s) {
    params::SampleHead head{};
    const std::vector<uint32_t> order = sample_order(in.logits);
    if (order.empty() || std::any_of(in.logits.begin(), in.logits.end(), is_invalid)) {
        head.status = params::kSampleInvalid;
        return head;
    }
    const float largest = in.logits[order[0]];
    head.raw_key = sample_key(largest);
    const SampleGroups groups = sample_groups(in, s);
    std::vector<float> sums(params::kSampleParts), weighted(params::kSampleParts);
    for (uint32_t g = 0; g < s.n_groups; ++g) {
        const uint32_t* group = &groups.groups[size_t{4} * g];
        if (group[0] > sample_key(-kInf)) {
            const float own_largest = in.logits[group[1]];
            const float x = below(own_largest, largest);
            const float factor = exact::exact_exp(x);
            const float own = std::bit_cast<float>(group[2]);
            sums[g % params::kSampleParts] += factor * own;
            weighted[g % params::kSampleParts] +=
                factor * (std::bit_cast<float>(group[3]) + x * own);
        }
    }
    for (uint32_t half = params::kSampleParts / 2; half > 0; half /= 2) {
        for (uint32_t i = 0; i < half; ++i) {
            sums[i] += sums[i + half];
            weighted[i] += weighted[i + half];
        }
    }
    head.sum = sums[0];
    head.weighted = weighted[0];
    head.n_raw = std::min<uint32_t>(params::kSampleTop, static_cast<uint32_t>(order.size()));
    for (uint32_t i = 0; i < head.n_raw; ++i) {
        head.raw_best[2 * i] = sample_key(in.logits[order[i]]);
        head.raw_best[2 * i + 1] = order[i];
    }
    const std::vector<float> after = sample_penalised(in);
    const std::vector<uint32_t> order_after = sample_order(after);
    head.key = sample_key(after[order_after.front()]);
    head.id = order_after.front();
    head.least_key = sample_key(after[order_after.back()]);
    return head;
}

std::vector<uint32_t> sample_mass(const SampleInput& in, const params::Sample& s,
                                  const params::SampleHead& head) {
    const std::vector<float> after = sample_penalised(in);
    const std::vector<uint32_t> order = sample_order(after);
    const float largest = after[order.front()];
    const float smallest_scale = std::min(in.p.cut_scale_hi, in.p.draw_scale_hi);
    const float spread =
        std::min(largest - after[order.back()], 31.5f * exact::exact_rcp(smallest_scale));
    const float per_unit = 255.9f * exact::exact_rcp(std::max(spread, 1e-6f));
    std::vector<uint32_t> numbers(size_t{s.n_parts} * params::kSampleParts);
    std::vector<uint64_t> sums(numbers.size());
    for (const uint32_t id : order) {
        const uint32_t part = id / (4 * params::kSampleParts) % s.n_parts;
        const auto bin = static_cast<uint32_t>(std::min((largest - after[id]) * per_unit, 255.0f));
        const bool draw = s.mass_of_draw != 0;
        const float x = scaled(after[id], largest, draw ? in.p.draw_scale_hi : in.p.cut_scale_hi,
                               draw ? in.p.draw_scale_lo : in.p.cut_scale_lo);
        numbers[part * params::kSampleParts + bin] += in.p.top_k != 0;
        sums[part * params::kSampleParts + bin] += weight(x);
    }
    static_cast<void>(head);
    std::vector<uint32_t> out;
    for (size_t i = 0; i < numbers.size(); ++i) {
        for (const uint32_t word : {numbers[i], static_cast<uint32_t>(sums[i]),
                                    static_cast<uint32_t>(sums[i] >> 32), 0u}) {
            out.push_back(word);
        }
    }
    return out;
}

SampleDraw sample_draw(const SampleInput& in, uint32_t position) {
    const std::vector<float> after = sample_penalised(in);
    const std::vector<uint32_t> order = sample_order(after);
    if (in.p.greedy != 0) {
        return {.id = order[0], .p_final = 1};
    }
    const float largest = after[order[0]];
    size_t n = order.size();
    if (in.p.top_k != 0) {
        n = std::min(n, size_t{in.p.top_k});
    }
    const auto cut = [&](size_t i) {
        return scaled(after[order[i]], largest, in.p.cut_scale_hi, in.p.cut_scale_lo);
    };
    const auto drawn = [&](size_t i) {
        return weight(scaled(after[order[i]], largest, in.p.draw_scale_hi, in.p.draw_scale_lo));
    };
    if (in.p.top_p_on != 0) {
        uint64_t total = 0;
        for (size_t i = 0; i < n; ++i) {
            total += weight(cut(i));
        }
        const uint64_t wanted = high_half(total, (uint64_t{in.p.top_p_hi} << 32) | in.p.top_p_lo);
        uint64_t sum = 0;
        size_t left = 0;
        while (left < n && (left == 0 || sum < wanted)) {
            sum += weight(cut(left++));
        }
        n = left;
    }
    if (in.p.min_p_on != 0) {
        size_t left = 1;
        while (left < n && cut(left) >= in.p.log_min_p) {
            ++left;
        }
        n = left;
    }
    uint64_t total = 0;
    for (size_t i = 0; i < n; ++i) {
        total += drawn(i);
    }
    const auto seed = (uint64_t{in.p.seed_hi} << 32) | in.p.seed_lo;
    const auto random = static_cast<uint64_t>(std::ldexp(model::uniform(seed, position), 53)) << 11;
    const uint64_t target = high_half(total, random);
    size_t chosen = 0;
    uint64_t sum = drawn(0);
    while (sum <= target) {
        sum += drawn(++chosen);
    }
    return {.id = order[chosen],
            .p_final = exact::exact_div(as_float(drawn(chosen)), as_float(total))};
}

params::SampleRecord sample_record(const SampleInput& in, const params::SampleHead& head,
                                   const SampleDraw& draw, const params::StepState& state) {
    params::SampleRecord record{};
    const std::vector<uint32_t> order = sample_order(in.logits);
    const float largest = in.logits[order[0]];
    const float log_sum = exact::exact_log(head.sum);
    record.status = params::kSampleFine;
    record.step = state.step;
    record.position = state.position + 1;
    record.id = draw.id;
    record.p_final = draw.p_final;
    record.logprob = in.logits[draw.id] - largest - log_sum;
    record.rank =
        static_cast<uint32_t>(std::find(order.begin(), order.end(), draw.id) - order.begin());
    record.entropy = log_sum - exact::exact_div(head.weighted, head.sum);
    record.log_sum_exp = largest + log_sum;
    record.n_top = head.n_raw;
    for (uint32_t i = 0; i < head.n_raw; ++i) {
        record.top_ids[i] = order[i];
        record.top_logprobs[i] = in.logits[order[i]] - largest - log_sum;
    }
    return record;
}

void sample_history(std::span<uint32_t> history, std::span<uint32_t> counts,
                    std::span<uint32_t> counted, const params::StepState& state,
                    const params::SampleParams& p) {
    if (state.position >= history.size()) {
        return;
    }
    history[state.position] = state.token;
    const uint32_t end = state.position + 1;
    const uint32_t n = p.penalties_on != 0 ? std::min(end, p.last_n) : 0;
    std::fill(counts.begin(), counts.end(), 0);
    for (uint32_t i = end - n; i < end; ++i) {
        if (history[i] < counts.size()) {
            ++counts[history[i]];
        }
    }
    counted[0] = end - n;
    counted[1] = end;
}

}  // namespace ref
