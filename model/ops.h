// The catalogue: every op of the plain path, one declaration and one contract. Shapes are checked;
// a wrong one stops the program. Outputs come first. Formulas and orders of summation stand in the
// header comments of shaders/<op>.comp.
#pragma once

#include <cstdint>

#include "gpu/command_buffer.h"
#include "model/tensor.h"

namespace model::ops {

/// y[t, :] = scale * table[token[t], :]
///   y      f32 [n_tokens, cols of table]
///   tokens i32 [1, n_tokens]    ids < rows of table (the caller's duty)
void embed(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& table, const Tensor& tokens,
           float scale);

/// y[r, :] = x[r, :] / sqrt(mean(x[r, :]^2) + eps) * w;  scale[r] = that root
///   y, x   f32 [rows, dim]   may be the same tensor
///   w      f32 [1, dim]      the effective gain (1 + w of the checkpoint)
///   scale  f32 [rows, 1]
/// Same as RMSNorm in gemma_pytorch's model.py.
void rms_norm(gpu::CommandBuffer& cmd, const Tensor& y, const Tensor& scale, const Tensor& x,
              const Tensor& w, float eps);

/// y[t, r] = sum_k w[r, k] x[t, k]
///   y      f32 [n_tokens, rows of w]
///   x      f32 [n_tokens, cols of w]
///   w      any weight type [rows, cols]
void matmul(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w, const Tensor& x);

/// Per head: y[t, h, :] = W[:, h*head_dim : (h+1)*head_dim] x[t, h, :], the tap `result`.
///   y      f32 [n_tokens, n_heads * rows of w]
///   x      f32 [n_tokens, n_heads * head_dim]    head_dim a multiple of 32
void matmul_per_head(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w, const Tensor& x,
                     uint32_t n_heads);

/// Rotary position embedding in place (spec 2.6).
///   x      f32 [n_tokens, n_heads * head_dim]
///   table  f32 [n_tokens, head_dim]   cos, sin pairs for i in [0, head_dim / 2)
void rope(gpu::CommandBuffer& cmd, const Tensor& x, const Tensor& table, uint32_t n_heads);

/// dst[(position + t) % rows of dst, :] = round(x[t, :]); x is rounded in place too (f16).
///   x      f32 [n_tokens, width]
///   dst    f16 or f32 [capacity, width]
void kv_write(gpu::CommandBuffer& cmd, const Tensor& dst, const Tensor& x, uint32_t position);

/// Everything about one attention of n_tokens queries that begin at `position`.
struct AttentionShape {
    uint32_t position = 0;
    uint32_t n_heads = 0, n_kv_heads = 0, head_dim = 0;
    uint32_t window = 0;  // 0: global
    float scale = 1;
    float cap = 0;  // 0: none
};

/// Scratch that attention works in; sized by attention_scratch_rows().
struct AttentionScratch {
    Tensor scores;  // f32 [1, n]
    Tensor prob;    // f32 [1, n]
    Tensor tiles;   // f32 [1, n / kKeyTile * 2]
    Tensor stats;   // f32 [rows, 2]   rows = queries x heads of one sub-batch
};

/// Columns of the scratch for queries [position, position + n): keys from the first visible one,
/// rounded to tiles of 64 at both ends.
struct KeySpan {
    uint32_t begin = 0;
    uint32_t n = 0;
};
KeySpan key_span(uint32_t position, uint32_t n_queries, uint32_t window);

/// Queries among more: row `first` of q is the first of them.
struct QueryRows {
    Tensor q;  // [., n_heads * head_dim]
    uint32_t first = 0;
};

/// z = softmax(mask(cap(scale q k^T))) v, all heads, causal and windowed; lse of every row.
///   z      f32 [n_tokens, n_heads * head_dim]
///   lse    f32 [n_heads, n_ctx]          columns position .. position + n_tokens are written
///   q      f16 or f32 [n_tokens, n_heads * head_dim]   rotated, rounded to storage type
///   k, v   f16 or f32 [capacity, n_kv_heads * head_dim] position p in row p % capacity; the
///   queries'
///          own keys and values are already there
/// Long chunks are worked through in sub-batches that fit the scratch. scratch.scores ends with the
/// scores of the last of them, after the cap: f32 [queries, n_heads, key_span().n].
void attention(gpu::CommandBuffer& cmd, const Tensor& z, const Tensor& lse, const Tensor& q,
               const Tensor& k, const Tensor& v, const AttentionScratch& scratch,
               const AttentionShape& shape);

/// The first of its kernels alone: scores after the cap, f32 [n_tokens, n_heads, key_span().n] from
/// the beginning of `scores`; masked cells are left alone. Of few queries: one dispatch.
void attention_scores(gpu::CommandBuffer& cmd, const Tensor& scores, const Tensor& q,
                      const Tensor& k, const AttentionShape& shape);

/// Makes the kernels that attention() uses for caches of these types; q has the type of k.
void create_attention_kernels(gpu::CommandBuffer& cmd, DType k, DType v);

/// Cells of one head recomputed from kept Q.
///   pattern f32 [n_queries, n_keys]
///   scores  f32 [n_queries, 2 n_keys] (score, raw) pairs; an empty range: not wanted
///   q       [q_rows, n_heads * head_dim]; row of position p is p - q_first
struct TileShape {
    uint32_t head = 0;
    uint32_t query_begin = 0, key_begin = 0;
    uint32_t q_first = 0;
};
void attention_tile(gpu::CommandBuffer& cmd, const Tensor& pattern, const Tensor& scores,
                    const Tensor& lse, const Tensor& q, const Tensor& k,
                    const AttentionShape& shape, const TileShape& tile);

/// Cells of one head pooled over bins of keys, without key 0 (see shaders/attention_pool.comp).
///   pooled      f32 [n_queries, 2 n_bins]  (max, sum) pairs
///   key_factor  f32 [1, n_ctx], by position; an empty range: all are 1
///   row_factor  the same of queries; factors are not negative
///   q           [q_rows, n_heads * head_dim]; row of position p is p - q_first
struct PoolShape {
    uint32_t head = 0;
    uint32_t query_begin = 0, key_begin = 0;
    uint32_t bin = 1;          // keys a bin
    bool by_distance = false;  // bins count back from the query; key_begin is a distance
    uint32_t q_first = 0;
};
struct PoolFactors {
    Tensor key, row;
};
void attention_pool(gpu::CommandBuffer& cmd, const Tensor& pooled, const Tensor& lse,
                    const Tensor& q, const Tensor& k, const PoolFactors& factors,
                    const AttentionShape& shape, const PoolShape& pool);
/// The kernel that it takes, for a warm-up.
const gpu::Kernel& attention_pool_kernel(gpu::KernelCache& kernels, DType q, DType k);

/// x += y;  f32 [rows, dim]
void add(gpu::CommandBuffer& cmd, const Tensor& x, const Tensor& y);

/// y = gelu(gate) * up;  f32 [rows, dim]; y may be gate or up
void geglu(gpu::CommandBuffer& cmd, const Tensor& y, const Tensor& gate, const Tensor& up);

/// x = cap * tanh(x / cap);  f32 [rows, dim]
void softcap(gpu::CommandBuffer& cmd, const Tensor& x, float cap);

}  // namespace model::ops
