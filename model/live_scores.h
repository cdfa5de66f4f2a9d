// LiveScores: where attention leaves the scores of decoded tokens so that the host can read them,
// and the rows in log16 (inspector.md 2) that the host makes of them. The scores are made anyway:
// capture adds no dispatch to a step.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gpu/buffer.h"
#include "model/capture.h"
#include "model/config.h"

namespace model {

class LiveScores {
public:
    /// For tokens of contexts up to n_ctx; `n_slots` of them may be in flight.
    LiveScores(gpu::Device& device, const Config& config, uint32_t n_ctx, uint32_t n_slots);

    /// Set the memory aside, now rather than when scores are first asked for. May throw
    /// base::Error(out_of_memory); then all is as it was.
    void allocate();
    /// What allocate() sets aside.
    static uint64_t bytes_for(const Config& config, uint32_t n_ctx, uint32_t n_slots);

    /// Of one layer, f32 after the cap: n_heads rows of at most n_ctx columns, rounded up to tiles
    /// of 64. What writes them decides where a row begins, see Columns.
    gpu::Range range(uint32_t layer, uint32_t slot) const;

    /// How the rows of one layer lie: from key `first` on, `stride` columns to a row.
    struct Columns {
        uint32_t first = 0;
        uint32_t stride = 0;
    };
    /// After the step has finished on the device: the rows of every layer, of the token at
    /// `position`. `columns` has one for every layer; masked columns are not read.
    std::vector<LiveRows> rows(uint32_t position, uint32_t slot,
                               const std::vector<Columns>& columns) const;

private:
    gpu::Device& device_;
    const Config& config_;
    const uint32_t n_ctx_, n_slots_;
    std::optional<gpu::Buffer> buffer_;  // readback; f32 [n_slots, L, n_heads, n_ctx rounded up]
};

}  // namespace model
