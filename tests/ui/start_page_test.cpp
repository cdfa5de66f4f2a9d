// The page without a chat: what it says, and what keys do there.
#include "tests/support/temp_dir.h"
#include "tests/ui/rig.h"

#include <filesystem>

using namespace app;
using test::Rig;

namespace {

std::string without_spaces(std::string text) {
    std::erase(text, ' ');
    return text;
}

/// Texts of the note that chats are not saved, and every text that shares a pixel with it.
struct Note {
    std::string whole;
    std::vector<std::string> overlapping;
};

Note unsaved_note(const ui::Registry& registry) {
    const ui::Widget* const note = registry.find("unsaved");
    REQUIRE(note != nullptr);
    Note out;
    for (const ui::DrawnText& t : registry.texts()) {
        if (intersect(t.rect, note->rect).empty()) {
            continue;
        }
        if (note->label.find(t.text) != std::string::npos) {
            out.whole += without_spaces(t.text);
        } else {
            out.overlapping.push_back(t.text);
        }
    }
    return out;
}

}  // namespace

TEST_CASE("that chats are not saved is said whole, and over nothing else") {
    const support::TempDir dir;
    const std::string folder = (dir.path() / std::string(40, 'a') / std::string(40, 'b')).string();
    std::filesystem::create_directories(folder);
    ui::StartOptions start;
    start.chats_path = folder;  // no file
    for (const bool opening : {false, true}) {
        INFO("while a model is opening: " << opening);
        test::FakeOptions options;
        options.load_steps = opening ? 1000000000 : 3;
        Rig r(1280, 800, options, start);
        REQUIRE(r.state().file.problem);
        r.play(opening ? "wait frames 6\nexpect Opening\n" : "wait ready\nwait frames 6\n");
        for (const char* const scale : {"100", "200"}) {
            INFO("scale " << scale);
            r.play(std::string("scale ") + scale + "\nwait frames 6\n");
            const Note note = unsaved_note(r.registry());
            CHECK(note.overlapping == std::vector<std::string>{});
            CHECK(note.whole == without_spaces("Not saved: " + r.state().file.problem->message));
        }
    }
}

TEST_CASE("on the start page there is nothing to export") {
    Rig r;
    r.play("wait ready\nwait frames 3\nkey Escape\nwait frames 3\nkey E\nwait frames 3\n");
    CHECK_FALSE(r.view().exporting.show);
    r.play(
        "refute Export a view\nsend What is it\nwait idle\nkey Escape\nwait frames 3\n"
        "key E\nwait frames 3\nexpect Export a view\n");
}

TEST_CASE("what is typed on the start page without a field goes to the composer") {
    Rig r;
    r.play("wait ready\nwait frames 3\nkey Escape\nwait frames 3\n");
    REQUIRE_FALSE(ImGui::GetIO().WantTextInput);
    r.play("type Even é\nwait frames 3\n");
    CHECK(r.view().composer.buffer == "Even é");
    CHECK(ImGui::GetIO().WantTextInput);
    r.play("type , too\nwait frames 3\n");
    CHECK(r.view().composer.buffer == "Even é, too");
}

// Bug: a prompt that was to show a look-up ended at <end_of_turn>, in the head that came first.
TEST_CASE("a prompt of the start page ends where the shipped model shows what it is for") {
    test::FakeOptions options;
    options.answer = {"The", " hat", " is", " blue", "."};
    Rig r(1440, 900, options);
    r.play("wait ready\nclick welcome.try.0\nwait idle\nwait frames 3\n");
    const ui::Selection& s = r.state().selection;
    const auto token = [&] {
        return r.state().token_text(r.state().selected()->tokens[s.position].id);
    };
    CHECK(token().ends_with("blue"));
    CHECK((s.locked && s.layer == 3 && s.head == 3));
    CHECK_FALSE(r.state().head_chosen);  // the next answer chooses for itself
    r.play("send What is it\nwait idle\nwait frames 3\n");
    CHECK_FALSE(s.locked);
}

TEST_CASE("a prompt of the start page leaves the reader where the reader looks") {
    test::FakeOptions options;
    options.answer = {"The", " hat", " is", " blue", "."};
    options.hold_after = 5;
    Rig r(1440, 900, options);
    r.play("wait ready\nclick welcome.try.0\nwait tokens 5\n");
    SECTION("another head") {
        r.play("select head 1 2\nkey Escape\nwait idle\nwait frames 3\n");
        CHECK_FALSE(r.state().selection.locked);
        CHECK((r.state().selection.layer == 1 && r.state().selection.head == 2));
        CHECK(r.state().head_chosen);
    }
    SECTION("another token") {
        r.play("select position 6\nkey Escape\nwait idle\nwait frames 3\n");
        CHECK(r.state().selection.position == 6);
    }
}
