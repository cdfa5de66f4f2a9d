// GpuSampler: Sampler's stages as kernels at the end of the recorded decode step. It draws the next
// token, moves StepState on and leaves one record per step in memory that the host reads.
// model/sampler.h is the definition; ids differ from it only where a draw or a cut lies within
// rounding (1e-5 of the whole) of a boundary.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "gpu/buffer.h"
#include "gpu/command_buffer.h"
#include "gpu/kernel.h"
#include "model/sampler.h"
#include "shaders/params.h"
#include "shaders/sample.h"

namespace model {

/// What a recording can draw. `few`: argmax and 1 <= top-k <= kSampleBest, in two dependent levels.
/// `any`: everything, in four.
enum class SampleForm : uint8_t { few, any };

/// The form these parameters need.
SampleForm sample_form(const SamplingParams& params);

/// One step's draw, as the record has it.
struct GpuDraw {
    uint32_t step = 0;
    uint32_t position = 0;  // of the token that was drawn
    TokenId id = 0;
    float p_final = 0;
    TokenStats stats;    // of the raw distribution, as token_stats
    uint32_t n_top = 0;  // entries of top
    std::array<std::pair<TokenId, float>, params::kSampleTop> top;  // as top_logprobs
};

class GpuSampler {
public:
    /// Every kernel, so that the session can make them together with its own.
    static std::vector<gpu::KernelRequest> kernels(const gpu::DeviceInfo& device);

    /// Allocates all it needs and makes its kernels. `n_ctx`: tokens of history it can hold.
    GpuSampler(gpu::Device& device, gpu::KernelCache& kernels, uint32_t vocab_size, uint32_t n_ctx);
    ~GpuSampler();
    GpuSampler(const GpuSampler&) = delete;
    GpuSampler& operator=(const GpuSampler&) = delete;

    /// Parameters of the draws from now on, without recording again as long as sample_form() stays
    /// the same (`any` serves all). No step may be running. Validated by the caller.
    void set_params(const SamplingParams& params);

    /// The sequence so far, [0, history.size()): after a prefill, a rewind or any other change than
    /// steps and record_history() make. Waits; no step may be running.
    void set_history(std::span<const TokenId> history);

    /// Record the step's own token into the history and the window's counts up to date. Needs only
    /// StepState, so beside the embedding it costs no level. One workgroup.
    ///   state   StepState
    void record_history(gpu::CommandBuffer& cmd, const gpu::Range& state);

    /// Record the draw from f32 [vocab_size] logits, after record_history() of the same step.
    /// Token, position and step of `state` move on. Records dispatches and nothing else.
    void record(gpu::CommandBuffer& cmd, const gpu::Range& logits, const gpu::Range& state,
                SampleForm form);

    /// The record of a step that has finished and is at most kSampleSlots - 1 steps old (CHECK).
    /// Throws as Sampler::sample on invalid numbers.
    GpuDraw result(uint32_t step) const;

    /// Device memory that one takes, without making it; at most 4 KiB off, by the alignment of
    /// ranges.
    static uint64_t bytes_for(uint32_t vocab_size, uint32_t n_ctx);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace model
