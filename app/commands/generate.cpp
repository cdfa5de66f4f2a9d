#include "app/commands/generate.h"

#include "app/commands/console.h"
#include "app/commands/interrupt.h"
#include "app/engine/stop_filter.h"
#include "model/gpu_sampler.h"
#include "shaders/sample.h"

#include <algorithm>

namespace app {

namespace {

/// Carries the loop's state, so that each step is a short function.
class Generation {
public:
    Generation(model::Session& session, model::Sampler& sampler, const GenerateRequest& request)
        : session_(session),
          sampler_(sampler),
          request_(request),
          tokenizer_(session.model().tokenizer),
          decoder_(tokenizer_),
          filter_(request.stop_texts) {}

    GenerateResult run() {
        try {
            session_.sync(request_.tokens);
            loop();
        } catch (const base::Cancelled&) {
            result_.reason = FinishReason::stopped;
        }
        show(filter_.push(decoder_.flush()));
        show(filter_.flush());
        return std::move(result_);
    }

private:
    void loop() {
        while (true) {
            const size_t n_total = request_.tokens.size() + result_.ids.size();
            if (request_.max_tokens >= 0 && result_.ids.size() >= size_t(request_.max_tokens)) {
                return finish(FinishReason::length);
            }
            if (n_total >= session_.n_ctx()) {
                return finish(FinishReason::context_full);
            }
            if (interrupted()) {
                return finish(FinishReason::stopped);
            }
            const model::TokenId id = next();
            if (tokenizer_.is_stop(id) ||
                std::find(request_.stop_ids.begin(), request_.stop_ids.end(), id) !=
                    request_.stop_ids.end()) {
                return finish(FinishReason::stop);
            }
            show(filter_.push(decoder_.push(id)));
            if (filter_.found()) {
                return finish(FinishReason::stop);
            }
        }
    }

    /// Compute the last token, unless that has been done, and draw the one after it.
    model::TokenId next() {
        const bool computed = result_.ids.empty();
        if (!computed && drawing_) {
            const model::GpuDraw drawn = session_.next_drawn();
            tell(drawn.id, request_.top <= params::kSampleTop ? &drawn : nullptr);
            return drawn.id;
        }
        if (!computed) {
            session_.decode(result_.ids.back());
        }
        const std::span<const float> logits = session_.logits();
        const model::TokenId id =
            sampler_.sample(logits, request_.sampling, session_.tokens(), session_.position()).id;
        tell(id, nullptr);
        if (computed && session_.draws_on_device() && session_.position() < session_.n_ctx()) {
            session_.start_drawing(id, request_.sampling);
            drawing_ = true;
        }
        return id;
    }

    /// `drawn`: the device's own figures, where they are enough.
    void tell(model::TokenId id, const model::GpuDraw* drawn) {
        result_.ids.push_back(id);
        if (!request_.on_token) {
            return;
        }
        GeneratedToken token{session_.position(), id, {}, {}};
        if (drawn != nullptr) {
            token.stats = drawn->stats;
            token.top.assign(drawn->top.begin(),
                             drawn->top.begin() + std::min(request_.top, drawn->n_top));
        } else {
            const std::span<const float> logits = session_.logits();
            token.stats = model::token_stats(logits, id);
            token.top = model::top_logprobs(logits, request_.top, token.stats.log_sum_exp);
        }
        request_.on_token(token);
    }

    void show(const std::string& text) {
        if (!text.empty()) {
            result_.text += text;
            if (request_.on_text) {
                request_.on_text(text);
            }
        }
    }

    void finish(FinishReason reason) {
        result_.reason = reason;
        result_.logits_hash = result_.ids.empty() ? 0 : session_.logits_hash();
    }

    model::Session& session_;
    model::Sampler& sampler_;
    const GenerateRequest& request_;
    bool drawing_ = false;  // the device draws
    const model::Tokenizer& tokenizer_;
    model::StreamDecoder decoder_;
    StopFilter filter_;
    GenerateResult result_;
};

}  // namespace

std::string_view finish_reason_name(FinishReason reason) {
    switch (reason) {
        case FinishReason::stop:
            return "stop";
        case FinishReason::length:
        case FinishReason::context_full:
            return "length";
        case FinishReason::stopped:
            return "stopped";
    }
    return "stop";
}

GenerateResult generate(model::Session& session, model::Sampler& sampler,
                        const GenerateRequest& request) {
    return Generation(session, sampler, request).run();
}

std::string speed_line(const model::Session::Stats& stats, uint64_t logits_hash) {
    const auto rate = [](uint64_t n, double ms) { return ms > 0 ? double(n) * 1000 / ms : 0.0; };
    std::string line;
    if (stats.predicted_n > 0) {
        line += fmt::format("{} tokens decoded, {:.3g} tok/s, {:.3g} ms/tok; ", stats.predicted_n,
                            rate(stats.predicted_n, stats.predicted_ms),
                            stats.predicted_ms / double(stats.predicted_n));
    }
    if (stats.prompt_n > 0) {
        line += fmt::format("prompt {} tokens, {:.3g} tok/s", stats.prompt_n,
                            rate(stats.prompt_n, stats.prompt_ms));
    }
    return logits_hash == 0 ? line : line + fmt::format("  #{:016x}", logits_hash);
}

void tell_speed(const model::Session::Stats& stats, uint64_t logits_hash) {
    if (const std::string line = speed_line(stats, logits_hash); !line.empty()) {
        tell("lapidary: {}\n", line);
    }
}

std::string finish_note(FinishReason reason, uint32_t n_ctx) {
    switch (reason) {
        case FinishReason::context_full:
            return fmt::format(
                "the context of {} tokens is full: the answer ends here. A longer "
                "one: -c N.",
                n_ctx);
        case FinishReason::stopped:
            return "stopped";
        case FinishReason::stop:
        case FinishReason::length:
            return "";
    }
    return "";
}

}  // namespace app
