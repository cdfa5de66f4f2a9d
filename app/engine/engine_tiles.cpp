// Attention from afar: tiles of the pyramid and the sinks of a head, in blocks between which
// commands are read; and the rows that thumbnails are made of.
#include <algorithm>
#include <utility>

#include "app/engine/engine_worker.h"
#include "shaders/visible.h"

namespace app {
namespace {

constexpr size_t kMaxTiles = 256;  // of one request
constexpr uint32_t kMaxLevel = 20;

base::Error usage(const std::string& message) {
    return base::Error(base::ErrorKind::usage, message);
}

}  // namespace

void Worker::check_tiles(const Inspect& request) const {
    if (request.tiles.empty() || request.tiles.size() > kMaxTiles) {
        throw usage(fmt::format("{} tiles were asked for", request.tiles.size()));
    }
    const model::Config& config = model_->config;
    for (const TileKey& key : request.tiles) {
        if (key.layer >= config.num_hidden_layers || key.head >= config.num_attention_heads ||
            key.level > kMaxLevel || key.key_level > kMaxLevel) {
            throw usage(fmt::format("there is no tile of layer {} head {} level {}", key.layer,
                                    key.head, key.level));
        }
        if (!tile_has_cells(key, config.layers[key.layer].sliding_window, session_->position())) {
            throw usage("no cell of this tile has been computed");
        }
    }
}

/// One block of rows of the next tile; true when `ready` holds a tile.
bool Worker::answer_pyramid(Inspection& job, InspectReady& ready) {
    const Inspect& request = job.request;
    if (job.n_tiles_done == 0 && job.builder == nullptr) {
        check_tiles(request);
    }
    const TileKey& key = request.tiles[job.n_tiles_done];
    if (key.measure == Measure::valued && !key.exact() &&
        !values_.advance(*session_, key.layer, session_->position(), 64)) {
        return false;
    }
    const uint32_t window = model_->config.layers[key.layer].sliding_window;
    if (job.builder == nullptr) {
        // What an older request had begun of the same tile is not done twice.
        job.builder = begun_tile_ != nullptr && begun_tile_->key() == key
                          ? std::move(begun_tile_)
                          : std::make_unique<TileBuilder>(key, window, session_->position());
    }
    TileBuilder& builder = *job.builder;
    key.exact() ? add_exact_rows(builder) : add_pooled_rows(builder);
    if (builder.next() < builder.end()) {
        return false;
    }
    ready.pyramid = std::make_shared<const AttentionPyramidTile>(std::move(*job.builder).finish());
    job.builder.reset();
    ++job.n_tiles_done;
    ready.n_left = uint32_t(request.tiles.size() - job.n_tiles_done);
    return true;
}

void Worker::add_exact_rows(TileBuilder& builder) {
    const TileKey& key = builder.key();
    const uint32_t key_begin = key.column * TileBuilder::kSide;
    const uint32_t n_keys = std::min(TileBuilder::kSide, session_->position() - key_begin);
    const uint32_t n_rows = std::min(block_rows(n_keys), builder.end() - builder.next());
    const model::AttentionTile rows = timed_attention({.layer = key.layer,
                                                       .head = key.head,
                                                       .query_begin = builder.next(),
                                                       .n_queries = n_rows,
                                                       .key_begin = key_begin,
                                                       .n_keys = n_keys});
    for (uint32_t i = 0; i < n_rows; ++i) {
        builder.add_cells(rows.pattern.data() + size_t(i) * n_keys, n_keys);
    }
}

void Worker::add_pooled_rows(TileBuilder& builder) {
    const TileKey& key = builder.key();
    const uint32_t bin = 1U << key.key_level;
    const uint64_t n_cells = uint64_t{TileBuilder::kSide} * bin;
    const uint32_t n_rows =
        std::min(block_rows(uint32_t(std::min<uint64_t>(n_cells, session_->position())),
                            pooled_cells_per_ms_),
                 builder.end() - builder.next());
    model::Session::PoolRequest request{.layer = key.layer,
                                        .head = key.head,
                                        .query_begin = builder.next(),
                                        .n_queries = n_rows,
                                        .key_begin = key.column * TileBuilder::kSide * bin,
                                        .bin = bin,
                                        .n_bins = TileBuilder::kSide,
                                        .by_distance = key.band};
    if (key.measure == Measure::renormalized) {
        request.row_factor = without_sink(key.layer, key.head);
    } else if (key.measure == Measure::valued) {
        request.key_factor = values_.of(key.layer, key.head);
    }
    const model::PooledRows rows = timed_pool(request);
    for (uint32_t i = 0; i < n_rows; ++i) {
        builder.add_row(rows.max.data() + size_t(i) * rows.n_bins,
                        rows.sum.data() + size_t(i) * rows.n_bins);
    }
}

/// 1 / (1 - weight on key 0) of every query of a head; 1 where nothing is left.
std::span<const float> Worker::without_sink(uint32_t layer, uint32_t head) {
    const uint32_t n = session_->position();
    SinkFactors& s = sink_factors_;
    if (s.layer != layer || s.head != head || s.factors.size() > n) {
        s = {layer, head, {}};
    }
    const auto begin = uint32_t(s.factors.size());
    if (begin < n) {
        const std::vector<float> sinks = sinks_of(layer, head, begin, n);
        for (const float sink : sinks) {
            s.factors.push_back(1 - sink > 1e-6F ? 1 / (1 - sink) : 1.0F);
        }
    }
    return s.factors;
}

/// Weights on key 0 of queries [begin, end).
std::vector<float> Worker::sinks_of(uint32_t layer, uint32_t head, uint32_t begin, uint32_t end) {
    std::vector<float> out(end - begin);
    const uint32_t window = model_->config.layers[layer].sliding_window;
    const uint32_t seen_end =
        window == 0 ? end : std::min(end, window);  // later ones do not see it
    if (begin < seen_end) {
        const std::vector<float> seen = session_
                                            ->attention({.layer = layer,
                                                         .head = head,
                                                         .query_begin = begin,
                                                         .n_queries = seen_end - begin,
                                                         .key_begin = 0,
                                                         .n_keys = 1})
                                            .pattern;
        std::copy(seen.begin(), seen.end(), out.begin());
    }
    return out;
}

bool Worker::answer_sink(Inspection& job, InspectReady& ready) {
    const Inspect& request = job.request;
    const uint32_t n = std::min(request.n_queries, session_->position());
    if (n == 0) {
        throw usage("no query was asked for");
    }
    auto tile = std::make_shared<model::AttentionTile>();
    tile->layer = request.layer;
    tile->head = request.head;
    tile->n_queries = n;
    tile->n_keys = 1;
    tile->window = model_->config.layers[request.layer].sliding_window;
    tile->pattern = sinks_of(request.layer, request.head, 0, n);
    ready.tile = std::move(tile);
    return true;
}

/// The next block of rows of a thumbnail, at most up to `end`.
void Worker::pool_block(ThumbnailPool& pool, uint32_t layer, uint32_t head, uint32_t end) {
    const uint32_t window = model_->config.layers[layer].sliding_window;
    pool.reserve(end);
    const uint32_t begin = pool.n_positions();
    const uint32_t oldest = model::first_visible(begin, window);
    const uint32_t n_rows = std::min(block_rows(end - oldest, pooled_cells_per_ms_), end - begin);
    const uint32_t n_keys = begin + n_rows - oldest;
    // Narrow bins where there are few: enough of them to keep the device busy.
    uint32_t bin = pool.bin();
    while (bin > 4 && n_keys / bin < 64) {
        bin /= 2;
    }
    const uint32_t first_key = oldest / bin * bin;
    const uint32_t n_bins = (begin + n_rows - first_key + bin - 1) / bin;
    const model::PooledRows rows = timed_pool({.layer = layer,
                                               .head = head,
                                               .query_begin = begin,
                                               .n_queries = n_rows,
                                               .key_begin = first_key,
                                               .bin = bin,
                                               .n_bins = n_bins});
    for (uint32_t i = 0; i < n_rows; ++i) {
        pool.add_row(begin + i, {.first_key = first_key,
                                 .bin = bin,
                                 .n_bins = n_bins,
                                 .max = rows.max.data() + size_t(i) * n_bins,
                                 .sum = rows.sum.data() + size_t(i) * n_bins,
                                 .sink = rows.sink[i]});
    }
}

model::PooledRows Worker::timed_pool(const model::Session::PoolRequest& request) {
    const Clock::time_point begun = Clock::now();
    model::PooledRows rows = session_->pooled_attention(request);
    const double ms = std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
    // About the cells that were multiplied: those in the window, or about half of a triangle.
    const double keys = std::min(double(request.n_bins) * request.bin,
                                 double(request.query_begin) + request.n_queries);
    const double cells = double(request.n_queries) * keys;
    if (ms > 1 && cells > 1000) {
        pooled_cells_per_ms_ = std::clamp(0.7 * pooled_cells_per_ms_ + 0.3 * cells / ms, 10.0, 1e9);
    }
    return rows;
}

}  // namespace app
