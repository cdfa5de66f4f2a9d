// ThumbnailPool against pooling the whole matrix at once, in double.
#include "app/engine/thumbnails.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace {

using app::Thumbnail;
using app::ThumbnailPool;

struct Rows {
    uint32_t n = 0, window = 0;
    std::vector<bool> present;
    std::vector<float> p;  // [n, n], masked = 0

    uint32_t first_key(uint32_t row) const {
        return window == 0 || row < window ? 0 : row - window + 1;
    }
    std::span<const float> row(uint32_t i) const {
        return std::span(p).subspan(size_t(i) * n + first_key(i), i + 1 - first_key(i));
    }
};

/// Rows that sum to 1, local when window != 0; each row is there with probability `kept`.
Rows random_rows(uint32_t n, uint32_t window, double kept, uint32_t seed) {
    std::mt19937 random(seed);
    Rows rows{n, window, std::vector<bool>(n), std::vector<float>(size_t(n) * n)};
    std::uniform_real_distribution<double> uniform(0, 1);
    for (uint32_t i = 0; i < n; ++i) {
        rows.present[i] = i + 1 == n || uniform(random) < kept;
        double sum = 0;
        std::vector<double> weights;
        for (uint32_t j = rows.first_key(i); j <= i; ++j) {
            weights.push_back(std::exp(3 * uniform(random)));
            sum += weights.back();
        }
        for (size_t j = 0; j < weights.size(); ++j) {
            rows.p[size_t(i) * n + rows.first_key(i) + j] = float(weights[j] / sum);
        }
    }
    return rows;
}

/// The definition, straight from the matrix.
Thumbnail brute_force(const Rows& rows) {
    Thumbnail picture;
    picture.n_positions = rows.n;
    while ((rows.n + picture.bin - 1) / picture.bin > 64) {
        picture.bin *= 2;
    }
    picture.side = (rows.n + picture.bin - 1) / picture.bin;
    for (uint32_t r = 0; r < picture.side; ++r) {
        for (uint32_t c = 0; c < picture.side; ++c) {
            double sum = 0;
            float max = 0;
            uint32_t n_present = 0;
            for (uint32_t i = r * picture.bin; i < std::min((r + 1) * picture.bin, rows.n); ++i) {
                n_present += rows.present[i] ? 1 : 0;
                for (uint32_t j = c * picture.bin; j < std::min((c + 1) * picture.bin, rows.n);
                     ++j) {
                    if (rows.present[i]) {
                        sum += double(rows.p[size_t(i) * rows.n + j]);
                        max = std::max(max, rows.p[size_t(i) * rows.n + j]);
                    }
                }
            }
            picture.max.push_back(max);
            picture.mass.push_back(n_present == 0 ? 0.0F : float(sum / n_present));
        }
    }
    return picture;
}

void add(ThumbnailPool& pool, const Rows& rows, uint32_t begin, uint32_t end) {
    for (uint32_t i = begin; i < end; ++i) {
        if (rows.present[i]) {
            REQUIRE(pool.add_row(i, rows.first_key(i), rows.row(i)));
        }
    }
}

void require_equal(const Thumbnail& got, const Thumbnail& wanted) {
    REQUIRE(got.n_positions == wanted.n_positions);
    REQUIRE(got.bin == wanted.bin);
    REQUIRE(got.side == wanted.side);
    REQUIRE(got.max == wanted.max);  // exact: a maximum has no rounding
    REQUIRE(got.mass.size() == wanted.mass.size());
    for (size_t i = 0; i < got.mass.size(); ++i) {
        REQUIRE(std::abs(got.mass[i] - wanted.mass[i]) <= 1e-6F);
    }
}

constexpr uint32_t kLengths[] = {1, 2, 63, 64, 65, 100, 127, 128, 129, 200, 256, 257, 300, 513};

}  // namespace

TEST_CASE("thumbnails: rows one by one give the picture of the whole matrix") {
    for (const uint32_t n : kLengths) {
        for (const uint32_t window : {0U, 1U, 32U}) {
            const Rows rows = random_rows(n, window, 1, n + window);
            ThumbnailPool pool;
            add(pool, rows, 0, n);
            require_equal(pool.picture(0, 0), brute_force(rows));
        }
    }
}

TEST_CASE("thumbnails: rows that are left out count for nothing") {
    for (const uint32_t n : kLengths) {
        const Rows rows = random_rows(n, 0, 0.3, n);
        ThumbnailPool pool;
        add(pool, rows, 0, n);
        require_equal(pool.picture(0, 0), brute_force(rows));
    }
}

TEST_CASE("thumbnails: the mass of a row of cells is 1 when attention rows sum to 1") {
    const Rows rows = random_rows(300, 0, 1, 1);
    ThumbnailPool pool;
    add(pool, rows, 0, 300);
    const Thumbnail picture = pool.picture(3, 2);
    REQUIRE(picture.layer == 3);
    REQUIRE(picture.head == 2);
    for (uint32_t r = 0; r < picture.side; ++r) {
        double sum = 0;
        for (uint32_t c = 0; c < picture.side; ++c) {
            sum += double(picture.mass[size_t(r) * picture.side + c]);
        }
        REQUIRE(std::abs(sum - 1) < 1e-4);
    }
}

TEST_CASE("thumbnails: cut anywhere, added again, and the picture is the same") {
    std::mt19937 random(7);
    for (const uint32_t n : kLengths) {
        const Rows rows = random_rows(n, 0, 1, n);
        for (int i = 0; i < 8; ++i) {
            const uint32_t cut = uint32_t(random() % (n + 1));
            ThumbnailPool pool;
            add(pool, rows, 0, n);
            const uint32_t from = pool.truncate(cut);
            REQUIRE(from <= cut);
            REQUIRE(from == pool.n_positions());
            add(pool, rows, from, n);
            require_equal(pool.picture(0, 0), brute_force(rows));
        }
    }
}

TEST_CASE("thumbnails: an answer is gone on from") {
    const Rows rows = random_rows(400, 32, 1, 5);
    for (const uint32_t n : {0U, 1U, 64U, 65U, 130U, 255U, 399U}) {
        ThumbnailPool first;
        add(first, rows, 0, n);
        ThumbnailPool second(first.picture(0, 0));
        add(second, rows, n, 400);
        require_equal(second.picture(0, 0), brute_force(rows));
    }
}

TEST_CASE("thumbnails: a row that is already there is ignored") {
    ThumbnailPool pool;
    const std::vector<float> weights = {0.5F, 0.5F};
    REQUIRE(pool.add_row(1, 0, weights));
    REQUIRE_FALSE(pool.add_row(1, 0, weights));
    REQUIRE_FALSE(pool.add_row(0, 0, std::span(weights).first(1)));
    REQUIRE(pool.picture(0, 0).mass == std::vector<float>{0, 0, 0.5F, 0.5F});
    REQUIRE(ThumbnailPool::bin_for(0) == 1);
    REQUIRE(ThumbnailPool::bin_for(64) == 1);
    REQUIRE(ThumbnailPool::bin_for(65) == 2);
    REQUIRE(ThumbnailPool::bin_for(131072) == 2048);
}
