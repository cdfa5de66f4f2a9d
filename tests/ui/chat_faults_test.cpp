// The engine fails at ten points while somebody chats: the conversation lives on.
#include "tests/support/catch.h"
#include "tests/support/chat_window.h"
#include "tests/support/temp_dir.h"
#include "tests/ui/drawing.h"

#include <algorithm>
#include <functional>

using namespace app;
using test::ChatWindow;
using ui::AnswerState;
using ui::NodeId;

namespace {

struct Point {
    const char* name;
    int after;  // events of the engine
    std::function<void(ChatWindow&)> begin;
};

std::vector<Point> points() {
    const auto send = [](ChatWindow& w) { w.state.send("see"); };
    const auto stopped = [](ChatWindow& w, size_t n) {
        w.state.send("see");
        w.write_tokens(n);
        w.state.stop();
    };
    return {
        {"before the prompt", 0, send},
        {"after the prompt's ids", 1, send},
        {"while the prompt is computed", 2, send},
        {"before the first token", 3, send},
        {"after the first token", 5, send},
        {"in the middle", 25, send},
        {"while it is being stopped", 0, [=](ChatWindow& w) { stopped(w, 6); }},
        {"while it goes on", 4,
         [=](ChatWindow& w) {
             stopped(w, 6);
             w.settle();
             w.state.continue_answer(w.state.selection.branch);
         }},
        {"while an old answer is computed again", 1,
         [](ChatWindow& w) {
             w.state.regenerate(w.state.selection.branch);
             w.settle();
             w.state.show_sibling(w.state.selection.branch, -1);
             w.state.restore_selected();
         }},
        {"while nothing is done", 0, [](ChatWindow&) {}},
    };
}

std::vector<std::string> texts(const ui::Conversation& chat) {
    std::vector<std::string> out;
    for (NodeId id = 0; id < NodeId(chat.size()); ++id) {
        out.push_back(chat.at(id).text);
    }
    return out;
}

}  // namespace

namespace {

void fail_at(const Point& point, bool lost) {
    INFO(point.name << (lost ? ", device lost" : ", out of memory"));
    support::TempDir folder;
    const std::string path = (folder.path() / "chats.sqlite").string();
    std::vector<std::string> before, after;
    {
        ChatWindow w(path);
        w.send("What is it");
        before = texts(w.state.chat());
        point.begin(w);
        // As if it came now: whatever is held for the file first.
        while (w.state.file.held) {
            w.frame();
        }
        w.engine.fail_after(point.after,
                            Failed{0, lost ? "the graphics device was lost" : "no memory left",
                                   "Load the model again.", lost, false});
        w.settle();
        // The window lives, with a model again, and every text that was there is there.
        CHECK_FALSE(w.state.busy());
        REQUIRE(w.state.ready());
        const std::vector<std::string> now = texts(w.state.chat());
        REQUIRE(now.size() >= before.size());
        for (size_t i = 0; i < before.size(); ++i) {
            CHECK(now[i] == before[i]);
        }
        // What had begun goes on, or is written again.
        const NodeId node = w.state.chat().last(model::Role::model);
        if (w.state.chat().at(node).state == AnswerState::failed) {
            CHECK_FALSE(w.state.chat().at(node).error.empty());
            const std::string begun = w.state.chat().at(node).text;
            if (w.state.continue_obstacle(node).empty()) {
                w.state.continue_answer(node);
                w.settle();
                CHECK(w.answer().text.compare(0, begun.size(), begun) == 0);
            } else {
                w.state.regenerate(node);
                w.settle();
            }
            CHECK(w.answer().state == AnswerState::done);
            CHECK(w.answer().finish == FinishReason::stop);
        }
        w.send("you");
        CHECK(w.answer().state == AnswerState::done);
        after = texts(w.state.chat());
    }
    ChatWindow again(path);
    again.state.show_chat(again.chat_named("What is it"));
    again.settle();
    CHECK(texts(again.state.chat()) == after);
}

}  // namespace

TEST_CASE("a lost device or a full memory at ten points ends no conversation") {
    for (const Point& point : points()) {
        fail_at(point, true);
        fail_at(point, false);
    }
}

// Bug: the question waited on for its place on the disk, and the new device got it later, for an
// answer that had failed.
TEST_CASE("a question that was held for the file does not outlive its failure") {
    support::TempDir folder;
    ChatWindow w((folder.path() / "chats.sqlite").string());
    w.send("What is it");
    const auto asked = [&] {
        return std::count_if(w.engine.commands().begin(), w.engine.commands().end(),
                             [](const Command& c) { return std::holds_alternative<Generate>(c); });
    };
    const auto n_asked = asked();
    w.state.send("see");
    REQUIRE(w.state.file.held.has_value());
    w.state.apply(Failed{0, "the graphics device was lost", "", true, false});
    CHECK_FALSE(w.state.busy());
    w.settle();
    CHECK_FALSE(w.state.file.held.has_value());
    CHECK(w.answer().state == AnswerState::failed);
    CHECK(asked() == n_asked);
    w.state.regenerate(w.state.selection.branch);
    w.settle();
    CHECK(asked() == n_asked + 1);
    CHECK(w.answer().state == AnswerState::done);
}

TEST_CASE("a device that is lost again and again is not opened for ever") {
    ChatWindow w({});
    w.send("What is it");
    int n_losses = 0;
    for (; n_losses < 20 && w.state.ready(); ++n_losses) {
        w.state.send("see");
        w.engine.fail_after(3, Failed{0, "the graphics device was lost", "", true, false});
        w.settle();
    }
    CHECK(n_losses > 2);
    CHECK(n_losses < 6);
    CHECK_FALSE(w.state.ready());
    REQUIRE(w.state.trouble.has_value());
    CHECK(w.state.trouble->device_lost);
    CHECK(w.state.chat().at(0).text == "What is it");
}

namespace {

/// The answer stands there and no model does: every tab, and menus that were open before.
void draw_without_model(ChatWindow& w, test::Drawing& drawing) {
    REQUIRE_FALSE(w.state.ready());
    REQUIRE_FALSE(w.state.loading());
    for (const ui::Tab tab :
         {ui::Tab::overview, ui::Tab::attention, ui::Tab::next_token, ui::Tab::layers}) {
        drawing.ui.view.tab = tab;
        drawing.frame(w.state);
        drawing.frame(w.state);
    }
    CHECK(drawing.shows("Inspector"));
}

}  // namespace

// It crashed: the head's title, the sampler and its menu read the model that was gone.
TEST_CASE("a window whose device is lost and does not come back is drawn without a model") {
    for (const Point& point : points()) {
        INFO(point.name);
        ChatWindow w({});
        test::Drawing drawing;
        w.send("What is it");
        w.state.select_position(int64_t(w.answer().tokens.size()) - 2);
        point.begin(w);
        w.flush();
        drawing.ui.view.menu_sampling = true;
        drawing.frame(w.state);
        drawing.frame(w.state);
        CHECK(ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopup));
        w.engine.fail_after(point.after,
                            Failed{0, "the graphics device was lost", "", true, false});
        while (w.state.ready()) {
            w.frame();
            drawing.frame(w.state);
        }
        w.engine.fail_after(0, Failed{0, "there is no such device", "", false, false});
        w.settle();
        draw_without_model(w, drawing);
        CHECK_FALSE(w.state.busy());
        // And it goes on once a model is open again.
        w.state.open_model("", "", 0);
        w.settle();
        drawing.frame(w.state);
        w.send("you");
        CHECK(w.answer().finish == FinishReason::stop);
    }
}

TEST_CASE("a model whose place another one took, and never filled, is missed without a crash") {
    const auto cancel = [](ChatWindow& w) { w.state.cancel_load(); };
    const auto no_memory = [](ChatWindow& w) {
        w.engine.fail_after(0, Failed{0, "no memory left", "", false, false});
    };
    for (const std::function<void(ChatWindow&)>& end :
         {std::function<void(ChatWindow&)>(cancel), std::function<void(ChatWindow&)>(no_memory)}) {
        ChatWindow w({});
        test::Drawing drawing;
        w.send("What is it");
        drawing.frame(w.state);
        w.state.open_model("/models/second.gguf", "", 0);
        while (w.state.ready()) {  // its weights are on their way
            w.frame();
        }
        drawing.frame(w.state);
        end(w);
        w.settle();
        draw_without_model(w, drawing);
        CHECK(drawing.shows("This answer came from a model"));
    }
}
