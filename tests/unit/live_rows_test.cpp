// Attention rows in log16 (inspector.md 2), as the host makes them of scores.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "model/capture.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"
#include "tests/support/worst.h"

namespace {

struct Scores {
    std::string name;
    std::vector<float> s;
};

/// Rows of the shapes that 16 bits get wrong elsewhere, each of 2,048 keys.
std::vector<Scores> difficult_rows() {
    std::vector<Scores> rows = {
        {"flat", {}}, {"sigma 1", {}}, {"sigma 3", {}}, {"sink", {}}, {"far apart", {}}};
    support::Random random(3);
    for (uint32_t i = 0; i < 2048; ++i) {
        rows[0].s.push_back(-7.25f);
        rows[1].s.push_back(random.normal());
        rows[2].s.push_back(3 * random.normal());
        rows[3].s.push_back(i == 0 ? 45.0f : 35.0f + random.normal());
        rows[4].s.push_back(-50.0f + 100.0f * float(i) / 2047.0f);
    }
    return rows;
}

}  // namespace

TEST_CASE("log16 rows: weights within 2.5e-4 over 32 nats, zero beyond, sums of 1") {
    for (const Scores& row : difficult_rows()) {
        INFO(row.name);
        const auto n_keys = uint32_t(row.s.size());
        model::LiveRows rows{.n_keys = n_keys, .max = {}, .lse = {}, .log16 = {}};
        rows.append(row.s);
        long double total = 0;
        for (const float s : row.s) {
            total += std::exp((long double)s);
        }
        CHECK(std::abs(double(rows.lse[0]) - double(std::log(total))) <=
              2e-7 * std::abs(double(rows.lse[0])) + 1e-30);
        double worst = 0, sum = 0;
        for (uint32_t j = 0; j < n_keys; ++j) {
            const double nats = double(rows.max[0]) - double(row.s[j]);
            const double ours = double(rows.weight(0, j));
            sum += ours;
            if (nats > 32) {
                CHECK(rows.log16[j] == 65535);
                CHECK(ours == 0);
            } else if (nats < 31.99) {
                const auto truth = double(std::exp((long double)row.s[j]) / total);
                support::widen(worst, std::abs(ours / truth - 1));
            }
        }
        CHECK(worst <= 2.5e-4);
        CHECK(std::abs(sum - 1) <= 2.5e-4);
    }
}

TEST_CASE("log16 rows: heads follow one another") {
    model::LiveRows rows{.n_keys = 3, .max = {}, .lse = {}, .log16 = {}};
    rows.append(std::vector{1.0f, 0.0f, -1.0f});
    rows.append(std::vector{-40.0f, 2.0f, 2.0f});
    CHECK(rows.max == std::vector{1.0f, 2.0f});
    CHECK(rows.log16 == std::vector<uint16_t>{0, 2048, 4096, 65535, 0, 0});
    CHECK(rows.weight(1, 0) == 0);
    CHECK(std::abs(rows.weight(1, 2) - 0.5f) <= 1e-6f);
}
