#include "model/activations.h"

#include <algorithm>

#include "gpu/base.h"
#include "gpu/sizes.h"
#include "shaders/params.h"

namespace model {
namespace {

constexpr uint64_t kScratchCells = uint64_t{1} << 21;  // 8 MiB of scores

uint64_t aligned(uint64_t n) {
    return base::round_up(n, gpu::kRangeAlignment);
}

uint64_t inputs_bytes(const Config& config, const ActivationOptions& o) {
    return aligned(4 * uint64_t{o.n_ubatch}) +
           2 * aligned(4 * uint64_t{o.n_ubatch} * config.head_dim);
}

/// Cells of the attention scratch: the usual amount, or what one query of a global layer needs.
uint64_t scratch_cells(const Config& config, const ActivationOptions& o) {
    const uint64_t one_query =
        uint64_t{config.num_attention_heads} * ops::key_span(o.n_ctx - 1, 1, 0).n;
    const uint64_t all = one_query * o.n_ubatch;
    return std::max(one_query, std::min(all, kScratchCells));
}

}  // namespace

/// The arena of these tensors, before there is a device.
struct Activations::Plan : ActivationTensors {
    Plan(const Config& config, const ActivationOptions& o, uint64_t block)
        : arena(block, gpu::kRangeAlignment) {
        lay_out(config, o, [&](const char* name, DType dtype, uint32_t rows, uint32_t dim) {
            const uint64_t bytes = uint64_t{rows} * dim * model::block_bytes(dtype);
            end = arena.add(bytes).offset + bytes;
            return Tensor{name, dtype, {rows, dim}, {}};
        });
    }

    gpu::ArenaPlan arena;
    uint64_t end = 0;  // of the last range in the newest block

    /// One block where that is not large; otherwise several that are as even as the ranges allow,
    /// since the last one is as large as the others.
    static uint64_t block_for(const Config& config, const ActivationOptions& o) {
        constexpr uint64_t kEndless = uint64_t{1} << 62;
        constexpr uint64_t kBlock = uint64_t{256} << 20;
        constexpr uint64_t kStep = uint64_t{1} << 20;
        const uint64_t total = Plan(config, o, kEndless).end;
        if (total <= kBlock) {
            return total;
        }
        uint64_t best = kBlock, least = Plan(config, o, kBlock).arena.bytes();
        const uint64_t n_blocks = (total + kBlock - 1) / kBlock;
        for (uint64_t block = total / n_blocks; block < kBlock; block += kStep) {
            const uint64_t bytes = Plan(config, o, block).arena.bytes();
            if (bytes < least) {
                best = block;
                least = bytes;
            }
        }
        return best;
    }
};

uint64_t Activations::bytes_for(const Config& c, const ActivationOptions& o) {
    return Plan(c, o, Plan::block_for(c, o)).arena.bytes() + inputs_bytes(c, o) +
           4 * uint64_t{kHeadRows} * c.embedding_rows;
}

Activations::Activations(gpu::Device& device, const Config& c, const ActivationOptions& o)
    : inputs_(device, inputs_bytes(c, o), gpu::Memory::upload, "step inputs"),
      readback_(device, 4 * uint64_t{kHeadRows} * c.embedding_rows, gpu::Memory::readback,
                "logits"),
      arena_(device, gpu::Memory::device, "activations", Plan::block_for(c, o)) {
    lay_out(c, o, [&](const char* name, DType dtype, uint32_t rows, uint32_t dim) {
        const uint64_t bytes = uint64_t{rows} * dim * block_bytes(dtype);
        if (bytes > device.info().max_range_bytes) {
            throw base::Error(
                base::ErrorKind::out_of_memory,
                fmt::format("{} of [{}, {}] takes {} MiB; {} binds at most {} MiB", name, rows, dim,
                            bytes >> 20, device.info().name, device.info().max_range_bytes >> 20),
                "ask for a shorter context (-c)");
        }
        return Tensor{name, dtype, {rows, dim}, arena_.allocate(bytes)};
    });
    const uint32_t rows = o.n_ubatch;
    const uint64_t table = aligned(4 * uint64_t{rows} * c.head_dim);
    const uint64_t ids = aligned(4 * uint64_t{rows});
    const gpu::Range in = inputs_.range();
    tokens = {"tokens", DType::i32, {1, rows}, in.slice(0, 4 * uint64_t{rows})};
    rope_local = {"rope_local",
                  DType::f32,
                  {rows, c.head_dim},
                  in.slice(ids, 4 * uint64_t{rows} * c.head_dim)};
    rope_global = {"rope_global",
                   DType::f32,
                   {rows, c.head_dim},
                   in.slice(ids + table, 4 * uint64_t{rows} * c.head_dim)};
    logits_host = {"logits", DType::f32, {kHeadRows, c.embedding_rows}, readback_.range()};
}

void ActivationTensors::lay_out(const Config& c, const ActivationOptions& o,
                                const Allocate& allocate) {
    const uint32_t rows = o.n_ubatch;
    x = allocate("x", DType::f32, rows, c.hidden_size);
    h = allocate("h", DType::f32, rows, c.hidden_size);
    scale = allocate("scale", DType::f32, rows * c.num_attention_heads, 1);
    q = allocate("q", DType::f32, rows, c.q_width());
    k = allocate("k", DType::f32, rows, c.kv_width());
    v = allocate("v", DType::f32, rows, c.kv_width());
    z = allocate("z", DType::f32, rows, c.q_width());
    gate = allocate("gate", DType::f32, rows, c.intermediate_size);
    up = allocate("up", DType::f32, rows, c.intermediate_size);
    logits = allocate("logits", DType::f32, kHeadRows, c.embedding_rows);

    const auto cells = uint32_t(scratch_cells(c, o));
    attention = {.scores = allocate("scores", DType::f32, 1, cells),
                 .prob = allocate("prob", DType::f32, 1, cells),
                 .tiles = allocate("tiles", DType::f32, 1, cells / params::kKeyTile * 2),
                 .stats = allocate("stats", DType::f32, rows * c.num_attention_heads, 2)};
    for (uint32_t l = 0; l < c.num_hidden_layers; l++) {
        lse.push_back(allocate("lse", DType::f32, c.num_attention_heads, o.n_ctx));
        if (o.keep_q) {
            kept_q.push_back(allocate("kept q", o.q_dtype, o.n_ctx, c.q_width()));
        }
        if (o.keep_residuals) {
            residuals.push_back(allocate("kept residuals", DType::f32, o.n_ctx, c.hidden_size));
        }
    }
    if (!o.keep_q) {
        chunk_q = allocate("stored q", o.q_dtype, rows, c.q_width());
    }
}

Tensor Activations::q_rows(uint32_t l, uint32_t position, uint32_t n) const {
    return kept_q.empty() ? chunk_q.first_rows(n) : kept_q[l].rows(position, n);
}

std::byte* Activations::host_tokens() const {
    return inputs_.mapped() + tokens.range.offset;
}

std::byte* Activations::host_rope(bool local) const {
    return inputs_.mapped() + (local ? rope_local : rope_global).range.offset;
}

const float* Activations::host_logits(uint32_t row) const {
    return reinterpret_cast<const float*>(readback_.mapped()) + size_t{row} * logits_host.shape.dim;
}

}  // namespace model
