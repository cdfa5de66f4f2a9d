// Heads worth seeing, the view by value, the pooling's switch, what a change of branch keeps, arcs.
#include "app/ui/state/head_ranks.h"

#include "tests/support/catch.h"
#include "tests/ui/rig.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>

using namespace app;
using test::Rig;

namespace {

const char* const kTalk =
    "wait ready\nsend Write a Python function that returns the factorial of n\nwait idle\n"
    "click tab.overview\nwait idle\nwait frames 4\n";

/// The fake engine's truth, best first.
std::vector<HeadShare> truth(const Rig& r, uint32_t begin, uint32_t n) {
    std::vector<HeadShare> out = r.engine.shares(begin, n);
    std::stable_sort(out.begin(), out.end(),
                     [](const HeadShare& a, const HeadShare& b) { return a.share > b.share; });
    return out;
}

void check_chips(Rig& r, const std::vector<HeadShare>& wanted) {
    size_t n = 0;
    while (const ui::BoundNumber* number = r.registry().number(fmt::format("strongest.{}", n))) {
        REQUIRE(n < wanted.size());
        INFO(n);
        CHECK(std::abs(number->value - double(wanted[n].share)) <= 1e-6);
        CHECK(number->text == fmt::format("{}.{}", wanted[n].layer, wanted[n].head));
        ++n;
    }
    CHECK(n >= 4);
}

}  // namespace

TEST_CASE("the list of heads has ends, and a head that is not in it leads to one of them") {
    ui::HeadRanks ranks;
    CHECK(ranks.next(0, 0, 1) == nullptr);
    InspectReady answer;
    answer.request.query_begin = 9;
    answer.request.n_queries = 1;
    answer.heads = {{0, 0, 0.1f}, {0, 1, 0.4f}, {1, 0, 0.3f}, {1, 1, 0.3f}};
    ranks.take(answer);
    const auto name = [](const HeadShare* h) { return h->layer * 10 + h->head; };
    CHECK(name(ranks.next(0, 1, 1)) == 10);
    CHECK(name(ranks.next(1, 0, 1)) == 11);  // equal: in the order of layers and heads
    CHECK(name(ranks.next(0, 0, 1)) == 0);
    CHECK(name(ranks.next(0, 1, -1)) == 1);
    CHECK(name(ranks.next(7, 7, 1)) == 1);
    CHECK(name(ranks.next(7, 7, -1)) == 0);
    CHECK(ranks.wanted(9, 20) == ranks.rows);
    ranks.view = {4, 100};
    ranks.in_view = true;
    CHECK(ranks.wanted(9, 20) == ui::HeadRanks::Rows{4, 16});
    ranks.forget();
    CHECK(ranks.list.empty());
    CHECK(ranks.in_view);
}

TEST_CASE("heads are ranked by weight x value norm, and J and K walk down and up the list") {
    Rig r;
    r.play(kTalk);
    r.play("click token.30\nwait idle\nwait frames 4\n");
    const uint32_t query = r.state().selection.query;
    const std::vector<HeadShare> wanted = truth(r, query, 1);
    check_chips(r, wanted);
    r.state().select_head(wanted[0].layer, wanted[0].head);
    for (const auto& [key, place] : {std::pair{"J", 1}, {"J", 2}, {"K", 1}, {"K", 0}, {"K", 0}}) {
        r.play(fmt::format("key {}\nwait idle\nwait frames 2\n", key));
        CHECK(r.state().selection.layer == wanted[size_t(place)].layer);
        CHECK(r.state().selection.head == wanted[size_t(place)].head);
        CHECK(r.state().selection.query == query);
    }
    r.play("click strongest.3\nwait frames 2\n");
    CHECK(r.state().selection.layer == wanted[3].layer);
    CHECK(r.state().selection.head == wanted[3].head);
    // Of all rows in view.
    r.play("click strongest.rows\nwait idle\nwait frames 4\n");
    check_chips(r, truth(r, 0, r.state().rows_in_cache()));
}

TEST_CASE("the view by value shows weight x norm, and says so (B7)") {
    Rig r;
    r.play(kTalk);
    r.state().select_head(2, 1);
    r.play("click token.30\nwait idle\nclick sink.value\nwait idle\nwait frames 6\n");
    const uint32_t query = r.state().selection.query;
    CHECK(r.registry().has_text("norm of what"));
    for (const uint32_t key : {3U, 11U, query}) {
        const ui::MatrixPlace m = r.view().matrix_place;
        ImGui::GetIO().AddMousePosEvent(m.x_of(key) + m.cell / 2, m.y_of(query) + m.row / 2);
        r.screen->frame();
        r.play("wait frames 2\n");
        REQUIRE(r.view().hovered_cell == ui::CellAt{query, key});
        const double wanted =
            double(r.engine.weight(2, 1, query, key)) * double(r.engine.value_norm(2, 1, key));
        const ui::BoundNumber* number = r.registry().number("readout.weight");
        REQUIRE(number != nullptr);
        CHECK(std::abs(number->value - wanted) <= 1e-3 * std::max(wanted, 1.0));
        CHECK(number->text.find('%') == std::string::npos);
    }
    double high = 0;
    for (uint32_t q = 1; q < r.state().rows_in_cache(); ++q) {
        const std::vector<float> row = r.engine.weights(2, 1, q);
        for (uint32_t k = 1; k <= q; ++k) {
            high = std::max(high, double(row[k]) * double(r.engine.value_norm(2, 1, k)));
        }
    }
    CHECK(std::abs(double(r.view().matrix_scale.high) - high) <= 1e-3 * high);
    r.play("click sink.gutter\nwait frames 3\n");
    CHECK(r.registry().number("readout.weight")->text.find('%') != std::string::npos);
}

TEST_CASE("max and mean are a click away under the heads, for the pictures and the matrix (V8)") {
    Rig r;
    r.play(kTalk);
    REQUIRE(r.state().sight.pooling == ui::Pooling::max);
    const auto picture = [&] {
        std::vector<uint32_t> out;
        for (int y = 0; y < r.view().heads_picture.height(); ++y) {
            const auto* row = r.view().heads_picture.row(y);
            out.insert(out.end(), row, row + r.view().heads_picture.width());
        }
        return out;
    };
    const std::vector<uint32_t> max = picture();
    r.play("click heads.pooling.mean\nwait frames 3\n");
    CHECK(r.state().sight.pooling == ui::Pooling::mean);
    CHECK(r.registry().find("heads.badge")->label.find("mean") != std::string::npos);
    CHECK(picture() != max);
    r.play("click heads.pooling.max\nwait frames 3\n");
    CHECK(picture() == max);
}

TEST_CASE("what is locked stays locked when another branch is turned to (V10)") {
    Rig r;
    r.play(kTalk);
    r.play("key Ctrl+R\nwait idle\n");
    r.state().select_query(20);
    r.state().select_key(7U);
    r.play("wait idle\nwait frames 3\n");
    const ui::NodeId before = r.state().selection.branch;
    r.state().show_sibling(before, -1);
    r.play("wait idle\nwait frames 6\n");
    const ui::Selection& s = r.state().selection;
    CHECK(s.branch != before);
    CHECK(s.locked);
    CHECK(s.query == 20);
    CHECK(s.key == 7U);
    REQUIRE(r.state().selected_in_cache());  // computed again by itself
    CHECK(r.registry().find("matrix.row.20") != nullptr);
    CHECK(r.registry().find("matrix.key.7") != nullptr);
    // Pointing marks there, too, in the same frame.
    const ui::Widget* token = r.registry().find("token.9");
    REQUIRE(token != nullptr);
    ImGui::GetIO().AddMousePosEvent(token->visible.cx(), token->visible.cy());
    r.screen->frame();
    for (const char* id : {"matrix.row.9", "matrix.key.9", "head.1.1.row.9"}) {
        CHECK(r.registry().find(id) != nullptr);
    }
    // Without a lock the view follows the end, and no key stays chosen.
    r.state().go_live();
    r.state().show_sibling(s.branch, 1);
    r.play("wait idle\n");
    CHECK_FALSE(s.locked);
    CHECK_FALSE(s.key);
}

TEST_CASE("arcs grow when another row is chosen, and not at all with reduced motion (V18)") {
    Rig r;
    r.play(kTalk);
    r.play("wait frames 30\n");
    const auto grown = [&] {
        const ui::BoundNumber* number = r.registry().number("arcs.grown");
        return number == nullptr ? -1.0 : number->value;
    };
    REQUIRE(grown() == 1);
    r.state().select_query(25);
    r.screen->frame();
    r.screen->frame();
    const double early = grown();
    CHECK(early >= 0);
    CHECK(early < 1);
    CHECK(r.view().moving);
    r.play("wait frames 14\n");  // 0.23 s
    CHECK(grown() == 1);
    CHECK_FALSE(r.view().moving);

    r.view().config.reduced_motion = true;
    r.state().select_query(22);
    for (int frame = 0; frame < 12; ++frame) {
        r.screen->frame();
        CHECK_FALSE(r.view().moving);
        CHECK((grown() == -1 || grown() == 1));  // not there yet, or whole
    }
    CHECK(grown() == 1);
}
