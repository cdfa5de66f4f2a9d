#include "tests/support/twins.h"

#include <algorithm>
#include <array>

#include "gpu/base.h"
#include "model/quant.h"
#include "tests/support/parallel.h"

namespace ref {

template <class Real>
void embed(std::span<Real> y, std::span<const float> table, size_t dim,
           std::span<const uint32_t> tokens, Real scale) {
    for (size_t t = 0; t < tokens.size(); ++t) {
        for (size_t i = 0; i < dim; ++i) {
            y[t * dim + i] = scale * static_cast<Real>(table[tokens[t] * dim + i]);
        }
    }
}

template <class Real>
void rms_norm(std::span<Real> y, std::span<Real> scale, std::span<const Real> x,
              std::span<const float> w, float eps) {
    const size_t dim = w.size();
    const Real inv_dim = Real(1) / static_cast<Real>(dim);
    for (size_t r = 0; r < x.size() / dim; ++r) {
        std::array<Real, params::kNormLanes> lanes{};
        for (size_t i = 0; i < dim; ++i) {
            const Real square = x[r * dim + i] * x[r * dim + i];
            lanes[i % params::kNormLanes] += square;
        }
        for (size_t half = params::kNormLanes / 2; half > 0; half /= 2) {
            for (size_t lane = 0; lane < half; ++lane) {
                lanes[lane] += lanes[lane + half];
            }
        }
        const Real mean = lanes[0] * inv_dim;
        const Real mean_eps = mean + static_cast<Real>(eps);
        const Real inverse = Math<Real>::rsqrt(mean_eps);
        for (size_t i = 0; i < dim; ++i) {
            const Real normalized = x[r * dim + i] * inverse;
            y[r * dim + i] = normalized * static_cast<Real>(w[i]);
        }
        if (!scale.empty()) {
            scale[r] = mean_eps * inverse;
        }
    }
}

template <class Real>
std::vector<Real> rope_table(uint32_t position, uint32_t n_tokens, uint32_t head_dim, double theta,
                             double factor) {
    std::vector<Real> table;
    table.reserve(size_t{n_tokens} * head_dim);
    for (uint32_t t = 0; t < n_tokens; ++t) {
        for (uint32_t i = 0; i < head_dim / 2; ++i) {
            const double frequency = std::pow(theta, -2.0 * i / head_dim);
            const double angle = double(position + t) * frequency / factor;
            table.push_back(static_cast<Real>(std::cos(angle)));
            table.push_back(static_cast<Real>(std::sin(angle)));
        }
    }
    return table;
}

template <class Real>
void rope(std::span<Real> x, std::span<const Real> table, const params::Rope& p) {
    const size_t pairs = p.head_dim / 2;
    const size_t n_tokens = x.size() / (size_t{p.n_heads} * p.head_dim);
    for (size_t t = 0; t < n_tokens; ++t) {
        for (size_t h = 0; h < p.n_heads; ++h) {
            Real* head = x.data() + (t * p.n_heads + h) * p.head_dim;
            for (size_t i = 0; i < pairs; ++i) {
                const Real cosine = table[2 * (t * pairs + i)];
                const Real sine = table[2 * (t * pairs + i) + 1];
                const Real a = head[i];
                const Real b = head[i + pairs];
                head[i] = a * cosine - b * sine;
                head[i + pairs] = b * cosine + a * sine;
            }
        }
    }
}

void round_to_half(std::span<float> x) {
    for (float& value : x) {
        value = model::half_to_float(static_cast<uint16_t>(exact::exact_half_bits(value)));
    }
}

void round_to_half(std::span<double> x) {
    for (double& value : x) {
        value = model::half_to_float(model::float_to_half(static_cast<float>(value)));
    }
}

template <class Real>
Real raw_score(const Real* q, const Real* k, uint32_t head_dim, float scale) {
    std::array<Real, 4> sum{};
    for (uint32_t i = 0; i < head_dim; i += 4) {
        for (uint32_t lane = 0; lane < 4; ++lane) {
            sum[lane] += q[i + lane] * k[i + lane];
        }
    }
    const Real left = sum[0] + sum[1];
    const Real right = sum[2] + sum[3];
    return static_cast<Real>(scale) * (left + right);
}

namespace {

template <class Real>
Real capped(Real score, float cap) {
    return cap > 0 ? Math<Real>::softcap(score, static_cast<Real>(cap)) : score;
}

/// Row (t, h) of the scratch arrays and the keys that its query sees: [first, position].
struct Row {
    uint32_t t, head, kv_head, position, first;
    size_t base;  // of the row, so that base + key is the cell of an absolute key
};

Row row_of(size_t row, const params::Attention& p) {
    const uint32_t t = static_cast<uint32_t>(row / p.n_heads);
    const uint32_t head = static_cast<uint32_t>(row % p.n_heads);
    const uint32_t position = p.position + t;
    return {.t = t,
            .head = head,
            .kv_head = head / (p.n_heads / p.n_kv_heads),
            .position = position,
            .first = std::max(first_visible(position, p.window), p.key_begin),
            .base = row * p.n_keys - p.key_begin};
}

/// Calls body(Row) for every row (t, h).
template <class Body>
void for_rows(const params::Attention& p, const Body& body) {
    support::parallel_for(size_t{p.n_tokens} * p.n_heads, 1, [&](size_t begin, size_t end) {
        for (size_t row = begin; row < end; ++row) {
            body(row, row_of(row, p));
        }
    });
}

constexpr uint32_t kTile = params::kKeyTile;

}  // namespace

template <class Real>
void attention_scores(std::span<Real> s, std::span<const Real> q, std::span<const Real> k,
                      const params::Attention& p) {
    for_rows(p, [&](size_t, const Row& row) {
        const Real* query = q.data() + ((p.q_row + row.t) * p.n_heads + row.head) * p.head_dim;
        const uint32_t end = std::min(row.position + 1, p.key_begin + p.n_keys);
        for (uint32_t key = row.first; key < end; ++key) {
            const size_t slot = key % p.capacity;
            const Real* stored = k.data() + (slot * p.n_kv_heads + row.kv_head) * p.head_dim;
            s[row.base + key] = capped(raw_score(query, stored, p.head_dim, p.scale), p.cap);
        }
    });
}

template <class Real>
void attention_softmax(std::span<Real> prob, std::span<Real> tiles, std::span<const Real> s,
                       const params::Attention& p) {
    const uint32_t n_tiles = p.n_keys / kTile;
    for_rows(p, [&](size_t index, const Row& row) {
        for (uint32_t tile = 0; tile < n_tiles; ++tile) {
            const uint32_t key_begin = p.key_begin + tile * kTile;
            const uint32_t begin = std::max(row.first, key_begin);
            const uint32_t end = std::min(row.position + 1, key_begin + kTile);
            Real largest = Real(-1e30f);
            for (uint32_t key = begin; key < end; ++key) {
                largest = std::max(largest, s[row.base + key]);
            }
            Real sum = 0;
            for (uint32_t key = begin; key < end; ++key) {
                const Real e = Math<Real>::exp(s[row.base + key] - largest);
                prob[row.base + key] = e;
                sum += e;
            }
            tiles[2 * (index * n_tiles + tile)] = largest;
            tiles[2 * (index * n_tiles + tile) + 1] = sum;
        }
    });
}

template <class Real>
void attention_lse(std::span<Real> stats, std::span<Real> lse, std::span<const Real> tiles,
                   const params::Attention& p) {
    const uint32_t n_tiles = p.n_keys / kTile;
    for_rows(p, [&](size_t index, const Row& row) {
        const Real* tile = tiles.data() + 2 * index * n_tiles;
        Real largest = Real(-1e30f);
        for (size_t j = 0; j < n_tiles; ++j) {
            largest = std::max(largest, tile[2 * j]);
        }
        Real total = 0;
        for (size_t j = 0; j < n_tiles; ++j) {
            total += Math<Real>::exp(tile[2 * j] - largest) * tile[2 * j + 1];
        }
        stats[2 * index] = largest;
        stats[2 * index + 1] = total;
        lse[size_t{row.head} * p.lse_stride + row.position] = largest + Math<Real>::log(total);
    });
}

template <class Real>
void attention_values(std::span<Real> z, std::span<const Real> prob, std::span<const Real> tiles,
                      std::span<const Real> stats, std::span<const Real> v,
                      const params::Attention& p) {
    const uint32_t n_tiles = p.n_keys / kTile;
    for_rows(p, [&](size_t index, const Row& row) {
        std::vector<Real> sum(p.head_dim, Real(0));
        std::vector<Real> tile_sum(p.head_dim);
        for (uint32_t tile = row.first / kTile; tile <= row.position / kTile; ++tile) {
            std::fill(tile_sum.begin(), tile_sum.end(), Real(0));
            const uint32_t end = std::min(row.position + 1, (tile + 1) * kTile);
            for (uint32_t key = std::max(row.first, tile * kTile); key < end; ++key) {
                const Real weight = prob[row.base + key];
                const size_t slot = key % p.capacity;
                const Real* value = v.data() + (slot * p.n_kv_heads + row.kv_head) * p.head_dim;
                for (uint32_t i = 0; i < p.head_dim; ++i) {
                    tile_sum[i] += weight * value[i];
                }
            }
            const size_t j = index * n_tiles + tile - p.key_begin / kTile;
            const Real factor = Math<Real>::exp(tiles[2 * j] - stats[2 * index]);
            for (uint32_t i = 0; i < p.head_dim; ++i) {
                sum[i] += factor * tile_sum[i];
            }
        }
        for (uint32_t i = 0; i < p.head_dim; ++i) {
            z[index * p.head_dim + i] = Math<Real>::div(sum[i], stats[2 * index + 1]);
        }
    });
}

template <class Real>
void attention_tile(std::span<Real> pattern, std::span<Real> scores, std::span<const Real> q,
                    std::span<const Real> k, std::span<const Real> lse,
                    const params::AttentionTile& p) {
    support::parallel_for(pattern.size() / p.n_keys, 1, [&](size_t begin, size_t end) {
        for (size_t cell = begin * p.n_keys; cell < end * p.n_keys; ++cell) {
            const uint32_t query = p.query_begin + static_cast<uint32_t>(cell / p.n_keys);
            const uint32_t key = p.key_begin + static_cast<uint32_t>(cell % p.n_keys);
            Real capped_score = -INFINITY;
            Real raw = NAN;
            pattern[cell] = 0;
            if (key <= query && key >= first_visible(query, p.window)) {
                const size_t row = p.q_row + query;
                const size_t slot = key % p.capacity;
                raw = raw_score(q.data() + (row * p.n_heads + p.head) * p.head_dim,
                                k.data() + (slot * p.n_kv_heads + p.kv_head) * p.head_dim,
                                p.head_dim, p.scale);
                capped_score = capped(raw, p.cap);
                const Real row_lse = lse[size_t{p.head} * p.lse_stride + query];
                pattern[cell] = Math<Real>::exp(capped_score - row_lse);
            }
            if (!scores.empty()) {
                scores[2 * cell] = capped_score;
                scores[2 * cell + 1] = raw;
            }
        }
    });
}

template <class Real>
void attention_pool(std::span<Real> pooled, std::span<const Real> q, std::span<const Real> k,
                    std::span<const Real> lse, std::span<const Real> key_factor,
                    std::span<const Real> row_factor, const params::AttentionPool& p) {
    support::parallel_for(p.n_queries, 1, [&](size_t begin, size_t end) {
        for (size_t cell = begin * p.n_bins; cell < end * p.n_bins; ++cell) {
            const uint32_t query = p.query_begin + static_cast<uint32_t>(cell / p.n_bins);
            const uint32_t first = p.key_begin + static_cast<uint32_t>(cell % p.n_bins) * p.bin;
            Real largest = 0;
            Real total = 0;
            const bool by_distance = (p.flags & 4U) != 0;
            for (uint32_t key = std::max(first_visible(query, p.window), 1U); key <= query; ++key) {
                const uint32_t at = by_distance ? query - key : key;
                if (at < first || at >= first + p.bin) {
                    continue;
                }
                const size_t row = p.q_row + query;
                const size_t slot = key % p.capacity;
                const Real raw = raw_score(
                    q.data() + (row * p.n_heads + p.head) * p.head_dim,
                    k.data() + (slot * p.n_kv_heads + p.kv_head) * p.head_dim, p.head_dim, p.scale);
                const Real row_lse = lse[size_t{p.head} * p.lse_stride + query];
                Real weight = Math<Real>::exp(capped(raw, p.cap) - row_lse);
                weight *= (p.flags & 1U) != 0 ? key_factor[key] : Real(1);
                weight *= (p.flags & 2U) != 0 ? row_factor[query] : Real(1);
                largest = std::max(largest, weight);
                total += weight;
            }
            pooled[2 * cell] = largest;
            pooled[2 * cell + 1] = total;
        }
    });
}

template <class Real>
void add(std::span<Real> x, std::span<const Real> y) {
    for (size_t i = 0; i < x.size(); ++i) {
        x[i] = x[i] + y[i];
    }
}

template <class Real>
void geglu(std::span<Real> y, std::span<const Real> gate, std::span<const Real> up) {
    for (size_t i = 0; i < y.size(); ++i) {
        y[i] = Math<Real>::gelu(gate[i]) * up[i];
    }
}

template <class Real>
void softcap(std::span<Real> x, Real cap) {
    for (Real& value : x) {
        value = Math<Real>::softcap(value, cap);
    }
}

#define INSTANTIATE(Real)                                                                         \
    template void embed(std::span<Real>, std::span<const float>, size_t,                          \
                        std::span<const uint32_t>, Real);                                         \
    template void rms_norm(std::span<Real>, std::span<Real>, std::span<const Real>,               \
                           std::span<const float>, float);                                        \
    template std::vector<Real> rope_table(uint32_t, uint32_t, uint32_t, double, double);          \
    template void rope(std::span<Real>, std::span<const Real>, const params::Rope&);              \
    template Real raw_score(const Real*, const Real*, uint32_t, float);                           \
    template void attention_scores(std::span<Real>, std::span<const Real>, std::span<const Real>, \
                                   const params::Attention&);                                     \
    template void attention_softmax(std::span<Real>, std::span<Real>, std::span<const Real>,      \
                                    const params::Attention&);                                    \
    template void attention_lse(std::span<Real>, std::span<Real>, std::span<const Real>,          \
                                const params::Attention&);                                        \
    template void attention_values(std::span<Real>, std::span<const Real>, std::span<const Real>, \
                                   std::span<const Real>, std::span<const Real>,                  \
                                   const params::Attention&);                                     \
    template void attention_tile(std::span<Real>, std::span<Real>, std::span<const Real>,         \
                                 std::span<const Real>, std::span<const Real>,                    \
                                 const params::AttentionTile&);                                   \
    template void attention_pool(std::span<Real>, std::span<const Real>, std::span<const Real>,   \
                                 std::span<const Real>, std::span<const Real>,                    \
                                 std::span<const Real>, const params::AttentionPool&);            \
    template void add(std::span<Real>, std::span<const Real>);                                    \
    template void geglu(std::span<Real>, std::span<const Real>, std::span<const Real>);           \
    template void softcap(std::span<Real>, Real);

INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace ref
