// Chats of the window and their file: what was written is there after the window was closed.
#include "app/ui/state/chat_list.h"
#include "app/ui/widgets/format.h"
#include "tests/support/catch.h"
#include "tests/support/chat_window.h"
#include "tests/support/temp_dir.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>

using namespace app;
using test::ChatWindow;
using ui::AnswerState;
using ui::NodeId;

namespace {

struct Folder {
    support::TempDir folder;
    std::string path = (folder.path() / "chats.sqlite").string();
};

void check_same(const TokenInfo& a, const TokenInfo& b) {
    CHECK(a.id == b.id);
    CHECK(a.position == b.position);
    CHECK(a.text == b.text);
    CHECK(a.bytes == b.bytes);
    CHECK((a.logprob == b.logprob || (std::isnan(a.logprob) && std::isnan(b.logprob))));
    CHECK(a.rank == b.rank);
    CHECK((a.entropy == b.entropy || (std::isnan(a.entropy) && std::isnan(b.entropy))));
    REQUIRE(a.top.size() == b.top.size());
    for (size_t i = 0; i < a.top.size(); ++i) {
        CHECK(a.top[i].id == b.top[i].id);
        CHECK(a.top[i].logprob == b.top[i].logprob);
    }
}

size_t titled(ChatWindow& w, const std::string& title) {
    const auto at = std::ranges::find_if(
        w.state.chats, [&](const ui::Conversation& c) { return c.title() == title; });
    REQUIRE(at != w.state.chats.end());
    return size_t(at - w.state.chats.begin());
}

}  // namespace

TEST_CASE("chats, siblings and probabilities are there after a restart") {
    Folder f;
    std::vector<TokenInfo> tokens;
    std::string text;
    uint64_t seed = 0;
    {
        ChatWindow w(f.path);
        w.send("What is it");
        w.send("Write a Python function");
        w.state.regenerate(w.state.selection.branch);
        w.settle();
        const NodeId second = w.state.selection.branch;
        tokens = w.answer().tokens;
        text = w.answer().text;
        seed = w.answer().sampling.seed;
        CHECK(w.state.chat().sibling_count(second) == 2);
        w.state.new_chat();
        w.send("red boat");
    }
    ChatWindow w(f.path);
    const std::vector<size_t> listed = w.state.listed_chats();
    REQUIRE(listed.size() == 2);
    CHECK(w.state.chats[listed[0]].title() == "red boat");
    CHECK(w.state.chats[listed[1]].title() == "What is it");
    CHECK(w.state.chats[listed[1]].empty());  // nothing is read before it is opened
    CHECK(w.state.chat().empty());
    w.state.show_chat(listed[1]);
    w.settle();
    REQUIRE(w.state.chat().path().size() == 4);
    CHECK(w.answer().state == AnswerState::done);
    CHECK(w.answer().text == text);
    CHECK(w.answer().sampling.seed == seed);
    CHECK(w.answer().finish == FinishReason::stop);
    CHECK(w.state.chat().sibling_count(w.state.selection.branch) == 2);
    CHECK(w.state.chat().sibling_index(w.state.selection.branch) == 1);
    REQUIRE(w.answer().tokens.size() == tokens.size());
    for (size_t i = 0; i < tokens.size(); ++i) {
        check_same(w.answer().tokens[i], tokens[i]);
    }
    // The same model computes it again, and it can be branched from.
    CHECK(w.state.can_restore());
    CHECK(w.state.branch_obstacle(w.answer().answer_begin + 2).empty());
    // The chat goes on where it was, in the same file.
    w.send("see");
    CHECK(w.state.chat().path().size() == 6);
    CHECK(w.state.listed_chats().front() == listed[1]);
}

TEST_CASE("the engine hears of a message once it is on the disk") {
    Folder f;
    ChatWindow w(f.path);
    w.state.send("What is it");
    REQUIRE(w.state.file.held.has_value());
    REQUIRE(w.state.outbox.empty());
    CHECK(w.state.busy());
    // Whatever reads the file after the engine has heard finds the message.
    while (w.state.file.held) {
        w.frame();
    }
    const auto reader = HistoryStore::open_reader(f.path);
    LoadedChat loaded;
    REQUIRE(reader->load(1, loaded));
    REQUIRE(loaded.messages.size() == 2);
    CHECK(loaded.messages[0].text == "What is it");
    CHECK(loaded.messages[1].state == StoredState::writing);
    w.settle();
    CHECK(w.answer().state == AnswerState::done);
}

TEST_CASE("an answer that is stopped before its message is saved ends at once") {
    Folder f;
    ChatWindow w(f.path);
    w.state.send("What is it");
    w.state.stop();
    CHECK_FALSE(w.state.busy());
    CHECK(w.answer().finish == FinishReason::stopped);
    w.settle();
    CHECK(w.engine.commands().size() == 2);  // LoadModel, SetCapture
    w.send("see");
    CHECK(w.answer().state == AnswerState::done);
}

TEST_CASE("renamed, deleted and brought back chats are so after a restart") {
    Folder f;
    {
        ChatWindow w(f.path);
        w.send("What is it");
        w.state.rename_chat(w.state.current_chat, "  Minerals \n of Brazil ");
        w.state.new_chat();
        w.send("Write");
        const size_t second = w.state.current_chat;
        w.state.new_chat();
        w.send("red boat");
        const size_t third = w.state.current_chat;
        w.state.delete_chat(second);
        CHECK(w.state.current_chat == third);
        w.state.delete_chat(third);
        CHECK(w.state.chat().title() == "Minerals   of Brazil");
        CHECK(w.state.listed_chats().size() == 1);
        w.state.undelete_chat(third);
        CHECK(w.state.current_chat == third);
        CHECK(w.state.listed_chats().size() == 2);
        w.settle();
    }
    ChatWindow w(f.path);
    REQUIRE(w.state.listed_chats().size() == 2);
    CHECK(w.state.chats[w.state.listed_chats()[0]].title() == "red boat");
    CHECK(w.state.chats[w.state.listed_chats()[1]].title() == "Minerals   of Brazil");
    CHECK(w.chat_named("Write") == size_t(-1));
}

TEST_CASE("deleting the chat that is being written to stops it and loses nothing else") {
    Folder f;
    ChatWindow w(f.path);
    w.send("What is it");
    const size_t first = w.state.current_chat;
    w.state.new_chat();
    w.state.send("Write");
    w.write_tokens(5);
    w.state.delete_chat(w.state.current_chat);
    CHECK(w.state.current_chat == first);
    w.settle();
    CHECK_FALSE(w.state.busy());
    CHECK(w.state.listed_chats() == std::vector<size_t>{first});
    w.send("see");
    CHECK(w.answer().state == AnswerState::done);
}

TEST_CASE("a search finds messages of all chats and jumps to them, whichever branch they are on") {
    Folder f;
    {
        ChatWindow w(f.path);
        w.send("What is granite");
        w.state.edit_and_resend(w.state.chat().path().front(), "What is basalt");
        w.settle();
        w.state.new_chat();
        w.send("red boat");
    }
    ChatWindow w(f.path);
    w.state.search_chats("gran");
    w.settle();
    REQUIRE(w.state.file.search.hits.size() == 1);
    const SearchHit hit = w.state.file.search.hits.front();
    CHECK(hit.chat_title == "What is basalt");
    w.state.open_hit(hit);
    w.settle();
    REQUIRE(w.state.file.reveal.has_value());
    const NodeId node = *w.state.file.reveal;
    CHECK(w.state.chat().at(node).text == "What is granite");
    const auto path = w.state.chat().path();
    CHECK(std::find(path.begin(), path.end(), node) != path.end());
    CHECK(path.size() == 2);
    w.state.search_chats("");
    CHECK(w.state.file.search.hits.empty());
}

TEST_CASE("without a usable file chatting goes on and says that nothing is saved") {
    Folder f;
    std::ofstream(f.path) << std::string(5000, 'x');
    ChatWindow w(f.path);
    REQUIRE(w.state.file.problem.has_value());
    CHECK(w.state.file.problem->message.find(f.path) != std::string::npos);
    w.send("What is it");
    CHECK(w.answer().state == AnswerState::done);
    w.state.new_chat();
    w.send("see");
    CHECK(w.state.listed_chats().size() == 2);
    w.state.delete_chat(w.state.current_chat);
    CHECK(w.state.listed_chats().size() == 1);
}

// Bug: a window that began while another one ran stayed read-only for good, and lost its chats.
TEST_CASE("when the other window ends, what was written in this one is saved") {
    Folder f;
    auto other = std::make_unique<ChatWindow>(f.path);
    other->send("What is it");
    other->state.new_chat();
    other->send("red boat");
    {
        ChatWindow w(f.path);
        REQUIRE(w.state.file.problem.has_value());
        CHECK(w.state.file.problem->taken);
        CHECK(w.state.listed_chats().size() == 2);
        w.state.new_chat();
        w.send("see the blue ball");  // while the other one has the file
        w.state.show_chat(titled(w, "What is it"));
        w.settle();
        w.send("Write a Python function");  // in a chat that is stored already
        other->state.new_chat();
        other->send("the last of the other");
        other.reset();
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (w.state.file.problem && std::chrono::steady_clock::now() < end) {
            w.frame();
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        REQUIRE_FALSE(w.state.file.problem.has_value());
        w.settle();
        CHECK(w.state.listed_chats().size() == 4);
    }
    ChatWindow again(f.path);
    REQUIRE_FALSE(again.state.file.problem.has_value());
    CHECK(again.state.listed_chats().size() == 4);
    std::vector<std::string> titles;
    for (const size_t i : again.state.listed_chats()) {
        titles.push_back(again.state.chats[i].title());
    }
    for (const char* const title :
         {"What is it", "red boat", "see the blue ball", "the last of the other"}) {
        CAPTURE(title);
        CHECK(std::ranges::count(titles, title) == 1);
    }
    // The chat that both knew holds what was added to it, with its tokens.
    again.state.show_chat(titled(again, "What is it"));
    again.settle();
    REQUIRE(again.state.chat().path().size() == 4);
    CHECK(again.state.chat().at(again.state.chat().path()[2]).text == "Write a Python function");
    CHECK(again.answer().tokens.size() > 5);
}

TEST_CASE("chats stand under the day of their last use") {
    std::tm noon{};
    noon.tm_year = 126;
    noon.tm_mon = 2;
    noon.tm_mday = 30;  // the day after summer time begins in Europe
    noon.tm_hour = 12;
    noon.tm_isdst = -1;
    const std::time_t now = std::mktime(&noon);
    constexpr std::time_t kHour = 3600;
    CHECK(ui::chat_group(0, now) == "Today");
    CHECK(ui::chat_group(now - 11 * kHour, now) == "Today");
    CHECK(ui::chat_group(now - 13 * kHour, now) == "Yesterday");
    CHECK(ui::chat_group(now - 34 * kHour, now) == "Yesterday");
    CHECK(ui::chat_group(now - 40 * kHour, now) == "Last 7 days");
    CHECK(ui::chat_group(now - 20 * 24 * kHour, now) == "Last 30 days");
    CHECK(ui::chat_group(now - 60 * 24 * kHour, now) == "Earlier");
    CHECK(ui::chat_group(now + 999 * kHour, now) == "Today");
}
