// What the inspector asks of a Session: attention cells, LSE, stored rows.
#include <algorithm>
#include <iterator>

#include "model/ops.h"
#include "model/quant.h"
#include "model/session_impl.h"
#include "shaders/visible.h"

namespace model {
void Session::Impl::check_layer(uint32_t layer) const {
    if (layer >= model->config.num_hidden_layers) {
        refuse(fmt::format("layer {}: the model has {}", layer, model->config.num_hidden_layers));
    }
}

ops::AttentionShape Session::Impl::attention_shape(uint32_t layer) const {
    const Config& config = model->config;
    return {.position = 0,
            .n_heads = config.num_attention_heads,
            .n_kv_heads = config.num_key_value_heads,
            .head_dim = config.head_dim,
            .window = config.layers[layer].sliding_window,
            .scale = config.attention_scale(),
            .cap = config.attn_logit_softcapping};
}

/// At most kMaxTileCells cells.
AttentionTile Session::Impl::tile(const AttentionRequest& r) {
    const uint64_t cells = uint64_t{r.n_queries} * r.n_keys;
    CHECK(cells > 0 && cells <= kMaxTileCells, "{} cells", cells);
    const gpu::Range memory = tile_memory().range();
    const gpu::Range pattern_range = memory.slice(0, 4 * cells);
    const gpu::Range score_range =
        r.scores ? memory.slice(4 * uint64_t{kMaxTileCells}, 8 * cells) : gpu::Range{};
    const Tensor pattern{"pattern", DType::f32, {r.n_queries, r.n_keys}, pattern_range};
    const Tensor scores{"scores", DType::f32, {r.n_queries, 2 * r.n_keys}, score_range};
    run([&] {
        ops::attention_tile(
            cmd, pattern, scores, act.lse[r.layer], act.kept_q[r.layer], cache.layer(r.layer).k,
            attention_shape(r.layer),
            {.head = r.head, .query_begin = r.query_begin, .key_begin = r.key_begin});
    });

    AttentionTile out{.layer = r.layer,
                      .head = r.head,
                      .query_begin = r.query_begin,
                      .n_queries = r.n_queries,
                      .key_begin = r.key_begin,
                      .n_keys = r.n_keys,
                      .window = model->config.layers[r.layer].sliding_window,
                      .pattern = std::vector<float>(cells),
                      .scores = {},
                      .scores_raw = {},
                      .lse = std::vector<float>(r.n_queries)};
    gpu::download(runtime.device, std::as_writable_bytes(std::span(out.pattern)), pattern_range);
    const uint64_t lse_begin = 4 * (uint64_t{r.head} * options.n_ctx + r.query_begin);
    gpu::download(runtime.device, std::as_writable_bytes(std::span(out.lse)),
                  act.lse[r.layer].range.slice(lse_begin, 4 * uint64_t{r.n_queries}));
    if (r.scores) {
        std::vector<float> pairs(2 * cells);
        gpu::download(runtime.device, std::as_writable_bytes(std::span(pairs)), score_range);
        for (size_t i = 0; i < cells; i++) {
            out.scores.push_back(pairs[2 * i]);
            out.scores_raw.push_back(pairs[2 * i + 1]);
        }
    }
    return out;
}

gpu::Buffer& Session::Impl::tile_memory() {
    if (!tile_cells) {
        // Room for the LSE of one layer too, which resid_mid() writes and nobody reads.
        const uint64_t lse_bytes = 4 * uint64_t{model->config.num_attention_heads} * options.n_ctx;
        tile_cells = std::make_unique<gpu::Buffer>(
            runtime.device, std::max(12 * uint64_t{kMaxTileCells}, lse_bytes), gpu::Memory::device,
            "attention tile");
    }
    return *tile_cells;
}

void Session::Impl::check_cells(const AttentionRequest& r) const {
    const Config& config = model->config;
    const auto n = uint32_t(tokens.size());
    if (r.layer >= config.num_hidden_layers || r.head >= config.num_attention_heads) {
        refuse(fmt::format("layer {}, head {}: the model has {} layers of {} heads", r.layer,
                           r.head, config.num_hidden_layers, config.num_attention_heads));
    }
    if (uint64_t{r.query_begin} + r.n_queries > n || uint64_t{r.key_begin} + r.n_keys > n ||
        r.n_queries == 0 || r.n_keys == 0) {
        refuse(fmt::format("queries {}+{}, keys {}+{}: {} positions were computed", r.query_begin,
                           r.n_queries, r.key_begin, r.n_keys, n));
    }
    if (!options.keep_q) {
        refuse("the session does not keep Q, so past attention cannot be recomputed");
    }
    const uint32_t window = config.layers[r.layer].sliding_window;
    const uint32_t oldest_key = first_visible(r.query_begin, window);
    const uint32_t kept = cache.first_kept(r.layer);
    if (std::max(oldest_key, r.key_begin) < kept) {
        refuse(fmt::format("layer {} keeps keys from position {} on; older ones were overwritten",
                           r.layer, kept));
    }
}

AttentionTile Session::attention(const AttentionRequest& r) {
    Impl& s = *impl_;
    s.check_cells(r);
    AttentionTile out;
    const uint32_t rows_at_once = tile_rows(r.n_keys, s.runtime.device.info().max_groups_y);
    for (uint32_t done = 0; done < r.n_queries; done += rows_at_once) {
        AttentionRequest piece = r;
        piece.query_begin = r.query_begin + done;
        piece.n_queries = std::min(rows_at_once, r.n_queries - done);
        AttentionTile part = s.tile(piece);
        if (done == 0) {
            out = std::move(part);
            continue;
        }
        const auto append = [](std::vector<float>& to, const std::vector<float>& from) {
            to.insert(to.end(), from.begin(), from.end());
        };
        append(out.pattern, part.pattern);
        append(out.scores, part.scores);
        append(out.scores_raw, part.scores_raw);
        append(out.lse, part.lse);
        out.n_queries += part.n_queries;
    }
    return out;
}

/// The rows of one head, a few at a time, into those of all heads: out[kind][t * n_heads + h].
void Session::Impl::append_cells(std::span<TapRows> square, uint32_t h, uint32_t position,
                                 uint32_t n) {
    const uint32_t n_keys = position + n, n_heads = model->config.num_attention_heads;
    const uint32_t at_once = tile_rows(n_keys, runtime.device.info().max_groups_y);
    for (uint32_t begin = 0; begin < n; begin += at_once) {
        const AttentionTile cells =
            tile({.layer = square[0].layer,
                  .head = h,
                  .query_begin = position + begin,
                  .n_queries = std::min(at_once, n - begin),
                  .key_begin = 0,
                  .n_keys = n_keys,
                  .scores = std::ranges::any_of(
                      square, [](const TapRows& rows) { return rows.tap != Tap::pattern; })});
        for (TapRows& rows : square) {
            const std::vector<float>& from = rows.tap == Tap::pattern       ? cells.pattern
                                             : rows.tap == Tap::attn_scores ? cells.scores
                                                                            : cells.scores_raw;
            for (uint32_t t = 0; t < cells.n_queries; t++) {
                std::copy_n(
                    from.begin() + ptrdiff_t(size_t{t} * n_keys), n_keys,
                    rows.values.begin() + ptrdiff_t((size_t{begin + t} * n_heads + h) * n_keys));
            }
        }
    }
}

void Session::Impl::append_attention_taps(std::vector<TapRows>& out, uint32_t position,
                                          uint32_t n) {
    const CaptureSpec& spec = taps.spec();
    const uint32_t n_heads = model->config.num_attention_heads;
    const uint32_t n_keys = position + n;
    for (uint32_t l = 0; l < model->config.num_hidden_layers; l++) {
        std::vector<TapRows> square;
        for (const Tap tap : {Tap::pattern, Tap::attn_scores, Tap::attn_scores_raw}) {
            if (spec.wants(tap, l)) {
                square.push_back({tap, l, position, n * n_heads, n_keys, {}});
                square.back().values.resize(size_t{n} * n_heads * n_keys);
            }
        }
        for (uint32_t h = 0; h < n_heads && !square.empty(); h++) {
            append_cells(square, h, position, n);
        }
        std::ranges::move(square, std::back_inserter(out));
        if (!spec.wants(Tap::lse, l)) {
            continue;
        }
        TapRows lse{Tap::lse, l, position, n_heads, n, {}};
        lse.values.resize(size_t{n_heads} * n);
        for (uint32_t h = 0; h < n_heads; h++) {
            gpu::download(runtime.device,
                          std::as_writable_bytes(std::span(lse.values).subspan(size_t{h} * n, n)),
                          act.lse[l].range.slice(4 * (uint64_t{h} * options.n_ctx + position),
                                                 4 * uint64_t{n}));
        }
        out.push_back(std::move(lse));
    }
}

std::vector<float> Session::lse(uint32_t layer) {
    Impl& s = *impl_;
    s.check_layer(layer);
    const uint32_t n_heads = s.model->config.num_attention_heads;
    std::vector<float> out(size_t{n_heads} * position());
    for (uint32_t h = 0; h < n_heads; h++) {
        gpu::download(
            s.runtime.device,
            std::as_writable_bytes(std::span(out).subspan(size_t{h} * position(), position())),
            s.act.lse[layer].range.slice(4 * uint64_t{h} * s.options.n_ctx,
                                         4 * uint64_t{position()}));
    }
    return out;
}

std::vector<float> Session::stored(Tap tap, uint32_t layer, uint32_t begin, uint32_t n) {
    Impl& s = *impl_;
    s.check_layer(layer);
    if (uint64_t{begin} + n > position()) {
        refuse(fmt::format("positions {}+{}: {} were computed", begin, n, position()));
    }
    CHECK(tap == Tap::rot_q || tap == Tap::rot_k || tap == Tap::v || tap == Tap::resid_post, "{}",
          tap_info(tap).name);
    const bool is_q = tap == Tap::rot_q;
    const bool is_residual = tap == Tap::resid_post;
    if (is_q && s.act.kept_q.empty()) {
        refuse("the session does not keep Q");
    }
    if (is_residual && s.act.residuals.empty()) {
        refuse("the session does not keep residuals");
    }
    if (!is_q && !is_residual && begin < s.cache.first_kept(layer)) {
        refuse(
            fmt::format("layer {} keeps positions from {} on", layer, s.cache.first_kept(layer)));
    }
    const Tensor& from = is_q                ? s.act.kept_q[layer]
                         : is_residual       ? s.act.residuals[layer]
                         : tap == Tap::rot_k ? s.cache.layer(layer).k
                                             : s.cache.layer(layer).v;
    const uint32_t width = from.shape.dim;
    std::vector<float> out(size_t{n} * width);
    std::vector<std::byte> bytes(size_t{width} * block_bytes(from.dtype));
    for (uint32_t i = 0; i < n; i++) {
        gpu::download(s.runtime.device, bytes, from.rows((begin + i) % from.shape.rows, 1).range);
        model::dequantize(std::span(out).subspan(size_t{i} * width, width), from.dtype, bytes);
    }
    return out;
}

}  // namespace model
