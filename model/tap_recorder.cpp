#include "model/tap_recorder.h"

#include <algorithm>
#include <cstring>

#include "gpu/base.h"
#include "gpu/sizes.h"

namespace model {
namespace {

uint64_t aligned(uint64_t n) {
    return base::round_up(n, gpu::kRangeAlignment);
}

/// Elements of one row of a tap that is copied out of the forward pass; 0: it is made otherwise.
uint64_t row_elements(Tap tap, const Config& c) {
    switch (tap) {
        case Tap::ln1_scale:
        case Tap::ln2_scale:
        case Tap::ln_final_scale:
            return 1;
        case Tap::q:
        case Tap::rot_q:
        case Tap::z:
            return c.q_width();
        case Tap::k:
        case Tap::v:
        case Tap::rot_k:
            return c.kv_width();
        case Tap::mlp_pre:
        case Tap::mlp_pre_linear:
        case Tap::mlp_post:
            return c.intermediate_size;
        case Tap::result:
            return uint64_t{c.num_attention_heads} * c.hidden_size;
        case Tap::logits_raw:
        case Tap::logits:
            return c.embedding_rows;
        case Tap::attn_scores_raw:
        case Tap::attn_scores:
        case Tap::pattern:
        case Tap::lse:
        case Tap::count_:
            return 0;
        default:
            return c.hidden_size;
    }
}

}  // namespace

TapRecorder::TapRecorder(gpu::Device& device, const Config& config)
    : device_(device), config_(config) {}

uint64_t TapRecorder::bytes_for(const CaptureSpec& spec, uint32_t max_rows) const {
    uint64_t bytes = 0;
    for (const TapInfo& info : tap_table()) {
        const uint64_t n_layers = info.per_layer ? config_.num_hidden_layers : 1;
        for (uint32_t l = 0; l < n_layers; l++) {
            if (spec.wants(info.tap, l)) {
                // Rows of the head come in several pieces, each aligned apart.
                bytes += aligned(4 * max_rows * row_elements(info.tap, config_)) +
                         gpu::kRangeAlignment * max_rows;
            }
        }
    }
    return bytes;
}

void TapRecorder::configure(const CaptureSpec& spec, uint32_t max_rows) {
    const uint64_t bytes = bytes_for(spec, max_rows);
    if (bytes > (staging_ ? staging_->size() : 0)) {
        staging_ = gpu::Buffer(device_, bytes, gpu::Memory::readback, "captured activations");
    }
    if (spec.taps.has(Tap::result)) {
        const uint64_t need = 4 * max_rows * row_elements(Tap::result, config_);
        if (!per_head_ || per_head_->size() < need) {
            per_head_ = gpu::Buffer(device_, need, gpu::Memory::device, "result");
        }
    }
    spec_ = spec;
}

void TapRecorder::begin(uint32_t position) {
    records_.clear();
    used_ = 0;
    position_ = position;
    recording_ = !spec_.taps.empty();
}

void TapRecorder::record(gpu::CommandBuffer& cmd, Tap tap, uint32_t layer, uint32_t first_row,
                         const Tensor& tensor) {
    const uint64_t bytes = 4 * uint64_t{tensor.shape.rows} * tensor.shape.dim;
    CHECK(tensor.dtype == DType::f32, "tap {}", tap_info(tap).name);
    CHECK(used_ + bytes <= staging_->size(), "tap {}: {} + {} of {}", tap_info(tap).name, used_,
          bytes, staging_->size());
    cmd.copy(staging_->range().slice(used_, bytes), tensor.range.slice(0, bytes));
    records_.push_back({tap, layer, first_row, tensor.shape.rows, tensor.shape.dim, used_});
    used_ += aligned(bytes);
}

void TapRecorder::tap_per_head(gpu::CommandBuffer& cmd, uint32_t layer, const Matrix& w,
                               const Tensor& z, uint32_t n_heads) {
    if (!recording_ || !spec_.wants(Tap::result, layer)) {
        return;
    }
    const uint32_t dim = n_heads * w.rows;
    const Tensor result{"result",
                        DType::f32,
                        {z.shape.rows, dim},
                        per_head_->range().slice(0, 4 * uint64_t{z.shape.rows} * dim)};
    ops::matmul_per_head(cmd, result, w, z, n_heads);
    record(cmd, Tap::result, layer, 0, result);
}

std::vector<TapRows> TapRecorder::collect() const {
    std::vector<TapRows> out;
    for (const Record& record : records_) {
        TapRows rows{record.tap,  record.layer, position_ + record.first_row,
                     record.rows, record.dim,   {}};
        rows.values.resize(size_t{record.rows} * record.dim);
        std::memcpy(rows.values.data(), staging_->mapped() + record.offset,
                    rows.values.size() * sizeof(float));
        out.push_back(std::move(rows));
    }
    return out;
}

}  // namespace model
