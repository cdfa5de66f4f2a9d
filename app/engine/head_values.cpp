#include "app/engine/head_values.h"

#include <algorithm>

namespace app {

void HeadValues::truncate(uint32_t n_kept) {
    for (std::vector<std::vector<float>>& layer : norms_) {
        for (std::vector<float>& head : layer) {
            head.resize(std::min<size_t>(head.size(), n_kept));
        }
    }
}

bool HeadValues::advance(model::Session& session, uint32_t layer, uint32_t n, uint32_t most) {
    const model::Config& config = session.model().config;
    norms_.resize(config.num_hidden_layers);
    norms_[layer].resize(config.num_attention_heads);
    const auto begin = uint32_t(norms_[layer].front().size());
    if (begin >= n) {
        return true;
    }
    const uint32_t n_rows = std::min(most, n - begin);
    const std::vector<float> norms = session.value_norms(layer, begin, n_rows);
    for (size_t h = 0; h < norms_[layer].size(); ++h) {
        const auto first = norms.begin() + ptrdiff_t(h * n_rows);
        norms_[layer][h].insert(norms_[layer][h].end(), first, first + n_rows);
    }
    return begin + n_rows >= n;
}

std::vector<HeadShare> head_shares(model::Session& session, const HeadValues& values,
                                   uint32_t layer, uint32_t begin, uint32_t n) {
    constexpr uint32_t kBins = 32;  // of one row: work for a device of many cores
    const uint32_t n_heads = session.model().config.num_attention_heads;
    const uint32_t n_keys = begin + n;
    std::vector<double> total(n);  // of all heads, per row
    std::vector<double> elsewhere(size_t{n_heads} * n);
    for (uint32_t h = 0; h < n_heads; ++h) {
        const std::span<const float> norms = values.of(layer, h);
        model::Session::PoolRequest request{.layer = layer,
                                            .head = h,
                                            .query_begin = begin,
                                            .n_queries = n,
                                            .key_begin = 1,  // the distance of the next key
                                            .bin = (n_keys + kBins - 1) / kBins,
                                            .n_bins = kBins,
                                            .by_distance = true,
                                            .key_factor = norms};
        const model::PooledRows others = session.pooled_attention(request);
        request.key_begin = 0;
        request.bin = request.n_bins = 1;
        const model::PooledRows itself = session.pooled_attention(request);
        for (uint32_t i = 0; i < n; ++i) {
            double& sum = elsewhere[size_t{h} * n + i];
            for (uint32_t b = 0; b < kBins; ++b) {
                sum += double(others.sum[size_t{i} * kBins + b]);
            }
            total[i] += sum + double(itself.sum[i]) + double(itself.sink[i]) * double(norms[0]);
        }
    }
    std::vector<HeadShare> out;
    for (uint32_t h = 0; h < n_heads; ++h) {
        double mean = 0;
        for (uint32_t i = 0; i < n; ++i) {
            mean += total[i] > 0 ? elsewhere[size_t{h} * n + i] / total[i] / n : 0;
        }
        out.push_back({layer, h, float(mean)});
    }
    return out;
}

}  // namespace app
