// What the heads would add to the residual stream for each key: norms of their value outputs.
#include <algorithm>
#include <cmath>

#include "model/ops.h"
#include "model/session_impl.h"

namespace model {

std::vector<float> Session::value_norms(uint32_t layer, uint32_t begin, uint32_t n) {
    Impl& s = *impl_;
    const Config& c = s.model->config;
    const uint32_t n_heads = c.num_attention_heads, d = c.hidden_size, hd = c.head_dim;
    if (hd % 32 != 0) {
        throw base::Error(
            base::ErrorKind::usage,
            fmt::format("values of single heads need a head size that is a multiple of "
                        "32, and this model's is {}",
                        hd));
    }
    s.settle();
    const std::vector<float> v = stored(Tap::v, layer, begin, n);  // [n, Hkv * hd]
    const LayerWeights& w = s.model->weights.layers[layer];
    std::vector<float> gain(d, 1.0F);
    if (!w.post_attention_norm.range.empty()) {
        gpu::download(s.runtime.device, std::as_writable_bytes(std::span(gain)),
                      w.post_attention_norm.range);
    }
    const gpu::Range memory = s.tile_memory().range();
    const uint64_t row_bytes = 4 * uint64_t{n_heads} * d;
    const auto at_once =
        uint32_t(std::clamp<uint64_t>(memory.size / row_bytes, 1, s.act.z.shape.rows));
    const gpu::Thawed thawed(s.runtime.kernels);  // no step: its kernel may be new
    std::vector<float> out(size_t{n_heads} * n);
    for (uint32_t done = 0; done < n; done += at_once) {
        const uint32_t rows = std::min(at_once, n - done);
        std::vector<float> x(size_t{rows} * n_heads * hd);
        for (uint32_t r = 0; r < rows; r++) {
            for (uint32_t h = 0; h < n_heads; h++) {
                const uint32_t kv = h / (n_heads / c.num_key_value_heads);
                std::copy_n(v.begin() + (size_t{done + r} * c.num_key_value_heads + kv) * hd, hd,
                            x.begin() + (size_t{r} * n_heads + h) * hd);
            }
        }
        const Tensor z = s.act.z.first_rows(rows);  // free between two steps
        gpu::upload(s.runtime.device, z.range, std::as_bytes(std::span(x)));
        const gpu::Range range = memory.slice(0, rows * row_bytes);
        s.run([&] {
            ops::matmul_per_head(s.cmd, {"value outputs", DType::f32, {rows, n_heads * d}, range},
                                 w.attn_output, z, n_heads);
        });
        std::vector<float> y(size_t{rows} * n_heads * d);
        gpu::download(s.runtime.device, std::as_writable_bytes(std::span(y)), range);
        for (size_t i = 0; i < size_t{rows} * n_heads; i++) {
            double sum = 0;
            for (uint32_t j = 0; j < d; j++) {
                const double value = double(y[i * d + j]) * double(gain[j]);
                sum += value * value;
            }
            out[(i % n_heads) * n + done + i / n_heads] = float(std::sqrt(sum));
        }
    }
    return out;
}

}  // namespace model
