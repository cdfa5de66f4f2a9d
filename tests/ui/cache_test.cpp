// The cache of keys and values as the window shows it (V20): what the allocator gave, layer by
// layer.
#include "app/ui/state/kv_use.h"

#include "tests/support/catch.h"
#include "tests/ui/rig.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

using namespace app;

TEST_CASE("local layers have min(T, W) live entries, and a ring holds what it has room for (V20)") {
    ModelInfo model;
    model.n_ctx = 4096;
    const auto layer = [](uint32_t window, uint32_t capacity) {
        return LayerInfo{
            .window = window, .kv_capacity = capacity, .kv_bytes = uint64_t{capacity} * 1024};
    };
    model.layers = {layer(512, 768), layer(512, 4096), layer(0, 4096)};
    for (const uint32_t rows : {0U, 1U, 511U, 512U, 513U, 768U, 769U, 4096U}) {
        INFO(rows);
        const ui::KvUse use = ui::kv_use(model, rows);
        REQUIRE(use.layers.size() == 3);
        CHECK(use.layers[0].live == std::min(rows, 512U));
        CHECK(use.layers[1].live == std::min(rows, 512U));
        CHECK(use.layers[2].live == rows);
        CHECK(use.layers[0].held == std::min(rows, 768U));
        CHECK(use.layers[1].held == rows);
        CHECK(use.layers[2].held == rows);
        CHECK(use.layers[0].bytes == 768 * 1024);
        CHECK(use.bytes == uint64_t{768 + 4096 + 4096} * 1024);
        CHECK(use.held_bytes == uint64_t{std::min(rows, 768U) + 2 * rows} * 1024);
    }
    model.layers.push_back({});  // a recording does not say
    CHECK(ui::kv_use(model, 10).layers.empty());
}

TEST_CASE("the context meter opens the cache, whose numbers are the engine's (V20)") {
    test::Rig r(1440, 900);
    r.play(
        "wait ready\nsend Write a Python function that returns the factorial of n\nwait idle\n"
        "click top.context\nwait frames 3\n");
    const ModelInfo& model = *r.state().model;
    const uint32_t rows = r.state().rows_in_cache();
    REQUIRE(rows > 30);
    const auto value = [&](const std::string& id) {
        INFO(id);
        const ui::BoundNumber* number = r.registry().number(id);
        REQUIRE(number != nullptr);
        return number->value;
    };
    uint64_t sum = 0;
    for (uint32_t l = 0; l < model.n_layers; ++l) {
        const uint32_t window = model.layers[l].window;
        const std::string base = fmt::format("cache.layer.{}", l);
        CHECK(value(base + ".bytes") == double(model.layers[l].kv_bytes));
        CHECK(value(base + ".live") == double(window == 0 ? rows : std::min(rows, window)));
        CHECK(value(base + ".held") == double(rows));
        sum += model.layers[l].kv_bytes;
    }
    CHECK(value("cache.rows") == double(rows));
    CHECK(value("cache.bytes") == double(sum));
    CHECK(r.registry().find("cache.badge") != nullptr);
    r.play("key Escape\nwait frames 2\nkey Ctrl+Shift+K\nwait frames 2\n");
    CHECK(r.registry().number("cache.bytes") != nullptr);
}

TEST_CASE("a model of many layers has a cache menu that scrolls and stays in the window (V20)") {
    test::FakeOptions options;
    options.n_layers = 62;
    for (const auto& [width, height] : {std::pair{1440, 900}, std::pair{900, 600}}) {
        test::Rig r(width, height, options);
        r.play("wait ready\nsend Hello\nwait idle\nkey Ctrl+Shift+K\nwait frames 3\n");
        const ui::Widget* badge = r.registry().find("cache.badge");
        REQUIRE(badge != nullptr);
        CHECK(badge->visible.right() <= float(width));
        CHECK(badge->visible.w == badge->rect.w);
        CHECK(r.registry().number("cache.layer.61.bytes") != nullptr);
    }
}
