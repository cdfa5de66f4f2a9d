#include "model/sampler.h"

#include "gpu/base.h"
#include "model/sampler_math.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace model {

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kMaxFloat = std::numeric_limits<float>::max();

/// Refuses logits no distribution can be made of. -Inf is a token that cannot come.
void check_numbers(std::span<const float> logits) {
    bool finite = false;
    bool invalid = logits.empty();
    for (const float l : logits) {
        invalid |= std::isnan(l) || l == kInf;
        finite |= std::isfinite(l);
    }
    if (invalid || !finite) {
        throw_invalid_numbers();
    }
}

/// A key that sorts like (logit descending, id ascending). Both zeros are the same logit.
uint64_t make_key(float logit, TokenId id) {
    const uint32_t bits = std::bit_cast<uint32_t>(logit + 0.0f);
    const uint32_t ascending = (bits & 0x80000000u) ? ~bits : bits | 0x80000000u;
    return (uint64_t{~ascending} << 32) | uint32_t(id);
}
TokenId key_id(uint64_t key) {
    return TokenId(key & 0xffffffffu);
}
float key_logit(uint64_t key) {
    const uint32_t ascending = ~uint32_t(key >> 32);
    return std::bit_cast<float>((ascending & 0x80000000u) ? ascending & 0x7fffffffu : ~ascending);
}

/// All keys but those of -Inf, in order of id.
void fill_keys(std::vector<uint64_t>& keys, std::span<const float> logits) {
    keys.clear();
    for (size_t i = 0; i < logits.size(); ++i) {
        if (logits[i] != -kInf) {
            keys.push_back(make_key(logits[i], TokenId(i)));
        }
    }
}

/// Sorts keys that are in order of id: by the upper half only, as the sort is stable. Three passes
/// of 11 bits; an order of magnitude quicker than std::sort on a whole vocabulary.
void radix_sort(std::vector<uint64_t>& keys, std::vector<uint64_t>& swap) {
    constexpr uint32_t kBits = 11;
    swap.resize(keys.size());
    for (uint32_t shift = 32; shift < 64; shift += kBits) {
        std::array<uint32_t, size_t{1} << kBits> ends{};
        const auto digit = [shift](uint64_t key) { return (key >> shift) & ((1u << kBits) - 1); };
        for (const uint64_t key : keys) {
            ++ends[digit(key)];
        }
        uint32_t begin = 0;
        for (uint32_t& end : ends) {
            begin += std::exchange(end, begin);
        }
        for (const uint64_t key : keys) {
            swap[ends[digit(key)]++] = key;
        }
        keys.swap(swap);
    }
}

/// The first n of all keys in sorted order, sorted. `keys` must be in order of id.
void keep_best(std::vector<uint64_t>& keys, std::vector<uint64_t>& swap, size_t n) {
    if (n >= keys.size() || n > 4096) {
        radix_sort(keys, swap);
        keys.resize(std::min(n, keys.size()));
        return;
    }
    // A heap of the best so far, the worst of them on top; nearly every key fails one comparison.
    swap.assign(keys.begin(), keys.begin() + ptrdiff_t(n));
    std::make_heap(swap.begin(), swap.end());
    for (size_t i = n; n != 0 && i < keys.size(); ++i) {
        if (keys[i] < swap.front()) {
            std::pop_heap(swap.begin(), swap.end());
            swap.back() = keys[i];
            std::push_heap(swap.begin(), swap.end());
        }
    }
    std::sort_heap(swap.begin(), swap.end());
    keys.swap(swap);
}

std::span<const TokenId> penalty_window(const SamplingParams& params,
                                        std::span<const TokenId> history) {
    const size_t n = params.repeat_last_n < 0
                         ? history.size()
                         : std::min(history.size(), size_t(params.repeat_last_n));
    return history.last(n);
}

}  // namespace

void throw_invalid_numbers() {
    throw base::Error(base::ErrorKind::runtime, "the model produced invalid numbers",
                      "The file may be damaged, or the graphics driver computes wrongly; try "
                      "--device cpu to tell which.");
}

SamplingParams default_sampling(const Config& config, const SamplingHints& hints, bool base_model) {
    SamplingParams params;
    if (config.architecture != Architecture::gemma3 && !base_model) {
        params.temperature = 0.95f;
        params.top_k = 100;
        params.top_p = 1.0f;
    }
    const auto take = [](auto& value, auto hint, double max) {
        if (hint >= 0 && double(hint) <= max) {  // false for NaN
            value = hint;
        }
    };
    take(params.temperature, hints.temperature, 100);
    take(params.top_p, hints.top_p, 1);
    take(params.top_k, hints.top_k, std::numeric_limits<int32_t>::max());
    return params;
}

std::string_view stage_name(SamplerStage stage) {
    constexpr std::array<std::string_view, 7> names = {"raw",   "penalties", "temperature", "top_k",
                                                       "top_p", "min_p",     "final"};
    return names[size_t(stage)];
}

std::array<SamplerStage, 7> stage_order(const SamplingParams& params) {
    using enum SamplerStage;
    if (params.llama_cpp_order) {
        return {raw, penalties, top_k, top_p, min_p, temperature, final};
    }
    return {raw, penalties, temperature, top_k, top_p, min_p, final};
}

bool stage_active(SamplerStage stage, const SamplingParams& params) {
    switch (stage) {
        case SamplerStage::penalties:
            return params.repeat_last_n != 0 &&
                   (params.repeat_penalty != 1 || params.presence_penalty != 0 ||
                    params.frequency_penalty != 0);
        case SamplerStage::temperature:
            return params.temperature != 1;
        case SamplerStage::top_k:
            return params.top_k > 0;
        case SamplerStage::top_p:
            return params.top_p < 1;
        case SamplerStage::min_p:
            return params.min_p > 0;
        case SamplerStage::raw:
        case SamplerStage::final:
            return true;
    }
    return true;
}

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t a = uint64_t{0xD2511F53u} * counter[0];
        const uint64_t b = uint64_t{0xCD9E8D57u} * counter[2];
        counter = {uint32_t(b >> 32) ^ counter[1] ^ key[0], uint32_t(b),
                   uint32_t(a >> 32) ^ counter[3] ^ key[1], uint32_t(a)};
        key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
    }
    return counter;
}

double uniform(uint64_t seed, uint64_t position) {
    const auto words = philox4x32({uint32_t(position), uint32_t(position >> 32), 0, 0},
                                  {uint32_t(seed), uint32_t(seed >> 32)});
    return double(((uint64_t{words[0]} << 32) | words[1]) >> 11) * 0x1p-53;
}

Sampler::Sampler(uint32_t vocab_size) {
    keys_.reserve(vocab_size);
    swap_.reserve(vocab_size);
    counts_.resize(vocab_size);
}

void Sampler::penalise(std::span<const float> logits, const SamplingParams& params,
                       std::span<const TokenId> history) {
    penalised_.assign(logits.begin(), logits.end());
    counts_.resize(std::max(counts_.size(), logits.size()));
    const auto window = penalty_window(params, history);
    const auto counted = [&](TokenId id) { return id >= 0 && size_t(id) < logits.size(); };
    for (const TokenId id : window) {
        if (counted(id)) {
            ++counts_[size_t(id)];
        }
    }
    for (const TokenId id : window) {
        if (!counted(id) || counts_[size_t(id)] == 0) {
            continue;  // done at its first occurrence
        }
        float& logit = penalised_[size_t(id)];
        const float count = float(std::exchange(counts_[size_t(id)], 0));
        if (logit != -kInf) {
            logit = logit > 0 ? logit / params.repeat_penalty : logit * params.repeat_penalty;
            logit -= count * params.frequency_penalty + params.presence_penalty;
            logit = std::clamp(logit, -kMaxFloat, kMaxFloat);
        }
    }
}

void Sampler::order(std::span<const float> logits, size_t n_wanted) {
    fill_keys(keys_, logits);
    n_left_ = keys_.size();
    temperature_ = 1;
    keep_best(keys_, swap_, std::min(n_wanted, keys_.size()));
}

/// Weights of the survivors; returns their sum, added in order.
double Sampler::weigh() {
    CHECK(n_left_ <= keys_.size(), "left {} ordered {}", n_left_, keys_.size());
    const double largest = key_logit(keys_.front());
    weights_.resize(n_left_);
    double sum = 0;
    for (size_t i = 0; i < n_left_; ++i) {
        const double x = (double(key_logit(keys_[i])) - largest) / temperature_;
        weights_[i] = i == 0 ? 1 : portable_exp(x);
        sum += weights_[i];
    }
    return sum;
}

void Sampler::apply(SamplerStage stage, const SamplingParams& params) {
    if (!stage_active(stage, params)) {
        return;
    }
    if (stage == SamplerStage::temperature) {
        if (params.temperature > 0) {
            temperature_ = double(params.temperature);
        } else {
            n_left_ = 1;
        }
    } else if (stage == SamplerStage::top_k) {
        n_left_ = std::min(n_left_, size_t(params.top_k));
    } else if (stage == SamplerStage::top_p) {
        const double wanted = weigh() * double(params.top_p);
        double sum = 0;
        size_t n = 0;
        while (n < n_left_ && (n == 0 || sum < wanted)) {  // the token that crosses p stays
            sum += weights_[n++];
        }
        n_left_ = n;
    } else if (stage == SamplerStage::min_p) {
        weigh();  // relative to the most likely, whose weight is 1
        size_t n = 1;
        while (n < n_left_ && weights_[n] >= double(params.min_p)) {
            ++n;
        }
        n_left_ = n;
    }
}

Draw Sampler::sample(std::span<const float> logits, const SamplingParams& params,
                     std::span<const TokenId> history, uint64_t position) {
    check_numbers(logits);
    if (stage_active(SamplerStage::penalties, params)) {
        penalise(logits, params, history);
        logits = penalised_;
    }
    if (!(params.temperature > 0)) {
        return {argmax(logits), 1, 0};
    }
    // With top-k on, no stage looks further than the first k: the temperature keeps the order.
    order(logits, params.top_k > 0 ? size_t(params.top_k) : logits.size());
    for (const SamplerStage stage : stage_order(params)) {
        apply(stage, params);
    }
    const double sum = weigh();
    const double u = uniform(params.seed, position);
    size_t chosen = 0;
    double below = weights_[0];
    while (chosen + 1 < n_left_ && below <= u * sum) {
        below += weights_[++chosen];
    }
    return {key_id(keys_[chosen]), float(weights_[chosen] / sum), u};
}

StageResult Sampler::show(SamplerStage stage, uint32_t n_top) {
    const double sum = weigh();
    StageResult result;
    result.stage = stage;
    result.n_left = uint32_t(n_left_);
    double other = 0;
    for (size_t i = 0; i < n_left_; ++i) {
        if (i < n_top) {
            const double logit = double(key_logit(keys_[i])) / temperature_;
            result.top.push_back({key_id(keys_[i]), float(logit), float(weights_[i] / sum)});
        } else {
            other += weights_[i];
        }
    }
    result.other = other / sum;
    return result;
}

/// visit(stage, changed) after every stage; changed: the survivors or their weights may be others.
template <class Visit>
void Sampler::visit_stages(std::span<const float> logits, const SamplingParams& params,
                           std::span<const TokenId> history, const Visit& visit) {
    check_numbers(logits);
    order(logits, logits.size());
    for (const SamplerStage stage : stage_order(params)) {
        const bool active = stage_active(stage, params);
        if (stage == SamplerStage::penalties && active) {
            penalise(logits, params, history);
            order(penalised_, logits.size());
        }
        apply(stage, params);
        visit(stage, active);
    }
}

std::vector<StageResult> Sampler::stages(std::span<const float> logits,
                                         const SamplingParams& params,
                                         std::span<const TokenId> history, uint32_t n_top) {
    std::vector<StageResult> results;
    visit_stages(logits, params, history, [&](SamplerStage stage, bool changed) {
        if (changed) {  // raw, the first, always counts as active
            results.push_back(show(stage, n_top));
        } else {
            results.push_back(results.back());
            results.back().stage = stage;
        }
    });
    return results;
}

std::vector<float> Sampler::stage_probabilities(std::span<const float> logits,
                                                const SamplingParams& params,
                                                std::span<const TokenId> history,
                                                std::span<const TokenId> ids) {
    std::vector<float> all;
    std::vector<float> row(ids.size());
    visit_stages(logits, params, history, [&](SamplerStage stage, bool changed) {
        if (changed) {
            const double sum = weigh();
            const bool penalised =
                stage != SamplerStage::raw && stage_active(SamplerStage::penalties, params);
            const std::span<const float> now = penalised ? penalised_ : logits;
            for (size_t i = 0; i < ids.size(); ++i) {
                CHECK(ids[i] >= 0 && size_t(ids[i]) < now.size(), "id {}", ids[i]);
                const uint64_t key = make_key(now[size_t(ids[i])], ids[i]);
                const auto end = keys_.begin() + ptrdiff_t(n_left_);
                const auto at = std::lower_bound(keys_.begin(), end, key);
                const bool survives = at != end && *at == key;
                row[i] = survives ? float(weights_[size_t(at - keys_.begin())] / sum) : 0.0f;
            }
        }
        all.insert(all.end(), row.begin(), row.end());
    });
    return all;
}

TokenStats token_stats(std::span<const float> logits, TokenId id) {
    CHECK(id >= 0 && size_t(id) < logits.size(), "id {} of {}", id, logits.size());
    check_numbers(logits);
    const float own = logits[size_t(id)];
    const double largest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    double weighted = 0;
    TokenStats stats;
    for (size_t i = 0; i < logits.size(); ++i) {
        if (logits[i] != -kInf) {
            const double x = double(logits[i]) - largest;
            const double weight = portable_exp(x);
            sum += weight;
            weighted += weight * x;
        }
        stats.rank += int32_t(logits[i] > own || (logits[i] == own && i < size_t(id)));
    }
    stats.log_sum_exp = largest + std::log(sum);
    stats.logprob = float(double(own) - stats.log_sum_exp);
    stats.entropy = float(std::log(sum) - weighted / sum);
    return stats;
}

double log_sum_exp(std::span<const float> logits) {
    check_numbers(logits);
    const double largest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const float l : logits) {
        sum += l == -kInf ? 0 : portable_exp(double(l) - largest);
    }
    return largest + std::log(sum);
}

std::vector<std::pair<TokenId, float>> top_logprobs(std::span<const float> logits, uint32_t k,
                                                    double log_sum) {
    std::vector<uint64_t> keys;
    std::vector<uint64_t> swap;
    fill_keys(keys, logits);
    keep_best(keys, swap, std::min(size_t(k), keys.size()));
    std::vector<std::pair<TokenId, float>> top;
    top.reserve(keys.size());
    for (const uint64_t key : keys) {
        top.emplace_back(key_id(key), float(double(key_logit(key)) - log_sum));
    }
    return top;
}

TokenId argmax(std::span<const float> logits) {
    size_t best = 0;
    for (size_t i = 1; i < logits.size(); ++i) {
        if (logits[i] > logits[best]) {
            best = i;
        }
    }
    return TokenId(best);
}

}  // namespace model
