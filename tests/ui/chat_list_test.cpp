// The list of chats by clicks and keys, off the screen, with a real chats' file.
#include "tests/support/temp_dir.h"
#include "tests/ui/rig.h"

#include <cstdlib>

using namespace app;

namespace {

struct Chats {
    support::TempDir folder;
    ui::StartOptions start;
    std::unique_ptr<test::Rig> rig;

    Chats() {
        start.chats_path = (folder.path() / "chats.sqlite").string();
        open();
    }
    void open() {
        rig.reset();
        rig = std::make_unique<test::Rig>(1280, 800, test::FakeOptions{}, start);
        rig->play("wait ready\ninspector off\n");
    }
    void talk() {
        rig->play(
            "send What is quartz, and what is it used for?\nwait idle\nkey Ctrl+N\nwait frames 3\n"
            "send Write a Python function\nwait idle\nkey Ctrl+B\nwait frames 4\n");
    }
    ui::UiState& state() { return rig->state(); }
    std::string title(size_t place) {
        return state().chats[state().listed_chats().at(place)].title();
    }
    std::string row(size_t place) {
        return "rail.chat." + std::to_string(state().listed_chats().at(place));
    }
};

/// Where LAPIDARY_SHOTS names a folder, pictures are kept there to be looked at.
void shot(test::Rig& rig, const std::string& name) {
    if (const char* folder = std::getenv("LAPIDARY_SHOTS")) {
        rig.play("shot " + std::string(folder) + "/" + name + ".png\n");
    }
}

}  // namespace

TEST_CASE("a chat is renamed by a double click and by F2, Escape leaves it") {
    Chats c;
    c.talk();
    shot(*c.rig, "chats-list");
    c.rig->play("double " + c.row(1) +
                "\nwait frames 4\nexpect rail.name\nkey Ctrl+A\ntype Minerals\nkey Enter\n"
                "wait frames 3\nrefute rail.name\n");
    CHECK(c.title(1) == "Minerals");
    c.rig->play("hover " + c.row(0) +
                "\nkey F2\nwait frames 4\nexpect rail.name\ntype x\nkey Escape\nwait frames 4\n"
                "refute rail.name\n");
    CHECK(c.title(0) == "Write a Python function");
    CHECK_FALSE(c.rig->view().inspector);
    c.rig->play(
        "away\nkey Shift+F2\nwait frames 4\nkey Ctrl+A\ntype Current\nkey Enter\n"
        "wait frames 3\n");
    CHECK(c.state().chat().title() == "Current");
    c.rig->play("away\nkey F2\nwait frames 3\n");
    CHECK(c.rig->view().inspector);
}

TEST_CASE("a deleted chat comes back by Undo") {
    Chats c;
    c.talk();
    const std::string gone = c.row(0);
    c.rig->play("hover " + gone + "\nclick " + gone +
                ".more\nwait frames 4\nclick chat_menu.delete\nwait frames 4\n");
    CHECK(c.state().listed_chats().size() == 1);
    CHECK(c.title(0) == "What is quartz, and what is it used for?");
    shot(*c.rig, "chats-deleted");
    c.rig->play("click toast.action\nwait frames 4\n");
    CHECK(c.state().listed_chats().size() == 2);
    CHECK(c.state().chat().title() == "Write a Python function");
    c.rig->play("key Ctrl+Shift+D\nwait frames 4\n");
    CHECK(c.state().listed_chats().size() == 1);
}

TEST_CASE("searching shows hits, a click jumps, Escape leads back to the list") {
    Chats c;
    c.talk();
    c.open();  // another start: nothing is loaded yet
    c.rig->play("key Ctrl+F\nwait frames 4\ntype quartz\nwait idle\n");
    for (int i = 0; i < 2000 && c.state().file.search.hits.empty(); ++i) {
        c.rig->screen->frame();
    }
    REQUIRE(c.state().file.search.hits.size() == 1);
    c.rig->play("wait frames 3\nexpect rail.hit.0\nrefute rail.chat.0\n");
    shot(*c.rig, "chats-search");
    c.rig->play("click rail.hit.0\n");
    for (int i = 0; i < 2000 && c.state().chat().empty(); ++i) {
        c.rig->screen->frame();
    }
    c.rig->play("wait frames 3\nexpect what is it used for\n");
    c.rig->play("click rail.search_clear\nwait frames 3\nexpect " + c.row(0) + "\n");
}

TEST_CASE("hits in several versions of an answer say which version they are in") {
    Chats c;
    c.talk();
    c.state().regenerate(c.state().chat().last(model::Role::model));
    c.rig->play("wait idle\n");
    c.open();  // another start: all is in the file
    c.rig->play("key Ctrl+F\nwait frames 4\ntype positive integers\nwait idle\n");
    for (int i = 0; i < 2000 && c.state().file.search.hits.size() < 3; ++i) {
        c.rig->screen->frame();
    }
    REQUIRE(c.state().file.search.hits.size() == 3);
    c.rig->play("wait frames 3\nexpect 1/2\nexpect 2/2\n");
    shot(*c.rig, "chats-search-versions");
    c.rig->play("click rail.hit.0\n");
    for (int i = 0; i < 2000 && c.state().chat().empty(); ++i) {
        c.rig->screen->frame();
    }
    c.rig->play("wait frames 4\n");
    const ui::NodeId first = c.state().chat().last(model::Role::model);
    c.rig->play("click rail.hit.1\nwait frames 4\n");
    CHECK(c.state().chat().last(model::Role::model) != first);
}

TEST_CASE("the list scrolls, and no text leaves its place at any size") {
    Chats c;
    for (int i = 0; i < 40; ++i) {
        ui::Conversation chat;
        chat.add(ui::kNoNode, model::Role::user,
                 "A chat with a long and winding title, number " + std::to_string(i));
        chat.info.use = i + 1;
        c.state().chats.push_back(std::move(chat));
    }
    c.rig->play("send What is it\nwait idle\nkey Ctrl+B\nwait frames 4\n");
    CHECK(c.state().listed_chats().size() == 41);
    CHECK(c.rig->registry().find(c.row(40)) == nullptr);
    c.rig->play("wheel " + c.row(3) + " -100\nwait frames 8\nexpect " + c.row(40) + "\n");
    for (const char* setup : {"scale 100\n", "scale 150\n", "theme light\nscale 200\n"}) {
        c.rig->play(setup + std::string("wait frames 6\n"));
        for (const ui::DrawnText& t : c.rig->registry().texts()) {
            INFO("'" << t.text << "'");
            CHECK(t.rect.x >= t.clip.x - 1);
            CHECK(t.rect.right() <= t.clip.right() + 1);
        }
    }
}

TEST_CASE("keys walk through the chats, and a file that cannot be used is told") {
    Chats c;
    c.talk();
    const size_t newest = c.state().current_chat;
    c.rig->play("key Ctrl+]\nwait frames 3\n");
    CHECK(c.state().current_chat != newest);
    c.rig->play("key Ctrl+[\nwait frames 3\n");
    CHECK(c.state().current_chat == newest);
    HistoryProblem problem{"The disk is full.", "Make room on the disk.", true};
    c.state().file.saver.end();
    c.state().file.problem = problem;
    c.rig->play("wait frames 3\nexpect Not saved: The disk is full.\n");
    shot(*c.rig, "chats-unsaved");
}

TEST_CASE("a deleted chat comes back long after its notice, until it is gone for good") {
    test::Rig r(1280, 800);
    r.play("wait ready\nsend What is it\nwait idle\n");
    const size_t chat = r.state().current_chat;
    const auto remove = [&] {
        r.state().delete_chat(chat);
        CHECK(r.state().listed_chats().empty());
    };
    remove();
    r.state().forget_deleted(1000);
    r.state().forget_deleted(1000 + ui::UiState::kDeletedSeconds - 1);
    r.play("key Escape\nwait frames 2\nkey Ctrl+Shift+T\nwait frames 3\n");
    CHECK(r.state().current_chat == chat);
    CHECK(r.state().listed_chats() == std::vector<size_t>{chat});
    remove();
    r.state().forget_deleted(5000);
    r.state().forget_deleted(5000 + ui::UiState::kDeletedSeconds);
    r.state().undelete_chat(chat);
    CHECK(r.state().listed_chats().empty());
}

// The list went on saying that nothing was found, and the notice offered to undo what was undone.
TEST_CASE("a chat that is brought back is searched again, and its notice goes") {
    Chats c;
    c.talk();
    c.rig->play("key Ctrl+F\nwait frames 4\ntype quartz\nwait idle\n");
    const auto wait_hits = [&](size_t n) {
        for (int i = 0;
             i < 2000 && (c.state().file.search.waiting || c.state().file.search.hits.size() != n);
             ++i) {
            c.rig->screen->frame();
        }
        CHECK_FALSE(c.state().file.search.waiting);
        CHECK(c.state().file.search.hits.size() == n);
    };
    wait_hits(1);
    c.rig->play("click rail.hit.0\nwait frames 4\nkey Ctrl+Shift+D\nwait frames 4\n");
    REQUIRE(c.state().chat().title() == "Write a Python function");
    wait_hits(0);
    c.rig->play("expect Nothing was found\nexpect toast.action\n");
    c.rig->play("key Ctrl+Shift+T\nwait frames 4\nrefute toast.action\n");
    wait_hits(1);
    c.rig->play("wait frames 2\nrefute Nothing was found\nexpect rail.hit.0\n");
    // By the notice's button, too.
    c.rig->play("key Ctrl+Shift+D\nwait frames 4\nclick toast.action\n");
    wait_hits(1);
}
