#include "app/commands/trace_arrays.h"

#include "app/engine/thumbnails.h"
#include "app/json_out.h"
#include "model/quant.h"
#include "shaders/visible.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace app {

namespace {

using model::Tap;

constexpr uint32_t kStages = std::tuple_size_v<decltype(model::stage_order({}))>;
constexpr uint32_t kSide = ThumbnailPool::kSide;
constexpr uint64_t kPictureCells = uint64_t{kSide} * kSide;

/// All rows of one head, as many at a time as kTraceCells allow.
ThumbnailPool pool_head(model::Session& session, uint32_t layer, uint32_t head) {
    const uint32_t window = session.model().config.layers[layer].sliding_window;
    const uint32_t n = session.position();
    ThumbnailPool pool;
    for (uint32_t begin = 0; begin < n;) {
        const uint32_t key_begin = model::first_visible(begin, window);
        // Later rows see later keys too, so a block is a little wider than its first row.
        const uint32_t width = std::min(n, begin + 256) - key_begin;
        const uint32_t n_rows = std::min({n - begin, 256u, std::max(1u, kTraceCells / width)});
        const model::AttentionTile tile = session.attention({.layer = layer,
                                                             .head = head,
                                                             .query_begin = begin,
                                                             .n_queries = n_rows,
                                                             .key_begin = key_begin,
                                                             .n_keys = begin + n_rows - key_begin});
        for (uint32_t i = 0; i < n_rows; ++i) {
            const uint32_t query = begin + i;
            const uint32_t first = model::first_visible(query, window);
            const size_t at = size_t{i} * tile.n_keys + (first - key_begin);
            pool.add_row(query, first, std::span(tile.pattern).subspan(at, query + 1 - first));
        }
        begin += n_rows;
    }
    return pool;
}

/// A picture of side x side cells in the upper left corner of 64 x 64, the rest NaN.
void append_picture(std::vector<uint16_t>& all, const std::vector<float>& cells, uint32_t side) {
    for (uint32_t row = 0; row < kSide; ++row) {
        for (uint32_t column = 0; column < kSide; ++column) {
            const bool inside = row < side && column < side;
            all.push_back(model::float_to_half(inside ? cells[size_t{row} * side + column]
                                                      : std::numeric_limits<float>::quiet_NaN()));
        }
    }
}

}  // namespace

StageArray::StageArray(const model::SamplingParams& params, uint32_t vocab_size, uint32_t n_tokens,
                       uint32_t n_top)
    : params_(params),
      sampler_(vocab_size),
      n_tokens_(n_tokens),
      n_top_(n_top),
      values_(size_t{n_tokens} * kStages * n_top) {}

void StageArray::add(uint32_t position, std::span<const float> logits,
                     std::span<const model::TokenId> history) {
    std::vector<model::TokenId> ids;
    constexpr double kAnySum = 0;  // the order alone is looked at
    for (const auto& [id, logprob] : model::top_logprobs(logits, n_top_, kAnySum)) {
        ids.push_back(id);
    }
    const std::vector<float> p = sampler_.stage_probabilities(logits, params_, history, ids);
    for (uint32_t stage = 0; stage < kStages; ++stage) {
        std::copy_n(p.begin() + ptrdiff_t(stage * ids.size()), ids.size(),
                    values_.begin() + ptrdiff_t((size_t{position} * kStages + stage) * n_top_));
    }
}

void StageArray::write(NpzWriter& out) const {
    out.add<float>("stage_p", {n_tokens_, kStages, n_top_}, values_);
}

std::string StageArray::meta() const {
    JsonArray names;
    for (const model::SamplerStage stage : model::stage_order(params_)) {
        names.raw(json_string(model::stage_name(stage)));
    }
    JsonObject values;
    for (const model::SamplingField& field : model::sampling_fields()) {
        values.add(field.name, model::field_value(params_, field));
    }
    return JsonObject().raw("stages", names.str()).raw("sampling", values.str()).str();
}

LensArrays::LensArrays(model::Session& session, std::vector<uint32_t> layers, uint32_t n_tokens,
                       uint32_t n_top)
    : session_(session),
      layers_(std::move(layers)),
      n_tokens_(n_tokens),
      n_top_(n_top),
      ids_(2 * layers_.size() * n_tokens * n_top, -1),
      logprobs_(ids_.size(), -std::numeric_limits<float>::infinity()) {}

void LensArrays::add(const model::Capture& capture) {
    for (const model::TapRows& rows : capture.taps) {
        const auto layer = std::find(layers_.begin(), layers_.end(), rows.layer);
        if ((rows.tap != Tap::resid_mid && rows.tap != Tap::resid_post) || layer == layers_.end()) {
            continue;
        }
        const size_t plane = 2 * size_t(layer - layers_.begin()) + (rows.tap == Tap::resid_post);
        session_.read_out(rows.values, [&](uint32_t row, std::span<const float> logits) {
            size_t at = (plane * n_tokens_ + rows.first_position + row) * n_top_;
            const double log_sum = model::log_sum_exp(logits);
            for (const auto& [id, logprob] : model::top_logprobs(logits, n_top_, log_sum)) {
                ids_[at] = id;
                logprobs_[at++] = logprob;
            }
        });
    }
}

void LensArrays::write(NpzWriter& out) const {
    out.add<int32_t>("lens_ids", {layers_.size(), 2, n_tokens_, n_top_}, ids_);
    out.add<float>("lens_logp", {layers_.size(), 2, n_tokens_, n_top_}, logprobs_);
}

Thumbnail head_picture(model::Session& session, uint32_t layer, uint32_t head) {
    return pool_head(session, layer, head).picture(layer, head);
}

void write_thumbnails(NpzWriter& out, model::Session& session) {
    const model::Config& config = session.model().config;
    std::vector<uint16_t> largest;
    std::vector<uint16_t> mass;
    for (uint32_t l = 0; l < config.num_hidden_layers; ++l) {
        for (uint32_t h = 0; h < config.num_attention_heads; ++h) {
            const Thumbnail picture = head_picture(session, l, h);
            append_picture(largest, picture.max, picture.side);
            append_picture(mass, picture.mass, picture.side);
        }
    }
    const std::vector<uint64_t> shape = {config.num_hidden_layers, config.num_attention_heads,
                                         kSide, kSide};
    out.add("thumb_max", NpyType::f2, shape, std::as_bytes(std::span(largest)));
    out.add("thumb_mass", NpyType::f2, shape, std::as_bytes(std::span(mass)));
}

uint32_t thumbnail_bin(uint32_t n_tokens) {
    return ThumbnailPool::bin_for(n_tokens);
}

uint64_t thumbnail_bytes(const model::Config& config) {
    return 4 * kPictureCells * config.num_hidden_layers * config.num_attention_heads;
}

}  // namespace app
