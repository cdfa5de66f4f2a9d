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
    TapRecorder(gpu::Device& device, const Config& config, uint32_t n_ctx);

    /// Prepare for steps of at most `max_rows` rows. Allocates; on base::Error(out_of_memory) what
    /// was configured before stays.
    void configure(const CaptureSpec& spec, uint32_t max_rows);
    const CaptureSpec& spec() const { return spec_; }
    /// Set aside what live rows need, now rather than when they are first asked for.
    void allocate_live();
    static uint64_t live_bytes(const Config& config, uint32_t n_ctx);
    /// Anything at all to capture?
    bool active() const { return spec_.live_rows || !spec_.taps.empty(); }

    /// A step begins: forget the last one's records. live: rows of this (one-token) step are
    /// wanted.
    void begin(uint32_t position, uint32_t n_tokens, bool live);

    /// What is computed until the next begin() is no part of a step: nothing is recorded.
    void pause() { recording_ = live_now_ = false; }

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
    /// Where attention writes this layer's live rows; nullptr when not wanted.
    const ops::LiveRowsTarget* live_target(uint32_t layer) const;

    /// After the step has finished on the device: what was recorded. Taps only.
    std::vector<TapRows> collect() const;
    /// Live rows of every layer of this step; empty when not wanted.
    std::vector<LiveRows> collect_live() const;

private:
    struct Record {
        Tap tap;
        uint32_t layer, first_row, rows, dim;
        uint64_t offset;
    };
    struct LiveLayer {
        ops::LiveRowsTarget target;  // of the step at hand
        gpu::Range rows, stats;      // all that is set aside for the layer
    };
    void record(gpu::CommandBuffer& cmd, Tap tap, uint32_t layer, uint32_t first_row,
                const Tensor& tensor);
    uint64_t bytes_for(const CaptureSpec& spec, uint32_t max_rows) const;

    gpu::Device& device_;
    const Config& config_;
    const uint32_t n_ctx_;
    CaptureSpec spec_;
    std::optional<gpu::Buffer> staging_;   // readback; taps
    std::optional<gpu::Buffer> live_;      // readback; live rows and their statistics
    std::optional<gpu::Buffer> per_head_;  // device; the tap `result`
    std::vector<LiveLayer> live_layers_;
    std::vector<Record> records_;
    uint64_t used_ = 0;
    uint32_t position_ = 0;
    bool recording_ = false;
    bool live_now_ = false;
};

}  // namespace model
