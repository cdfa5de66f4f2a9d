// What is said while something is on its way from the engine: every label belongs to what is drawn.
// Seen in use: "recomputed exact" and "not captured" beside "Fetching this row", and no arcs.
#include "tests/support/catch.h"

#include <fmt/format.h>

#include "tests/ui/rig.h"

using namespace app;
using namespace app::ui;
using test::Rig;

namespace {

/// Twenty tokens are written, the engine answers no questions.
void begin(Rig& r, bool but_rows = false) {
    r.engine.hold_answers(true, but_rows);
    r.play("wait ready\nsend What is it\nwait tokens 20\nwait frames 8\n");
    REQUIRE(r.state().busy());
}

std::string badge(Rig& r) {
    const Widget* badge = r.registry().find("matrix.badge");
    return badge == nullptr ? std::string() : badge->label;
}

/// The strongest links of the selected row carry their numbers.
void check_arcs(Rig& r) {
    const Selection& s = r.state().selection;
    const RowLinks links = row_links(r.state().matrix, s.query, 0.7f, 24);
    REQUIRE(!links.links.empty());
    const uint32_t key = links.links.front().key;
    const BoundNumber* link = r.registry().number(fmt::format("link.{}", key));
    REQUIRE(link != nullptr);
    const double exact = double(r.engine.weight(s.layer, s.head, s.query, key));
    CHECK(std::abs(link->value - exact) < 2e-3);
    CHECK(r.registry().has_text(fmt::format("Row {} looks back", s.query)));
}

}  // namespace

TEST_CASE("a row that came live has its arcs in the frame after a head is chosen") {
    Rig r(1440, 900, {.hold_after = 20});
    begin(r);
    for (const auto& [layer, head] : {std::pair{1, 2}, {5, 0}}) {
        r.state().select_head(layer, head);
        r.screen->frame();
        check_arcs(r);
        CHECK(badge(r) == "captured");
        r.state().select_position(int64_t(r.state().selection.position) - 3);
        r.screen->frame();
        check_arcs(r);
        CHECK(badge(r) == "captured");
    }
}

TEST_CASE("a row that is being fetched says so, and nothing else") {
    Rig r(1440, 900, {.hold_after = 20});
    begin(r);
    r.state().select_head(1, 2);
    r.state().select_position(3);  // of the prompt: never live
    r.play("wait frames 4\n");
    CHECK(badge(r) == "pooled, max");
    r.play(
        "expect Row 2 is being fetched\nrefute looks back\nrefute arcs.grown\n"
        "expect Other heads: ranked when the answer is done\nrefute not kept\n"
        "expect word.2\nexpect Full vocabulary: computed as soon as\n"
        "expect Computed as soon as writing\nrefute not captured\n");
    r.engine.hold_answers(false);
    r.play("wait frames 12\n");
    check_arcs(r);
    CHECK(badge(r) == "recomputed exact");
    r.play("refute being fetched\n");
}

TEST_CASE("rows that have come are in the matrix before the tiles of their head have") {
    Rig r(1440, 900, {.hold_after = 20});
    begin(r, true);
    r.state().select_head(1, 2);
    r.state().select_position(3);
    r.play("wait frames 8\n");
    check_arcs(r);
    const MatrixPlace m = r.view().matrix_place;
    REQUIRE(m.n > 4);
    REQUIRE_FALSE(m.pooled());
    const Pixels picture = r.screen->shot();
    const Theme& theme = theme_of(true, false);
    for (const uint32_t query : {3u, 4u, 5u}) {  // of the prompt: no thumbnail tells of them yet
        const auto x = size_t(m.x_of(2) + m.cell / 2), y = size_t(m.y_of(query) + m.row * 0.8f);
        const Rgb wanted =
            theme.attention(r.view().matrix_scale.at(r.engine.weight(1, 2, query, 2)));
        for (size_t c = 0; c < 3; ++c) {
            const int shown = picture.rgb[(y * size_t(picture.width) + x) * 3 + c];
            CHECK(std::abs(shown - int(wanted >> (16 - 8 * c) & 255)) <= 3);
        }
    }
}

TEST_CASE("ranks name the row that they are of until those of another row have come") {
    Rig r;
    r.play(
        "wait ready\nsend What is it\nwait idle\nselect position 20\nwait idle\n"
        "expect Bring most to this row\n");
    r.engine.hold_answers(true);
    r.play("select position 24\nexpect Bring most to row 19\nrefute Bring most to this row\n");
    r.engine.hold_answers(false);
    r.play("wait idle\nexpect Bring most to this row\n");
}

TEST_CASE("the row that comes with a token is in that token's frame") {
    Rig r;
    std::string script = "wait ready\nsend What is it\n";
    for (int n = 3; n < 30; ++n) {
        script += fmt::format("wait tokens {}\nrefute is being fetched\n", n);
    }
    r.play(script);
}
