// One answer: turns or ids -> prompt -> tokens, until something ends it.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "app/engine/engine_worker.h"
#include "app/engine/prompt.h"
#include "gpu/clock.h"
#include "model/gpu_sampler.h"
#include "shaders/sample.h"

namespace app {
namespace {

constexpr uint32_t kTop = params::kSampleTop;  // alternatives reported of every token
constexpr std::chrono::milliseconds kStatsInterval{500};
constexpr std::chrono::milliseconds kProgressInterval{33};

/// How many ids at the start are the same.
template <class A, class B, class IdOfA>
uint32_t common_prefix(const A& a, const B& b, IdOfA id_of) {
    uint32_t n = 0;
    while (n < a.size() && n < b.size() && id_of(a[n]) == b[n]) {
        ++n;
    }
    return n;
}

}  // namespace

struct Worker::Generation {
    const Generate& request;
    Clock::time_point begun = Clock::now();
    std::vector<TokenId> ids;       // the prompt
    std::vector<TokenInfo> prompt;  // one per id
    model::StreamDecoder decoder;
    StopFilter filter;
    Stats stats;
    bool drawing = false;                 // the device draws
    std::optional<model::GpuDraw> drawn;  // and this is what
    double decode_bytes = 0;
    Clock::time_point last_stats = Clock::now();
};

void Worker::generate(const Generate& request) {
    if (session_ == nullptr) {
        throw base::Error(base::ErrorKind::usage, "no model is loaded", "Open a model first.");
    }
    check_device();
    begin(Activity::generating, request.id);
    const model::Tokenizer& tokenizer = model_->tokenizer;
    // Branches and completions of exact ids run in the chat's frame too, so its stop texts hold.
    Generation g{.request = request,
                 .decoder = model::StreamDecoder(tokenizer),
                 .filter = StopFilter(model::stop_texts(model::chat_format(tokenizer)))};
    prepare(g);
    FinishReason reason = FinishReason::stopped;
    try {
        prefill(g);
        reason = decode(g);
    } catch (const base::Cancelled&) {
        prefill_total_ = 0;  // by Stop: an ending like any other, with its figures
    }
    g.stats.dropped = n_dropped_;
    emit(Finished{request.id, reason, g.stats});
}

/// Check everything that can be checked before the device works, and say which ids it will be.
void Worker::prepare(Generation& g) {
    const Generate& request = g.request;
    model::validate(request.sampling);
    if (request.max_tokens < -1) {
        throw base::Error(base::ErrorKind::usage,
                          fmt::format("{} tokens cannot be written", request.max_tokens),
                          "Use -1 for no limit, or a number from 0.");
    }
    Prompt prompt = compose_prompt(model_->tokenizer, request, session_->n_ctx());
    g.ids = std::move(prompt.ids);
    for (const TokenId id : g.ids) {
        if (id < 0 || uint32_t(id) >= model_->config.vocab_size) {
            throw base::Error(base::ErrorKind::usage,
                              fmt::format("token id {} does not exist: the model has {}", id,
                                          model_->config.vocab_size));
        }
    }
    g.prompt.reserve(g.ids.size());
    for (const TokenId id : g.ids) {
        g.prompt.push_back(token_info(uint32_t(g.prompt.size()), id));
    }
    const uint32_t n_same = common_prefix(session_->tokens(), g.ids, [](TokenId id) { return id; });
    emit(PromptReady{request.id, g.prompt, std::min(n_same, uint32_t(g.ids.size()) - 1), false,
                     prompt.answer_begin, prompt.n_dropped_turns});
}

void Worker::prefill(Generation& g) {
    const Clock::time_point begun = Clock::now();
    const uint32_t n_cached = session_->position();
    const uint32_t n_same = common_prefix(session_->tokens(), g.ids, [](TokenId id) { return id; });
    sequence_changes(n_same);

    // What is known of a token depends on the ids before it only.
    const uint32_t n_known =
        common_prefix(sequence_, g.ids, [](const TokenInfo& info) { return info.id; });
    const bool scored = g.request.score_prompt;
    std::copy_n(sequence_.begin(), n_known, g.prompt.begin());
    take_known(g);
    if (scored) {
        if (logits_valid_ && n_same == n_cached && n_same > 0 && n_same < g.ids.size()) {
            score(g.prompt[n_same], session_->logits());
        }
    }
    sequence_.resize(n_known);
    capture_changed_ = std::exchange(capture_refused_, false) || capture_changed_;
    apply_capture();
    logits_valid_ = false;
    prefill_total_ = uint32_t(g.ids.size());
    prefill_reported_ = std::min(n_same, prefill_total_ - 1);
    const model::LogitsSink on_logits = [&](uint32_t position, std::span<const float> logits) {
        if (should_stop()) {
            throw base::Cancelled();  // scores of many rows take time, too
        }
        if (position + 1 < g.prompt.size()) {
            score(g.prompt[position + 1], logits);
        }
    };
    const model::SyncResult result = sync_in_steps(g.ids, n_same, scored, on_logits);
    logits_valid_ = true;
    prefill_total_ = 0;

    g.stats.load_ms = load_ms_;
    g.stats.prompt_n = result.n_prefilled;
    g.stats.prompt_ms = base::ms_between(begun, Clock::now());
    offer(PrefillProgressed{g.request.id, uint32_t(g.ids.size()), uint32_t(g.ids.size())});
    if (scored) {
        // The row before it was not computed now. All are reused where the cache held just this.
        const uint32_t n = result.n_reused;
        if (n > 0 && n < g.prompt.size() && g.prompt[n].rank < 0 &&
            session_->options().keep_residuals) {
            score(g.prompt[n], session_->logits_at(n - 1));
        }
        emit(PromptReady{g.request.id, g.prompt, result.n_reused, true}, false);
    }
    sequence_ = g.prompt;
}

void Worker::take_known(Generation& g) {
    const std::vector<TokenInfo>& known = g.request.known;
    const uint32_t n = common_prefix(known, g.ids, [](const TokenInfo& info) { return info.id; });
    for (uint32_t i = 1; i < n; ++i) {
        if (g.prompt[i].rank < 0) {
            g.prompt[i] = known[i];
            g.prompt[i].position = i;
        }
    }
}

/// Chunk by chunk; what is asked of the chunks that are there is answered in between.
model::SyncResult Worker::sync_in_steps(std::span<const TokenId> ids, uint32_t n_same, bool all,
                                        const model::LogitsSink& on_logits) {
    const uint32_t step = session_->options().n_ubatch;
    model::SyncResult whole;
    for (size_t end = n_same;;) {
        end = std::min(ids.size(), end + step);
        const bool last = end == ids.size();
        const Clock::time_point begun = Clock::now();
        const model::SyncResult part = session_->sync(ids.first(end),
                                                      all    ? model::WantLogits::all
                                                      : last ? model::WantLogits::last
                                                             : model::WantLogits::none,
                                                      all ? on_logits : model::LogitsSink());
        decode_ms_ = base::ms_between(begun, Clock::now());
        if (whole.n_prefilled == 0) {
            whole = part;
        } else {
            whole.n_prefilled += part.n_prefilled;
        }
        if (last) {
            return whole;
        }
        inspect_between_tokens();
    }
}

FinishReason Worker::decode(Generation& g) {
    const Clock::time_point begun = Clock::now();
    while (true) {
        if (session_->position() >= session_->n_ctx()) {
            return FinishReason::context_full;
        }
        if (g.request.max_tokens >= 0 && g.stats.predicted_n >= uint64_t(g.request.max_tokens)) {
            return FinishReason::length;
        }
        if (should_stop()) {
            return FinishReason::stopped;
        }
        check_device();
        if (const std::optional<FinishReason> reason = next_token(g)) {
            return *reason;
        }
        g.stats.predicted_ms = base::ms_between(begun, Clock::now());
        report_stats(g);
        inspect_between_tokens();
    }
}

/// Take one token, tell it, and compute what follows it.
std::optional<FinishReason> Worker::next_token(Generation& g) {
    TokenReady ready{g.request.id, draw(g)};
    const uint32_t position = ready.token.position;
    const TokenId id = ready.token.id;
    const bool stop_token = model_->tokenizer.is_stop(id);
    const bool last = position + 1 == session_->n_ctx() ||
                      g.stats.predicted_n + 1 == uint64_t(int64_t(g.request.max_tokens));
    if (!stop_token) {
        ready.text = g.filter.push(g.decoder.push(id));
    }
    if ((stop_token || last) && !g.filter.found()) {
        ready.text += g.filter.push(g.decoder.flush());
        ready.text += g.filter.flush();
    }
    ready.stop = stop_token || g.filter.found();
    const bool stop = ready.stop;
    const bool first = g.stats.predicted_n++ == 0;
    if (first) {
        g.stats.first_token_ms = base::ms_between(g.begun, Clock::now());
    }
    sequence_.push_back(ready.token);
    emit(std::move(ready), first);
    if (stop) {
        return FinishReason::stop;
    }
    if (last && position + 1 != session_->n_ctx()) {
        return FinishReason::length;  // nothing is asked of the row after the last token
    }
    apply_capture();
    const bool drawing = session_->draws_on_device();  // not while taps are captured
    if (drawing && !g.drawing) {
        session_->start_drawing(id, g.request.sampling);
    }
    g.drawing = drawing;
    logits_valid_ = false;
    const Clock::time_point begun = Clock::now();
    if (g.drawing) {
        g.drawn = session_->next_drawn();
    } else {
        session_->decode(id);
    }
    decode_ms_ = base::ms_between(begun, Clock::now());
    logits_valid_ = true;
    g.decode_bytes += decode_bytes();
    return std::nullopt;
}

/// The token after the last position: what the device has drawn, else drawn here.
TokenInfo Worker::draw(Generation& g) {
    const uint32_t position = session_->position();
    if (g.drawn) {
        const model::GpuDraw drawn = *std::exchange(g.drawn, std::nullopt);
        TokenInfo info = token_info(position, drawn.id);
        info.logprob = drawn.stats.logprob;
        info.rank = drawn.stats.rank;
        info.entropy = drawn.stats.entropy;
        for (uint32_t i = 0; i < std::min(drawn.n_top, kTop); ++i) {
            info.top.push_back(top_token(drawn.top[i].first, drawn.top[i].second));
        }
        return info;
    }
    const std::span<const float> logits = session_->logits();
    const TokenId id =
        sampler_->sample(logits, g.request.sampling, session_->tokens(), position).id;
    TokenInfo info = token_info(position, id);
    score(info, logits);
    return info;
}

/// An answer goes on without what there is no room to capture; the next one tries again.
void Worker::apply_capture() {
    if (!capture_changed_) {
        return;
    }
    try {
        session_->set_capture(capture_, [this](std::shared_ptr<const model::Capture> capture) {
            offer_capture(std::move(capture));
        });
    } catch (const base::Error& error) {
        if (error.kind() != base::ErrorKind::out_of_memory) {
            throw;
        }
        capture_refused_ = true;
        emit(Logged{fmt::format("live attention is not captured: {}", error.what())});
    }
    capture_changed_ = false;
}

/// From the stop callback while the prompt is computed.
void Worker::report_prefill() {
    if (prefill_total_ == 0) {
        return;
    }
    const uint32_t done = std::min(session_->position(), prefill_total_);
    const Clock::time_point now = Clock::now();
    if (done > prefill_reported_ && now - last_progress_ >= kProgressInterval) {
        prefill_reported_ = done;
        last_progress_ = now;
        offer(PrefillProgressed{active_id_, done, prefill_total_});
    }
}

void Worker::report_stats(Generation& g) {
    // By the clock that the tokens per second go by, or the two contradict each other on the
    // screen.
    g.stats.gb_per_s = g.stats.predicted_ms > 0 ? g.decode_bytes / 1e6 / g.stats.predicted_ms : 0;
    g.stats.device_bytes = runtime_->device.allocated_bytes();
    g.stats.dropped = n_dropped_;
    const Clock::time_point now = Clock::now();
    if (now - g.last_stats >= kStatsInterval) {
        g.last_stats = now;
        offer(StatsReady{g.request.id, g.stats});
    }
}

/// Bytes that the newest decode read: all weights, and the visible part of the cache.
double Worker::decode_bytes() const {
    const auto element = [](model::DType type) { return type == model::DType::f32 ? 4.0 : 2.0; };
    const model::SessionOptions& options = session_->options();
    const double position_bytes =
        double(model_->config.kv_width()) * (element(options.type_k) + element(options.type_v));
    double n = double(model_->weights.bytes());
    for (const model::LayerConfig& l : model_->config.layers) {
        const uint32_t keys = session_->position();
        n += position_bytes * (l.is_local() ? std::min(keys, l.sliding_window) : keys);
    }
    return n;
}

TokenInfo Worker::token_info(uint32_t position, TokenId id) const {
    TokenInfo info;
    info.position = position;
    info.id = id;
    info.text = (*info_->token_texts)[size_t(id)];
    info.bytes = model_->tokenizer.bytes(id);
    info.control = model_->tokenizer.kind(id) == model::TokenKind::control;
    info.logprob = std::numeric_limits<float>::quiet_NaN();
    info.entropy = std::numeric_limits<float>::quiet_NaN();
    return info;
}

/// What the raw distribution says of a token that was or could have been drawn from it.
void Worker::score(TokenInfo& info, std::span<const float> logits) const {
    const model::TokenStats stats = model::token_stats(logits, info.id);
    info.logprob = stats.logprob;
    info.rank = stats.rank;
    info.entropy = stats.entropy;
    info.top.clear();
    for (const auto& [id, logprob] : model::top_logprobs(logits, kTop, stats.log_sum_exp)) {
        info.top.push_back(top_token(id, logprob));
    }
}

TopToken Worker::top_token(TokenId id, float logprob) const {
    return {id, (*info_->token_texts)[size_t(id)], logprob};
}

}  // namespace app
