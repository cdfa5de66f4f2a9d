// The views of attention in the whole window: pyramid, band, sink modes, linked selection.
#include "tests/support/catch.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <imgui.h>

#include "app/engine/thumbnails.h"
#include "app/ui/widgets/matrix_place.h"
#include "app/ui/window/offscreen.h"
#include "tests/support/fake_engine.h"

using namespace app;
using app::ui::Offscreen;

namespace {

struct Rig {
    test::FakeEngine engine;
    std::unique_ptr<Offscreen> screen;

    explicit Rig(size_t n_tokens, uint32_t window = 16)
        : engine([&] {
              test::FakeOptions options;
              options.window = window;
              if (n_tokens > 0) {
                  for (size_t i = 0; i < n_tokens; ++i) {
                      options.answer.push_back(i % 7 == 0 ? " the" : i % 3 == 0 ? " n" : " is");
                  }
              }
              return options;
          }()) {
        try {
            screen = std::make_unique<Offscreen>(engine, ui::StartOptions{}, 1440, 900);
        } catch (const ui::WindowError& error) {
            SKIP("no picture can be drawn here: " << error.what());
        }
        screen->registry().record_texts = true;
        play(
            "wait ready\nsend What is it\nwait idle\nwait frames 8\n"
            "click tab.overview\nwait frames 2\n");
    }
    void play(const std::string& script) {
        std::string error;
        const bool ok = screen->play(script, error);
        INFO(error);
        REQUIRE(ok);
    }
    ui::UiState& state() { return screen->app().state; }
    ui::View& view() { return screen->app().ui.view; }
    const ui::Registry& registry() { return screen->registry(); }
    /// Moves the pointer and draws one frame.
    void point(float x, float y) {
        ImGui::GetIO().AddMousePosEvent(x, y);
        screen->frame();
    }
    void point(const std::string& id) {
        const ui::Widget* widget = registry().find(id);
        REQUIRE(widget != nullptr);
        point(widget->visible.cx(), widget->visible.cy());
    }
    bool marked(const std::string& id) { return registry().find(id) != nullptr; }
};

bool dark_differs(uint32_t a, uint32_t b) {
    int largest = 0;
    for (int shift = 0; shift < 24; shift += 8) {
        largest = std::max(largest, std::abs(int(a >> shift & 255) - int(b >> shift & 255)));
    }
    return largest >= 26;  // a tenth of the range
}

}  // namespace

TEST_CASE("pixels of any size leave out no cell and take none twice (V7)") {
    for (const uint32_t n : {1U, 81U, 300U, 886U, 8191U, 8192U, 131072U}) {
        for (const int width : {40, 333, 430, 701}) {
            const double cells = n > uint32_t(width) ? double(n) / width : 1;
            const auto pixels = int(std::lround(n / cells));
            uint32_t bin = 1;
            while (2 * bin <= cells) {
                bin *= 2;
            }
            uint32_t next = 0;
            for (int x = 0; x < pixels; ++x) {
                const auto [begin, end] = ui::bins_of_pixel(x, cells, 0, bin);
                REQUIRE(begin == next);
                REQUIRE(end > begin);
                next = end;
            }
            REQUIRE(uint64_t{next} * bin + bin > n);  // all but a bin that ends with the cells
            ui::MatrixPlace m;
            m.area = {0, 0, float(pixels), float(pixels)};
            m.cell = m.row = float(1 / cells);
            m.columns_per_pixel = m.rows_per_pixel = cells;
            m.n = m.n_queries = m.n_rows = n;
            while (m.row_bin() < bin) {
                ++m.level;
                ++m.key_level;
            }
            const auto last = m.under(float(pixels) - 0.5f, float(pixels) - 0.5f);
            REQUIRE(last);
            REQUIRE(last->column_end == n);
            REQUIRE(last->query_end == n);
        }
    }
}

TEST_CASE("one hot cell is seen in the whole matrix, and the read-out is exact (V7)") {
    Rig r(900);
    REQUIRE(r.state().rows_in_cache() > 880);
    r.state().select_head(2, 1);  // a global layer
    r.play("wait frames 12\n");
    const ui::MatrixPlace m = r.view().matrix_place;
    REQUIRE(m.pooled());
    // The head's strongest cell but for BOS: wherever it lies, its pixel has the brightest colour.
    float best = 0;
    ui::CellAt hot;
    for (uint32_t q = 1; q < m.n_rows; ++q) {
        const std::vector<float> row = r.engine.weights(2, 1, q);
        for (uint32_t k = 1; k <= q; ++k) {
            if (row[k] > best) {
                best = row[k];
                hot = {q, k};
            }
        }
    }
    const float x = std::floor(m.x_of(hot.key)) + 0.5f, y = std::floor(m.y_of(hot.query)) + 0.5f;
    float px = x, py = y;
    for (const float dx : {0.0f, -1.0f, 1.0f}) {  // the pixel that its bin begins in
        for (const float dy : {0.0f, -1.0f, 1.0f}) {
            const auto span = m.under(x + dx, y + dy);
            if (span && hot.query >= span->query_begin && hot.query < span->query_end &&
                hot.key >= span->column_begin && hot.key < span->column_end) {
                px = x + dx;
                py = y + dy;
            }
        }
    }
    const auto pixel = [&](float at_x, float at_y) {
        return r.view().matrix_picture.row(int(at_y - m.area.y))[int(at_x - m.area.x)];
    };
    CHECK(dark_differs(pixel(px, py), pixel(m.area.x + 2, m.area.bottom() - 3)));
    CHECK(std::abs(r.view().matrix_scale.high - best) <= 1e-3f);
    r.point(px, py);
    r.play("wait frames 4\n");
    REQUIRE(r.view().hovered_cell);
    CHECK(*r.view().hovered_cell == hot);
    const ui::BoundNumber* number = r.registry().number("readout.weight");
    REQUIRE(number != nullptr);
    CHECK(std::abs(number->value - double(best)) <= 1e-5);
    // The same pixel as mean row mass.
    r.play("key M\nwait frames 4\n");
    double mass = 0;
    const auto span = *m.under(px, py);
    for (uint32_t q = span.query_begin; q < span.query_end; ++q) {
        const std::vector<float> row = r.engine.weights(2, 1, q);
        for (uint32_t k = std::max(span.column_begin, 1U); k < std::min(span.column_end, q + 1);
             ++k) {
            mass += double(row[k]) / (span.query_end - span.query_begin);
        }
    }
    REQUIRE(r.registry().number("readout.weight") != nullptr);
    CHECK(std::abs(r.registry().number("readout.weight")->value - mass) <= 1e-5);
}

TEST_CASE("zoomed to cells, moved by mouse, keys and map, and whole again (V7)") {
    Rig r(900);
    r.state().select_head(2, 0);
    r.play("wait frames 6\nhover matrix\nwait frames 2\nwheel matrix 20\nwait frames 6\n");
    CHECK_FALSE(r.view().matrix_place.pooled());
    CHECK(r.marked("matrix.map"));
    const double before = r.view().zoom.query;
    r.play("key Shift+Up\nwait frames 2\n");
    CHECK(r.view().zoom.query < before);
    r.play("click matrix.map\nwait frames 4\n");
    CHECK_FALSE(r.view().zoom.whole);
    r.play("key 0\nwait frames 2\n");
    CHECK(r.view().zoom.whole);
    CHECK(r.state().sight.tiles.bytes() <= ui::TileStore::kMaxBytes);
}

// The map had colours of its own, and nothing said where in the head its part lies.
TEST_CASE("the map beside a part of the matrix has its colours, the part's frame and rows") {
    Rig r(180);
    r.state().select_head(2, 0);
    r.play(
        "wait frames 6\nhover matrix 0.1 0.4\nwait frames 2\nwheel matrix 6\naway\nwait frames "
        "6\n");
    const ui::MatrixPlace m = r.view().matrix_place;
    REQUIRE(r.registry().find("matrix.map") != nullptr);
    REQUIRE(r.registry().find("matrix.map.view") != nullptr);
    const ui::Rect map = r.registry().find("matrix.map")->rect;
    const ui::Rect part = r.registry().find("matrix.map.view")->rect;
    CHECK(std::abs((part.y - map.y) / map.h - float(m.first_query) / float(m.n_rows)) < 0.03f);
    CHECK(std::abs(part.h / map.h - float(m.n_queries) / float(m.n_rows)) < 0.03f);
    r.play(fmt::format("expect rows {}–{}\n", m.first_query, m.first_query + m.n_queries - 1));
    for (const char* tick : {"0", "50", "100", "150"}) {
        const auto& texts = r.registry().texts();
        CHECK(std::any_of(texts.begin(), texts.end(), [&](const ui::DrawnText& t) {
            return t.text == tick && t.rect.right() < map.x && t.rect.x > map.x - 40 &&
                   t.rect.y > map.y - 10 && t.rect.bottom() < map.bottom() + 10;
        }));
    }
    // A pixel is the largest of its bin, in the colours of the matrix.
    const ui::HeadThumb* thumb = r.state().thumbs.find(2, 0);
    const ui::Pixels picture = r.screen->shot();
    const ui::Theme& theme = ui::theme_of(true, false);
    const double cells = double(m.n_rows) / double(map.h);
    int n_seen = 0;
    for (const auto& [x, y] : {std::pair{10, 60}, {20, 66}, {40, 60}, {3, 45}, {30, 40}}) {
        if (part.inset(-3, -3).contains(map.x + float(x), map.y + float(y))) {
            continue;
        }
        const auto row = uint32_t((y + 0.5) * cells) / thumb->bin;
        const auto column = uint32_t((x + 0.5) * cells) / thumb->bin;
        const float weight = log_value(thumb->at(row, column, false, false));
        const ui::Rgb wanted =
            theme.attention(std::clamp(r.view().matrix_scale.at(weight), 0.0f, 1.0f));
        const size_t at =
            (size_t(map.y + float(y)) * size_t(picture.width) + size_t(map.x) + size_t(x)) * 3;
        for (size_t c = 0; c < 3; ++c) {
            CHECK(std::abs(int(picture.rgb[at + c]) - int(wanted >> (16 - 8 * c) & 255)) <= 2);
        }
        ++n_seen;
    }
    CHECK(n_seen >= 3);
}

TEST_CASE("a token that is pointed at is marked everywhere in the same frame (V10)") {
    Rig r(0);
    r.play("click token.12\nwait frames 3\n");
    r.point("token.9");
    for (const char* id : {"matrix.row.9", "matrix.key.9", "head.0.0.row.9", "head.5.3.key.9"}) {
        INFO(id);
        CHECK(r.marked(id));
    }
    // A cell of the matrix marks its two.
    const ui::MatrixPlace m = r.view().matrix_place;
    r.point(m.x_of(7) + 1, m.y_of(20) + 1);
    REQUIRE(r.view().hovered_cell == ui::CellAt{20, 7});
    for (const char* id : {"matrix.row.20", "matrix.key.7", "head.1.1.row.20", "head.1.1.key.7"}) {
        INFO(id);
        CHECK(r.marked(id));
    }
    CHECK_FALSE(r.marked("head.1.1.key.9"));
    r.point(1, 1);
    CHECK_FALSE(r.marked("head.1.1.row.20"));
}

TEST_CASE("a click locks, panels keep it, Esc releases (V10)") {
    Rig r(0);
    const ui::MatrixPlace m = r.view().matrix_place;
    r.point(m.x_of(7) + 1, m.y_of(20) + 1);
    ImGui::GetIO().AddMouseButtonEvent(0, true);
    r.screen->frame();
    ImGui::GetIO().AddMouseButtonEvent(0, false);
    r.screen->frame();
    r.screen->frame();
    CHECK(r.state().selection.locked);
    CHECK(r.state().selection.query == 20);
    CHECK(r.state().selection.key == 7U);
    r.play("click tab.next_token\nwait frames 2\nclick tab.attention\nwait frames 2\n");
    CHECK(r.state().selection.query == 20);
    CHECK(r.state().selection.key == 7U);
    r.play("key Escape\nwait frames 2\n");
    CHECK_FALSE(r.state().selection.locked);
}

TEST_CASE("sink modes: gutter and cells make a row, renormalised says so (V9)") {
    Rig r(0);
    r.state().select_head(2, 0);
    r.play("click sink.gutter\nwait frames 6\n");
    ui::HeadSight& sight = r.state().sight;
    const uint32_t rows = r.state().rows_in_cache();
    float high = 0;
    for (uint32_t q = 1; q < rows; ++q) {
        double sum = double(*sight.sink(q)), without = 0;
        for (uint32_t k = 1; k <= q; ++k) {
            sum += double(*sight.cell(q, k));
            without += double(*sight.cell(q, k)) / (1 - double(*sight.sink(q)));
            high = std::max(high, *sight.cell(q, k));
        }
        REQUIRE(std::abs(sum - 1) <= 1e-3);
        REQUIRE(std::abs(without - 1) <= 1e-3);
    }
    CHECK(r.view().matrix_scale.high == high);  // whatever BOS weighs
    CHECK_FALSE(r.registry().has_text("without BOS"));
    r.play("click sink.renorm.\nwait frames 4\n");
    CHECK(r.registry().has_text("BOS"));
    CHECK(r.view().matrix_scale.high > high);
    r.play("click sink.raw\nwait frames 4\n");
    CHECK(r.view().matrix_scale.high == 1);  // row 0 has nothing but BOS
}

TEST_CASE("a local layer as a band has the square's numbers (V12)") {
    Rig r(300, 64);
    r.state().select_head(0, 3);
    r.play("wait frames 6\nclick shape.band\nwait frames 6\n");
    const ui::MatrixPlace m = r.view().matrix_place;
    REQUIRE(m.band);
    CHECK(m.n > 64);
    for (const uint32_t distance : {1U, 30U, 63U}) {
        const uint32_t query = 200;
        r.point(m.x_of(distance) + m.cell / 2, m.y_of(query) + m.row / 2);
        r.play("wait frames 4\n");
        REQUIRE(r.view().hovered_cell);
        const ui::CellAt at = *r.view().hovered_cell;
        CHECK(at.query - at.key == distance);
        REQUIRE(r.registry().number("readout.weight") != nullptr);
        CHECK(std::abs(r.registry().number("readout.weight")->value -
                       double(r.engine.weight(0, 3, at.query, at.key))) <= 1e-5);
    }
    r.play("key D\nwait frames 3\n");
    CHECK_FALSE(r.view().matrix_place.band);
}

TEST_CASE("which links are drawn depends on their weights, and what is left out is said") {
    ui::RowLinks links;
    links.query = 9;
    links.bos = 0.2f;
    links.links = {{3, 0.3f}, {9, 0.1f}, {5, 0.05f}};
    links.n_not_drawn = 6;
    CHECK(ui::link_words(links, 3, true)[0] ==
          "2 arcs, the token itself and BOS carry 65 %, 6 weaker links not drawn");
    CHECK(ui::link_words(links, 1, true)[0] ==
          "1 of 3 links drawn; it and BOS carry 50 %, BOS alone 20 %; no room for more, 6 weaker "
          "below the cut");
    CHECK(ui::link_words(links, 2, true)[1] == "2 of 3 links drawn; they and BOS carry 60 %");
    CHECK(ui::link_words(links, 1, true)[2] == "1 of 3 links drawn");
    CHECK(ui::link_words(links, 0, true)[1] == "0 of 3 links drawn; BOS carries 20 %");
    links.bos = 0;
    CHECK(ui::link_words(links, 1, false)[1] == "1 of 3 links drawn; it carries 30 %");
    links.bos = 0.2f;
    links.links.clear();
    CHECK(ui::link_words(links, 0, true)[2] == "BOS carries 20 %");
    // In the window: from wide to narrow, never a weaker link without all stronger ones.
    Rig r(120);
    bool cut = false;
    for (const int width : {1440, 1100, 1000, 960}) {
        r.screen->resize(width, 900);
        for (const uint32_t head : {0U, 1U, 2U, 3U}) {
            r.state().select_head(2, head);
            r.play("wait frames 6\n");
            const uint32_t query = r.state().selection.query;
            const ui::RowLinks all = ui::row_links(r.state().matrix, query, 0.7f, 24);
            bool missing = false;
            for (const ui::RowLinks::Link& link : all.links) {
                const bool linked =
                    r.registry().number("link." + std::to_string(link.key)) != nullptr;
                CHECK_FALSE((missing && linked));
                missing = missing || !linked;
            }
            cut = cut || missing;
        }
    }
    CHECK(cut);
}
