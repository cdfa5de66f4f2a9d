// The last step of the model, applied to rows that the caller brings: the logit lens of any tap.
#include <algorithm>

#include "gpu/buffer.h"
#include "model/session_impl.h"

namespace model {

void Session::read_out(std::span<const float> rows, const LogitsSink& on_logits) {
    Impl& s = *impl_;
    const Config& config = s.model->config;
    const size_t d = config.hidden_size;
    CHECK(rows.size() % d == 0, "{} values, rows of {}", rows.size(), d);
    const auto n_rows = uint32_t(rows.size() / d);
    const uint32_t at_once = std::min(kHeadRows, s.act.x.shape.rows);
    s.taps.pause();
    for (uint32_t begin = 0; begin < n_rows; begin += at_once) {
        const uint32_t n = std::min(at_once, n_rows - begin);
        const Tensor x = s.act.x.first_rows(n);  // free between two steps
        gpu::upload(s.runtime.device, x.range, std::as_bytes(rows.subspan(begin * d, n * d)));
        s.run([&] { head(s.step(0, n), x, 0); });
        for (uint32_t i = 0; i < n; i++) {
            on_logits(begin + i, {s.act.host_logits(i), config.vocab_size});
        }
    }
}

}  // namespace model
