#include "model/weights.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "gpu/base.h"
#include "model/repack.h"
#include "shaders/params.h"

namespace model {
namespace {

constexpr uint64_t kPieceBytes = uint64_t{8} << 20;  // file bytes read and repacked at a time

/// Loads tensors by name into one arena; counts file bytes for the progress report.
class Loader {
public:
    Loader(gpu::Device& device, const ModelSource& source,
           const std::function<void(uint64_t, uint64_t)>& progress)
        : device_(device),
          source_(source),
          progress_(progress),
          arena_(device, gpu::Memory::device, "weights", weight_block_bytes(device, source)) {
        for (const SourceTensor& tensor : source.tensors) {
            total_bytes_ += tensor.n_bytes;
        }
        dummy_ = arena_.allocate(4);
    }

    /// A norm's gain, f32 [1, dim].
    Tensor vector(const char* role, const std::string& name) {
        const SourceTensor& tensor = require(name);
        const std::vector<float> values = source_.read_f32(tensor);
        const Tensor result{
            role, DType::f32, {1, tensor.cols}, arena_.allocate(values.size() * sizeof(float))};
        gpu::upload(device_, result.range, std::as_bytes(std::span(values)));
        count(tensor.n_bytes, tensor);
        return result;
    }

    Matrix matrix(const std::string& name) {
        const SourceTensor& tensor = require(name);
        Matrix result{name, tensor.dtype, tensor.rows, tensor.cols, {}};
        const uint32_t rows_per_slab = slab_rows(tensor);
        for (uint32_t begin = 0; begin < tensor.rows; begin += rows_per_slab) {
            result.slabs.push_back(
                slab(tensor, begin, std::min(rows_per_slab, tensor.rows - begin)));
        }
        n_params_ += uint64_t{tensor.rows} * tensor.cols;
        return result;
    }

    gpu::Arena take_memory() { return std::move(arena_); }
    uint64_t n_params() const { return n_params_; }

private:
    /// One block a buffer: everything where that fits, so that little is wasted.
    static uint64_t weight_block_bytes(const gpu::Device& device, const ModelSource& source) {
        constexpr uint64_t kBlock = uint64_t{256} << 20;
        return std::min({kBlock, device.info().max_buffer_bytes,
                         std::max<uint64_t>(source.file_bytes, 1 << 20)});
    }

    const SourceTensor& require(const std::string& name) const {
        const SourceTensor* const tensor = source_.find(name);
        CHECK(tensor != nullptr, "{}: the source was opened without {}", source_.path, name);
        return *tensor;
    }

    /// Rows that one binding can hold, in whole row groups.
    uint32_t slab_rows(const SourceTensor& tensor) const {
        constexpr uint32_t kGroup = params::kRowGroup;
        const PlaneBytes group = plane_bytes(tensor.dtype, kGroup, tensor.cols);
        const uint64_t limit = device_.info().max_range_bytes;
        const uint64_t groups = limit / std::max({group.quants, group.highs, group.scales});
        if (groups == 0) {
            throw base::Error(
                base::ErrorKind::out_of_memory,
                fmt::format("{}: {} rows of {} take {} bytes; {} binds at most {}", source_.path,
                            kGroup, tensor.name, group.quants, device_.info().name, limit));
        }
        const uint64_t all = (uint64_t{tensor.rows} + kGroup - 1) / kGroup;
        return uint32_t(std::min(groups, all) * kGroup);
    }

    /// Memory for one plane; types without it share four bytes.
    gpu::Range plane(uint64_t bytes) { return bytes == 0 ? dummy_ : arena_.allocate(bytes); }

    MatrixSlab slab(const SourceTensor& tensor, uint32_t row_begin, uint32_t n_rows) {
        const PlaneBytes planes = plane_bytes(tensor.dtype, n_rows, tensor.cols);
        const MatrixSlab result{row_begin, n_rows, plane(planes.quants), plane(planes.highs),
                                plane(planes.scales)};
        const uint64_t one_row = row_bytes(tensor.dtype, tensor.cols);
        constexpr uint32_t kGroup = params::kRowGroup;
        const auto piece_rows =
            uint32_t(std::max<uint64_t>(kPieceBytes / one_row / kGroup, 1) * kGroup);
        for (uint32_t done = 0; done < n_rows; done += piece_rows) {
            const uint32_t n = std::min(piece_rows, n_rows - done);
            file_bytes_.resize(n * one_row);
            source_.read(tensor, (row_begin + done) * one_row, file_bytes_);

            const PlaneBytes before = plane_bytes(tensor.dtype, done, tensor.cols);
            const PlaneBytes part = plane_bytes(tensor.dtype, n, tensor.cols);
            quants_.resize(part.quants / 4);
            highs_.resize(part.highs / 4);
            scales_.resize(part.scales / 4);
            repack({quants_, highs_, scales_}, tensor.dtype, file_bytes_, n, tensor.cols);
            put(result.quants, before.quants, quants_);
            put(result.highs, before.highs, highs_);
            put(result.scales, before.scales, scales_);
            count(n * one_row, tensor);
        }
        return result;
    }

    void put(const gpu::Range& plane, uint64_t offset, const std::vector<uint32_t>& words) {
        if (!words.empty()) {
            gpu::upload(device_, plane.slice(offset, 4 * words.size()),
                        std::as_bytes(std::span(words)));
        }
    }

    void count(uint64_t bytes, const SourceTensor& tensor) {
        done_bytes_ += bytes;
        if (tensor.rows == 1) {
            n_params_ += tensor.cols;
        }
        if (progress_) {
            progress_(done_bytes_, total_bytes_);
        }
    }

    gpu::Device& device_;
    const ModelSource& source_;
    const std::function<void(uint64_t, uint64_t)>& progress_;
    gpu::Arena arena_;
    gpu::Range dummy_;
    uint64_t done_bytes_ = 0, total_bytes_ = 0, n_params_ = 0;
    std::vector<std::byte> file_bytes_;
    std::vector<uint32_t> quants_, highs_, scales_;
};

LayerWeights load_layer(Loader& load, const Config& config, uint32_t l) {
    const std::string blk = fmt::format("blk.{}.", l);
    LayerWeights w;
    w.attn_norm = load.vector("attn_norm", blk + "attn_norm.weight");
    w.attn_q = load.matrix(blk + "attn_q.weight");
    w.attn_k = load.matrix(blk + "attn_k.weight");
    w.attn_v = load.matrix(blk + "attn_v.weight");
    if (config.qk_norm) {
        w.attn_q_norm = load.vector("attn_q_norm", blk + "attn_q_norm.weight");
        w.attn_k_norm = load.vector("attn_k_norm", blk + "attn_k_norm.weight");
    }
    w.attn_output = load.matrix(blk + "attn_output.weight");
    w.ffn_norm = load.vector("ffn_norm", blk + "ffn_norm.weight");
    w.ffn_gate = load.matrix(blk + "ffn_gate.weight");
    w.ffn_up = load.matrix(blk + "ffn_up.weight");
    w.ffn_down = load.matrix(blk + "ffn_down.weight");
    if (config.post_norms) {
        w.post_attention_norm =
            load.vector("post_attention_norm", blk + "post_attention_norm.weight");
        w.post_ffw_norm = load.vector("post_ffw_norm", blk + "post_ffw_norm.weight");
    }
    return w;
}

}  // namespace

uint64_t Weights::bytes() const {
    uint64_t sum = 0;
    for (const gpu::Arena& arena : memory) {
        sum += arena.allocated_bytes();
    }
    return sum;
}

Weights load_weights(gpu::Device& device, const ModelSource& source,
                     const std::function<void(uint64_t, uint64_t)>& progress) {
    Loader load(device, source, progress);
    Weights w;
    w.token_embd = load.matrix("token_embd.weight");
    if (!source.config.tied_embeddings) {
        w.output = load.matrix("output.weight");
    }
    w.output_norm = load.vector("output_norm", "output_norm.weight");
    for (uint32_t l = 0; l < source.config.num_hidden_layers; l++) {
        w.layers.push_back(load_layer(load, source.config, l));
    }
    w.n_params = load.n_params();
    w.memory.push_back(load.take_memory());
    return w;
}

}  // namespace model
