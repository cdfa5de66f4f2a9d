#include "model/weights.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <mutex>
#include <string>
#include <utility>

#include "gpu/base.h"
#include "gpu/parallel.h"
#include "model/quant.h"
#include "model/repack.h"
#include "shaders/params.h"

namespace model {
namespace {

constexpr uint64_t kPieceBytes = uint64_t{1} << 20;  // file bytes that a thread reads and repacks
constexpr uint64_t kDummyBytes = 4;  // stands for the planes that a type does not have

/// Rows that one binding can hold, in whole row groups; 0: not even one group.
uint32_t slab_rows(const SourceTensor& tensor, uint64_t max_range_bytes) {
    constexpr uint32_t kGroup = params::kRowGroup;
    const PlaneBytes group = plane_bytes(tensor.dtype, kGroup, tensor.cols);
    const uint64_t groups = max_range_bytes / std::max({group.quants, group.highs, group.scales});
    const uint64_t all = (uint64_t{tensor.rows} + kGroup - 1) / kGroup;
    return uint32_t(std::min(groups, all) * kGroup);
}

/// Sizes of one tensor's ranges, in the order in which the loader asks for them.
template <class Add>
void each_range(const SourceTensor& tensor, const WeightLimits& limits, const Add& add) {
    if (tensor.name.find("norm") != std::string::npos) {
        add(sizeof(float) * uint64_t{tensor.cols});
        return;
    }
    const uint32_t per_slab = slab_rows(tensor, limits.max_range_bytes);
    for (uint32_t begin = 0; per_slab > 0 && begin < tensor.rows; begin += per_slab) {
        const PlaneBytes planes =
            plane_bytes(tensor.dtype, std::min(per_slab, tensor.rows - begin), tensor.cols);
        for (const uint64_t bytes : {planes.quants, planes.highs, planes.scales}) {
            if (bytes != 0) {
                add(bytes);
            }
        }
    }
}

/// Names of every tensor in the order in which they are loaded.
std::vector<std::string> load_order(const Config& config) {
    std::vector<std::string> names{"token_embd.weight"};
    if (!config.tied_embeddings) {
        names.emplace_back("output.weight");
    }
    names.emplace_back("output_norm.weight");
    for (uint32_t l = 0; l < config.num_hidden_layers; ++l) {
        const std::string blk = fmt::format("blk.{}.", l);
        for (const char* name : {"attn_norm", "attn_q", "attn_k", "attn_v", "attn_q_norm",
                                 "attn_k_norm", "attn_output", "ffn_norm", "ffn_gate", "ffn_up",
                                 "ffn_down", "post_attention_norm", "post_ffw_norm"}) {
            names.push_back(blk + name + ".weight");
        }
    }
    return names;
}

/// Bytes of the arena when its blocks have this size.
uint64_t arena_bytes(const ModelSource& source, const WeightLimits& limits, uint64_t block_bytes) {
    gpu::ArenaPlan plan(block_bytes, gpu::arena_alignment(limits.range_alignment));
    plan.add(kDummyBytes);
    for (const std::string& name : load_order(source.config)) {
        if (const SourceTensor* const tensor = source.find(name)) {
            each_range(*tensor, limits, [&](uint64_t bytes) { plan.add(bytes); });
        }
    }
    return plan.bytes();
}

/// One block for everything where that fits; else blocks of equal size that waste little.
uint64_t weight_block_bytes(const ModelSource& source, const WeightLimits& limits) {
    constexpr uint64_t kBlock = uint64_t{256} << 20;
    constexpr uint64_t kEndless = uint64_t{1} << 62;
    gpu::ArenaPlan all(kEndless, gpu::arena_alignment(limits.range_alignment));
    uint64_t needed = all.add(kDummyBytes).offset + kDummyBytes;
    for (const std::string& name : load_order(source.config)) {
        if (const SourceTensor* const tensor = source.find(name)) {
            each_range(*tensor, limits,
                       [&](uint64_t bytes) { needed = all.add(bytes).offset + bytes; });
        }
    }
    return std::min({kBlock, limits.max_buffer_bytes, needed});
}

/// Loads tensors by name into one arena; counts file bytes for the progress report.
class Loader {
public:
    Loader(gpu::Device& device, const ModelSource& source,
           const std::function<void(uint64_t, uint64_t)>& progress)
        : device_(device),
          source_(source),
          progress_(progress),
          arena_(device, gpu::Memory::device, "weights",
                 weight_block_bytes(source, weight_limits(device.info()))) {
        for (const SourceTensor& tensor : source.tensors) {
            total_bytes_ += tensor.n_bytes;
        }
        dummy_ = arena_.allocate(kDummyBytes);
    }

    /// A norm's gain, f32 [1, dim].
    Tensor vector(const char* role, const std::string& name) {
        const SourceTensor& tensor = require(name);
        const std::vector<float> values = source_.read_f32(tensor);
        refuse_not_finite(tensor, DType::f32, 0, std::as_bytes(std::span(values)));
        const Tensor result{
            role, DType::f32, {1, tensor.cols}, arena_.allocate(values.size() * sizeof(float))};
        gpu::upload(device_, result.range, std::as_bytes(std::span(values)));
        count(tensor.n_bytes, tensor);
        return result;
    }

    Matrix matrix(const std::string& name) {
        const SourceTensor& tensor = require(name);
        Matrix result{name, tensor.dtype, tensor.rows, tensor.cols, {}};
        const uint32_t per_slab = rows_per_slab(tensor);
        for (uint32_t begin = 0; begin < tensor.rows; begin += per_slab) {
            result.slabs.push_back(slab(tensor, begin, std::min(per_slab, tensor.rows - begin)));
        }
        n_params_ += uint64_t{tensor.rows} * tensor.cols;
        return result;
    }

    gpu::Arena take_memory() { return std::move(arena_); }
    uint64_t n_params() const { return n_params_; }

private:
    const SourceTensor& require(const std::string& name) const {
        const SourceTensor* const tensor = source_.find(name);
        CHECK(tensor != nullptr, "{}: the source was opened without {}", source_.path, name);
        return *tensor;
    }

    /// One NaN makes every logit of a model one, or, behind a soft-cap, equal ones that look sane.
    void refuse_not_finite(const SourceTensor& tensor, DType dtype, uint32_t first_row,
                           std::span<const std::byte> bytes) const {
        if (const auto block = first_not_finite(dtype, bytes)) {
            const uint64_t row = first_row + *block * block_elements(dtype) / tensor.cols;
            throw base::Error(
                base::ErrorKind::model,
                fmt::format("{}: {} holds a number that is NaN or infinite, in row {}",
                            source_.path, tensor.name, row),
                "The file is damaged or was made wrongly: download or convert it again.");
        }
    }

    uint32_t rows_per_slab(const SourceTensor& tensor) const {
        const uint64_t limit = device_.info().max_range_bytes;
        const uint32_t rows = slab_rows(tensor, limit);
        if (rows == 0) {
            throw base::Error(base::ErrorKind::out_of_memory,
                              fmt::format("{}: a few rows of {} are more than the {} bytes that {} "
                                          "binds at most",
                                          source_.path, tensor.name, limit, device_.info().name));
        }
        return rows;
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
        const size_t n_pieces = (n_rows + piece_rows - 1) / piece_rows;
        std::atomic<uint64_t> rows_done{0};
        uint64_t rows_told = 0;
        const auto tell = [&] {  // on the caller's thread, as `progress` promises
            const uint64_t rows = rows_done;
            count((rows - std::exchange(rows_told, rows)) * one_row, tensor);
        };
        base::parallel_for(n_pieces, [&](size_t thread, size_t piece) {
            const auto done = uint32_t(piece) * piece_rows;
            const uint32_t n = std::min(piece_rows, n_rows - done);
            load_piece(pieces_[thread], result, tensor, row_begin, done, n);
            rows_done += n;
            if (thread == 0) {
                tell();
            }
        });
        tell();
        return result;
    }

    /// Scratch of one thread.
    struct Piece {
        std::vector<std::byte> file_bytes;
        std::vector<uint32_t> quants, highs, scales;
    };

    /// Rows [done, done + n) of the slab that begins at row_begin.
    void load_piece(Piece& piece, const MatrixSlab& to, const SourceTensor& tensor,
                    uint32_t row_begin, uint32_t done, uint32_t n) {
        const uint64_t one_row = row_bytes(tensor.dtype, tensor.cols);
        piece.file_bytes.resize(n * one_row);
        source_.read(tensor, (row_begin + done) * one_row, piece.file_bytes);
        refuse_not_finite(tensor, tensor.dtype, row_begin + done, piece.file_bytes);

        const PlaneBytes before = plane_bytes(tensor.dtype, done, tensor.cols);
        const PlaneBytes part = plane_bytes(tensor.dtype, n, tensor.cols);
        piece.quants.resize(part.quants / 4);
        piece.highs.resize(part.highs / 4);
        piece.scales.resize(part.scales / 4);
        repack({piece.quants, piece.highs, piece.scales}, tensor.dtype, piece.file_bytes, n,
               tensor.cols);
        put(to.quants, before.quants, piece.quants);
        put(to.highs, before.highs, piece.highs);
        put(to.scales, before.scales, piece.scales);
    }

    void put(const gpu::Range& plane, uint64_t offset, const std::vector<uint32_t>& words) {
        if (!words.empty()) {
            std::unique_lock lock(upload_mutex_, std::defer_lock);
            if (!plane.buffer->mapped()) {
                lock.lock();  // one staging ring serves all threads
            }
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
    std::vector<Piece> pieces_ =
        std::vector<Piece>(base::parallel_threads(std::numeric_limits<size_t>::max()));
    std::mutex upload_mutex_;
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

WeightLimits weight_limits(const gpu::DeviceInfo& device) {
    return {device.max_range_bytes, device.max_buffer_bytes, device.range_alignment};
}

uint64_t planned_weight_bytes(const ModelSource& source, const WeightLimits& limits) {
    return arena_bytes(source, limits, weight_block_bytes(source, limits));
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
