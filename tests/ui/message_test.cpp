// Messages on the screen: parsing while they grow, marking and copying their text, links, long
// chats.
#include "tests/support/catch.h"

#include <cmath>

#include "app/ui/text/chat_heights.h"
#include "tests/ui/rig.h"

using namespace app;
using test::Rig;

namespace {

const std::string kAnswer =
    "# Stones\n\nQuartz is **very** hard, see [the list](https://example.org/list).\nIt is "
    "clear.\n\n- one thing\n- another\n  - inner one\n\n```python\ndef f(n):\n    return n + "
    "1\n```\n\n| Name | Hardness |\n|---|--:|\n| Quartz | 7 |\n| Talc | 1 |\n\n> said so\n\nThe "
    "end.";
/// The same as it is copied as text.
const std::string kPlain =
    "Stones\n\nQuartz is very hard, see the list.\nIt is clear.\n\n- one thing\n- another\n  - "
    "inner one\n\ndef f(n):\n    return n + 1\n\nName\tHardness\nQuartz\t7\nTalc\t1\n\nsaid "
    "so\n\nThe end.";

struct Talk : Rig {
    ui::NodeId answer = ui::kNoNode;

    explicit Talk(const std::string& text = kAnswer, int width = 1280, int height = 1000)
        : Rig(width, height, {.answer = test::answer_tokens(text)}) {
        play("wait ready\ninspector off\nsend What is it\nwait idle\nwait frames 4\n");
        answer = state().chat().last(model::Role::model);
        REQUIRE(state().chat().at(answer).text == text);
    }
    std::string id() const { return "chat.text." + std::to_string(answer); }
    const ui::MessageText& text() { return *view().messages.laid(answer); }
    /// Pixels of a place in the copied text, from the top left of the message.
    ui::Rect place(const std::string& words) {
        const size_t at = text().layout().text().find(words);
        REQUIRE(at != std::string::npos);
        const auto rects =
            text().layout().find_text(gui(), {uint32_t(at), uint32_t(at + words.size())});
        REQUIRE_FALSE(rects.empty());
        return rects.front();
    }
    std::string at(float x, float y) {
        const ui::Widget* w = registry().find(id());
        REQUIRE(w != nullptr);
        return std::to_string(x / w->rect.w) + " " + std::to_string(y / w->rect.h);
    }
    std::string drag(const std::string& from, const std::string& to) {
        const ui::Rect a = place(from), b = place(to);
        return "drag " + id() + " " + std::to_string(b.right() - a.x) + " " +
               std::to_string(b.cy() - a.cy()) + " " + at(a.x, a.cy()) + "\n";
    }
    const ui::Gui& gui() { return screen->app().ui.gui(); }
};

}  // namespace

TEST_CASE(
    "a message that grows is laid out as if it had come whole, and is not parsed over again") {
    Rig r;
    const ui::Gui& gui = r.screen->app().ui.gui();
    r.play("wait ready\n");
    const std::string text = kAnswer + "\n\n" + kAnswer + "\n\n1. a\n\n   b\n\n2. c\n\nEnd *of* it";
    ui::MessageText growing, whole;
    ui::MessageShape shape{400, 500, true, true};
    for (size_t n = 1; n <= text.size(); ++n) {
        growing.update(gui, std::string_view(text).substr(0, n), shape);
        if (n % 17 == 0 || n == text.size()) {
            ui::MessageText fresh;
            fresh.update(gui, std::string_view(text).substr(0, n), shape);
            INFO(text.substr(0, n));
            REQUIRE(growing.layout().text() == fresh.layout().text());
            REQUIRE(growing.layout().height() == fresh.layout().height());
            REQUIRE(growing.layout().lines().size() == fresh.layout().lines().size());
        }
    }
    // The whole text at each of its bytes would be n^2 / 2.
    CHECK(growing.parsed_bytes() < uint64_t(text.size()) * text.size() / 8);
    CHECK_FALSE(growing.update(gui, text, shape));
    shape.growing = false;
    CHECK(growing.update(gui, text, shape));
    whole.update(gui, text, shape);
    CHECK(growing.layout().height() == whole.layout().height());
}

TEST_CASE("a whole message is copied as text, and as the Markdown it came as") {
    Talk t;
    t.play("click " + t.id() + " 0.9 0.99\nkey Ctrl+A\nkey Ctrl+C\n");
    CHECK(t.clipboard() == kPlain);
    CHECK(t.view().messages.marked(true) == kAnswer);
    t.play("context " + t.id() + "\nwait frames 3\nclick message.copy_markdown\n");
    CHECK(t.clipboard() == kAnswer);
    t.play("key Escape\nwait frames 3\n");
    CHECK(t.view().messages.selection.empty());
}

TEST_CASE("text is marked by dragging over blocks, by words and by paragraphs") {
    Talk t;
    t.play(t.drag("hard", "another") + "key Ctrl+C\nwait frames 2\n");
    CHECK(t.clipboard() == "hard, see the list.\nIt is clear.\n\n- one thing\n- another");
    CHECK(
        t.view().messages.marked(true) ==
        "hard, see [the list](https://example.org/list).\nIt is clear.\n\n- one thing\n- another");
    t.play(t.drag("def f", "return n + 1") + "key Ctrl+C\nwait frames 2\n");
    CHECK(t.clipboard() == "def f(n):\n    return n + 1");
    CHECK(t.view().messages.marked(true) == "```python\ndef f(n):\n    return n + 1\n```");
    t.play(t.drag("very", "very") + "key Ctrl+C\nwait frames 2\n");
    CHECK(t.clipboard() == "very");
    CHECK(t.view().messages.marked(true) == "**very**");
    // Upwards, and from right to left.
    t.play(t.drag("Talc", "Talc") + "key Ctrl+C\nwait frames 2\n");
    CHECK(t.clipboard() == "Talc");
    const ui::Rect word = t.place("clear");
    t.play("double " + t.id() + " " + t.at(word.cx(), word.cy()) + "\nkey Ctrl+C\n");
    CHECK(t.clipboard() == "clear");
    t.play("triple " + t.id() + " " + t.at(word.cx(), word.cy()) + "\nkey Ctrl+C\n");
    CHECK(t.clipboard() == "It is clear.");
    // A click marks nothing, and Ctrl+C leaves the clipboard alone.
    t.play("wait frames 40\nclick " + t.id() + " " + t.at(word.cx(), word.cy()) +
           "\nwait frames 2\n");
    CHECK(t.view().messages.selection.empty());
    t.play("key Ctrl+C\n");
    CHECK(t.clipboard() == "It is clear.");
}

TEST_CASE("what was typed is copied as it was typed") {
    Rig r(1280, 800);
    r.play(
        "wait ready\ninspector off\nclick composer.text\ntype a  *b* &amp;\nkey Shift+Enter\ntype "
        "- c\nkey Enter\nwait idle\nwait frames 4\nclick chat.text.0\nkey Ctrl+A\nkey Ctrl+C\n");
    CHECK(r.clipboard() == "a  *b* &amp;\n- c");
    CHECK(r.state().chat().at(0).text == r.clipboard());
}

TEST_CASE("blocks of code and tables have a button that copies them") {
    Talk t;
    t.play("click chat.1.code.0\nwait frames 2\n");
    CHECK(t.clipboard() == "def f(n):\n    return n + 1");
    t.play("click chat.1.table.0\nwait frames 2\n");
    CHECK(t.clipboard() == "Name\tHardness\nQuartz\t7\nTalc\t1");
}

TEST_CASE("a link asks before it is opened") {
    Talk t;
    std::vector<std::string> opened;
    const ui::Rect link = t.place("the list");
    const std::string click = "click " + t.id() + " " + t.at(link.cx(), link.cy()) + "\n";
    t.play(click + "wait frames 3\nexpect Open this address?\nexpect https://example.org/list\n");
    CHECK_FALSE(t.registry().find("link.open")->enabled);  // nothing here could open it
    t.play("click link.copy\nwait frames 3\n");
    CHECK(t.clipboard() == "https://example.org/list");
    t.view().messages.open_address = [&](const std::string& a) {
        opened.push_back(a);
        return true;
    };
    t.play(click + "wait frames 3\nkey Escape\nwait frames 3\nrefute Open this address?\n");
    CHECK(opened.empty());
    t.play(click + "wait frames 3\nclick link.open\nwait frames 3\n");
    CHECK(opened == std::vector<std::string>{"https://example.org/list"});
    t.play("context " + t.id() + " " + t.at(link.cx(), link.cy()) +
           "\nwait frames 3\nclick message.copy_link\n");
    CHECK(t.clipboard() == "https://example.org/list");
}

TEST_CASE("a table wider than the chat scrolls sideways under Shift and the wheel") {
    std::string head = "|", rule = "|", row = "|";
    for (int i = 0; i < 24; ++i) {
        head += " Column" + std::to_string(i) + " |";
        rule += "---|";
        row += " value" + std::to_string(i) + " |";
    }
    Talk t(head + "\n" + rule + "\n" + row);
    REQUIRE(t.text().layout().tables().size() == 1);
    const ui::TableBox& table = t.text().layout().tables()[0];
    REQUIRE(table.most() > 0);
    t.play("hover " + t.id() + " 0.3 0.5\n");
    ImGui::GetIO().AddKeyEvent(ImGuiMod_Shift, true);
    t.play("wheel " + t.id() + " -200\nwait frames 3\n");
    ImGui::GetIO().AddKeyEvent(ImGuiMod_Shift, false);
    CHECK(t.text().layout().tables()[0].scroll == t.text().layout().tables()[0].most());
}

TEST_CASE("heights are a prefix sum") {
    ui::ChatHeights h;
    double sum = 0;
    std::vector<double> tops;
    for (size_t i = 0; i < 1000; ++i) {
        tops.push_back(sum);
        h.push(float(10 + i * 7 % 31));
        sum += double(h.height(i));
    }
    const auto check = [&] {
        double at = 0;
        for (size_t i = 0; i < h.size(); ++i) {
            REQUIRE(h.top(i) == at);
            REQUIRE(h.at(at) == i);
            REQUIRE(h.at(at + double(h.height(i)) - 0.5) == i);
            at += double(h.height(i));
        }
        REQUIRE(h.total() == at);
    };
    check();
    for (size_t i = 0; i < 1000; i += 13) {
        h.set(i, float(200 + i % 5), true);
    }
    check();
    h.shrink(617);
    for (int i = 0; i < 50; ++i) {
        h.push(33);
    }
    check();
    CHECK(h.at(-5) == 0);
    CHECK(h.at(1e9) == h.size() - 1);
    CHECK(ui::ChatHeights().at(3) == 0);
}

TEST_CASE("of a long chat only what is seen is drawn, and it does not jump") {
    Rig r(1280, 800);
    r.play("wait ready\ninspector off\n");
    ui::Conversation& chat = r.state().chat();
    ui::NodeId at = ui::kNoNode;
    for (int i = 0; i < 2000; ++i) {
        const auto role = i % 2 == 0 ? model::Role::user : model::Role::model;
        std::string text = "Message " + std::to_string(i);
        for (int j = 0; j < i % 7; ++j) {
            text += "\n\n- a line of the list that is long enough to be broken into two lines here";
        }
        at = chat.add(at, role, text);
        chat.at(at).state =
            role == model::Role::user ? ui::AnswerState::none : ui::AnswerState::done;
    }
    r.view().scroll_to_bottom = true;
    r.play("wait frames 6\nexpect Message 1999\nrefute Message 3 \n");
    CHECK(r.view().messages.n_drawn < 20);
    // Scrolling up never moves what is read by anything but the wheel: a message that is on the
    // screen in two frames has moved by as much as every other.
    int n_seen = 0;
    for (int i = 0; i < 60; ++i) {
        std::map<std::string, float> before;
        for (const ui::DrawnText& t : r.registry().texts()) {
            if (t.scrolls && t.text.compare(0, 8, "Message ") == 0) {
                before[t.text] = t.rect.y;
            }
        }
        r.play("wheel chat.pane 2\nwait frames 2\n");
        std::optional<float> by;
        for (const ui::DrawnText& t : r.registry().texts()) {
            const auto old = before.find(t.text);
            if (!t.scrolls || old == before.end()) {
                continue;
            }
            const float moved = t.rect.y - old->second;
            CHECK(moved > 0);
            CHECK(std::abs(by.value_or(moved) - moved) <= 2);
            by = moved;
            ++n_seen;
        }
    }
    CHECK(n_seen > 60);
    r.view().messages.reveal = r.state().chat().path()[1000];
    r.play("wait frames 4\nexpect Message 1000\nwait frames 2\n");
    CHECK(r.view().messages.n_drawn < 20);
    r.play("resize 900x600\nwait frames 4\n");
    CHECK(r.view().messages.n_drawn < 20);
}
