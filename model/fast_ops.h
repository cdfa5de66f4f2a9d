// fast_ops.h    the fast path's ops. For one token: few dependent levels, position and token out of
// a small buffer, so that a step is recorded once and submitted for every token. For many: products
// in tiles. Formulas stand in the header comments of shaders/<op>.comp; results differ from the
// plain path's by rounding only.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include "gpu/command_buffer.h"
#include "model/config.h"
#include "model/ops.h"
#include "model/tensor.h"

namespace model::ops {

/// Why these ops cannot run a model on a device, or empty.
std::string decode_obstacle(const gpu::DeviceInfo& device, const Config& config);

/// y = W x
///   y     f32 [1, rows of w]
///   x     f32 [1, cols of w]   cols a multiple of 32
void matvec(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w, const Tensor& x);

/// A row of the residual stream: row 0 of its tensor, or row `position`, kept for the inspector.
struct ResidualRow {
    Tensor tensor;  // f32 [1 or n_ctx, d]
    bool at_position = false;
};

/// What norm_matvec and norm_geglu multiply: h = rms_norm(r) * norm, where
///   r = x                                    added empty
///   r = x + added                            added_norm empty
///   r = x + rms_norm(added) * added_norm
struct NormInput {
    ResidualRow x;
    Tensor added;       // f32 [1, d]
    Tensor added_norm;  // f32 [1, d]
    Tensor norm;        // f32 [1, d]
    float eps = 1e-6f;
    gpu::Range state;  // params::StepState
};

/// Where r goes; `unused` is a range of 4 bytes that no concurrent dispatch writes, in case it goes
/// nowhere.
struct ResidualOut {
    ResidualRow row;  // range empty: not wanted
    gpu::Range unused;
};

/// y = cap tanh(W h / cap), W h where cap is 0;  y f32 [1, rows of w]
void norm_matvec(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w, const NormInput& in,
                 const ResidualOut& out, float cap);

/// y = gelu(W_gate h) * (W_up h);  y f32 [1, rows]; both matrices of one type and shape
void norm_geglu(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& gate, const Matrix& up,
                const NormInput& in, const ResidualOut& out);
bool can_norm_geglu(const Matrix& gate, const Matrix& up);

struct AttentionDecodeShape {
    uint32_t n_heads = 0, n_kv_heads = 0, head_dim = 0;
    uint32_t n_ctx = 0;
    uint32_t window = 0;  // 0: global
    float scale = 1;
    float cap = 0;  // 0: none
    float eps = 1e-6f;
    bool q_at_position = false;  // stored_q has a row for every position
};

struct AttentionDecodeTensors {
    Tensor q;                 // f32 [1, n_heads * head_dim]       read
    Tensor k, v;              // f32 [1, n_kv_heads * head_dim]    read
    Tensor q_norm, k_norm;    // f32 [1, head_dim]; empty: no QK-norm
    gpu::Range rope;          // split_rope_table of model/rope.h, f32 [., head_dim / 2, 2]
    gpu::Range state;         // params::StepState
    Tensor k_cache, v_cache;  // f16 or f32 [capacity, n_kv_heads * head_dim]
    Tensor stored_q;          // type of K; [1 or n_ctx, n_heads * head_dim]
    Tensor z;                 // f32 [1, n_heads * head_dim]
    Tensor lse;               // f32 [n_heads, n_ctx]
    gpu::Range parts;         // f32 [splits, n_heads, head_dim], splits > 1
    gpu::Range part_stats;    // f32 [splits, n_heads, 2]
    gpu::Range live;          // f32 [n_heads, n_ctx]; empty: not wanted
    gpu::Range unused;        // 4 bytes that no concurrent dispatch writes
};

/// All of one token's attention in one layer: one level, or two where the keys are split.
void attention_decode(gpu::CommandBuffer& cmd, const AttentionDecodeTensors& t,
                      const AttentionDecodeShape& shape);

/// Rows as half_rows writes them: f16 with a power of two a row.
struct HalfRows {
    gpu::Range halves;  // f16 [n_tokens, cols]
    gpu::Range scales;  // f32 [n_tokens]
};
void half_rows(gpu::CommandBuffer& cmd, const HalfRows& out, const Tensor& x);

/// How matmul_coopmat cuts its work; spec constants of the kernel.
struct CoopmatTile {
    gpu::MatrixShape shape;         // rows, tokens and columns of one matrix step
    uint32_t subgroups = 1;         // of a workgroup
    uint32_t row_groups = 1;        // of the subgroups, how many lie along rows
    uint32_t rows = 4, tokens = 4;  // matrices of a subgroup
    uint32_t subs = 1;              // sub-blocks of 32 columns decoded at a time
};
/// The largest tile that the device's shared memory and workgroups take; empty: none, or it has no
/// matrix units.
std::optional<CoopmatTile> coopmat_tile(const gpu::DeviceInfo& device);
/// What matmul_coopmat keeps in shared memory.
uint64_t coopmat_shared_bytes(const CoopmatTile& tile);

/// y[t, :] = W x[t, :] on matrix units
///   y     f32 [n_tokens, rows of w]
///   x     of cols of w, a multiple of 32
void matmul_coopmat(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w, const HalfRows& x,
                    const CoopmatTile& tile);

/// The kernels that multiply many tokens: matmul, the plain path's; matmul_tile in fixed point;
/// matmul_coopmat (F32 weights: matmul_tile in floats).
enum class ProductKind : uint8_t { exact, fixed, coopmat };
const char* product_name(ProductKind kind);

/// Where product_input() puts rows as a kernel wants them; sized for the largest chunk and row.
struct ProductScratch {
    gpu::Range codes;   // i16 [rows, cols]
    gpu::Range scales;  // f32 [rows, cols / 32]
    ProductKind kind = ProductKind::fixed;
    static uint64_t codes_bytes(uint32_t rows, uint32_t cols) { return 2 * uint64_t{rows} * cols; }
    static uint64_t scales_bytes(uint32_t rows, uint32_t cols) { return uint64_t{rows} * cols / 8; }
};

/// x of products of many tokens, in the form that their kernel takes.
struct ProductInput {
    Tensor x;          // f32 [n_tokens, cols]
    gpu::Range codes;  // fixed: the same in fixed point; coopmat: in f16 (HalfRows); or empty
    gpu::Range scales;
    ProductKind kind = ProductKind::exact;
};

/// Records the conversion that scratch.kind asks for, where one of the weights' types reads it:
/// plain numbers are multiplied by floats in fixed point's place, F32 in that of f16. One input at
/// a time lives in the scratch.
ProductInput product_input(gpu::CommandBuffer& cmd, const Tensor& x, const ProductScratch& scratch,
                           std::initializer_list<DType> weights);

/// y[t, :] = W x[t, :]
///   y     f32 [n_tokens, rows of w]
///   x     of cols of w, a multiple of 32; made for w's type, too
void product(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w, const ProductInput& x);

/// z and LSE of n_tokens queries at [shape.position, ...), one for each row of z; arguments and
/// results as ops::attention, without scratch.
void attention_prefill(gpu::CommandBuffer& cmd, const Tensor& z, const Tensor& lse,
                       const QueryRows& queries, const Tensor& k, const Tensor& v,
                       const AttentionShape& shape);

/// Into how many parts the keys of one head are split on this device.
uint32_t attention_splits(const gpu::DeviceInfo& device, uint32_t n_heads);
/// The same on the device that splits them most.
uint32_t most_attention_splits(uint32_t n_heads);

}  // namespace model::ops
