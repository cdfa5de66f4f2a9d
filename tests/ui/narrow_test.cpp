// Large text in a small window: the chat, its composer and Stop keep their room, and no control is
// cut off or hidden by another.
#include "tests/support/catch.h"

#include "tests/ui/rig.h"

using namespace app::ui;
using test::Rig;

namespace {

/// Controls of the bars: whole, and beside each other.
void check_controls(const Registry& registry) {
    std::vector<std::pair<std::string, Rect>> seen;
    for (const auto& [id, widget] : registry.widgets()) {
        const bool counts = id.starts_with("tab.") || id.starts_with("inspector.") ||
                            id.starts_with("step.") || id.starts_with("top.") ||
                            id.starts_with("composer.s");
        if (!counts) {
            continue;
        }
        INFO(id);
        CHECK(widget.visible.w >= widget.rect.w - 0.5f);
        CHECK(widget.visible.h >= widget.rect.h - 0.5f);
        for (const auto& [other, rect] : seen) {
            INFO("beside " << other);
            const Rect both = intersect(widget.rect, rect);
            CHECK((both.w <= 0.5f || both.h <= 0.5f));
        }
        seen.emplace_back(id, widget.rect);
    }
    CHECK(seen.size() > 3);
}

/// The chat is there, not narrower than its least width; Stop lies free of the opened list.
void check_chat(Rig& r, float scale) {
    const Widget* pane = r.registry().find("chat.pane");
    const Widget* stop = r.registry().find("composer.stop");
    const Widget* field = r.registry().find("composer.text");
    REQUIRE(pane != nullptr);
    REQUIRE(stop != nullptr);
    REQUIRE(field != nullptr);
    CHECK(pane->rect.w >= 350 * scale);
    CHECK(field->visible.w >= 250 * scale);
    if (const Widget* list = r.registry().find("rail.search_text")) {
        CHECK(list->rect.right() < stop->rect.x);
    }
}

/// What lies around the matrix of a head: no text under a control, and the honest line whole.
void check_head(const Registry& registry) {
    std::vector<std::pair<std::string, Rect>> controls;
    for (const auto& [id, widget] : registry.widgets()) {
        if (id.starts_with("sink.") || id.starts_with("shape.") || id.starts_with("pooling.") ||
            id == "matrix.badge" || id == "matrix.zoom_in") {
            for (const auto& [other, rect] : controls) {
                INFO(id << " beside " << other);
                const Rect both = intersect(widget.rect, rect);
                CHECK((both.w <= 1 || both.h <= 1));  // parts of one control are rounded
            }
            controls.emplace_back(id, widget.rect);
        }
    }
    REQUIRE(controls.size() >= 6);
    std::string all;
    for (const DrawnText& t : registry.texts()) {
        all += t.text + " ";
        for (const auto& [id, rect] : controls) {
            INFO(t.text << " under " << id);
            const Rect both = intersect(t.rect, rect);
            const bool inside = t.rect.x >= rect.x - 1 && t.rect.right() <= rect.right() + 1;
            CHECK((inside || both.w <= 0.5f || both.h <= 1));
        }
    }
    CHECK(all.find("Attention is not explanation") != std::string::npos);
}

}  // namespace

TEST_CASE("with large text the chat keeps its room beside the opened list") {
    for (const int percent : {100, 125, 150, 175, 200, 250}) {
        Rig r(1280, 800, {.hold_after = 20});
        r.play("wait ready\nsend What is it\nwait tokens 20\n" +
               fmt::format("scale {}\nwait frames 4\n", percent));
        const float scale = float(percent) / 100;
        for (const char* list :
             {"wait frames 1\n", "key Ctrl+B\nwait frames 4\nexpect rail.search_text\n"}) {
            INFO(percent << " % " << list);
            r.play(list);
            check_chat(r, scale);
            check_controls(r.registry());
        }
        CHECK((r.registry().find("tab.overview") != nullptr) == (percent <= 150));
    }
}

TEST_CASE("where there is no room for both, F2 puts the inspector in the chat's place and back") {
    Rig r(1280, 800, {.hold_after = 20});
    r.play(
        "wait ready\nsend What is it\nwait tokens 20\nscale 200\nwait frames 4\n"
        "refute tab.overview\nkey F2\nwait frames 4\nexpect tab.overview\nrefute chat.pane\n");
    check_controls(r.registry());
    r.play("key 2\nwait frames 2\n");
    CHECK(r.view().tab == Tab::attention);
    r.play(
        "click top.stop\nwait idle\nrefute top.stop\nclick top.inspector\nwait frames 4\n"
        "expect chat.pane\nrefute tab.overview\nkey 1\nwait frames 2\n");
    CHECK(r.view().tab == Tab::attention);
    // What was only out of room is there again as soon as there is some.
    r.play(
        "click top.inspector\nscale 100\nwait frames 4\nexpect tab.overview\nexpect chat.pane\n"
        "scale 200\nwait frames 4\nexpect chat.pane\nrefute tab.overview\n");
}

TEST_CASE("the list that lies over the chat goes when a chat is chosen, outside, or with Escape") {
    const char* const kOpen = "key Ctrl+B\nwait frames 4\nexpect rail.search_text\n";
    const char* const kGone = "wait frames 4\nrefute rail.search_text\n";
    Rig r(1280, 800);
    r.play(
        "wait ready\nsend What is it\nwait idle\nkey Ctrl+N\nsend Once more\nwait idle\n"
        "scale 150\nwait frames 4\n");
    r.play(std::string(kOpen) + "click rail.chat.0\n" + kGone);
    CHECK(r.state().current_chat == 0);
    r.play(std::string(kOpen) + "click chat.pane 0.9 0.05\n" + kGone);
    r.play(std::string(kOpen) + "key Escape\n" + kGone);
    r.play(std::string(kOpen) + "click rail.new\n" + kGone);
    CHECK(r.state().chat().empty());
    // Beside the chat it stays.
    r.play(std::string("scale 100\nwait frames 4\n") + kOpen +
           "click rail.chat.1\nwait frames 4\nexpect rail.search_text\n");
}

// The scale's end ran under the sink modes, the head's name under its badge, and of the honest line
// two words were left.
TEST_CASE(
    "with large text nothing around the matrix lies under anything, and the honest line is whole") {
    for (const char* const size : {"1440x900", "1280x720", "1920x1080"}) {
        Rig r;
        r.play("wait ready\nsend What is it\nwait idle\nscale 150\nresize " + std::string(size) +
               "\nwait frames 6\n");
        for (const SinkMode mode :
             {SinkMode::raw, SinkMode::gutter, SinkMode::renormalized, SinkMode::valued}) {
            for (const char* const head : {"select head 0 0\n", "select head 5 1\n"}) {
                INFO(size << ", sink mode " << int(mode) << ", " << head);
                r.state().sink = mode;
                r.play(std::string(head) + "wait idle\nwait frames 4\n");
                check_head(r.registry());
            }
        }
    }
}
