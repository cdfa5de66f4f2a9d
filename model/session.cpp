#include "model/session.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <xxhash.h>

#include "gpu/clock.h"
#include "model/gemma.h"
#include "model/ops/dispatch.h"
#include "model/product_race.h"
#include "model/session_impl.h"

namespace model {
namespace {

constexpr uint32_t kCaptureChunk = 32;  // rows of a step while taps are copied out

SessionOptions with_defaults(SessionOptions o, const Config& config) {
    if (o.n_ctx == 0) {
        o.n_ctx = std::min(kDefaultContext, config.max_position_embeddings);
    }
    if (o.n_ubatch == 0) {
        o.n_ubatch = kDefaultChunk;
    }
    o.n_ubatch = std::min({o.n_ubatch, kLargestChunk, o.n_ctx});
    return o;
}

/// As above, with the device's chunk and the model's own default of the embedding scale.
SessionOptions with_defaults(SessionOptions o, const gpu::DeviceInfo& device, const Model& model) {
    if (o.n_ubatch == 0) {
        o.n_ubatch = default_chunk(device);
    }
    o = with_defaults(std::move(o), model.config);
    if (!o.bf16_embedding_scale) {
        o.bf16_embedding_scale = model.bf16_embedding_scale;
    }
    return o;
}

KvCacheOptions cache_options(const SessionOptions& o) {
    return {.n_ctx = o.n_ctx,
            .n_ubatch = o.n_ubatch,
            .type_k = o.type_k,
            .type_v = o.type_v,
            .full = o.full_cache};
}

ActivationOptions activation_options(const SessionOptions& o) {
    return {.n_ctx = o.n_ctx,
            .n_ubatch = o.n_ubatch,
            .q_dtype = o.type_k,
            .keep_q = o.keep_q,
            .keep_residuals = o.keep_residuals};
}

uint32_t live_slots(const SessionOptions& o) {
    return o.path == Path::fast ? DecodeStep::kSlots : 1;
}

}  // namespace

uint32_t default_chunk(const gpu::DeviceInfo& device) {
    // An H100 took 1.5 times the tokens a second at 512 that it took at 256.
    return device.type == gpu::DeviceType::discrete ? kLargestChunk : kDefaultChunk;
}

Session::Impl::Impl(Runtime& runtime_in, std::shared_ptr<const Model> model_in,
                    const SessionOptions& options_in)
    : runtime(runtime_in),
      model(std::move(model_in)),
      options(with_defaults(options_in, runtime.device.info(), *model)),
      cache(runtime.device, model->config, cache_options(options)),
      act(runtime.device, model->config, activation_options(options)),
      cmd(runtime.device, runtime.kernels),
      taps(runtime.device, model->config),
      live(runtime.device, model->config, options.n_ctx, live_slots(options)),
      scale(embedding_scale(model->config, *options.bf16_embedding_scale)) {
    if (options.path == Path::fast) {
        const std::string obstacle = Session::fast_obstacle(runtime.device.info(), model->config);
        if (!obstacle.empty()) {
            throw base::Error(base::ErrorKind::usage,
                              fmt::format("{} cannot run this model on the fast path: {}",
                                          runtime.device.info().name, obstacle),
                              "use --path plain");
        }
        fast_step = std::make_unique<DecodeStep>(
            runtime.device, *model, cache, act,
            DecodeStepOptions{
                .n_ctx = options.n_ctx, .n_ubatch = options.n_ubatch, .embedding_scale = scale});
        recording = std::make_unique<gpu::Recording>(runtime.device);
    }
    tokens.reserve(options.n_ctx);
    last_logits.resize(model->config.vocab_size);
    std::memset(act.host_tokens(), 0, 4 * size_t{options.n_ubatch});
}

/// One step of one token and one of two: every kernel is made, and compiled by drivers that wait
/// for the first use. Then the cache is frozen.
void Session::Impl::warm_up() {
    gpu::KernelCache& kernels = runtime.kernels;
    kernels.freeze(false);
    const uint32_t q_half = options.type_k == DType::f16;
    ops::create_attention_kernels(cmd, options.type_k, options.type_v);
    for (const uint32_t with_scores : {0u, 1u}) {
        kernels.get("attention_tile", {ops::kElementwiseGroup, q_half, q_half, with_scores});
    }
    if (fast_step && Draws::possible(runtime.device.info(), model->config)) {
        draws = std::make_unique<Draws>(runtime.device, kernels, model->config, options.n_ctx);
    }
    if (options.keep_q) {  // an inspector's session: live rows will be captured
        ops::attention_pool_kernel(kernels, options.type_k, options.type_k);
        live.allocate();
    }
    cmd.set_stop(options.stop);
    if (fast_step) {
        fast_step->set_product_kind(
            options.product
                ? *options.product
                : choose_product(runtime, model->weights.layers[0].ffn_gate, options.stop));
    }
    const TokenId bos = std::max(model->tokenizer.bos(), 0);
    const std::array<TokenId, 2> prompt = {bos, bos};
    for (const uint32_t n : {1u, std::min(2u, options.n_ubatch)}) {
        run_chunk(std::span(prompt).first(n), WantLogits::last, {});
        cache.clear();
        tokens.clear();
        logits_valid = false;
    }
    if (fast_step) {
        // Once without recording: a kernel that the driver compiles now gets a submit of its own.
        fast_step->set_state(bos, 0);
        run([&] { record_into(cmd); });
        record_step();
        decode_recorded(bos);
        if (options.keep_q) {
            fast_step->set_state(bos, 0);
            run([&] { fast_step->record(cmd, &live); });
        }
        for (const SampleForm form : {SampleForm::few, SampleForm::any}) {
            fast_step->set_state(bos, 0);
            if (draws) {
                run([&] {
                    draws->sampler.record_history(cmd, fast_step->state());
                    record_one_draw(form, 0);
                });
            }
        }
        cache.clear();
        tokens.clear();
        logits_valid = false;
    }
    cmd.set_stop({});
    cmd.reset_stats();
    kernels.freeze();
    kernels.save();
}

Step Session::Impl::step(uint32_t position, uint32_t n) {
    return {.model = *model,
            .cmd = cmd,
            .act = act,
            .cache = cache,
            .taps = taps,
            .position = position,
            .n_tokens = n,
            .embedding_scale = scale,
            .fast = fast_step ? &fast_step->products() : nullptr};
}

/// Compute one chunk, with logits of all its rows, the last one or none. On Cancelled the sequence
/// is as before the chunk; rings may have lost their oldest positions.
void Session::Impl::run_chunk(std::span<const TokenId> chunk, WantLogits want,
                              const LogitsSink& on_logits) {
    const auto position = uint32_t(tokens.size());
    const auto n = uint32_t(chunk.size());
    logits_valid = false;
    std::memcpy(act.host_tokens(), chunk.data(), chunk.size_bytes());
    fill_rope_tables(model->config, act, position, n);
    cache.wrote(position + n);
    taps.begin(position);
    Step s = step(position, n);
    s.live = n == 1 ? wanted_live() : nullptr;
    const uint32_t first = want == WantLogits::all ? 0 : want == WantLogits::last ? n - 1 : n;
    run([&] {
        const uint64_t barriers_before = cmd.stats().n_barriers;
        forward(s);
        // Before the layers comes the embedding alone, so each of their levels has its barrier.
        stats.n_layer_levels += cmd.stats().n_barriers - barriers_before;
        for (uint32_t row = first; row < n; row += kHeadRows) {
            const uint32_t rows = std::min(kHeadRows, n - row);
            head(s, act.x.rows(row, rows), row);
            cmd.finish();
            for (uint32_t i = 0; i < rows && on_logits; i++) {
                on_logits(position + row + i, {act.host_logits(i), last_logits.size()});
            }
            std::copy_n(act.host_logits(rows - 1), last_logits.size(), last_logits.begin());
        }
    });
    cache.extend(position + n);
    tokens.insert(tokens.end(), chunk.begin(), chunk.end());
    logits_valid = want != WantLogits::none;
    send_capture(s);
}

void Session::Impl::send_capture(const Step& s) {
    if (!taps.active() || !sink) {
        return;
    }
    auto capture = std::make_shared<Capture>();
    capture->first_position = s.position;
    capture->n_positions = s.n_tokens;
    capture->taps = taps.collect();
    append_attention_taps(capture->taps, s.position, s.n_tokens);
    if (s.live != nullptr) {
        std::vector<LiveScores::Columns> columns;
        for (const LayerConfig& layer : model->config.layers) {
            const ops::KeySpan keys = ops::key_span(s.position, 1, layer.sliding_window);
            columns.push_back({.first = keys.begin, .stride = keys.n});
        }
        capture->live = live.rows(s.position, 0, columns);
    }
    if (!capture->taps.empty() || !capture->live.empty()) {
        sink(std::move(capture));
    }
}

void Session::Impl::check_tokens(std::span<const TokenId> all) const {
    if (all.size() > options.n_ctx) {
        throw base::Error(
            base::ErrorKind::usage,
            fmt::format("the text has {} tokens, the context holds {}", all.size(), options.n_ctx),
            "shorten the text or ask for a longer context with -c");
    }
    for (size_t i = 0; i < all.size(); i++) {
        if (all[i] < 0 || uint32_t(all[i]) >= model->config.embedding_rows) {
            throw base::Error(
                base::ErrorKind::usage,
                fmt::format("token id {} at position {} is outside the vocabulary of {}", all[i], i,
                            model->config.embedding_rows));
        }
    }
}

Session::Session(Runtime& runtime, std::shared_ptr<const Model> model,
                 const SessionOptions& options)
    : impl_(std::make_unique<Impl>(runtime, std::move(model), options)) {
    impl_->warm_up();
}

Session::~Session() {
    try {
        impl_->settle();
    } catch (const base::Error&) {
        // A lost device; the buffers may go all the same.
    }
}

const Model& Session::model() const {
    return *impl_->model;
}
const SessionOptions& Session::options() const {
    return impl_->options;
}
uint32_t Session::n_ctx() const {
    return impl_->options.n_ctx;
}
const std::vector<TokenId>& Session::tokens() const {
    return impl_->tokens;
}
uint32_t Session::position() const {
    return uint32_t(impl_->tokens.size());
}
const KvCache& Session::cache() const {
    return impl_->cache;
}

SyncResult Session::sync(std::span<const TokenId> tokens) {
    return sync(tokens, WantLogits::last, {});
}

SyncResult Session::sync(std::span<const TokenId> all, WantLogits want,
                         const LogitsSink& on_logits) {
    Impl& s = *impl_;
    s.stop_drawing();
    s.check_tokens(all);
    const auto mismatch = std::mismatch(s.tokens.begin(), s.tokens.end(), all.begin(), all.end());
    auto keep = uint32_t(mismatch.second - all.begin());
    SyncResult result;
    if (keep == all.size() && keep == s.tokens.size() && s.logits_valid) {
        result.n_reused = keep;
        return result;
    }
    if (keep == all.size() && keep > 0) {
        keep--;  // one position is computed again, for its logits
    }
    result.refilled = !rewind(keep);
    result.n_reused = position();

    const auto begin = base::Clock::now();
    const uint32_t chunk_limit = s.taps.spec().taps.empty()
                                     ? s.options.n_ubatch
                                     : std::min(s.options.n_ubatch, kCaptureChunk);
    while (position() < all.size()) {
        const uint32_t n = std::min(chunk_limit, uint32_t(all.size()) - position());
        const bool is_last = position() + n == all.size();
        const WantLogits chunk_want =
            want == WantLogits::last && !is_last ? WantLogits::none : want;
        s.run_chunk(all.subspan(position(), n), chunk_want, on_logits);
        result.n_prefilled += n;
    }
    s.stats.prompt_ms += base::ms_since(begin);
    s.stats.prompt_n += result.n_prefilled;
    return result;
}

bool Session::rewind(uint32_t n) {
    Impl& s = *impl_;
    s.stop_drawing();
    CHECK(n <= position(), "rewind to {} of {}", n, position());
    if (n == position()) {
        return true;
    }
    s.logits_valid = false;
    const bool possible = s.cache.can_rewind(n);
    if (possible) {
        s.cache.rewind(n);
        s.tokens.resize(n);
    } else {
        s.cache.clear();
        s.tokens.clear();
    }
    return possible;
}

std::span<const float> Session::logits() const {
    CHECK(impl_->logits_valid, "no logits: nothing was computed since the last change");
    return impl_->last_logits;
}

uint64_t Session::logits_hash() const {
    const std::span<const float> row = logits();
    return XXH64(row.data(), row.size_bytes(), 0);
}

void Session::set_capture(const CaptureSpec& spec, CaptureSink sink) {
    Impl& s = *impl_;
    const bool square = spec.taps.has(Tap::pattern) || spec.taps.has(Tap::attn_scores) ||
                        spec.taps.has(Tap::attn_scores_raw);
    if (square && !s.options.keep_q) {
        throw base::Error(base::ErrorKind::usage,
                          "attention cells need the session to keep Q, and this one does not");
    }
    if (spec.taps.has(Tap::result) && s.model->config.head_dim % 32 != 0) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("the tap result needs a head size that is a multiple of 32, "
                                      "and this model's is {}",
                                      s.model->config.head_dim));
    }
    s.settle();
    // What may find no room comes first: then all is as it was.
    if (spec.live_rows) {
        s.live.allocate();
    }
    s.taps.configure(spec, std::min(s.options.n_ubatch, kCaptureChunk));
    s.sink = std::move(sink);
    if (s.fast_step) {
        s.step_recorded = false;
        const gpu::Thawed thawed(s.runtime.kernels);
        try {
            s.record_step();
            if (s.draws && s.draws->running) {
                s.record_draws();
            }
        } catch (...) {
            s.stop_drawing();
            throw;
        }
    }
}

void Session::set_stop(std::function<bool()> stop) {
    impl_->cmd.set_stop(std::move(stop));
}

const Session::Stats& Session::stats() const {
    Impl& s = *impl_;
    const gpu::SubmitStats& submits = s.cmd.stats();
    s.stats.longest_planned_ms = submits.longest_planned_ms;
    s.stats.longest_submit_ms = submits.longest_measured_ms;
    s.stats.n_submits = submits.n_submits;
    s.stats.n_dispatches = submits.n_dispatches;
    s.stats.n_barriers = submits.n_barriers;
    s.stats.bytes = submits.bytes;
    return s.stats;
}

void Session::reset_stats() {
    impl_->stats = {};
    impl_->cmd.reset_stats();
}

void Session::set_profiler(gpu::Profiler* profiler) {
    impl_->profiler = profiler;
    impl_->cmd.set_profiler(profiler);
}

uint64_t Session::kv_bytes_for(const Config& config, const SessionOptions& options) {
    return KvCache::bytes_for(config, cache_options(with_defaults(options, config)));
}

uint64_t Session::bytes_for(const Config& config, const SessionOptions& options) {
    const SessionOptions o = with_defaults(options, config);
    uint64_t step = o.keep_q ? LiveScores::bytes_for(config, o.n_ctx, live_slots(o)) : 0;
    if (o.path == Path::fast) {
        step += DecodeStep::bytes_for(config, {.n_ctx = o.n_ctx, .n_ubatch = o.n_ubatch}) +
                Draws::bytes_for(config, o.n_ctx);
    }
    return kv_bytes_for(config, options) + Activations::bytes_for(config, activation_options(o)) +
           step;
}

}  // namespace model
