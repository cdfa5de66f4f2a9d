// Arrays of trace that are no taps: each is made of what the session gives, piece by piece, so that
// memory grows with the array and not with the text's square (inspector.md 9).
#pragma once

#include "app/engine/attention_tiles.h"
#include "app/exports/npz.h"
#include "model/capture.h"
#include "model/sampler.h"
#include "model/session.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace app {

/// Cells of attention that are asked for at once: 4 MiB of weights.
constexpr uint32_t kTraceCells = 1 << 20;

/// stage_p [T, stages, k]: after every stage of the sampler, the probability of the k tokens that
/// topk_ids names. Row t is of the token that follows position t.
class StageArray {
public:
    StageArray(const model::SamplingParams& params, uint32_t vocab_size, uint32_t n_tokens,
               uint32_t n_top);

    /// Positions in any order. `history`: the tokens up to and with this position.
    void add(uint32_t position, std::span<const float> logits,
             std::span<const model::TokenId> history);
    void write(NpzWriter& out) const;
    /// {"stages":[names in order],"sampling":{...}} for meta_json.
    std::string meta() const;
    static uint64_t bytes(uint64_t n_tokens, uint64_t n_top) { return 28 * n_tokens * n_top; }

private:
    model::SamplingParams params_;
    model::Sampler sampler_;
    uint32_t n_tokens_, n_top_;
    std::vector<float> values_;
};

/// lens_ids, lens_logp [Ls, 2, T, k]: the most likely tokens if resid_mid (0) or resid_post (1) of
/// a layer were the last residual.
class LensArrays {
public:
    LensArrays(model::Session& session, std::vector<uint32_t> layers, uint32_t n_tokens,
               uint32_t n_top);

    /// Reads out the resid_mid and resid_post rows among those of a step; called by the step's
    /// CaptureSink, so that no rows are kept.
    void add(const model::Capture& capture);
    void write(NpzWriter& out) const;
    static uint64_t bytes(uint64_t n_layers, uint64_t n_tokens, uint64_t n_top) {
        return 16 * n_layers * n_tokens * n_top;
    }

private:
    model::Session& session_;
    std::vector<uint32_t> layers_;
    uint32_t n_tokens_, n_top_;
    std::vector<int32_t> ids_;
    std::vector<float> logprobs_;
};

/// thumb_max, thumb_mass [L, Hq, 64, 64]: every head's attention, pooled (see ThumbnailPool).
/// Cells right of and below the text are NaN.
void write_thumbnails(NpzWriter& out, model::Session& session);
/// The same of one head.
Thumbnail head_picture(model::Session& session, uint32_t layer, uint32_t head);
/// Positions per cell.
uint32_t thumbnail_bin(uint32_t n_tokens);
uint64_t thumbnail_bytes(const model::Config& config);

}  // namespace app
