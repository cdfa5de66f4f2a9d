// Figures of exported cells: everything a paper needs is in them, and labels do not overlap.
#include "app/exports/view_picture.h"
#include "app/exports/shown_cells.h"
#include "app/exports/view_export.h"

#include "tests/support/catch.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

using namespace app;

namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

/// n tokens in a layer with a window of `window`: an even row but for key 0, which has half of it
/// where it is seen.
ViewExport head(uint32_t n, uint32_t window, int32_t layer = 1, int32_t index = 3) {
    ViewExport view{
        .view = "matrix", .title = "Attention of layer 1, head 3", .badge = "recomputed exact"};
    view.model = {.name = "tiny", .n_heads = 4, .n_kv_heads = 2, .windows = {0, window}};
    ExportGrid grid{.name = "pattern", .layer = layer, .head = index, .n_rows = n, .n_cols = n};
    for (uint32_t q = 0; q < n; ++q) {
        view.tokens.push_back("word" + std::to_string(q));
        for (uint32_t k = 0; k < n; ++k) {
            const bool seen = k <= q && (window == 0 || k + window > q);
            grid.values.push_back(!seen ? kNone : q == 0 ? 1.0f : k == 0 ? 0.5f : 0.5f / float(q));
        }
    }
    view.grids.push_back(std::move(grid));
    return view;
}

ViewExport all_heads(uint32_t n) {
    ViewExport view = head(n, 8, 0, 0);
    view.view = "heads";
    view.title = "All heads";
    view.grids.clear();
    for (const int32_t layer : {0, 1}) {
        for (const int32_t index : {0, 1, 2, 3}) {
            view.grids.push_back(head(n, layer == 0 ? 0 : 8, layer, index).grids.front());
        }
    }
    return view;
}

bool says(const Picture& picture, const std::string& words) {
    return std::ranges::any_of(picture.texts, [&](const PictureText& t) {
        return t.text.find(words) != std::string::npos;
    });
}

struct Area {
    double x0, y0, x1, y1;
};
Area area_of(const PictureText& t) {
    const double w = text_width(t.text, t.size);
    const double from = t.align == Align::left ? 0 : t.align == Align::right ? -w : -w / 2;
    return t.turned ? Area{t.x - t.size * 0.7, t.y - from - w, t.x + t.size * 0.2, t.y - from}
                    : Area{t.x + from, t.y - t.size * 0.7, t.x + from + w, t.y + t.size * 0.2};
}

/// Two texts that lie over one another, or one that leaves the picture; else nothing.
std::string overlap(const Picture& picture) {
    for (size_t i = 0; i < picture.texts.size(); ++i) {
        const Area a = area_of(picture.texts[i]);
        if (a.x0 < 0 || a.y0 < 0 || a.x1 > picture.width || a.y1 > picture.height) {
            return picture.texts[i].text + " is cut";
        }
        for (size_t k = 0; k < i; ++k) {
            const Area b = area_of(picture.texts[k]);
            if (a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1) {
                return picture.texts[k].text + " and " + picture.texts[i].text;
            }
        }
    }
    return {};
}

}  // namespace

TEST_CASE("the picture of a head names model, head, mode, axes, scale, patterns and source") {
    ViewExport view = head(20, 8);
    const Picture raw = matrix_picture(view);
    for (const char* words :
         {"Attention of layer 1, head 3", "tiny", "local, window 8", "KV head 1 of 2",
          "raw weights", "every cell", "query: ", "key: ", "word0", "word19", "≤ 0.05", "log scale",
          "masked: later than the query", "outside the window",
          "Source: recomputed exact. Attention is not explanation"}) {
        INFO(words);
        CHECK(says(raw, words));
    }
    CHECK(std::ranges::count_if(raw.texts, [](const PictureText& t) { return t.text == "1"; }) ==
          1);  // the scale's maximum
    CHECK_FALSE(says(raw, "not captured"));
    CHECK_FALSE(says(raw, "key 0,"));

    view.sink = SinkView::gutter;
    view.dark = true;
    const Picture gutter = matrix_picture(view);
    CHECK(says(gutter, "sink in the gutter"));
    CHECK(says(gutter, "weight on key 0"));
    CHECK(says(gutter, "0.50"));  // a number beside its bar
    CHECK_FALSE(says(gutter, "≤ 0.05 "));
    CHECK(gutter.colors().page != raw.colors().page);
    view.model.windows[1] = 0;
    CHECK(says(matrix_picture(view), "global"));
}

TEST_CASE("labels are tokens where there is room, else positions, and never overlap") {
    for (const uint32_t n : {1u, 2u, 7u, 30u, 60u, 100u, 110u, 300u, 700u, 1024u, 1500u}) {
        for (const SinkView sink : {SinkView::raw, SinkView::gutter, SinkView::renormalized}) {
            ViewExport view = head(n, n > 20 ? 16 : 0);
            view.sink = sink;
            const Picture picture = matrix_picture(view);
            INFO(n << " tokens, mode " << int(sink));
            CHECK(overlap(picture) == "");
            const bool tokens = says(picture, "word0");
            CHECK(tokens == (n <= 100));
            CHECK((tokens || says(picture, n < 200 ? "20" : "100")));
            CHECK(picture.width < 1200);
            CHECK(says(picture, n > 1024 ? "the max of 2 × 2 cells" : "every cell"));
        }
    }
    for (const uint32_t n : {3u, 40u, 200u}) {
        CHECK(overlap(heads_picture(all_heads(n))) == "");
    }
}

TEST_CASE("the picture of all heads names layers, heads, KV groups, windows and one scale") {
    const Picture picture = heads_picture(all_heads(20));
    for (const char* words :
         {"All heads", "tiny", "head 0", "layer", "global", "local 8", "KV 0", "KV 1",
          "log scale, one for all heads", "outside the window", "Attention is not explanation"}) {
        INFO(words);
        CHECK(says(picture, words));
    }
    // Eight heads, and the ramp with the patterns of the legend.
    std::set<std::pair<double, double>> places;
    for (const PictureCells& cells : picture.cells) {
        if (cells.n_rows == 20) {
            places.insert({cells.x, cells.y});
        }
    }
    CHECK(places.size() == 8);
}

TEST_CASE("cells of a picture: the rule masks, the modes move key 0, pooling keeps the largest") {
    ViewExport view = head(20, 8);
    view.grids[0].values[size_t{15} * 20 + 3] = 0.9f;  // outside: no value may show there
    const ShownCells raw = shown_cells(view, view.grids[0], 64);
    const auto kind = [&](uint32_t q, uint32_t k) { return raw.kinds[size_t{q} * 20 + k]; };
    for (uint32_t q = 0; q < 20; ++q) {
        for (uint32_t k = 0; k < 20; ++k) {
            CHECK(kind(q, k) == (k > q        ? CellKind::future
                                 : k + 8 <= q ? CellKind::out_of_window
                                              : CellKind::color));
        }
    }
    CHECK(raw.high == 1);
    CHECK(raw.sink.empty());

    view.sink = SinkView::gutter;
    const ShownCells gutter = shown_cells(view, view.grids[0], 64);
    CHECK(gutter.n_cols == 19);
    CHECK(gutter.high == 0.5f);  // of row 1: key 0 does not count
    CHECK(gutter.sink[0] == 1);
    CHECK(gutter.sink[7] == 0.5f);
    CHECK(std::isnan(gutter.sink[8]));
    view.sink = SinkView::renormalized;
    CHECK(shown_cells(view, view.grids[0], 64).values[19] == 1);  // row 1: all of the rest

    view = head(20, 0);
    view.grids[0].values[size_t{11} * 20 + 6] = 0.75f;
    view.grids[0].values[size_t{12} * 20 + 6] = kNone;
    const ShownCells pooled = shown_cells(view, view.grids[0], 10);
    CHECK(pooled.n_rows == 10);
    CHECK(pooled.values[5 * 10 + 3] == 0.75f);
    CHECK(pooled.kinds[6 * 10 + 3] == CellKind::color);  // its neighbours have values
    CHECK(pooled.kinds[0] == CellKind::color);
    CHECK(pooled.kinds[1] == CellKind::future);
}

TEST_CASE("SVG has the figure of PNG: rectangles for few cells, an image for many") {
    const std::string few = export_svg(head(20, 8));
    for (const char* part : {"local, window 8", "url(#future)", "url(#outside)", ">word19<",
                             "rotate(-90", "Attention is not explanation"}) {
        INFO(part);
        CHECK(few.find(part) != std::string::npos);
    }
    CHECK(few.find("<image") == std::string::npos);
    const std::string many = export_svg(head(100, 8));
    CHECK(many.find("data:image/png;base64,iVBORw0KGgo") != std::string::npos);
    ViewExport dark = head(4, 0);
    dark.dark = true;
    CHECK(export_svg(dark).find("#16171b") != std::string::npos);
    CHECK(export_html(dark).find("background:#16171b") != std::string::npos);
}

TEST_CASE("a distribution's picture has the bars that there are, and all others as one") {
    ViewExport view{
        .view = "next", .title = "The token after position 7, raw", .badge = "captured"};
    view.table.columns = {"rank", "id", "text", "probability", "stage"};
    for (int i = 0; i < 50; ++i) {
        view.table.rows.push_back({double(i), double(100 + i), "t" + std::to_string(i),
                                   i == 0   ? 0.7
                                   : i == 1 ? 0.2
                                   : i == 2 ? 0.05
                                            : 1e-6,
                                   std::string("raw")});
    }
    const Picture sharp = table_picture(view);
    CHECK(sharp.boxes.size() == 3);
    CHECK(says(sharp, "t2"));
    CHECK_FALSE(says(sharp, "t3"));
    CHECK(says(sharp, "all others"));
    CHECK(says(sharp, "0.05"));
    CHECK(std::abs(sharp.boxes[0].width - 280) < 1e-9);
    CHECK(overlap(sharp) == "");
    // A flat one is drawn to a scale of its own, which is said.
    for (auto& row : view.table.rows) {
        row[3] = 0.015;
    }
    const Picture flat = table_picture(view);
    CHECK(flat.boxes.size() == 50);
    CHECK(std::abs(flat.boxes[0].width - 300) < 1e-9);
    CHECK(says(flat, "A whole bar is 0.02"));
}
