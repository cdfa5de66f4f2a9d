// Tiles of the attention pyramid, sinks and thumbnails of the real engine, against exact cells.
#include "app/engine/attention_tiles.h"
#include "tests/support/engine_driver.h"
#include "tests/support/worst.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>

#include "app/engine/thumbnails.h"
#include "model/quant.h"

namespace {

using app::AttentionPyramidTile;
using app::Inspect;
using app::InspectKind;
using app::InspectReady;
using app::Measure;
using app::TileKey;
using support::EngineDriver;

constexpr uint32_t kSide = AttentionPyramidTile::kSide;
constexpr uint32_t kPositions = 500;

/// An engine whose cache holds 500 positions: two tiles across at level 0.
struct Shown {
    EngineDriver driver;
    std::shared_ptr<const app::ModelInfo> info;

    Shown() {
        info = driver.load();
        std::vector<app::TokenId> ids{2};
        for (uint32_t i = 1; i < kPositions; ++i) {
            ids.push_back(app::TokenId(50 + (i * 37 + i / 9) % 400));
        }
        const support::Answer answer = driver.answer(support::go_on(ids, 0));
        INFO((answer.failed ? answer.failed->message : ""));
        REQUIRE(answer.finished);
        driver.events.clear();
    }
    AttentionPyramidTile tile(const TileKey& key) {
        const InspectReady ready = driver.inspect({.kind = InspectKind::pyramid, .tiles = {key}});
        REQUIRE(ready.not_captured.empty());
        REQUIRE(ready.pyramid != nullptr);
        REQUIRE(ready.pyramid->key == key);
        return *ready.pyramid;
    }
    /// [kPositions, kPositions]
    std::vector<float> cells(uint32_t layer, uint32_t head) {
        const InspectReady ready = driver.inspect({.kind = InspectKind::tile,
                                                   .layer = layer,
                                                   .head = head,
                                                   .n_queries = kPositions,
                                                   .n_keys = kPositions});
        INFO(ready.not_captured);
        REQUIRE(ready.tile != nullptr);
        return ready.tile->pattern;
    }
    uint32_t layer_of(bool local) const {
        for (uint32_t l = 0; l < info->n_layers; ++l) {
            if ((info->layers[l].window != 0) == local) {
                return l;
            }
        }
        FAIL("no such layer");
        return 0;
    }
};

Shown& shown() {
    static Shown shown;
    return shown;
}

struct Pixel {
    double max = 0, mass = 0;
};
/// The definition, straight from the cells.
Pixel pixel(const std::vector<float>& cells, const TileKey& key, uint32_t r, uint32_t c) {
    const uint32_t rows = 1U << key.level, columns = 1U << key.key_level;
    const uint32_t q0 = (key.row * kSide + r) * rows, c0 = (key.column * kSide + c) * columns;
    Pixel out;
    uint32_t n = 0;
    for (uint32_t q = q0; q < std::min(q0 + rows, kPositions); ++q, ++n) {
        const double sink = double(cells[size_t(q) * kPositions]);
        for (uint32_t at = c0; at < c0 + columns && at <= q; ++at) {
            const uint32_t k = key.band ? q - at : at;
            if (k == 0 && !key.exact()) {
                continue;
            }
            double w = double(cells[size_t(q) * kPositions + k]);
            w /= key.measure == Measure::renormalized && 1 - sink > 1e-6 ? 1 - sink : 1;
            out.max = std::max(out.max, w);
            out.mass += w;
        }
    }
    out.mass /= std::max(n, 1U);
    return out;
}

void check_tile(const AttentionPyramidTile& tile, const std::vector<float>& cells) {
    REQUIRE(tile.n_positions == std::min<uint64_t>(kPositions, tile.end_query()));
    double worst_max = 0, worst_mass = 0;
    for (uint32_t r = 0; r < kSide; ++r) {
        for (uint32_t c = 0; c < kSide; ++c) {
            const Pixel wanted = pixel(cells, tile.key, r, c);
            const size_t i = size_t(r) * kSide + c;
            if (tile.key.exact()) {
                REQUIRE(tile.cells[i] == float(wanted.max));
                continue;
            }
            support::widen(worst_max,
                           std::abs(double(model::half_to_float(tile.max[i])) - wanted.max));
            support::widen(worst_mass,
                           std::abs(double(model::half_to_float(tile.mass[i])) - wanted.mass));
        }
    }
    INFO("level " << tile.key.level << " row " << tile.key.row << " column " << tile.key.column);
    CHECK(worst_max <= 5e-4);  // f16
    CHECK(worst_mass <= 5e-4);
}

std::vector<TileKey> all_tiles(uint32_t layer, uint32_t head, uint32_t level, uint32_t window) {
    std::vector<TileKey> out;
    const uint32_t n = (kPositions + (kSide << level) - 1) / (kSide << level);
    for (uint32_t row = 0; row < n; ++row) {
        for (uint32_t column = 0; column < n; ++column) {
            const TileKey key{.layer = layer,
                              .head = head,
                              .level = level,
                              .key_level = level,
                              .row = row,
                              .column = column};
            if (app::tile_has_cells(key, window, kPositions)) {
                out.push_back(key);
            }
        }
    }
    return out;
}

}  // namespace

TEST_CASE("pyramid: tiles of every level are the pooled cells, and mass is conserved (V7)") {
    Shown& s = shown();
    for (const bool local : {false, true}) {
        const uint32_t layer = s.layer_of(local), head = s.info->n_heads - 1;
        const std::vector<float> cells = s.cells(layer, head);
        for (const uint32_t level : {0U, 1U, 2U}) {
            std::vector<double> row_mass((kPositions + (1U << level) - 1) >> level);
            for (const TileKey& key : all_tiles(layer, head, level, s.info->layers[layer].window)) {
                const AttentionPyramidTile tile = s.tile(key);
                check_tile(tile, cells);
                for (uint32_t r = 0; r < kSide && !key.exact(); ++r) {
                    for (uint32_t c = 0; c < kSide; ++c) {
                        const size_t at = key.row * kSide + r;
                        if (at < row_mass.size()) {
                            row_mass[at] +=
                                double(model::half_to_float(tile.mass[size_t(r) * kSide + c]));
                        }
                    }
                }
            }
            for (size_t r = 0; level > 0 && r < row_mass.size(); ++r) {
                double sink = 0;
                const auto begin = uint32_t(r << level);
                const uint32_t end = std::min(begin + (1U << level), kPositions);
                for (uint32_t q = begin; q < end; ++q) {
                    sink += double(cells[size_t(q) * kPositions]) / (end - begin);
                }
                REQUIRE(std::abs(row_mass[r] + sink - 1) <= 0.01);
            }
        }
    }
}

TEST_CASE("pyramid: the band has the square's numbers, and the window its edge (V12)") {
    Shown& s = shown();
    const uint32_t layer = s.layer_of(true), window = s.info->layers[layer].window;
    const std::vector<float> cells = s.cells(layer, 0);
    REQUIRE(window < kPositions);
    for (uint32_t q = window; q < kPositions; ++q) {
        REQUIRE(cells[size_t(q) * kPositions + q - window + 1] > 0);
        REQUIRE(cells[size_t(q) * kPositions + q - window] == 0);
    }
    for (const auto& [level, key_level] :
         {std::pair(0U, 0U), std::pair(0U, 1U), std::pair(2U, 0U), std::pair(2U, 1U)}) {
        for (uint32_t row = 0; row <= (kPositions - 1) / (kSide << level); ++row) {
            const TileKey key{
                .layer = layer, .band = true, .level = level, .key_level = key_level, .row = row};
            const AttentionPyramidTile tile = s.tile(key);
            check_tile(tile, cells);
            for (uint32_t r = 0; r < kSide; ++r) {
                for (uint32_t c = (window + (1U << key_level) - 1) >> key_level; c < kSide; ++c) {
                    REQUIRE(tile.max[size_t(r) * kSide + c] == 0);
                }
            }
        }
    }
}

TEST_CASE("pyramid: without the sink, rows sum to 1 (V9)") {
    Shown& s = shown();
    const uint32_t layer = s.layer_of(false);
    const std::vector<float> cells = s.cells(layer, 1);
    const TileKey key{
        .layer = layer, .head = 1, .measure = Measure::renormalized, .level = 2, .key_level = 2};
    const AttentionPyramidTile tile = s.tile(key);
    check_tile(tile, cells);
    for (uint32_t r = 1; r < kPositions / 4; ++r) {
        double sum = 0;
        for (uint32_t c = 0; c < kSide; ++c) {
            sum += double(model::half_to_float(tile.mass[size_t(r) * kSide + c]));
        }
        REQUIRE(std::abs(sum - 1) <= 1e-3);
    }
    const InspectReady sinks = s.driver.inspect(
        {.kind = InspectKind::sink, .layer = layer, .head = 1, .n_queries = kPositions + 9});
    REQUIRE(sinks.tile->pattern.size() == kPositions);
    for (uint32_t q = 0; q < kPositions; ++q) {
        REQUIRE(sinks.tile->pattern[q] == cells[size_t(q) * kPositions]);
    }
}

TEST_CASE("pyramid: many tiles are answered in order, and a newer view replaces the older") {
    Shown& s = shown();
    s.driver.events.clear();
    const std::vector<TileKey> tiles = all_tiles(0, 0, 0, s.info->layers[0].window);
    REQUIRE(tiles.size() > 2);
    s.driver.send(Inspect{.id = 700001, .kind = InspectKind::pyramid, .tiles = tiles});
    s.driver.wait([&] { return s.driver.count<InspectReady>() == tiles.size(); });
    size_t n = 0;
    for (const app::Event& event : s.driver.events) {
        const auto& ready = std::get<InspectReady>(event);
        REQUIRE(ready.pyramid->key == tiles[n]);
        REQUIRE(ready.n_left == tiles.size() - ++n);
    }
    s.driver.events.clear();
    // The newest of many: a hundred views in a row, and the last one has its answer.
    for (uint64_t i = 0; i < 100; ++i) {
        s.driver.send(Inspect{.id = 700100 + i, .kind = InspectKind::pyramid, .tiles = tiles});
    }
    const auto last_answers = [&] {
        return std::count_if(s.driver.events.begin(), s.driver.events.end(),
                             [](const auto& e) { return std::get<InspectReady>(e).id == 700199; });
    };
    s.driver.wait([&] { return size_t(last_answers()) == tiles.size(); });
    REQUIRE(s.driver.count<InspectReady>() < 100 * tiles.size());
    const InspectReady none = s.driver.inspect(
        {.kind = InspectKind::pyramid, .tiles = {TileKey{.level = 0, .row = 0, .column = 1}}});
    REQUIRE_FALSE(none.not_captured.empty());
}

TEST_CASE("pyramid: thumbnails are within 2/255 of the pooled cells, max and mean (V8)") {
    Shown& s = shown();
    for (const bool local : {false, true}) {
        const uint32_t layer = s.layer_of(local);
        const InspectReady ready =
            s.driver.inspect({.kind = InspectKind::thumbnails, .layer = layer});
        REQUIRE(ready.thumbnails->size() == s.info->n_heads);
        for (uint32_t h = 0; h < s.info->n_heads; ++h) {
            const std::vector<float> cells = s.cells(layer, h);
            app::ThumbnailPool pool;
            for (uint32_t q = 0; q < kPositions; ++q) {
                pool.add_row(q, 0, std::span(cells).subspan(size_t(q) * kPositions, q + 1));
            }
            const app::Thumbnail wanted = pool.picture(layer, h);
            const app::Thumbnail& got = (*ready.thumbnails)[h];
            REQUIRE(got.bin == wanted.bin);
            REQUIRE(got.max == wanted.max);
            REQUIRE(got.rest_max == wanted.rest_max);
            for (size_t i = 0; i < got.mass.size(); ++i) {
                REQUIRE(std::abs(app::log_code(got.mass[i]) - app::log_code(wanted.mass[i])) <= 1);
            }
            for (size_t i = 0; i < got.rest_mass.size(); ++i) {
                REQUIRE(std::abs(got.rest_mass[i] - wanted.rest_mass[i]) <= 1e-6F);
            }
        }
    }
}

TEST_CASE("values: tiles by value are cells x norms, and shares of heads are their sums (B7)") {
    Shown& s = shown();
    const auto norms_of = [&](uint32_t layer, uint32_t head) {
        const InspectReady ready =
            s.driver.inspect({.kind = InspectKind::values, .layer = layer, .head = head});
        INFO(ready.not_captured);
        REQUIRE(ready.values != nullptr);
        REQUIRE(ready.values->size() == kPositions);
        return *ready.values;
    };
    const uint32_t layer = s.layer_of(false);
    const std::vector<float> norms = norms_of(layer, 1), cells = s.cells(layer, 1);
    const AttentionPyramidTile tile =
        s.tile({.layer = layer, .head = 1, .measure = Measure::valued, .level = 1, .key_level = 1});
    double worst = 0, largest = 0;
    for (uint32_t r = 0; r < kPositions / 2; ++r) {
        for (uint32_t c = 0; c <= r; ++c) {
            double max = 0;
            for (uint32_t q = 2 * r; q < 2 * r + 2; ++q) {
                for (uint32_t k = std::max(2 * c, 1U); k < 2 * c + 2 && k <= q; ++k) {
                    max =
                        std::max(max, double(cells[size_t(q) * kPositions + k]) * double(norms[k]));
                }
            }
            largest = std::max(largest, max);
            support::widen(
                worst,
                std::abs(max - double(model::half_to_float(tile.max[size_t(r) * kSide + c]))));
        }
    }
    CHECK(largest > 0);
    CHECK(worst <= 1e-3 * std::max(largest, 1.0));

    constexpr uint32_t kBegin = 300, kRows = 7;
    const InspectReady ready =
        s.driver.inspect({.kind = InspectKind::heads, .query_begin = kBegin, .n_queries = kRows});
    INFO(ready.not_captured);
    REQUIRE(ready.heads.size() == size_t(s.info->n_layers) * s.info->n_heads);
    for (uint32_t l = 0; l < s.info->n_layers; ++l) {
        std::vector<double> total(kRows), elsewhere(size_t(s.info->n_heads) * kRows);
        for (uint32_t h = 0; h < s.info->n_heads; ++h) {
            const std::vector<float> p = s.cells(l, h), value = norms_of(l, h);
            for (uint32_t i = 0; i < kRows; ++i) {
                const uint32_t q = kBegin + i;
                for (uint32_t k = 0; k <= q; ++k) {
                    const double part = double(p[size_t(q) * kPositions + k]) * double(value[k]);
                    total[i] += part;
                    elsewhere[size_t(h) * kRows + i] += k != 0 && k != q ? part : 0;
                }
            }
        }
        for (uint32_t h = 0; h < s.info->n_heads; ++h) {
            double share = 0;
            for (uint32_t i = 0; i < kRows; ++i) {
                share += elsewhere[size_t(h) * kRows + i] / total[i] / kRows;
            }
            const app::HeadShare& got = ready.heads[size_t(l) * s.info->n_heads + h];
            INFO("layer " << l << " head " << h);
            REQUIRE(got.layer == l);
            REQUIRE(got.head == h);
            REQUIRE(share > 0);
            REQUIRE(std::abs(double(got.share) - share) <= 1e-3);
        }
    }
}
