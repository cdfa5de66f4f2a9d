// The last step of the model on rows that are there already: logits of earlier positions, the logit
// lens of the kept residuals, and of any row that the caller brings.
#include <algorithm>

#include "gpu/buffer.h"
#include "model/sampler.h"
#include "model/session_impl.h"

namespace model {
namespace {

[[noreturn]] void refuse(const std::string& what) {
    throw base::Error(base::ErrorKind::usage, what);
}

}  // namespace

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

void Session::Impl::check_residuals(uint32_t at) const {
    if (at >= tokens.size()) {
        refuse(fmt::format("position {}: {} positions were computed", at, tokens.size()));
    }
    if (act.residuals.empty()) {
        refuse("the session does not keep residuals, so past logits cannot be recomputed");
    }
}

std::vector<float> Session::logits_at(uint32_t at) {
    Impl& s = *impl_;
    s.check_residuals(at);
    std::vector<float> out;
    s.head_rows(
        1,
        [&](uint32_t, const Tensor& x) {
            s.cmd.copy(x.range, s.act.residuals.back().rows(at, 1).range);
        },
        [&](uint32_t, std::span<const float> logits) { out.assign(logits.begin(), logits.end()); });
    return out;
}

std::vector<LensRow> Session::lens(uint32_t at, uint32_t n_top, std::span<const TokenId> ids) {
    Impl& s = *impl_;
    s.check_residuals(at);
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
                s.cmd.copy(x.rows(i, 1).range, s.act.residuals[first_layer + i].rows(at, 1).range);
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
