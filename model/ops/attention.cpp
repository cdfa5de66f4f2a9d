// Host side of attention_scores, attention_softmax, attention_lse, attention_values,
// attention_tile and attention_pool.
#include "model/ops.h"

#include "gpu/base.h"
#include "model/ops/dispatch.h"
#include "shaders/params.h"
#include "shaders/visible.h"

namespace model::ops {
namespace {

constexpr uint32_t kTile = params::kKeyTile;
constexpr uint32_t kSmallGroup = 32;  // tiles and rows are few
constexpr uint32_t kPoolRows = 4, kPoolKeys = 4;

uint32_t is_half(const Tensor& t) {
    return uint32_t(t.dtype == DType::f16);
}

/// Queries [begin, begin + n) are rows of the stored q, whose first row is q_first.
void check_kept(const Tensor& q, const Tensor& k, const AttentionShape& shape, uint32_t begin,
                uint32_t q_first, uint32_t n) {
    check(q, q.dtype, {q.shape.rows, shape.n_heads * shape.head_dim});
    check(k, k.dtype, {k.shape.rows, shape.n_kv_heads * shape.head_dim});
    CHECK(begin >= q_first, "query {} before {}", begin, q_first);
    CHECK(begin - q_first + n <= q.shape.rows, "queries beyond kept Q");
}

/// What the products of `cells` scores or weights with their keys or values cost.
gpu::Work products_of(double cells, const AttentionShape& shape) {
    return {.flops = 2 * cells * shape.head_dim, .bytes = cells * shape.head_dim / 2};
}

/// One call of attention(): its tensors, and the kernels that multiply, which decide how many
/// queries make one dispatch.
struct Job {
    gpu::CommandBuffer& cmd;
    const Tensor& z;
    const Tensor& lse;
    const Tensor& q;
    const Tensor& k;
    const Tensor& v;
    const AttentionScratch& scratch;
    const AttentionShape& shape;
    const gpu::Kernel& scores;
    const gpu::Kernel& values;
};

/// One sub-batch: queries [first, first + n) of the chunk, on the same keys.
struct SubBatch {
    uint32_t first = 0;
    uint32_t n = 0;
    KeySpan keys;
};

/// As many queries from `first` on as the scratch holds and one submit bears; at least one.
SubBatch next_sub_batch(const Job& job, uint32_t first, uint32_t n_left) {
    const AttentionShape& shape = job.shape;
    SubBatch batch{first, n_left, {}};
    for (;;) {
        batch.keys = key_span(shape.position + first, batch.n, shape.window);
        const uint64_t cells = uint64_t{batch.n} * shape.n_heads * batch.keys.n;
        const bool fits = cells <= job.scratch.scores.shape.dim &&
                          uint64_t{batch.n} * shape.n_heads <= job.scratch.stats.shape.rows;
        const gpu::Work products = products_of(double(cells), shape);
        if (fits && (batch.n == 1 || (job.cmd.parts(job.scores, products) == 1 &&
                                      job.cmd.parts(job.values, products) == 1))) {
            return batch;
        }
        CHECK(batch.n > 1, "attention scratch of {} cells is too small for {} heads and {} keys",
              job.scratch.scores.shape.dim, shape.n_heads, batch.keys.n);
        batch.n = divide_up(batch.n, 2);
    }
}

params::Attention push_of(const AttentionShape& shape, const SubBatch& batch, uint32_t capacity,
                          uint32_t lse_stride) {
    return {.n_tokens = batch.n,
            .position = shape.position + batch.first,
            .n_heads = shape.n_heads,
            .n_kv_heads = shape.n_kv_heads,
            .head_dim = shape.head_dim,
            .capacity = capacity,
            .window = shape.window,
            .key_begin = batch.keys.begin,
            .n_keys = batch.keys.n,
            .q_row = batch.first,
            .lse_stride = lse_stride,
            .scale = shape.scale,
            .cap = shape.cap};
}

const gpu::Kernel& scores_kernel(gpu::CommandBuffer& cmd, const Tensor& q, const Tensor& k) {
    return cmd.kernel("attention_scores", {kElementwiseGroup, is_half(q), is_half(k)});
}

void dispatch_scores(gpu::CommandBuffer& cmd, const Tensor& scores, const Tensor& q,
                     const Tensor& k, const params::Attention& push) {
    const double cells = double(push.n_tokens) * push.n_heads * push.n_keys;
    cmd.dispatch(
        scores_kernel(cmd, q, k),
        {.x = divide_up(push.n_keys, kElementwiseGroup), .y = push.n_heads, .z = push.n_tokens},
        push, {q.range, k.range, scores.range},
        {.flops = 2 * cells * push.head_dim, .bytes = cells * push.head_dim / 2});
}

void attend(const Job& job, const SubBatch& batch) {
    const auto& [cmd, z, lse, q, k, v, scratch, shape, scores, values] = job;
    const params::Attention push = push_of(shape, batch, k.shape.rows, lse.shape.dim);
    const uint32_t n_tiles = batch.keys.n / kTile;
    const double cells = double(batch.n) * shape.n_heads * batch.keys.n;
    const gpu::Work products = products_of(cells, shape);

    dispatch_scores(cmd, scratch.scores, q, k, push);
    cmd.dispatch(cmd.kernel("attention_softmax", {kSmallGroup}),
                 {.x = divide_up(n_tiles, kSmallGroup), .y = shape.n_heads, .z = batch.n}, push,
                 {scratch.scores.range, scratch.prob.range, scratch.tiles.range},
                 {.flops = 40 * cells, .bytes = 12 * cells});
    cmd.dispatch(cmd.kernel("attention_lse", {kSmallGroup}),
                 {.x = divide_up(batch.n * shape.n_heads, kSmallGroup)}, push,
                 {scratch.tiles.range, scratch.stats.range, lse.range},
                 {.flops = cells, .bytes = cells / 4});
    cmd.dispatch(
        values,
        {.x = divide_up(shape.head_dim / 2, kElementwiseGroup), .y = shape.n_heads, .z = batch.n},
        push,
        {scratch.prob.range, scratch.tiles.range, scratch.stats.range, v.range,
         z.rows(batch.first, batch.n).range},
        products);
}

}  // namespace

KeySpan key_span(uint32_t position, uint32_t n_queries, uint32_t window) {
    const uint32_t begin = first_visible(position, window) / kTile * kTile;
    const uint32_t end = divide_up(position + n_queries, kTile) * kTile;
    return {begin, end - begin};
}

void create_attention_kernels(gpu::CommandBuffer& cmd, DType k, DType v) {
    const auto k_half = uint32_t(k == DType::f16);
    cmd.kernel("attention_scores", {kElementwiseGroup, k_half, k_half});
    cmd.kernel("attention_softmax", {kSmallGroup});
    cmd.kernel("attention_lse", {kSmallGroup});
    cmd.kernel("attention_values", {kElementwiseGroup, uint32_t(v == DType::f16)});
}

void attention(gpu::CommandBuffer& cmd, const Tensor& z, const Tensor& lse, const Tensor& q,
               const Tensor& k, const Tensor& v, const AttentionScratch& scratch,
               const AttentionShape& shape) {
    const uint32_t n_tokens = q.shape.rows;
    const uint32_t q_width = shape.n_heads * shape.head_dim;
    const uint32_t kv_width = shape.n_kv_heads * shape.head_dim;
    check(q, q.dtype, {n_tokens, q_width});
    check(k, k.dtype, {k.shape.rows, kv_width});
    check(v, v.dtype, {k.shape.rows, kv_width});
    check(z, DType::f32, {n_tokens, q_width});
    check(lse, DType::f32, {shape.n_heads, lse.shape.dim});
    CHECK(shape.head_dim % 4 == 0, "head size {}", shape.head_dim);
    CHECK(shape.position + n_tokens <= lse.shape.dim, "position {} + {} of {}", shape.position,
          n_tokens, lse.shape.dim);

    const Job job{
        cmd,
        z,
        lse,
        q,
        k,
        v,
        scratch,
        shape,
        scores_kernel(cmd, q, k),
        cmd.kernel("attention_values", {kElementwiseGroup, is_half(v)}),
    };
    for (uint32_t first = 0; first < n_tokens;) {
        const SubBatch batch = next_sub_batch(job, first, n_tokens - first);
        attend(job, batch);
        first += batch.n;
    }
}

void attention_scores(gpu::CommandBuffer& cmd, const Tensor& scores, const Tensor& q,
                      const Tensor& k, const AttentionShape& shape) {
    const SubBatch batch{0, q.shape.rows, key_span(shape.position, q.shape.rows, shape.window)};
    check(q, q.dtype, {batch.n, shape.n_heads * shape.head_dim});
    check(k, k.dtype, {k.shape.rows, shape.n_kv_heads * shape.head_dim});
    const uint64_t cells = uint64_t{batch.n} * shape.n_heads * batch.keys.n;
    CHECK(cells <= scores.shape.dim, "{} scores, room for {}", cells, scores.shape.dim);
    dispatch_scores(cmd, scores, q, k, push_of(shape, batch, k.shape.rows, 0));
}

void attention_tile(gpu::CommandBuffer& cmd, const Tensor& pattern, const Tensor& scores,
                    const Tensor& lse, const Tensor& q, const Tensor& k,
                    const AttentionShape& shape, const TileShape& tile) {
    const auto [n_queries, n_keys] = pattern.shape;
    const bool wants_scores = !scores.range.empty();
    check(pattern, DType::f32, {n_queries, n_keys});
    check_kept(q, k, shape, tile.query_begin, tile.q_first, n_queries);

    const params::AttentionTile push{
        .query_begin = tile.query_begin,
        .key_begin = tile.key_begin,
        .n_keys = n_keys,
        .head = tile.head,
        .kv_head = tile.head / (shape.n_heads / shape.n_kv_heads),
        .q_row = 0u - tile.q_first,  // row = q_row + query, modulo 2^32
        .n_heads = shape.n_heads,
        .n_kv_heads = shape.n_kv_heads,
        .head_dim = shape.head_dim,
        .capacity = k.shape.rows,
        .window = shape.window,
        .lse_stride = lse.shape.dim,
        .scale = shape.scale,
        .cap = shape.cap};
    const double cells = double(n_queries) * n_keys;
    cmd.dispatch(
        cmd.kernel("attention_tile",
                   {kElementwiseGroup, is_half(q), is_half(k), uint32_t(wants_scores)}),
        {.x = divide_up(n_keys, kElementwiseGroup), .y = n_queries}, push,
        {q.range, k.range, lse.range, pattern.range, wants_scores ? scores.range : pattern.range},
        {.flops = 2 * cells * shape.head_dim, .bytes = cells * shape.head_dim / 2});
}

const gpu::Kernel& attention_pool_kernel(gpu::KernelCache& kernels, DType q, DType k) {
    return kernels.get("attention_pool", {kElementwiseGroup, uint32_t(q == DType::f16),
                                          uint32_t(k == DType::f16), kPoolRows, kPoolKeys});
}

void attention_pool(gpu::CommandBuffer& cmd, const Tensor& pooled, const Tensor& lse,
                    const Tensor& q, const Tensor& k, const PoolFactors& factors,
                    const AttentionShape& shape, const PoolShape& pool) {
    const uint32_t n_queries = pooled.shape.rows, n_bins = pooled.shape.dim / 2;
    check(pooled, DType::f32, {n_queries, 2 * n_bins});
    check_kept(q, k, shape, pool.query_begin, pool.q_first, n_queries);
    CHECK(pool.bin > 0 && n_bins > 0, "{} bins of {}", n_bins, pool.bin);
    uint32_t flags = pool.by_distance ? 4U : 0U;
    for (const auto& [factor, flag] : {std::pair(&factors.key, 1U), std::pair(&factors.row, 2U)}) {
        if (!factor->range.empty()) {
            check(*factor, DType::f32, {1, lse.shape.dim});
            flags |= flag;
        }
    }
    const params::AttentionPool push{
        .query_begin = pool.query_begin,
        .n_queries = n_queries,
        .key_begin = pool.key_begin,
        .bin = pool.bin,
        .n_bins = n_bins,
        .flags = flags,
        .head = pool.head,
        .kv_head = pool.head / (shape.n_heads / shape.n_kv_heads),
        .q_row = 0u - pool.q_first,  // row = q_row + query, modulo 2^32
        .n_heads = shape.n_heads,
        .n_kv_heads = shape.n_kv_heads,
        .head_dim = shape.head_dim,
        .capacity = k.shape.rows,
        .window = shape.window,
        .lse_stride = lse.shape.dim,
        .scale = shape.scale,
        .cap = shape.cap};
    const auto or_lse = [&](const Tensor& factor) {  // a binding that is not read
        return factor.range.empty() ? lse.range : factor.range;
    };
    const double cells = double(n_queries) * n_bins * pool.bin;
    cmd.dispatch(
        attention_pool_kernel(cmd.kernels(), q.dtype, k.dtype),
        {.x = divide_up(n_bins, kElementwiseGroup), .y = divide_up(n_queries, kPoolRows)}, push,
        {q.range, k.range, lse.range, or_lse(factors.key), or_lse(factors.row), pooled.range},
        {.flops = 2 * cells * shape.head_dim, .bytes = cells * shape.head_dim / 2});
}

}  // namespace model::ops
