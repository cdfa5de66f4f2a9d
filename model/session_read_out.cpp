// The last step of the model on rows that are there already: logits of earlier positions, the logit
// lens of the kept residuals, and of any row that the caller brings.
#include <algorithm>
#include <cstring>

#include "gpu/buffer.h"
#include "model/sampler.h"
#include "model/session_impl.h"
#include "shaders/visible.h"

namespace model {
/// The rows go through the head several at a time: its matrix is read once for them all. They are
/// no part of a step, so no tap sees them.
void Session::Impl::head_rows(uint32_t n_rows,
                              const std::function<void(uint32_t begin, const Tensor& x)>& fill,
                              const LogitsSink& on_logits) {
    const uint32_t at_once = std::min(kHeadRows, act.x.shape.rows);
    taps.pause();
    for (uint32_t begin = 0; begin < n_rows; begin += at_once) {
        const uint32_t n = std::min(at_once, n_rows - begin);
        const Tensor x = act.x.first_rows(n);  // free between two steps
        run([&] {
            fill(begin, x);
            head(step(0, n), x, 0);
        });
        for (uint32_t i = 0; i < n; i++) {
            on_logits(begin + i, {act.host_logits(i), model->config.vocab_size});
        }
    }
}

std::string Session::Impl::no_residuals(uint32_t at, Tap tap) const {
    CHECK(tap == Tap::resid_post || tap == Tap::resid_mid, "{}", tap_info(tap).name);
    if (at >= tokens.size()) {
        return fmt::format("position {}: {} positions were computed", at, tokens.size());
    }
    if (act.residuals.empty()) {
        return "the session does not keep residuals, so past logits cannot be recomputed";
    }
    if (tap == Tap::resid_post) {
        return {};
    }
    if (act.kept_q.empty()) {
        return "the session does not keep Q, so past attention cannot be recomputed";
    }
    for (uint32_t l = 0; l < model->config.num_hidden_layers; l++) {
        const uint32_t kept = cache.first_kept(l);
        if (first_visible(at, model->config.layers[l].sliding_window) < kept) {
            return fmt::format(
                "layer {} keeps keys from position {} on; older ones were overwritten", l, kept);
        }
    }
    return {};
}

/// The sum of what came before the layer and what its attention added, in the order of a step.
void Session::Impl::resid_mid(uint32_t l, uint32_t at, const Tensor& x) {
    const Step one = step(at, 1);
    if (l == 0) {
        std::memcpy(act.host_tokens(), &tokens[at], sizeof tokens[at]);
        embed(one, x);
    } else {
        cmd.copy(x.range, act.residuals[l - 1].rows(at, 1).range);
    }
    const uint32_t n_heads = model->config.num_attention_heads;
    const Tensor lse{"lse",
                     DType::f32,
                     {n_heads, options.n_ctx},
                     tile_memory().range().slice(0, 4 * uint64_t{n_heads} * options.n_ctx)};
    finish_attention(one, l, x, act.q_rows(l, at, 1), lse);
}

std::vector<float> Session::logits_at(uint32_t at) {
    Impl& s = *impl_;
    if (const std::string why = s.no_residuals(at, Tap::resid_post); !why.empty()) {
        refuse(why);
    }
    std::vector<float> out;
    s.head_rows(
        1,
        [&](uint32_t, const Tensor& x) {
            s.cmd.copy(x.range, s.act.residuals.back().rows(at, 1).range);
        },
        [&](uint32_t, std::span<const float> logits) { out.assign(logits.begin(), logits.end()); });
    return out;
}

std::string Session::lens_obstacle(uint32_t at, Tap tap) const {
    return impl_->no_residuals(at, tap);
}

std::vector<LensRow> Session::lens(uint32_t at, uint32_t n_top, std::span<const TokenId> ids,
                                   Tap tap) {
    Impl& s = *impl_;
    if (const std::string why = s.no_residuals(at, tap); !why.empty()) {
        refuse(why);
    }
    for (const TokenId id : ids) {
        if (id < 0 || uint32_t(id) >= s.model->config.vocab_size) {
            refuse(
                fmt::format("token id {}: the vocabulary has {}", id, s.model->config.vocab_size));
        }
    }
    std::vector<LensRow> out;
    s.head_rows(
        s.model->config.num_hidden_layers,
        [&](uint32_t first_layer, const Tensor& x) {
            for (uint32_t i = 0; i < x.shape.rows; i++) {
                const uint32_t l = first_layer + i;
                if (tap == Tap::resid_mid) {
                    s.resid_mid(l, at, x.rows(i, 1));
                } else {
                    s.cmd.copy(x.rows(i, 1).range, s.act.residuals[l].rows(at, 1).range);
                }
            }
        },
        [&](uint32_t layer, std::span<const float> logits) {
            const double log_sum = log_sum_exp(logits);
            LensRow row{layer, top_logprobs(logits, n_top, log_sum), {}};
            for (const TokenId id : ids) {
                row.asked.push_back(float(double(logits[size_t(id)]) - log_sum));
            }
            out.push_back(std::move(row));
        });
    return out;
}

void Session::read_out(std::span<const float> rows, const LogitsSink& on_logits) {
    Impl& s = *impl_;
    const size_t d = s.model->config.hidden_size;
    CHECK(rows.size() % d == 0, "{} values, rows of {}", rows.size(), d);
    s.head_rows(
        uint32_t(rows.size() / d),
        [&](uint32_t begin, const Tensor& x) {
            gpu::upload(s.runtime.device, x.range,
                        std::as_bytes(rows.subspan(begin * d, x.shape.rows * d)));
        },
        on_logits);
}

}  // namespace model
