#include "app/commands/trace_view.h"

#include "app/commands/console.h"
#include "app/commands/score.h"
#include "app/commands/trace_arrays.h"
#include "app/engine/thumbnails.h"
#include "app/exports/picture.h"
#include "app/exports/view_export.h"
#include "app/output_file.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace app {

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class ViewTrace {
public:
    ViewTrace(const Options& options, Opened& opened)
        : options_(options),
          session_(*opened.session),
          tokenizer_(opened.model->tokenizer),
          config_(opened.model->config),
          tokens_(score_tokens(options, tokenizer_, config_)) {
        view_.view = options.view.empty() ? "matrix" : options.view;
        view_.facts = {{"model", opened.model->name},
                       {"file", opened.model->path},
                       {"device", opened.runtime->device.info().name},
                       {"program", fmt::format("Lapidary {}", version())}};
        view_.model = {.name = opened.model->name,
                       .n_heads = config_.num_attention_heads,
                       .n_kv_heads = config_.num_key_value_heads,
                       .windows = {}};
        for (const model::LayerConfig& layer : config_.layers) {
            view_.model.windows.push_back(layer.sliding_window);
        }
        view_.sink = options.sink == "gutter"   ? SinkView::gutter
                     : options.sink == "renorm" ? SinkView::renormalized
                                                : SinkView::raw;
        view_.dark = options.theme == "dark";
        view_.bare = options.bare;
        for (const model::TokenId id : tokens_) {
            view_.token_ids.push_back(id);
            view_.tokens.push_back(tokenizer_.display(id));
            view_.token_bytes.emplace_back(tokenizer_.bytes(id));
        }
    }

    ViewExport run() {
        scored_ = score(session_, tokens_, options_, {});
        if (view_.view == "matrix") {
            matrix();
        } else if (view_.view == "heads") {
            heads();
        } else if (view_.view == "tokens") {
            tokens();
        } else if (view_.view == "next") {
            next();
        } else {
            lens();
        }
        return std::move(view_);
    }

private:
    void matrix() {
        const auto n = uint32_t(tokens_.size());
        const auto layers = parse_selection(options_.layers, config_.num_hidden_layers, "--layers");
        const auto heads = parse_selection(options_.heads, config_.num_attention_heads, "--heads");
        const uint64_t bytes = uint64_t{layers.size()} * heads.size() * n * n * sizeof(float);
        if (bytes > uint64_t{options_.limit_mib} << 20) {
            throw base::Error(
                base::ErrorKind::usage,
                fmt::format("the matrices of {} layers and {} heads take {} MiB, more "
                            "than --limit",
                            layers.size(), heads.size(), bytes >> 20),
                "Choose fewer with --layers and --heads.");
        }
        for (const uint32_t l : layers) {
            for (const uint32_t h : heads) {
                model::AttentionTile tile =
                    session_.attention({.layer = l, .head = h, .n_queries = n, .n_keys = n});
                for (uint32_t q = 0; q < n; ++q) {
                    for (uint32_t k = 0; k < n; ++k) {
                        if (!model::AttentionTile::visible(q, k, tile.window)) {
                            tile.pattern[size_t{q} * n + k] =
                                std::numeric_limits<float>::quiet_NaN();
                        }
                    }
                }
                view_.grids.push_back({.name = "pattern",
                                       .layer = int32_t(l),
                                       .head = int32_t(h),
                                       .n_rows = n,
                                       .n_cols = n,
                                       .values = std::move(tile.pattern)});
            }
        }
        view_.title = view_.grids.size() == 1
                          ? fmt::format("Attention of layer {}, head {}", layers[0], heads[0])
                          : fmt::format("Attention of {} heads", view_.grids.size());
        view_.badge = "recomputed exact";
    }

    /// Every chosen head as the window's grid shows it: the largest weight of each cell.
    void heads() {
        const auto layers = parse_selection(options_.layers, config_.num_hidden_layers, "--layers");
        const auto chosen = parse_selection(options_.heads, config_.num_attention_heads, "--heads");
        constexpr uint32_t kSide = ThumbnailPool::kSide;
        for (const uint32_t l : layers) {
            for (const uint32_t h : chosen) {
                const Thumbnail picture = head_picture(session_, l, h);
                ExportGrid grid{.name = "thumb_max",
                                .layer = int32_t(l),
                                .head = int32_t(h),
                                .n_rows = kSide,
                                .n_cols = kSide,
                                .bin = picture.bin,
                                .rest = picture.rest_max};
                grid.rest.resize(kSide, std::numeric_limits<float>::quiet_NaN());
                grid.values.assign(size_t{kSide} * kSide, std::numeric_limits<float>::quiet_NaN());
                for (uint32_t r = 0; r < picture.side; ++r) {
                    for (uint32_t c = 0; c <= r; ++c) {
                        grid.values[size_t{r} * kSide + c] =
                            log_value(log_code(picture.max[size_t{r} * picture.side + c]));
                    }
                }
                view_.grids.push_back(std::move(grid));
            }
        }
        const size_t n = view_.grids.size();
        const size_t n_all = size_t{config_.num_hidden_layers} * config_.num_attention_heads;
        view_.title = (n == 1      ? fmt::format("Layer {}, head {}", layers[0], chosen[0])
                       : n < n_all ? fmt::format("{} heads", n)
                                   : "All heads") +
                      ", the largest weight of each cell";
        view_.badge = "pooled, max";
        view_.facts.emplace_back("values", kThumbFact);
    }

    /// Number, id, the token's columns, and the rest.
    void add_row(double number, model::TokenId id, std::vector<ExportCell> rest) {
        std::vector<ExportCell> row{number, double(id)};
        add_token(row, std::string(tokenizer_.bytes(id)), tokenizer_.display(id));
        row.insert(row.end(), rest.begin(), rest.end());
        view_.table.rows.push_back(std::move(row));
    }

    void tokens() {
        view_.title = "Probability of every token";
        view_.badge = "captured";
        view_.table.columns = {"position",       "id",    "text",
                               "shown",          "bytes", "probability",
                               "surprisal_nats", "rank",  "entropy_nats"};
        for (size_t t = 0; t < tokens_.size(); ++t) {
            const model::TokenStats& s = scored_[t].stats;
            const bool known = t > 0;
            add_row(double(t), tokens_[t],
                    {known ? std::exp(double(s.logprob)) : kNan, known ? -double(s.logprob) : kNan,
                     known ? double(s.rank) : -1, known ? double(s.entropy) : kNan});
        }
    }

    void next() {
        view_.title =
            fmt::format("The token after position {}, {}", tokens_.size() - 1, kRawStageWords);
        view_.badge = "captured, full vocabulary";
        view_.facts.emplace_back("stage", kRawStageFact);
        view_.table.columns = {"rank", "id", "text", "shown", "bytes", "probability", "stage"};
        double rank = 0;
        for (const auto& [id, logprob] : scored_.back().top) {
            add_row(rank++, id, {std::exp(double(logprob)), "raw"});
        }
    }

    void lens() {
        view_.title = "The next token, read out after every layer's attention and MLP";
        view_.badge = "recomputed exact";
        view_.table.columns = {"layer", "id", "text", "shown", "bytes", "probability", "residual"};
        const auto last = uint32_t(tokens_.size()) - 1;
        const std::vector<model::LensRow> mid = session_.lens(last, 1, {}, model::Tap::resid_mid);
        const std::vector<model::LensRow> post = session_.lens(last, 1, {});
        const auto add = [&](const model::LensRow& row, model::Tap tap) {
            const auto [id, logprob] = row.top.at(0);
            add_row(double(row.layer), id,
                    {std::exp(double(logprob)), std::string(model::tap_info(tap).name)});
        };
        for (size_t l = 0; l < post.size(); ++l) {
            add(mid[l], model::Tap::resid_mid);
            add(post[l], model::Tap::resid_post);
        }
    }

    const Options& options_;
    model::Session& session_;
    const model::Tokenizer& tokenizer_;
    const model::Config& config_;
    const std::vector<model::TokenId> tokens_;
    std::vector<ScoredToken> scored_;
    ViewExport view_;
};

}  // namespace

int trace_view(const Options& options) {
    Options adjusted = options;
    adjusted.top = options.top == 0 ? 20 : options.top;
    const std::string target =
        output_target(options.output, "-o", {model_path(options), options.file});
    const ExportFormat format = export_format(options.output);
    if (format == ExportFormat::png && !options.bare && picture_painter() == nullptr) {
        throw base::Error(base::ErrorKind::usage,
                          "a picture has texts, and this program was built without the window and "
                          "its fonts",
                          "Take .svg or .html, or --bare for cells alone.");
    }
    model::SessionOptions session = options.session;
    session.keep_q = session.full_cache = session.keep_residuals = true;
    Opened opened = open_session(adjusted, session, [&](const model::ModelFiles& files) {
        const model::Config& config = files.source->config;
        check_room(score_tokens(options, files.tokenizer, config).size(), session, config);
        parse_selection(options.layers, config.num_hidden_layers, "--layers");
        parse_selection(options.heads, config.num_attention_heads, "--heads");
    });
    write_export(ViewTrace(adjusted, opened).run(), format, target,
                 options.picture_scale.value_or(1));
    put("{}\n", options.output);
    return 0;
}

}  // namespace app
