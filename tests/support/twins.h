// The plain-loop twins of the shaders, each in two number types:
//   double  the definition; the kernels agree within a tolerance
//   float   shaders/exact.h and the order of summation that the shader's header comment writes
//   down;
//           the kernels agree bit by bit
// Shapes, names and masks are those of the shader of the same name. Weights are f32: dequantizing
// is exact (model/quant.h). K and V are given as numbers, whatever type stores them.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "shaders/exact.h"
#include "shaders/params.h"

namespace ref {

/// Mathematical functions of each number type.
template <class Real>
struct Math;

template <>
struct Math<float> {
    static float exp(float x) { return exact::exact_exp(x); }
    static float log(float x) { return exact::exact_log(x); }
    static float rsqrt(float x) { return exact::exact_rsqrt(x); }
    static float div(float a, float b) { return exact::exact_div(a, b); }
    static float gelu(float x) { return exact::exact_gelu(x); }
    static float softcap(float x, float cap) { return exact::exact_softcap(x, cap); }
};

template <>
struct Math<double> {
    static double exp(double x) { return std::exp(x); }
    static double log(double x) { return std::log(x); }
    static double rsqrt(double x) { return 1.0 / std::sqrt(x); }
    static double div(double a, double b) { return a / b; }
    /// Spec 2.8: the tanh form.
    static double gelu(double x) {
        const double inner = std::sqrt(2.0 / 3.14159265358979323846) * (x + 0.044715 * x * x * x);
        return 0.5 * x * (1.0 + std::tanh(inner));
    }
    static double softcap(double x, double cap) { return cap * std::tanh(x / cap); }
};

/// y[t, i] = scale * table[tokens[t], i]
template <class Real>
void embed(std::span<Real> y, std::span<const float> table, size_t dim,
           std::span<const uint32_t> tokens, Real scale);

/// y[t, r] = sum_k w[r, k] x[t, k];   w [rows, cols], x [n_tokens, cols], y [n_tokens, rows]
void matmul(std::span<double> y, std::span<const float> w, size_t rows, size_t cols,
            std::span<const double> x, size_t n_tokens);
void matmul(std::span<float> y, std::span<const float> w, size_t rows, size_t cols,
            std::span<const float> x, size_t n_tokens);

/// y[r, i] = x[r, i] / sqrt(mean_i(x[r, i]^2) + eps) * w[i]; scale[r] = that root (may be empty).
template <class Real>
void rms_norm(std::span<Real> y, std::span<Real> scale, std::span<const Real> x,
              std::span<const float> w, float eps);

/// cos and sin of every position and pair (spec 2.6), computed in double, rounded once to Real.
/// table [n_tokens, head_dim / 2, 2]
template <class Real>
std::vector<Real> rope_table(uint32_t position, uint32_t n_tokens, uint32_t head_dim, double theta,
                             double factor);

/// Half rotation in place; x [n_tokens, n_heads, head_dim].
template <class Real>
void rope(std::span<Real> x, std::span<const Real> table, const params::Rope& p);

/// x rounded through f16.
void round_to_half(std::span<float> x);
void round_to_half(std::span<double> x);

template <class Real>
void attention_scores(std::span<Real> s, std::span<const Real> q, std::span<const Real> k,
                      const params::Attention& p);
template <class Real>
void attention_softmax(std::span<Real> prob, std::span<Real> tiles, std::span<const Real> s,
                       const params::Attention& p);
template <class Real>
void attention_lse(std::span<Real> stats, std::span<Real> lse, std::span<const Real> tiles,
                   const params::Attention& p);
template <class Real>
void attention_values(std::span<Real> z, std::span<const Real> prob, std::span<const Real> tiles,
                      std::span<const Real> stats, std::span<const Real> v,
                      const params::Attention& p);
/// scores [n_queries, n_keys, 2] may be empty.
template <class Real>
void attention_tile(std::span<Real> pattern, std::span<Real> scores, std::span<const Real> q,
                    std::span<const Real> k, std::span<const Real> lse,
                    const params::AttentionTile& p);

/// pooled [n_queries, n_bins, 2]; the factors [lse_stride] where the flags ask for them.
template <class Real>
void attention_pool(std::span<Real> pooled, std::span<const Real> q, std::span<const Real> k,
                    std::span<const Real> lse, std::span<const Real> key_factor,
                    std::span<const Real> row_factor, const params::AttentionPool& p);

template <class Real>
void add(std::span<Real> x, std::span<const Real> y);
template <class Real>
void geglu(std::span<Real> y, std::span<const Real> gate, std::span<const Real> up);
template <class Real>
void softcap(std::span<Real> x, Real cap);

/// First key that a query at `position` sees: W keys including itself.
inline uint32_t first_visible(uint32_t position, uint32_t window) {
    return window == 0 || position + 1 <= window ? 0 : position + 1 - window;
}

/// scale * (q . k) of one head; element i belongs to lane i % 4.
template <class Real>
Real raw_score(const Real* q, const Real* k, uint32_t head_dim, float scale);

}  // namespace ref
