// The table of actions: every one is reached by its keys, found in the palette and listed on F1.
#include "tests/support/catch.h"

#include <algorithm>
#include <map>
#include <set>

#include "app/ui/actions.h"
#include "app/ui/text/text_field.h"
#include "app/ui/widgets/keys.h"
#include "tests/ui/rig.h"

using namespace app;
using namespace app::ui;

namespace {

const char* const kTalk = "wait ready\nsend What is it\nwait idle\n";

/// Where their keys could be pressed at once.
bool meet(Where a, Where b) {
    return a == b || a == Where::anywhere || b == Where::anywhere || a == Where::no_field ||
           b == Where::no_field;
}

/// What has to be so that an action can be run; by script, then by hand.
std::string before(const Action& action) {
    const std::string id(action.id);
    const std::string marked = "click chat.text.1 0.9 0.99\nkey Ctrl+A\nwait frames 2\n";
    const std::string zoomed = "click matrix.zoom_in\nwait frames 2\n";
    const std::map<std::string, std::string> setup{
        {"chat.previous", "key Ctrl+N\nwait frames 2\nsend What is it\nwait idle\nkey Ctrl+]\n"},
        {"chat.next", "key Ctrl+N\nwait frames 2\nsend What is it\nwait idle\n"},
        {"answer.previous", "key Ctrl+R\nwait idle\n"},
        {"answer.next", "key Ctrl+R\nwait idle\n"},
        {"chat.stop", "click token.3\n"},
        {"token.live", "click token.3\n"},
        {"branch.take", "click token.8\nwait idle\nclick candidate.1\n"},
        {"branch.back", "click token.8\nwait idle\nclick candidate.1\nclick next.branch\n"},
        {"matrix.left", zoomed},
        {"matrix.right", zoomed},
        {"matrix.up", zoomed},
        {"matrix.down", zoomed},
        {"text.copy", marked},
        {"text.copy_markdown", marked},
        {"chat.undelete", "key Ctrl+Shift+D\nwait frames 3\n"},
        {"chat.rename_row", "key Ctrl+B\nwait frames 3\nhover rail.chat.0\n"},
        {"chat.delete_row", "key Ctrl+B\nwait frames 3\nhover rail.chat.0\n"}};
    const auto it = setup.find(id);
    return std::string(kTalk) + (it == setup.end() ? "" : it->second) + "wait idle\n";
}

void press(test::Rig& r, const Action& action, const std::string& keys) {
    // Out of the message box, where its keys would be letters.
    if (action.where != Where::anywhere && ImGui::GetIO().WantTextInput) {
        r.play("key Escape\nwait frames 2\n");
    }
    r.view().last_action = {};
    r.play("key " + keys + "\n");
}

}  // namespace

TEST_CASE("every action has a name of its own, a title, and keys that nobody else has") {
    std::set<std::string_view> ids;
    REQUIRE(actions().size() > 50);
    for (const Action& a : actions()) {
        INFO(a.id);
        CHECK(ids.insert(a.id).second);
        CHECK_FALSE(a.title.empty());
        CHECK_FALSE(a.group.empty());
        CHECK(a.run != nullptr);
        REQUIRE_FALSE(chord_names(a.keys).empty());
        for (const std::string& chord : chord_names(a.keys)) {
            INFO(chord);
            REQUIRE(parse_chord(chord));
            CHECK_FALSE(chord_face(chord).empty());
            for (const Action& b : actions()) {
                if (&a == &b || !meet(a.where, b.where)) {
                    continue;
                }
                for (const std::string& other : chord_names(b.keys)) {
                    INFO(b.id);
                    // F2 is the chat's under the pointer, where there is one, else the inspector.
                    const bool shared = chord == "F2" && other == "F2";
                    CHECK((shared || parse_chord(other) != parse_chord(chord)));
                }
            }
        }
    }
}

TEST_CASE("chords are read as they are written") {
    CHECK(parse_chord("Ctrl+Shift+P") == (ImGuiMod_Ctrl | ImGuiMod_Shift | ImGuiKey_P));
    CHECK(parse_chord("Ctrl++") == (ImGuiMod_Ctrl | ImGuiKey_Equal));
    CHECK(parse_chord("Esc") == ImGuiKey_Escape);
    CHECK_FALSE(parse_chord("Hyper+X"));
    CHECK_FALSE(parse_chord(""));
    CHECK(chord_names("Ctrl+K | Ctrl+Shift+P") ==
          std::vector<std::string>{"Ctrl+K", "Ctrl+Shift+P"});
    CHECK(chord_face("Ctrl+Shift+LeftArrow") == "Ctrl Shift ←");
}

TEST_CASE("every action is reached by each of its keys") {
    for (const Action& action : actions()) {
        INFO(action.id);
        for (const std::string& keys : chord_names(action.keys)) {
            INFO(keys);
            test::Rig r(1440, 900);
            r.play(before(action));
            if (action.id == "notice.use" || action.id == "notice.undo") {
                r.view().say("Chat deleted", {"Undo", [](UiState&) {}});
                r.play("wait frames 2\n");
            }
            if (action.id == "answer.continue") {  // as if it had been stopped
                UiState& s = r.state();
                s.chat().at(s.chat().last(model::Role::model)).finish = FinishReason::stopped;
            }
            if (action.id == "answer.next") {
                r.state().show_sibling(r.state().chat().last(model::Role::model), -1);
                r.play("wait idle\n");
            }
            press(r, action, keys);
            CHECK(r.view().last_action == action.id);
        }
    }
}

TEST_CASE("a letter typed into the message box is a letter") {
    test::Rig r(1440, 900);
    r.play(std::string(kTalk) + "click composer.text\ntype b1g/[l0\nwait frames 3\n");
    CHECK(typed_text(r.view().composer) == "b1g/[l0");
    CHECK(r.view().last_action.empty());
    r.play("key Ctrl+A\nkey Ctrl+C\nwait frames 2\n");
    CHECK(r.clipboard() == "b1g/[l0");
}

TEST_CASE("the palette finds a command by its words and runs it") {
    CHECK(search_actions("").size() > 40);
    REQUIRE_FALSE(search_actions("new chat").empty());
    CHECK(search_actions("new chat").front()->id == "chat.new");
    CHECK(search_actions("settings").front()->id == "window.settings");
    CHECK(search_actions("no such thing").empty());
    test::Rig r(1280, 800);
    r.play(std::string(kTalk) +
           "key Ctrl+K\nwait frames 4\nexpect palette.chat.new\ntype contrast\nwait frames 3\nkey "
           "Enter\nwait frames 3\n");
    CHECK(r.view().last_action == "window.contrast");
    CHECK(r.view().config.high_contrast);
    r.play("refute palette.query\n");
    // It may open another dialog, and Escape only closes it.
    r.play(
        "key Ctrl+Shift+P\nwait frames 4\ntype settings\nkey Enter\nwait frames 4\nexpect "
        "settings.query\nkey Escape\nwait frames 4\nrefute settings.query\n");
    r.play("key Ctrl+K\nwait frames 4\nkey DownArrow\nkey DownArrow\nkey UpArrow\nwait frames 3\n");
    CHECK(r.view().palette.chosen == 1);
    r.play("key Escape\nwait frames 3\nrefute palette.query\n");
}

TEST_CASE("F1 lists every action") {
    test::Rig r(1440, 1000);
    r.play("wait ready\nkey F1\nwait frames 4\n");
    for (const Action& action : actions()) {
        INFO(action.title);
        const auto& texts = r.registry().texts();
        const std::string start = std::string(action.title.substr(0, 20));
        CHECK(std::any_of(texts.begin(), texts.end(), [&](const DrawnText& t) {
            return t.text.compare(0, start.size(), start) == 0;
        }));
    }
}
