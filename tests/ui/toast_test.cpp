// Toasts: one at a time, in order, none lost, and their buttons.
#include "tests/support/catch.h"

#include "app/ui/widgets/toasts.h"
#include "tests/ui/rig.h"

using namespace app;
using ui::Toasts;

TEST_CASE("toasts wait their turn and none is lost") {
    Toasts t;
    CHECK(t.current(0) == nullptr);
    CHECK_FALSE(t.due(0));
    t.show("one");
    t.show("two");
    t.show("three", {"Undo", [](ui::UiState&) {}});
    double now = 10;
    REQUIRE(t.current(now) != nullptr);
    CHECK(t.current(now)->text == "one");
    CHECK(*t.due(now) == Toasts::kHurriedSeconds);
    now += Toasts::kHurriedSeconds;
    CHECK(t.current(now)->text == "two");
    now += Toasts::kHurriedSeconds;
    REQUIRE(t.current(now)->text == "three");
    CHECK(t.current(now + Toasts::kActionSeconds - 0.01) != nullptr);
    CHECK(t.current(now + Toasts::kActionSeconds) == nullptr);
    CHECK(t.empty());
}

TEST_CASE("the same notice again is one notice, with its time anew") {
    Toasts t;
    t.show("Copied");
    CHECK(t.current(0) != nullptr);
    CHECK(t.current(2) != nullptr);
    t.show("Copied");
    CHECK(t.current(2.4) != nullptr);
    CHECK(t.current(2.4 + Toasts::kPlainSeconds - 0.01) != nullptr);
    CHECK(t.current(2.4 + Toasts::kPlainSeconds) == nullptr);
}

TEST_CASE("a toast under the pointer stays, and its action is handed over once") {
    Toasts t;
    t.show("Chat deleted", {"Undo", [](ui::UiState&) {}});
    for (double now = 0; now < 60; now += 0.25) {
        REQUIRE(t.current(now, true) != nullptr);
    }
    CHECK(t.take_action());
    CHECK_FALSE(t.take_action());
    CHECK(t.empty());
}

TEST_CASE("a flood of notices keeps every way back") {
    Toasts t;
    t.show("first");
    t.show("Chat deleted", {"Undo", [](ui::UiState&) {}});
    for (int i = 0; i < 100; ++i) {
        t.show("notice " + std::to_string(i));
    }
    size_t n = 0, actions = 0;
    std::string last;
    for (double now = 0; const ui::Toast* toast = t.current(now); now += 0.1) {
        n += toast->text != last ? 1 : 0;
        actions += toast->text != last && toast->action ? 1 : 0;
        last = toast->text;
    }
    CHECK(n <= Toasts::kMost);
    CHECK(actions == 1);
    CHECK(last == "notice 99");
}

TEST_CASE("the button of a toast does what it says, by a click") {
    test::Rig r(1280, 800);
    r.play("wait ready\n");
    int undone = 0;
    r.view().say("Chat deleted", {"Undo", [&](ui::UiState&) { ++undone; }});
    r.play("wait frames 2\nexpect Chat deleted\nclick toast.action\nwait frames 2\n");
    CHECK(undone == 1);
    r.play("refute Chat deleted\nrefute toast.action\n");
    r.view().say("Chat deleted", {"Undo", [&](ui::UiState&) { ++undone; }});
    r.play("wait frames 2\nclick toast.close\nwait frames 3\nrefute Chat deleted\n");
    CHECK(undone == 1);
    // A notice without a button lets clicks through, and goes by itself.
    r.view().say("Copied");
    r.play("wait frames 3\nexpect Copied\nwait frames 160\nrefute Copied\n");
}
