// Attention that is looked at from afar: rows pooled over bins of keys, without their cells.
#include <algorithm>

#include "model/ops.h"
#include "model/session_impl.h"
#include "shaders/visible.h"

namespace model {

ops::PoolFactors Session::Impl::upload_factors(const PoolRequest& r) {
    ops::PoolFactors out;
    const uint64_t plane_bytes = 4 * uint64_t{options.n_ctx};
    const auto put = [&](const char* name, std::span<const float> factors, uint64_t plane) {
        CHECK(factors.size() >= tokens.size() && factors.size() <= options.n_ctx, "{} factors",
              factors.size());
        if (!pool_factors) {
            pool_factors = std::make_unique<gpu::Buffer>(runtime.device, 2 * plane_bytes,
                                                         gpu::Memory::device, "pool factors");
        }
        const gpu::Range range = pool_factors->range().slice(plane * plane_bytes, plane_bytes);
        gpu::upload(runtime.device, range.slice(0, factors.size_bytes()), std::as_bytes(factors));
        return Tensor{name, DType::f32, {1, options.n_ctx}, range};
    };
    if (!r.key_factor.empty()) {
        out.key = put("key factors", r.key_factor, 0);
    }
    if (!r.row_factor.empty()) {
        out.row = put("row factors", r.row_factor, 1);
    }
    return out;
}

PooledRows Session::pooled_attention(const PoolRequest& r) {
    Impl& s = *impl_;
    CHECK(r.bin > 0 && r.n_bins > 0 && uint64_t{r.n_queries} * r.n_bins <= kMaxPooled,
          "{} x {} bins of {}", r.n_queries, r.n_bins, r.bin);
    const uint32_t first_key = r.by_distance ? 0 : r.key_begin;
    const uint64_t wanted = r.by_distance ? position() : uint64_t{r.bin} * r.n_bins;
    const uint64_t there = position() > first_key ? position() - first_key : 0;
    s.check_cells({.layer = r.layer,
                   .head = r.head,
                   .query_begin = r.query_begin,
                   .n_queries = r.n_queries,
                   .key_begin = first_key,
                   .n_keys = uint32_t(std::min(wanted, there))});
    const uint64_t n_pooled = uint64_t{r.n_queries} * r.n_bins;
    const gpu::Range memory = s.tile_memory().range();
    const gpu::Range pooled_range = memory.slice(0, 8 * n_pooled);
    const gpu::Range sink_range = memory.slice(8 * uint64_t{kMaxPooled}, 4 * uint64_t{r.n_queries});
    const ops::PoolFactors factors = s.upload_factors(r);
    const ops::AttentionShape shape = s.attention_shape(r.layer);
    const bool sees_sink = first_visible(r.query_begin, shape.window) == 0;
    const Tensor& q = s.act.kept_q[r.layer];
    const Tensor& k = s.cache.layer(r.layer).k;
    s.run([&] {
        ops::attention_pool(s.cmd,
                            {"pooled", DType::f32, {r.n_queries, 2 * r.n_bins}, pooled_range},
                            s.act.lse[r.layer], q, k, factors, shape,
                            {.head = r.head,
                             .query_begin = r.query_begin,
                             .key_begin = r.key_begin,
                             .bin = r.bin,
                             .by_distance = r.by_distance});
        if (sees_sink) {
            ops::attention_tile(s.cmd, {"sink", DType::f32, {r.n_queries, 1}, sink_range}, {},
                                s.act.lse[r.layer], q, k, shape,
                                {.head = r.head, .query_begin = r.query_begin, .key_begin = 0});
        }
    });

    PooledRows out{.layer = r.layer,
                   .head = r.head,
                   .query_begin = r.query_begin,
                   .n_queries = r.n_queries,
                   .key_begin = r.key_begin,
                   .bin = r.bin,
                   .n_bins = r.n_bins,
                   .by_distance = r.by_distance,
                   .max = std::vector<float>(n_pooled),
                   .sum = std::vector<float>(n_pooled),
                   .sink = std::vector<float>(r.n_queries)};
    std::vector<float> pairs(2 * n_pooled);
    gpu::download(s.runtime.device, std::as_writable_bytes(std::span(pairs)), pooled_range);
    for (size_t i = 0; i < n_pooled; i++) {
        out.max[i] = pairs[2 * i];
        out.sum[i] = pairs[2 * i + 1];
    }
    if (sees_sink) {
        gpu::download(s.runtime.device, std::as_writable_bytes(std::span(out.sink)), sink_range);
    }
    return out;
}

}  // namespace model
