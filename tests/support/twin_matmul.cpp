// Matrix products of the twins, blocked so that a reference forward of the real 270M is a matter of
// seconds: kRows rows and kTokens tokens at a time, tokens side by side in one vector. Every sum is
// still one chain of its own, in the order that shaders/matmul.comp writes down.
#include <algorithm>
#include <cstring>
#include <vector>

#include "gpu/base.h"
#include "tests/support/parallel.h"
#include "tests/support/twins.h"

namespace ref {
namespace {

constexpr size_t kTokens = 8;
constexpr size_t kRows = 4;
constexpr size_t kRowTile = 32;  // rows of W that stay in the cache while tokens pass

template <class Real>
struct Vector;
template <>
struct Vector<float> {
    using Type = float __attribute__((vector_size(kTokens * sizeof(float))));
};
template <>
struct Vector<double> {
    using Type = double __attribute__((vector_size(kTokens * sizeof(double))));
};

/// Where one tile of the product reads and writes.
template <class Real>
struct Tile {
    Real* y;  // [n_tokens, y_stride], at the tile's first row and token
    size_t y_stride;
    const float* w;       // [n_rows, cols]
    size_t n_rows, cols;  // n_rows <= kRows
    const Real* x;        // [cols, kTokens]
    size_t n_tokens;      // <= kTokens
};

/// Block b of 32 columns belongs to lane b % 8; products one by one; then lanes 0, 1, ..., 7.
template <class Real>
inline __attribute__((always_inline)) void tile_product(const Tile<Real>& tile) {
    using V = typename Vector<Real>::Type;
    const float* rows[kRows];
    for (size_t r = 0; r < kRows; ++r) {
        rows[r] = tile.w + std::min(r, tile.n_rows - 1) * tile.cols;
    }
    const size_t n_blocks = (tile.cols + params::kBlock - 1) / params::kBlock;
    V total[kRows] = {};
    for (size_t lane = 0; lane < params::kMatmulLanes; ++lane) {
        V sum[kRows] = {};
        for (size_t b = lane; b < n_blocks; b += params::kMatmulLanes) {
            const size_t end = std::min(tile.cols, (b + 1) * params::kBlock);
            for (size_t k = b * params::kBlock; k < end; ++k) {
                V x;
                std::memcpy(&x, tile.x + k * kTokens, sizeof x);
                for (size_t r = 0; r < kRows; ++r) {
                    sum[r] = sum[r] + static_cast<Real>(rows[r][k]) * x;
                }
            }
        }
        for (size_t r = 0; r < kRows; ++r) {
            total[r] = total[r] + sum[r];
        }
    }
    for (size_t r = 0; r < tile.n_rows; ++r) {
        for (size_t t = 0; t < tile.n_tokens; ++t) {
            tile.y[t * tile.y_stride + r] = total[r][t];
        }
    }
}

// The same code for two instruction sets; neither fuses products and sums, so the bits are equal.
template <class Real>
void plain_tile(const Tile<Real>& tile) {
    tile_product(tile);
}
#if defined(__x86_64__)
template <class Real>
__attribute__((target("avx2"))) void avx2_tile(const Tile<Real>& tile) {
    tile_product(tile);
}
#endif

template <class Real>
using TileFunction = void (*)(const Tile<Real>&);

template <class Real>
TileFunction<Real> best_tile() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        return avx2_tile<Real>;
    }
#endif
    return plain_tile<Real>;
}

/// x [n_tokens, cols] -> [blocks of kTokens][cols][kTokens], padded with zeros.
template <class Real>
std::vector<Real> side_by_side(std::span<const Real> x, size_t cols, size_t n_tokens) {
    const size_t n_blocks = (n_tokens + kTokens - 1) / kTokens;
    std::vector<Real> packed(n_blocks * cols * kTokens, Real(0));
    for (size_t t = 0; t < n_tokens; ++t) {
        Real* block = packed.data() + t / kTokens * cols * kTokens + t % kTokens;
        for (size_t k = 0; k < cols; ++k) {
            block[k * kTokens] = x[t * cols + k];
        }
    }
    return packed;
}

template <class Real>
void product(std::span<Real> y, std::span<const float> w, size_t rows, size_t cols,
             std::span<const Real> x, size_t n_tokens) {
    CHECK(w.size() == rows * cols && x.size() == n_tokens * cols && y.size() == n_tokens * rows,
          "w {} rows {} cols {} x {} tokens {} y {}", w.size(), rows, cols, x.size(), n_tokens,
          y.size());
    const std::vector<Real> packed = side_by_side(x, cols, n_tokens);
    const TileFunction<Real> function = best_tile<Real>();
    support::parallel_for(rows, kRowTile, [&](size_t begin, size_t end) {
        for (size_t tile = begin; tile < end; tile += kRowTile) {
            const size_t tile_end = std::min(end, tile + kRowTile);
            for (size_t t = 0; t < n_tokens; t += kTokens) {
                for (size_t r = tile; r < tile_end; r += kRows) {
                    function({.y = y.data() + t * rows + r,
                              .y_stride = rows,
                              .w = w.data() + r * cols,
                              .n_rows = std::min(kRows, tile_end - r),
                              .cols = cols,
                              .x = packed.data() + t * cols,
                              .n_tokens = std::min(kTokens, n_tokens - t)});
                }
            }
        }
    });
}

}  // namespace

void matmul(std::span<double> y, std::span<const float> w, size_t rows, size_t cols,
            std::span<const double> x, size_t n_tokens) {
    product(y, w, rows, cols, x, n_tokens);
}

void matmul(std::span<float> y, std::span<const float> w, size_t rows, size_t cols,
            std::span<const float> x, size_t n_tokens) {
    product(y, w, rows, cols, x, n_tokens);
}

}  // namespace ref
