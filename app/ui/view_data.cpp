#include "app/ui/view_data.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "app/commands/args.h"
#include "app/engine/thumbnails.h"
#include "model/sampler.h"

namespace app::ui {

namespace {

static_assert(int(SinkView::valued) == int(SinkMode::valued) && kSinkModes == 4);

constexpr double kNanNumber = std::numeric_limits<double>::quiet_NaN();
constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
constexpr uint32_t kNextTokens = 50;

void add_facts(const UiState& s, const Message& m, ViewExport& out) {
    out.facts = {{"program", fmt::format("Lapidary {}", version())},
                 {"model", m.model_name},
                 {"seed", fmt::format("{}", m.sampling.seed)},
                 {"temperature", fmt::format("{}", m.sampling.temperature)}};
    if (s.model) {
        out.facts.emplace_back("file", s.model->path);
        out.facts.emplace_back("device", s.model->device_name);
    }
    out.model.name = m.model_name;
    if (s.model) {
        out.model.n_heads = s.model->n_heads;
        out.model.n_kv_heads = s.model->n_kv_heads;
        for (const LayerInfo& layer : s.model->layers) {
            out.model.windows.push_back(layer.window);
        }
    }
    for (const TokenInfo& token : m.tokens) {
        out.token_ids.push_back(token.id);
        out.tokens.push_back(token.text);
        out.token_bytes.push_back(token.bytes);
    }
}

/// Number, id, the token's columns, and the rest.
void add_row(ViewExport& out, double number, TokenId id, const std::optional<std::string>& bytes,
             const std::string& shown, std::vector<ExportCell> rest) {
    std::vector<ExportCell> row{number, double(id)};
    add_token(row, bytes, shown);
    row.insert(row.end(), rest.begin(), rest.end());
    out.table.rows.push_back(std::move(row));
}

void add_matrix(const UiState& s, ViewExport& out) {
    const HeadMatrix& matrix = s.matrix;
    const uint32_t begin = matrix.begin(), end = matrix.end();
    out.title = fmt::format("Attention of layer {}, head {}", s.selection.layer, s.selection.head);
    out.badge = "recomputed exact";
    if (!matrix.is(s.selection.layer, s.selection.head) || begin == end) {
        return;
    }
    const bool valued = s.sink == SinkMode::valued;
    out.sink = SinkView(s.sink);
    ExportGrid grid{.name = valued ? "weight_x_value" : "pattern",
                    .layer = int32_t(s.selection.layer),
                    .head = int32_t(s.selection.head),
                    .n_rows = end - begin,
                    .n_cols = end,
                    .first_row = begin};
    for (uint32_t q = begin; q < end; ++q) {
        for (uint32_t k = 0; k < end; ++k) {
            const bool there = matrix.has_row(q) && matrix.visible(q, k);
            const float norm = valued ? s.sight.value(k).value_or(kNone) : 1.0f;
            grid.values.push_back(there ? matrix.at(q, k) * norm : kNone);
        }
        if (valued) {
            const bool there = matrix.has_row(q) && matrix.visible(q, 0);
            grid.sink.push_back(there ? matrix.at(q, 0) : kNone);
        }
    }
    out.grids.push_back(std::move(grid));
}

void add_heads(const UiState& s, ViewExport& out) {
    const bool mean = s.sight.pooling == Pooling::mean;
    out.title =
        fmt::format("All heads, the {} of each cell", mean ? "mean row mass" : "largest weight");
    out.badge = mean ? "pooled, mean" : "pooled, max";
    out.sink = SinkView(s.sink);
    out.facts.emplace_back("values", kThumbFact);
    for (uint32_t l = 0; l < s.thumbs.n_layers(); ++l) {
        for (uint32_t h = 0; h < s.thumbs.n_heads(); ++h) {
            const HeadThumb* thumb = s.thumbs.find(l, h);
            if (thumb == nullptr || thumb->n_positions == 0) {
                continue;
            }
            ExportGrid grid{.name = mean ? "thumb_mass" : "thumb_max",
                            .layer = int32_t(l),
                            .head = int32_t(h),
                            .n_rows = HeadThumb::kSide,
                            .n_cols = HeadThumb::kSide,
                            .bin = thumb->bin};
            grid.values.assign(thumb->max.size(), kNone);
            grid.rest.assign(HeadThumb::kSide, kNone);
            for (uint32_t r = 0; r < thumb->side(); ++r) {
                grid.rest[r] = log_value(thumb->at(r, 0, mean, false));
                for (uint32_t c = 0; c <= r && thumb->has_row(r); ++c) {
                    grid.values[size_t{r} * HeadThumb::kSide + c] =
                        log_value(thumb->at(r, c, mean, true));
                }
            }
            out.grids.push_back(std::move(grid));
        }
    }
}

void add_tokens(const Message& m, ViewExport& out) {
    out.title = "Probability of every token";
    out.badge = "captured";
    out.table.columns = {"position",       "id",   "text", "shown",       "bytes", "probability",
                         "surprisal_nats", "rank", "part", "entropy_nats"};
    for (const TokenInfo& t : m.tokens) {
        const bool known = t.rank >= 0;
        add_row(out, double(t.position), t.id, t.bytes, t.text,
                {known ? std::exp(double(t.logprob)) : kNanNumber,
                 known ? -double(t.logprob) : kNanNumber, double(t.rank),
                 t.position < m.answer_begin ? "prompt" : "answer",
                 known ? double(t.entropy) : kNanNumber});
    }
}

void add_next(const UiState& s, ViewExport& out) {
    out.title = fmt::format("The token after position {}, {}", s.selection.query, kRawStageWords);
    out.badge = s.distribution.kept ? "the likeliest tokens" : "captured, full vocabulary";
    out.facts.emplace_back("stage", kRawStageFact);
    if (s.distribution.row != s.selection.query || !s.distribution.logits) {
        return;
    }
    out.table.columns = {"rank", "id", "text", "shown", "bytes", "probability", "stage"};
    double rank = 0;
    const std::vector<float>& logits = *s.distribution.logits;
    // A recording keeps log-probabilities, of the likeliest tokens alone.
    const double log_sum = s.distribution.kept ? 0 : model::log_sum_exp(logits);
    for (const auto& [id, logprob] : model::top_logprobs(logits, kNextTokens, log_sum)) {
        if (std::isinf(logprob)) {
            break;
        }
        add_row(out, rank++, id, s.model->bytes_of(id), s.token_text(id),
                {std::exp(double(logprob)), "raw"});
    }
}

void add_lens(const UiState& s, ViewExport& out) {
    out.title =
        fmt::format("The token after position {}, read out {}", s.selection.query,
                    s.lens_mid ? "after the attention of every layer" : "after every layer");
    out.badge = "recomputed exact";
    if (!s.lens_is_here()) {
        return;
    }
    out.table.columns = {"layer", "id", "text", "shown", "bytes", "probability", "residual"};
    const model::Tap tap = s.lens.mid ? model::Tap::resid_mid : model::Tap::resid_post;
    for (const LensAnswer& layer : s.lens.layers) {
        for (size_t i = 0; i < std::min(layer.asked.size(), s.lens.ids.size()); ++i) {
            const TokenId id = s.lens.ids[i];
            add_row(out, double(layer.layer), id, s.model->bytes_of(id), s.token_text(id),
                    {std::exp(double(layer.asked[i])), std::string(model::tap_info(tap).name)});
        }
    }
}

}  // namespace

ViewExport view_data(const UiState& s, std::string_view view) {
    ViewExport out;
    out.view = view;
    const Message* m = s.selected();
    if (m == nullptr || m->tokens.empty()) {
        return out;
    }
    add_facts(s, *m, out);
    if (view == "matrix") {
        add_matrix(s, out);
    } else if (view == "heads") {
        add_heads(s, out);
    } else if (view == "tokens") {
        add_tokens(*m, out);
    } else if (view == "next") {
        add_next(s, out);
    } else if (view == "lens") {
        add_lens(s, out);
    }
    if (s.model && s.model->replayed) {
        const bool reduced = view == "heads" || view == "next";
        out.badge = reduced ? "replayed, " + out.badge : "replayed";
    }
    return out;
}

}  // namespace app::ui
