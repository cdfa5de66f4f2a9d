// TapRecorder: copies the activations that a CaptureSpec asks for to where the host can read them,
// as part of the recorded step. Asked for nothing, a tap costs one branch and records nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "gpu/buffer.h"
#include "gpu/command_buffer.h"
#include "model/capture.h"
#include "model/config.h"
#include "model/ops.h"

namespace model {

class TapRecorder {
public:
    TapRecorder(gpu::Device& device, const Config& config);

    /// Prepare for steps of at most `max_rows` rows. Allocates; on base::Error(out_of_memory) what
    /// was configured before stays.
    void configure(const CaptureSpec& spec, uint32_t max_rows);
    const CaptureSpec& spec() const { return spec_; }
    /// Anything at all to capture?
    bool active() const { return spec_.live_rows || !spec_.taps.empty(); }

    /// A step begins at `position`: forget the last one's records.
    void begin(uint32_t position);

    /// What is computed until the next begin() is no part of a step: nothing is recorded.
    void pause() { recording_ = false; }

    void tap(gpu::CommandBuffer& cmd, Tap tap, uint32_t layer, const Tensor& tensor) {
        if (recording_ && spec_.wants(tap, layer)) {
            record(cmd, tap, layer, 0, tensor);
        }
    }
    /// A tap of some rows of the step, after the layers.
    void tap_rows(gpu::CommandBuffer& cmd, Tap tap, uint32_t first_row, const Tensor& tensor) {
        if (recording_ && spec_.wants(tap, 0)) {
            record(cmd, tap, 0, first_row, tensor);
        }
    }
    /// The tap `result`: W_O applied to each head's z apart.
    void tap_per_head(gpu::CommandBuffer& cmd, uint32_t layer, const Matrix& w, const Tensor& z,
                      uint32_t n_heads);

    /// After the step has finished on the device: what was recorded.
    std::vector<TapRows> collect() const;

private:
    struct Record {
        Tap tap;
        uint32_t layer, first_row, rows, dim;
        uint64_t offset;
    };
    void record(gpu::CommandBuffer& cmd, Tap tap, uint32_t layer, uint32_t first_row,
                const Tensor& tensor);
    uint64_t bytes_for(const CaptureSpec& spec, uint32_t max_rows) const;

    gpu::Device& device_;
    const Config& config_;
    CaptureSpec spec_;
    std::optional<gpu::Buffer> staging_;   // readback; taps
    std::optional<gpu::Buffer> per_head_;  // device; the tap `result`
    std::vector<Record> records_;
    uint64_t used_ = 0;
    uint32_t position_ = 0;
    bool recording_ = false;
};

}  // namespace model
