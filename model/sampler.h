// Sampler: logits -> one token, from a seed. The stages are data: the window shows each of them.
// On the CPU (model/gpu_sampler.h is its twin on the device); the same logits, parameters, seed and
// position always give the same token.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "model/source.h"
#include "model/tokenizer.h"

namespace model {

struct SamplingParams {
    float temperature = 1.0f;     // <= 0: exact argmax, ties to the lowest id
    int32_t top_k = 64;           // 0: off
    float top_p = 0.95f;          // 1: off
    float min_p = 0.0f;           // 0: off
    float repeat_penalty = 1.0f;  // 1: off
    int32_t repeat_last_n = 64;   // tokens looked at by the penalties; -1: all, 0: none
    float presence_penalty = 0.0f;
    float frequency_penalty = 0.0f;
    uint64_t seed = 0;
    bool llama_cpp_order = false;  // temperature last (spec 8.2); default: HF's order
};

/// Spec 8.1: defaults of the generation (base models: of Gemma 3), overridden by the file's own
/// hints where they are in range.
SamplingParams default_sampling(const Config& config, const SamplingHints& hints, bool base_model);

/// One table of names, ranges and descriptions for command line, window and (later) HTTP.
struct SamplingField {
    std::string_view name;        // "top_p"
    std::string_view flag;        // "--top-p"
    std::string_view unit_range;  // "0..1, 1 = off"
    std::string_view description;
    double min, max, off;
    bool integer;
};
std::span<const SamplingField> sampling_fields();
/// The field of that name, which must be there (CHECK).
const SamplingField& sampling_field(std::string_view name);
double field_value(const SamplingParams& params, const SamplingField& field);
/// Throws base::Error(usage) as validate does, before anything is changed.
void set_field(SamplingParams& params, const SamplingField& field, double value);
/// Throws base::Error(usage) naming the field, its value and its range. NaN is refused.
void validate(const SamplingParams& params);

struct Candidate {
    TokenId id = 0;
    float logit = 0;  // as it stands after the stage
    float p = 0;
};

enum class SamplerStage : uint8_t { raw, penalties, temperature, top_k, top_p, min_p, final };
std::string_view stage_name(SamplerStage stage);
/// The order in which these parameters apply them; always all seven, raw first, final last.
std::array<SamplerStage, 7> stage_order(const SamplingParams& params);
/// False when the stage does nothing with these parameters (top_p 1, penalties 1 and 0, ...).
bool stage_active(SamplerStage stage, const SamplingParams& params);

/// Distribution after one stage: the survivors, most likely first (ties: lowest id); p sums to 1.
/// Tokens whose logit is -inf are never survivors.
struct StageResult {
    SamplerStage stage = SamplerStage::raw;
    uint32_t n_left = 0;         // survivors
    std::vector<Candidate> top;  // at most the number asked for
    double other = 0;            // probability of the survivors that are not in `top`
};

struct Draw {
    TokenId id = 0;
    float p_final = 0;  // its probability in the final stage
    double u = 0;       // the uniform number in [0, 1) it was drawn with
};

/// Philox 4x32-10 (Salmon et al. 2011): a block of four words from a counter and a key.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);
/// Uniform in [0, 1), a function of seed and position only: 53 bits of Philox, key = seed,
/// counter = position.
double uniform(uint64_t seed, uint64_t position);

/// Throws base::Error(runtime) "the model produced invalid numbers" with its hint.
[[noreturn]] void throw_invalid_numbers();

/// Keeps buffers between calls and nothing else: any call gives what a fresh Sampler would give.
class Sampler {
public:
    explicit Sampler(uint32_t vocab_size);

    /// Draw the token that follows. `history`: all tokens before it (penalties look at the last
    /// repeat_last_n). `position`: of the token to be drawn. Throws base::Error(runtime) "the model
    /// produced invalid numbers" on NaN, +Inf or all -Inf.
    Draw sample(std::span<const float> logits, const SamplingParams& params,
                std::span<const TokenId> history, uint64_t position);

    /// The same stages, shown: after each, n_top survivors with probabilities and the rest's mass.
    std::vector<StageResult> stages(std::span<const float> logits, const SamplingParams& params,
                                    std::span<const TokenId> history, uint32_t n_top);
    /// The same stages seen from given tokens: each one's probability after every stage, 0 where it
    /// is no survivor. [7, ids.size()], stages as stage_order() says.
    std::vector<float> stage_probabilities(std::span<const float> logits,
                                           const SamplingParams& params,
                                           std::span<const TokenId> history,
                                           std::span<const TokenId> ids);

private:
    void penalise(std::span<const float> logits, const SamplingParams& params,
                  std::span<const TokenId> history);
    void order(std::span<const float> logits, size_t n_wanted);
    void apply(SamplerStage stage, const SamplingParams& params);
    double weigh();
    template <class Visit>
    void visit_stages(std::span<const float> logits, const SamplingParams& params,
                      std::span<const TokenId> history, const Visit& visit);
    StageResult show(SamplerStage stage, uint32_t n_top);

    // The survivors are a prefix of the tokens in order of their logits, because no stage after the
    // penalties changes that order: a stage only shortens the prefix or changes the temperature.
    std::vector<float> penalised_;
    std::vector<uint64_t> keys_, swap_;  // sorted: logit (descending), then id (ascending)
    size_t n_left_ = 0;
    double temperature_ = 1;        // applied so far
    std::vector<double> weights_;   // exp((logit - largest) / temperature) of the survivors
    std::vector<uint32_t> counts_;  // how often each token stands in the window; zero between calls
};

/// Raw full-vocabulary facts at temperature 1, after the final cap.
struct TokenStats {
    float logprob = 0;
    int32_t rank = 0;   // 0 = the most likely
    float entropy = 0;  // nats, of the whole distribution
    double log_sum_exp = 0;
};
/// Throws as Sampler::sample on invalid numbers. `id` must be in range (CHECK).
TokenStats token_stats(std::span<const float> logits, TokenId id);
/// Log of the sum of exp over the vocabulary: TokenStats::log_sum_exp alone. Throws as token_stats.
double log_sum_exp(std::span<const float> logits);
/// The k most likely tokens with log-probabilities, best first, ties to the lowest id. log_sum: of
/// these logits, which the caller has as a rule; it costs more than the rest.
std::vector<std::pair<TokenId, float>> top_logprobs(std::span<const float> logits, uint32_t k,
                                                    double log_sum);
TokenId argmax(std::span<const float> logits);

}  // namespace model
