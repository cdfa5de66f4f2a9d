// Inspect: answers about the sequence in the cache agree with each other and with the tokens.
#include "app/engine/thumbnails.h"
#include "tests/support/engine_driver.h"

#include <catch2/catch_test_macros.hpp>

#include <cmath>

namespace {

using app::Inspect;
using app::InspectKind;
using app::InspectReady;
using support::Answer;
using support::ask;
using support::EngineDriver;

/// An engine whose cache holds a prompt and an answer of 40 tokens.
struct Shown {
    EngineDriver driver;
    std::shared_ptr<const app::ModelInfo> info;
    Answer answer;
    uint32_t n = 0;  // positions in the cache

    Shown() {
        info = driver.load();
        answer = driver.answer(ask("Tell me a long story about a dog and a cat.", 40));
        n = uint32_t(answer.prompt.tokens.size() + answer.tokens.size()) - 1;
        driver.events.clear();
    }
};

Shown& shown() {
    static Shown shown;
    return shown;
}

Inspect tile_of(uint32_t layer, uint32_t head, uint32_t n) {
    return {.kind = InspectKind::tile, .layer = layer, .head = head, .n_queries = n, .n_keys = n};
}

double log_sum_exp(const std::vector<float>& logits) {
    double max = -INFINITY;
    for (const float l : logits) {
        max = std::max(max, double(l));
    }
    double sum = 0;
    for (const float l : logits) {
        sum += std::exp(double(l) - max);
    }
    return max + std::log(sum);
}

}  // namespace

TEST_CASE("inspect: rows of a tile sum to 1, and the row is the tile's row") {
    Shown& s = shown();
    for (uint32_t l = 0; l < s.info->n_layers; ++l) {
        const InspectReady ready = s.driver.inspect(tile_of(l, l % s.info->n_heads, s.n + 100));
        REQUIRE(ready.not_captured.empty());
        REQUIRE(ready.n_positions == s.n);
        const model::AttentionTile& tile = *ready.tile;
        REQUIRE(tile.n_queries == s.n);
        REQUIRE(tile.n_keys == s.n);
        REQUIRE(tile.window == s.info->layers[l].window);
        for (uint32_t i = 0; i < s.n; ++i) {
            double sum = 0;
            for (uint32_t j = 0; j < s.n; ++j) {
                const float p = tile.pattern[size_t(i) * s.n + j];
                REQUIRE((p == 0 || model::AttentionTile::visible(i, j, tile.window)));
                sum += double(p);
            }
            REQUIRE(std::abs(sum - 1) <= 1e-5);
        }
        const uint32_t query = s.n - 1 - l;
        const InspectReady row = s.driver.inspect({.kind = InspectKind::row,
                                                   .layer = l,
                                                   .head = l % s.info->n_heads,
                                                   .query_begin = query});
        REQUIRE(row.tile->n_queries == 1);
        REQUIRE(row.tile->n_keys == query + 1);
        for (uint32_t j = 0; j <= query; ++j) {
            REQUIRE(row.tile->pattern[j] == tile.pattern[size_t(query) * s.n + j]);
        }
    }
}

TEST_CASE("inspect: thumbnails are the pooled tiles, for all layers asked at once") {
    Shown& s = shown();
    for (uint32_t l = 0; l < s.info->n_layers; ++l) {
        s.driver.send(
            Inspect{.id = s.driver.new_id(), .kind = InspectKind::thumbnails, .layer = l});
    }
    const auto answers = [&] {
        std::vector<const InspectReady*> found;
        for (const app::Event& event : s.driver.events) {
            const auto* ready = std::get_if<InspectReady>(&event);
            if (ready != nullptr && ready->kind == InspectKind::thumbnails) {
                found.push_back(ready);
            }
        }
        return found;
    };
    s.driver.events.clear();
    s.driver.wait([&] { return answers().size() == s.info->n_layers; });
    std::vector<InspectReady> all;
    for (const InspectReady* ready : answers()) {
        all.push_back(*ready);
    }
    for (const InspectReady& ready : all) {
        REQUIRE(ready.thumbnails->size() == s.info->n_heads);
        REQUIRE(ready.n_positions == s.n);
        for (uint32_t h = 0; h < s.info->n_heads; ++h) {
            const InspectReady tile = s.driver.inspect(tile_of(ready.request.layer, h, s.n));
            app::ThumbnailPool pool;
            for (uint32_t i = 0; i < s.n; ++i) {
                pool.add_row(i, 0, std::span(tile.tile->pattern).subspan(size_t(i) * s.n, i + 1));
            }
            const app::Thumbnail wanted = pool.picture(ready.request.layer, h);
            const app::Thumbnail& got = (*ready.thumbnails)[h];
            REQUIRE(got.layer == wanted.layer);
            REQUIRE(got.head == h);
            REQUIRE(got.bin == wanted.bin);
            REQUIRE(got.max == wanted.max);
            REQUIRE(got.mass == wanted.mass);
        }
    }
}

TEST_CASE("inspect: the distribution is the one the token was drawn from") {
    Shown& s = shown();
    for (const uint32_t at : {0U, 1U, uint32_t(s.answer.tokens.size()) - 1}) {
        const app::TokenInfo& token = s.answer.tokens[at];
        const InspectReady ready =
            s.driver.inspect({.kind = InspectKind::distribution, .position = token.position - 1});
        REQUIRE(ready.not_captured.empty());
        REQUIRE(ready.logits->size() == s.info->vocab_size);
        const double logprob =
            double((*ready.logits)[size_t(token.id)]) - log_sum_exp(*ready.logits);
        REQUIRE(std::abs(logprob - double(token.logprob)) < 1e-5);
    }
}

TEST_CASE("inspect: the lens of the last layer is the model's own distribution") {
    Shown& s = shown();
    const app::TokenInfo& token = s.answer.tokens[3];
    const InspectReady ready = s.driver.inspect(
        {.kind = InspectKind::lens, .position = token.position - 1, .ids = {token.id, 2}});
    REQUIRE(ready.not_captured.empty());
    REQUIRE(ready.lens.size() == s.info->n_layers);
    const app::LensAnswer& last = ready.lens.back();
    REQUIRE(last.layer == s.info->n_layers - 1);
    REQUIRE(last.top[0].id == token.top[0].id);
    REQUIRE(last.asked.size() == 2);
    REQUIRE(std::abs(last.asked[0] - token.logprob) < 1e-4F);
}

TEST_CASE("inspect: the lens between attention and MLP is another one, of the same row") {
    Shown& s = shown();
    const uint32_t row = s.answer.tokens[3].position - 1;
    Inspect question{.kind = InspectKind::lens, .position = row, .ids = {2}};
    const InspectReady post = s.driver.inspect(question);
    question.mid = true;
    const InspectReady mid = s.driver.inspect(question);
    REQUIRE(mid.not_captured.empty());
    REQUIRE(mid.lens.size() == s.info->n_layers);
    REQUIRE(mid.request.mid);
    for (size_t l = 0; l < mid.lens.size(); ++l) {
        REQUIRE(std::isfinite(mid.lens[l].asked[0]));
        REQUIRE(mid.lens[l].asked[0] != post.lens[l].asked[0]);
        REQUIRE(mid.lens[l].top.size() == post.lens[l].top.size());
    }
}

TEST_CASE("inspect: what is not there says why") {
    Shown& s = shown();
    const auto reason = [&](const Inspect& request) {
        return s.driver.inspect(request).not_captured;
    };
    REQUIRE_FALSE(reason(tile_of(99, 0, 4)).empty());
    REQUIRE_FALSE(reason(tile_of(0, 99, 4)).empty());
    REQUIRE_FALSE(reason(tile_of(0, 0, 0)).empty());
    REQUIRE_FALSE(reason({.kind = InspectKind::row, .query_begin = s.n}).empty());
    REQUIRE_FALSE(reason({.kind = InspectKind::distribution, .position = 1U << 31}).empty());
    REQUIRE_FALSE(reason({.kind = InspectKind::lens, .position = 1, .ids = {-5}}).empty());
    REQUIRE_FALSE(reason({.kind = InspectKind::thumbnails, .layer = 99}).empty());
    EngineDriver empty;
    REQUIRE(empty.inspect(tile_of(0, 0, 4)).not_captured == "no model is loaded");
    empty.load();
    REQUIRE(empty.inspect(tile_of(0, 0, 4)).not_captured == "no text has been computed yet");
}

TEST_CASE("inspect: during an answer it changes no token and is answered") {
    Shown& s = shown();
    const app::Generate request = ask("Tell me a long story about a dog and a cat.", 40);
    bool asked = false;
    s.driver.events.clear();
    s.driver.on_event = [&](const app::Event& event) {
        if (std::holds_alternative<app::TokenReady>(event) && !asked) {
            asked = true;
            s.driver.send(Inspect{.id = 900001, .kind = InspectKind::thumbnails, .layer = 1});
            s.driver.send(Inspect{.id = 900002, .kind = InspectKind::row, .query_begin = 3});
            s.driver.send(
                Inspect{.id = 900003, .kind = InspectKind::tile, .n_queries = 8, .n_keys = 8});
        }
    };
    const app::RequestId id = s.driver.send_generate(request);
    s.driver.wait([&] { return s.driver.ended(id) && s.driver.count<InspectReady>() == 3; });
    s.driver.on_event = {};
    REQUIRE(s.driver.answer_of(id).ids == s.answer.ids);
    for (const app::Event& event : s.driver.events) {
        if (const auto* ready = std::get_if<InspectReady>(&event)) {
            REQUIRE(ready->not_captured.empty());
        }
    }
}

TEST_CASE("inspect: the newest of a kind wins") {
    Shown& s = shown();
    s.driver.events.clear();
    std::vector<app::RequestId> ids;
    for (uint32_t i = 0; i < 50; ++i) {
        Inspect request = tile_of(i % 6, 0, s.n);
        request.id = s.driver.new_id();
        ids.push_back(request.id);
        s.driver.send(request);
    }
    const auto answered = [&](app::RequestId id) {
        size_t n = 0;
        for (const app::Event& event : s.driver.events) {
            const auto* ready = std::get_if<InspectReady>(&event);
            n += ready != nullptr && ready->id == id ? 1 : 0;
        }
        return n;
    };
    s.driver.wait([&] { return answered(ids.back()) == 1; });
    s.driver.wait_ms(50);
    REQUIRE(s.driver.count<InspectReady>() < 50);
    for (const app::RequestId id : ids) {
        REQUIRE(answered(id) <= 1);
    }
}

TEST_CASE("engine: the cache's bytes of each layer are what was allocated for it (V20)") {
    EngineDriver driver;
    for (const char* type : {"f16", "f32"}) {
        const auto info = driver.load({.n_ctx = 256, .type_k = type, .type_v = type});
        uint64_t sum = 0;
        for (const app::LayerInfo& layer : info->layers) {
            // Every position of every layer is kept where there is room, for looking back.
            REQUIRE(layer.kv_capacity == 256);
            const uint64_t element = std::string(type) == "f16" ? 2 : 4;
            REQUIRE(layer.kv_bytes ==
                    2 * element * layer.kv_capacity * info->n_kv_heads * info->head_dim);
            sum += layer.kv_bytes;
        }
        REQUIRE(sum == info->kv_bytes);  // the arena's own account
    }
}
