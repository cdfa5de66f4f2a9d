// trace: attention, activations and scores of one text as NumPy arrays.
#include "app/commands/commands.h"
#include "app/commands/console.h"
#include "app/commands/score.h"
#include "app/commands/trace_arrays.h"
#include "app/commands/trace_view.h"
#include "app/exports/npz.h"
#include "app/json_out.h"
#include "app/output_file.h"
#include "app/recordings/recording.h"
#include "gpu/sizes.h"
#include "model/quant.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>

namespace app {

namespace {

using model::Tap;

/// How a tap comes into the file.
enum class Source : uint8_t {
    rows,    // captured while the text is evaluated
    square,  // recomputed from kept Q, cached K and LSE
    stored,  // read from the cache
    lse,     // always written
    logits,  // rows at the queries
};

Source source_of(Tap tap) {
    switch (tap) {
        case Tap::pattern:
        case Tap::attn_scores:
        case Tap::attn_scores_raw:
            return Source::square;
        case Tap::rot_q:
        case Tap::rot_k:
        case Tap::v:
            return Source::stored;
        case Tap::lse:
            return Source::lse;
        case Tap::logits:
            return Source::logits;
        default:
            return Source::rows;
    }
}

struct Selection {
    std::vector<uint32_t> layers, heads, queries;
    std::vector<Tap> taps;
    bool stages = false, lens = false, thumbnails = false;  // trace_arrays.h
    bool has(Tap tap) const { return std::find(taps.begin(), taps.end(), tap) != taps.end(); }
};

/// False for a name that is neither a tap nor one of the other arrays.
bool take_name(Selection& selection, std::string_view name) {
    if (const std::optional<Tap> tap = model::tap_from_name(name)) {
        if (!selection.has(*tap)) {
            selection.taps.push_back(*tap);
        }
        return true;
    }
    bool* const wanted = name == "stage_p" ? &selection.stages
                         : name == "lens"  ? &selection.lens
                         : name == "thumb" ? &selection.thumbnails
                                           : nullptr;
    if (wanted != nullptr) {
        *wanted = true;
    }
    return wanted != nullptr;
}

void parse_taps(Selection& selection, std::string_view list) {
    while (true) {
        const size_t end = std::min(list.find(','), list.size());
        const std::string_view name = list.substr(0, end);
        if (!take_name(selection, name)) {
            std::string known;
            for (const model::TapInfo& info : model::tap_table()) {
                known += std::string(info.name) + ", ";
            }
            throw base::Error(
                base::ErrorKind::usage,
                fmt::format("--taps holds '{}', expected names of taps", base::escaped(name, 40)),
                "There are: " + known + "stage_p, lens, thumb.");
        }
        if (end == list.size()) {
            return;
        }
        list.remove_prefix(end + 1);
    }
}

/// A tap's dimensions behind the layer: "[T,Hq,hd]" in numbers.
std::vector<uint64_t> row_shape(Tap tap, const model::Config& c, uint64_t n_tokens) {
    const std::map<std::string_view, uint64_t> sizes = {
        {"T", n_tokens},
        {"d", c.hidden_size},
        {"1", 1},
        {"ff", c.intermediate_size},
        {"Hq", c.num_attention_heads},
        {"Hkv", c.num_key_value_heads},
        {"hd", c.head_dim},
        {"V", tap == Tap::logits ? c.vocab_size : c.embedding_rows}};
    std::string_view text = model::tap_info(tap).shape;
    text = text.substr(1, text.size() - 2);
    std::vector<uint64_t> shape;
    while (true) {
        const size_t end = std::min(text.find(','), text.size());
        shape.push_back(sizes.at(text.substr(0, end)));
        if (end == text.size()) {
            return shape;
        }
        text.remove_prefix(end + 1);
    }
}

Selection select(const Options& options, const model::Config& config, uint32_t n_tokens) {
    Selection selection;
    selection.layers = parse_selection(options.layers, config.num_hidden_layers, "--layers");
    selection.heads = parse_selection(options.heads, config.num_attention_heads, "--heads");
    selection.queries = parse_selection(options.queries, n_tokens, "--queries");
    parse_taps(selection, options.taps);
    if (!selection.stages && (!options.sampling.empty() || options.llama_cpp_order)) {
        throw base::Error(
            base::ErrorKind::usage,
            fmt::format("{} means nothing without stage_p among --taps",
                        options.llama_cpp_order ? "--sampler-order"
                                                : options.sampling.front().first->flag));
    }
    return selection;
}

class Trace {
public:
    Trace(const Options& options, Opened& opened, std::vector<model::TokenId> tokens)
        : options_(options),
          opened_(opened),
          config_(opened.model->config),
          session_(*opened.session),
          tokens_(std::move(tokens)),
          n_(uint32_t(tokens_.size())),
          top_(options.top == 0 ? 10 : options.top) {
        select_ = select(options, config_, n_);
        top_ = std::min(top_, config_.vocab_size);
        if (select_.stages) {
            stages_.emplace(sampling_of(options, opened.default_sampling()), config_.vocab_size, n_,
                            top_);
        }
        if (select_.lens) {
            lens_.emplace(session_, select_.layers, n_, top_);
        }
    }

    void announce() const {
        const uint64_t bytes = size();
        const double mib = base::mib(bytes);
        tell("lapidary: {} will have about {:.1f} MiB\n", options_.output, mib);
        if (bytes > uint64_t{options_.limit_mib} << 20) {
            throw base::Error(base::ErrorKind::usage,
                              fmt::format("{} would have {:.0f} MiB, the limit is {}",
                                          options_.output, mib, options_.limit_mib),
                              "Choose fewer --layers, --heads, --queries or --taps, or raise "
                              "--limit.");
        }
    }

    void write(NpzWriter& out) {
        compute();
        write_selection(out);
        write_scores(out);
        write_attention(out);
        write_stored(out);
        write_rows(out);
        write_others(out);
        write_cache(out);
        write_meta(out);
        out.finish();
    }

private:
    std::vector<uint64_t> shape_of(Tap tap) const {
        std::vector<uint64_t> shape = {select_.layers.size()};
        if (source_of(tap) == Source::square) {
            shape.insert(shape.end(), {select_.heads.size(), select_.queries.size(), n_});
            return shape;
        }
        if (tap == Tap::lse) {
            return {config_.num_hidden_layers, config_.num_attention_heads, n_};
        }
        const uint64_t rows = tap == Tap::logits ? select_.queries.size() : n_;
        if (!model::tap_info(tap).per_layer) {
            shape.clear();
        }
        const auto row = row_shape(tap, config_, rows);
        shape.insert(shape.end(), row.begin(), row.end());
        return shape;
    }

    uint64_t size() const {
        uint64_t bytes = uint64_t{n_} * (40 + 8 * top_) + 65536;
        for (const Tap tap : select_.taps) {
            uint64_t n = 4;
            for (const uint64_t dim : shape_of(tap)) {
                n *= dim;
            }
            bytes += n;
        }
        bytes += select_.stages ? StageArray::bytes(n_, top_) : 0;
        bytes += select_.lens ? LensArrays::bytes(select_.layers.size(), n_, top_) : 0;
        bytes += select_.thumbnails ? thumbnail_bytes(config_) : 0;
        return bytes;
    }

    /// One pass over the text: scores, logits rows and every tap that is captured on the way.
    void compute() {
        model::CaptureSpec spec;
        spec.layers = select_.layers;
        for (const Tap tap : select_.taps) {
            if (source_of(tap) == Source::rows) {
                spec.taps.add(tap);
            }
        }
        if (select_.lens) {
            spec.taps.add(Tap::resid_mid);
            spec.taps.add(Tap::resid_post);
        }
        if (!spec.taps.empty()) {
            session_.set_capture(spec, [this](const auto& capture) { keep(*capture); });
        }
        const bool wants_logits = select_.has(Tap::logits);
        scored_ = score(
            session_, tokens_, options_, [&](uint32_t position, std::span<const float> logits) {
                if (wants_logits &&
                    std::binary_search(select_.queries.begin(), select_.queries.end(), position)) {
                    logits_[position].assign(logits.begin(), logits.end());
                }
                if (stages_) {
                    stages_->add(position, logits, std::span(tokens_).first(position + 1));
                }
            });
        session_.set_capture({}, {});
    }

    void keep(const model::Capture& capture) {
        if (lens_) {
            lens_->add(capture);
        }
        for (const model::TapRows& rows : capture.taps) {
            if (!select_.has(rows.tap)) {
                continue;  // the lens's alone
            }
            std::vector<float>& all = rows_[{rows.tap, rows.layer}];
            all.resize(size_t{n_} * rows.dim);
            std::copy(rows.values.begin(), rows.values.end(),
                      all.begin() + ptrdiff_t(size_t{rows.first_position} * rows.dim));
        }
    }

    void write_selection(NpzWriter& out) {
        std::vector<int32_t> positions(n_);
        std::string bytes;
        std::vector<int64_t> offsets = {0};
        for (uint32_t i = 0; i < n_; ++i) {
            positions[i] = int32_t(i);
            bytes += opened_.model->tokenizer.bytes(tokens_[i]);
            offsets.push_back(int64_t(bytes.size()));
        }
        out.add<int32_t>("tokens", {n_}, tokens_);
        out.add<int32_t>("positions", {n_}, positions);
        out.add("token_bytes", NpyType::u1, {bytes.size()}, std::as_bytes(std::span(bytes)));
        out.add<int64_t>("token_offsets", {offsets.size()}, offsets);
        const auto list = [&](std::string_view name, const std::vector<uint32_t>& values) {
            const std::vector<int32_t> signed_values(values.begin(), values.end());
            out.add<int32_t>(name, {values.size()}, signed_values);
        };
        list("layers", select_.layers);
        list("heads", select_.heads);
        list("queries", select_.queries);
        out.add<int32_t>("keys", {n_}, positions);
        std::vector<uint32_t> windows;
        for (const model::LayerConfig& layer : config_.layers) {
            windows.push_back(layer.sliding_window);
        }
        list("layer_window", windows);
    }

    void write_scores(NpzWriter& out) {
        std::vector<float> surprisal;
        std::vector<float> entropy;
        std::vector<int32_t> rank;
        std::vector<int32_t> ids;
        std::vector<float> logprobs;
        for (uint32_t i = 0; i < n_; ++i) {
            const model::TokenStats& stats = scored_[i].stats;
            surprisal.push_back(i == 0 ? std::nanf("") : -stats.logprob);
            entropy.push_back(i == 0 ? std::nanf("") : stats.entropy);
            rank.push_back(i == 0 ? -1 : stats.rank);
            scored_[i].top.resize(top_, {-1, -std::numeric_limits<float>::infinity()});
            for (const auto& [id, logprob] : scored_[i].top) {
                ids.push_back(id);
                logprobs.push_back(logprob);
            }
        }
        out.add<float>("surprisal", {n_}, surprisal);
        out.add<float>("entropy", {n_}, entropy);
        out.add<int32_t>("rank", {n_}, rank);
        out.add<int32_t>("topk_ids", {n_, top_}, ids);
        out.add<float>("topk_logp", {n_, top_}, logprobs);
        if (select_.has(Tap::logits)) {
            const std::vector<int32_t> steps(select_.queries.begin(), select_.queries.end());
            out.add<int32_t>("logit_steps", {steps.size()}, steps);
            out.begin("logits", NpyType::f4, shape_of(Tap::logits));
            for (const auto& [position, row] : logits_) {
                out.append(std::as_bytes(std::span(row)));
            }
            out.end();
        }
    }

    void write_attention(NpzWriter& out) {
        if (select_.has(Tap::lse)) {
            out.begin("lse", NpyType::f4, shape_of(Tap::lse));
            for (uint32_t l = 0; l < config_.num_hidden_layers; ++l) {
                const std::vector<float> lse = session_.lse(l);
                out.append(std::as_bytes(std::span(lse)));
            }
            out.end();
        }
        for (const Tap tap : select_.taps) {
            if (source_of(tap) != Source::square) {
                continue;
            }
            out.begin(model::tap_info(tap).name, NpyType::f4, shape_of(tap));
            for (const uint32_t layer : select_.layers) {
                for (const uint32_t head : select_.heads) {
                    append_square(out, tap, layer, head);
                }
            }
            out.end();
        }
    }

    /// The chosen queries of one head, run by run of neighbours, a bounded number at a time.
    void append_square(NpzWriter& out, Tap tap, uint32_t layer, uint32_t head) {
        const std::vector<uint32_t>& queries = select_.queries;
        const size_t most = std::max(1u, kTraceCells / n_);
        for (size_t begin = 0; begin < queries.size();) {
            size_t end = begin + 1;
            while (end < queries.size() && end - begin < most &&
                   queries[end] == queries[end - 1] + 1) {
                ++end;
            }
            const model::AttentionTile tile =
                session_.attention({.layer = layer,
                                    .head = head,
                                    .query_begin = queries[begin],
                                    .n_queries = uint32_t(end - begin),
                                    .key_begin = 0,
                                    .n_keys = n_,
                                    .scores = tap != Tap::pattern});
            const std::vector<float>& cells = tap == Tap::pattern       ? tile.pattern
                                              : tap == Tap::attn_scores ? tile.scores
                                                                        : tile.scores_raw;
            out.append(std::as_bytes(std::span(cells)));
            begin = end;
        }
    }

    void write_stored(NpzWriter& out) {
        for (const Tap tap : select_.taps) {
            if (source_of(tap) != Source::stored) {
                continue;
            }
            const model::SessionOptions& session = session_.options();
            const model::DType kept = tap == Tap::v ? session.type_v : session.type_k;
            const bool half = kept == model::DType::f16;
            out.begin(model::tap_info(tap).name, half ? NpyType::f2 : NpyType::f4, shape_of(tap));
            for (const uint32_t layer : select_.layers) {
                const std::vector<float> values = session_.stored(tap, layer, 0, n_);
                std::vector<uint16_t> halves;
                if (half) {
                    halves.resize(values.size());
                    std::transform(values.begin(), values.end(), halves.begin(),
                                   model::float_to_half);
                    out.append(std::as_bytes(std::span(halves)));
                } else {
                    out.append(std::as_bytes(std::span(values)));
                }
            }
            out.end();
        }
    }

    void write_rows(NpzWriter& out) {
        for (const Tap tap : select_.taps) {
            if (source_of(tap) != Source::rows) {
                continue;
            }
            out.begin(model::tap_info(tap).name, NpyType::f4, shape_of(tap));
            for (const auto& [key, values] : rows_) {  // in order of tap, then layer
                if (key.first == tap) {
                    out.append(std::as_bytes(std::span(values)));
                }
            }
            out.end();
        }
    }

    void write_others(NpzWriter& out) {
        if (stages_) {
            stages_->write(out);
        }
        if (lens_) {
            lens_->write(out);
        }
        if (select_.thumbnails) {
            write_thumbnails(out, session_);
        }
    }

    /// Positions whose keys and values each layer holds, and the bytes set aside for them.
    void write_cache(NpzWriter& out) {
        std::vector<int32_t> live;
        std::vector<int64_t> bytes;
        const model::KvCache& cache = session_.cache();
        for (uint32_t l = 0; l < config_.num_hidden_layers; ++l) {
            live.push_back(int32_t(cache.length() - cache.first_kept(l)));
            bytes.push_back(int64_t(cache.layer(l).k.range.size + cache.layer(l).v.range.size));
        }
        out.add<int32_t>("kv_live", {live.size()}, live);
        out.add<int64_t>("kv_bytes", {bytes.size()}, bytes);
    }

    bool fast() const { return session_.options().path == model::Path::fast; }

    /// How each array came about.
    std::string badges() const {
        // attention_tile computes the plain path's formula. After the fast path, whose attention
        // sums in another order, its cells are what the fast path weighed with within rounding.
        const std::string recomputed =
            fast()
                ? "recomputed from kept Q, cached K and LSE by the plain path's formula: equal to "
                  "the fast path's own within rounding"
                : "recomputed exactly from kept Q, cached K and LSE";
        JsonObject badges;
        for (const Tap tap : select_.taps) {
            const Source source = source_of(tap);
            badges.add(model::tap_info(tap).name, source == Source::square ? recomputed
                                                  : source == Source::stored
                                                      ? "as cached"
                                                      : "as computed by the forward pass");
        }
        if (select_.stages) {
            badges.add("stage_p", "of the tokens in topk_ids");
        }
        if (select_.lens) {
            badges.add("lens", "top-k of final norm, head and cap on resid_mid and resid_post");
        }
        if (select_.thumbnails) {
            badges.add(
                "thumb",
                "the largest of a picture cell's weights; their sum per query, mean over the "
                "cell's queries; pooled from weights " +
                    recomputed);
        }
        return badges.str();
    }

    std::string config_json() const {
        return JsonObject()
            .add("architecture", model::architecture_name(config_.architecture))
            .add("layers", config_.num_hidden_layers)
            .add("hidden_size", config_.hidden_size)
            .add("intermediate_size", config_.intermediate_size)
            .add("heads", config_.num_attention_heads)
            .add("kv_heads", config_.num_key_value_heads)
            .add("head_dim", config_.head_dim)
            .add("vocab_size", config_.vocab_size)
            .add("attn_logit_softcapping", config_.attn_logit_softcapping)
            .add("final_logit_softcapping", config_.final_logit_softcapping)
            .add("attention_scale", config_.attention_scale())
            .str();
    }

    void write_meta(NpzWriter& out) {
        const model::Model& m = *opened_.model;
        JsonObject meta;
        meta.add("lapidary", version())
            .add("model", m.name)
            .add("format", m.format)
            .add("file_bytes", m.file_bytes)
            .raw("config", config_json())
            .add("cache_k", model::dtype_name(session_.options().type_k))
            .add("cache_v", model::dtype_name(session_.options().type_v))
            .add("bf16_embedding_scale", session_.options().bf16_embedding_scale.value_or(false))
            .add("device", opened_.runtime->device.info().name)
            .add("path", fast() ? "fast" : "plain")
            .add("last_logits_xxh64", fmt::format("{:016x}", session_.logits_hash()))
            .add(
                "conventions",
                "surprisal, entropy, rank: of token t given those before it; topk, stage_p and "
                "logits: of the token that follows position t; lens axis 1: resid_mid, resid_post; "
                "masked: pattern 0, attn_scores -inf, attn_scores_raw NaN; thumb: NaN outside the "
                "text")
            .raw("badges", badges());
        if (stages_) {
            meta.raw("sampler", stages_->meta());
        }
        if (select_.thumbnails) {
            meta.add("thumb_bin", thumbnail_bin(n_));
        }
        const std::string text = meta.str();
        out.add("meta_json", NpyType::u1, {text.size()}, std::as_bytes(std::span(text)));
    }

    const Options& options_;
    Opened& opened_;
    const model::Config& config_;
    model::Session& session_;
    const std::vector<model::TokenId> tokens_;
    const uint32_t n_;
    uint32_t top_;
    Selection select_;
    std::vector<ScoredToken> scored_;
    std::map<std::pair<Tap, uint32_t>, std::vector<float>> rows_;
    std::map<uint32_t, std::vector<float>> logits_;
    std::optional<StageArray> stages_;
    std::optional<LensArrays> lens_;
};

}  // namespace

int trace_command(const Options& options) {
    if (options.output.ends_with(kRecordingEnding)) {
        return trace_recording(options);
    }
    if (!options.view.empty() || !options.output.ends_with(".npz")) {
        return trace_view(options);
    }
    Options adjusted = options;
    adjusted.top = options.top == 0 ? 10 : options.top;
    model::SessionOptions session = options.session;
    session.keep_q = true;
    // Before the work, and before anything else is opened.
    const std::string target =
        output_target(options.output, "-o", {model_path(options), options.file});
    session.full_cache = true;  // attention of early queries needs keys that a ring forgets
    std::optional<NpzWriter> out;
    Opened opened = open_session(adjusted, session, [&](const model::ModelFiles& files) {
        const model::Config& config = files.source->config;
        const size_t n = score_tokens(options, files.tokenizer, config).size();
        select(options, config, uint32_t(n));
        check_room(n, session, config);
        out.emplace(target);  // before the work: the place must be writable
    });
    Trace trace(adjusted, opened,
                score_tokens(adjusted, opened.model->tokenizer, opened.model->config));
    trace.announce();
    trace.write(*out);
    put("{}\n", options.output);
    return 0;
}

}  // namespace app
