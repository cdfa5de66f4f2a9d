// Going on with what was begun: continue, the same seed, edited answers, chats of their own, the
// system prompt, and a context that is full.
#include "tests/support/catch.h"
#include "tests/support/chat_window.h"
#include "tests/support/temp_dir.h"

using namespace app;
using test::ChatWindow;
using ui::AnswerState;
using ui::ContextChoice;
using ui::NodeId;

namespace {

struct Folder {
    support::TempDir folder;
    std::string path = (folder.path() / "chats.sqlite").string();
};

const Generate* last_generate(const test::FakeEngine& engine) {
    for (auto it = engine.commands().rbegin(); it != engine.commands().rend(); ++it) {
        if (const auto* g = std::get_if<Generate>(&*it)) {
            return g;
        }
    }
    return nullptr;
}

std::vector<TokenId> ids_of(const ui::Message& m) {
    std::vector<TokenId> ids;
    for (const TokenInfo& t : m.tokens) {
        ids.push_back(t.id);
    }
    return ids;
}

/// The text is what its tokens wrote, and every token knows where it ends.
void check_whole(const ui::Message& m) {
    REQUIRE(m.text_end.size() == m.tokens.size());
    std::string bytes;
    for (size_t i = m.answer_begin; i < m.tokens.size(); ++i) {
        bytes += m.tokens[i].bytes;
        CHECK(m.tokens[i].position == i);
        CHECK(m.text_end[i] == bytes.size());
    }
    CHECK(m.text == bytes);
}

}  // namespace

TEST_CASE("a stopped answer goes on to what it would have been, from its last token") {
    ChatWindow whole({});
    whole.send("Write a Python function");
    const ui::Message expected = whole.answer();
    for (const size_t n : {1, 2, 9, 30}) {
        INFO(n);
        Folder f;
        ChatWindow w(f.path);
        w.state.send("Write a Python function");
        w.write_tokens(n);
        w.state.stop();
        w.settle();
        REQUIRE(w.answer().finish == FinishReason::stopped);
        const NodeId node = w.state.selection.branch;
        const std::vector<TokenInfo> before = w.answer().tokens;
        const uint64_t seed = w.answer().sampling.seed;
        const uint64_t predicted = w.answer().stats.predicted_n;
        CHECK(w.state.continue_obstacle(node).empty());
        w.state.continue_answer(node);
        w.settle();
        CHECK(w.state.selection.branch == node);
        CHECK(w.answer().state == AnswerState::done);
        CHECK(w.answer().finish == FinishReason::stop);
        CHECK(ids_of(w.answer()) == ids_of(expected));
        CHECK(w.answer().text == expected.text);
        CHECK(w.answer().n_prompt == expected.n_prompt);
        check_whole(w.answer());
        CHECK(w.answer().sampling.seed == seed);
        CHECK(w.answer().stats.predicted_n > predicted);
        // All that was there went to the engine as ids: its cache has them.
        const Generate* sent = last_generate(w.engine);
        REQUIRE(sent != nullptr);
        CHECK(sent->tokens.size() + 1 >= before.size());
        CHECK(sent->sampling.seed == seed);
        for (size_t i = 0; i < sent->tokens.size(); ++i) {
            CHECK(sent->tokens[i] == before[i].id);
            CHECK(w.answer().tokens[i].rank == before[i].rank);
        }
        CHECK_FALSE(w.state.continue_obstacle(node).empty());
        // And so it is in the file.
        w.history.reset();
        ChatWindow again(f.path);
        again.state.show_chat(again.chat_named("Write a Python function"));
        again.settle();
        CHECK(again.answer().text == expected.text);
        CHECK(ids_of(again.answer()) == ids_of(expected));
        check_whole(again.answer());
    }
}

TEST_CASE("an answer that the end of the program cut off goes on after the restart") {
    Folder f;
    std::string text;
    {
        ChatWindow w(f.path);
        w.state.send("Write a Python function");
        w.write_tokens(12);
        text = w.answer().text;
    }
    ChatWindow w(f.path);
    w.state.show_chat(w.chat_named("Write a Python function"));
    w.settle();
    CHECK(w.answer().finish == FinishReason::stopped);
    CHECK(w.answer().text == text);
    REQUIRE(w.state.continue_obstacle(w.state.selection.branch).empty());
    w.state.continue_answer(w.state.selection.branch);
    w.settle();
    CHECK(w.answer().finish == FinishReason::stop);
    CHECK(w.answer().text.size() > text.size());
    check_whole(w.answer());
}

TEST_CASE("half a character at the end is drawn again") {
    test::FakeOptions options;
    options.answer = {"It", "\xE2", "\x9C", " you", " can"};
    ChatWindow w({}, options);
    w.state.send("What is it");
    w.write_tokens(3);
    w.state.stop();
    w.settle();
    // As the engine's decoder would: bytes that are no character yet are not shown.
    ui::Message& m = w.state.chat().at(w.state.selection.branch);
    const size_t end = m.text_end[m.answer_begin];
    m.text.resize(end);
    for (size_t i = m.answer_begin; i < m.text_end.size(); ++i) {
        m.text_end[i] = uint32_t(end);
    }
    w.state.continue_answer(w.state.selection.branch);
    w.settle();
    const Generate* sent = last_generate(w.engine);
    CHECK(sent->tokens.size() == w.answer().answer_begin + 1);
    check_whole(w.answer());
    CHECK(w.answer().text == "It\xE2\x9C you can");
}

TEST_CASE("what cannot go on says why") {
    ChatWindow w({});
    w.send("What is it");
    const NodeId done = w.state.selection.branch;
    CHECK(w.state.continue_obstacle(done).find("all it wanted") != std::string::npos);
    CHECK_FALSE(w.state.continue_obstacle(0).empty());
    CHECK_FALSE(w.state.continue_obstacle(99).empty());
    w.state.send("see");
    w.write_tokens(4);
    CHECK_FALSE(w.state.continue_obstacle(w.state.selection.branch).empty());
    w.state.stop();
    w.settle();
    const NodeId stopped = w.state.selection.branch;
    CHECK(w.state.continue_obstacle(stopped).empty());
    w.state.open_model("other.gguf", "", 0);
    w.settle();
    CHECK(w.state.continue_obstacle(stopped).find("no longer loaded") != std::string::npos);
    w.state.open_model("", "", 0);
    w.settle();
    CHECK(w.state.continue_obstacle(stopped).empty());
    w.send("you");
    CHECK(w.state.continue_obstacle(stopped).find("behind it") != std::string::npos);
}

TEST_CASE("writing again takes a new seed, or the same one when that is asked") {
    ChatWindow w({});
    w.send("What is it");
    const NodeId first = w.state.selection.branch;
    const model::SamplingParams drawn = w.answer().sampling;
    w.state.sampling.temperature = 0.25f;
    w.state.regenerate(first);
    w.settle();
    CHECK(w.answer().sampling.seed != drawn.seed);
    CHECK(w.answer().sampling.temperature == 0.25f);
    w.state.regenerate(first, true);
    w.settle();
    CHECK(w.answer().sampling.seed == drawn.seed);
    CHECK(last_generate(w.engine)->sampling.seed == drawn.seed);
    CHECK(last_generate(w.engine)->sampling.temperature == drawn.temperature);
    CHECK(w.state.chat().sibling_count(first) == 3);
}

TEST_CASE("an edited answer is a sibling, is what the model is told, and can go on") {
    Folder f;
    ChatWindow w(f.path);
    w.send("What is it");
    const NodeId old_node = w.state.selection.branch;
    const std::string old_text = w.answer().text;
    w.state.edit_answer(old_node, "  It is quartz. ");
    const NodeId edited = w.state.selection.branch;
    CHECK(edited != old_node);
    CHECK(w.answer().text == "It is quartz.");
    CHECK(w.answer().edited);
    CHECK(w.state.chat().at(old_node).text == old_text);
    CHECK(w.state.chat().sibling_count(edited) == 2);
    w.state.edit_answer(edited, "It is quartz.");  // nothing changed: no sibling
    CHECK(w.state.chat().sibling_count(edited) == 2);
    w.state.continue_answer(edited);
    w.settle();
    CHECK(last_generate(w.engine)->answer_text == "It is quartz.");
    CHECK(w.state.selection.branch == edited);
    CHECK(w.answer().finish == FinishReason::stop);
    check_whole(w.answer());
    w.send("see");
    REQUIRE(last_generate(w.engine)->turns.size() == 3);
    CHECK(last_generate(w.engine)->turns[1].text == w.state.chat().at(edited).text);
    w.history.reset();
    ChatWindow again(f.path);
    again.state.show_chat(again.chat_named("What is it"));
    again.settle();
    CHECK(again.state.chat().at(again.state.chat().path()[1]).edited);
}

TEST_CASE("any message goes into a chat of its own, with the probabilities before it") {
    Folder f;
    std::vector<TokenId> ids;
    {
        ChatWindow w(f.path);
        w.state.set_system("Be brief");
        w.send("What is it");
        w.send("see");
        const NodeId second = w.state.selection.branch;
        ids = ids_of(w.answer());
        w.send("you");
        const size_t source = w.state.current_chat;
        w.state.fork(second);
        CHECK(w.state.current_chat != source);
        CHECK(w.state.chat().path().size() == 4);
        CHECK(w.state.chats[source].path().size() == 6);
        CHECK(w.state.chat().info.system == "Be brief");
        w.settle();
        w.send("can");
        CHECK(w.state.chat().path().size() == 6);
        // A user's message at the end can be answered.
        w.state.fork(w.state.chat().path()[2]);
        const NodeId last = w.state.chat().path().back();
        CHECK(w.state.chat().at(last).role == model::Role::user);
        w.state.answer(last);
        w.settle();
        CHECK(w.answer().state == AnswerState::done);
    }
    ChatWindow w(f.path);
    REQUIRE(w.state.listed_chats().size() == 3);
    w.state.show_chat(w.chat_named("What is it (copy)"));
    w.settle();
    REQUIRE(w.state.chat().path().size() == 6);
    w.state.selection.branch = w.state.chat().path()[3];
    w.settle();
    CHECK(ids_of(w.answer()) == ids);
}

TEST_CASE("the system prompt goes before the first message, and is kept") {
    Folder f;
    {
        ChatWindow w(f.path);
        w.state.set_system("You are a geologist.");
        w.send("What is it");
        const Generate* sent = last_generate(w.engine);
        REQUIRE(sent->turns.size() == 2);
        CHECK(sent->turns[0].role == model::Role::system);
        CHECK(sent->turns[0].text == "You are a geologist.");
        w.state.set_system("");
        w.send("see");
        CHECK(last_generate(w.engine)->turns.size() == 3);
        w.state.set_system("Be kind.");
        w.settle();
        w.state.new_chat();
        CHECK(w.state.chat().info.system.empty());
    }
    ChatWindow w(f.path);
    CHECK(w.state.chats[w.chat_named("What is it")].info.system == "Be kind.");
}

// ---- a context that is full ----

namespace {

test::FakeOptions small() {
    test::FakeOptions options;
    options.n_ctx = 120;
    return options;
}

/// Two questions and answers: the third does not fit.
void fill(ChatWindow& w) {
    w.send("What is it");
    w.send("see");
}

}  // namespace

TEST_CASE("a full context is asked about once, and nothing is cut before the answer") {
    Folder f;
    ChatWindow w(f.path, small());
    w.send("What is it");
    REQUIRE(w.answer().finish == FinishReason::stop);
    w.send("see");
    // It ends in the middle and asks.
    REQUIRE(w.answer().finish == FinishReason::context_full);
    REQUIRE(w.state.context_question.has_value());
    CHECK(w.state.context_question->begun);
    const std::string begun = w.answer().text;
    REQUIRE_FALSE(begun.empty());
    const NodeId node = w.state.selection.branch;
    w.state.choose_context(ContextChoice::drop_oldest);
    w.settle();
    CHECK_FALSE(w.state.context_question.has_value());
    CHECK(w.state.selection.branch == node);
    CHECK(w.answer().finish == FinishReason::stop);
    CHECK(w.answer().text.compare(0, begun.size(), begun) == 0);
    CHECK(w.answer().n_dropped_turns == 2);
    check_whole(w.answer());
    // The choice holds: it is not asked again, and what is left out is noted.
    w.send("you");
    CHECK_FALSE(w.state.context_question.has_value());
    CHECK(w.answer().state == AnswerState::done);
    CHECK(w.answer().n_dropped_turns > 0);
    w.history.reset();
    ChatWindow again(f.path, small());
    again.state.show_chat(again.chat_named("What is it"));
    again.settle();
    CHECK(again.state.chat().info.policy == ContextPolicy::drop_oldest);
    CHECK(again.answer().n_dropped_turns > 0);
    check_whole(again.answer());
}

TEST_CASE("a prompt that does not fit asks before anything is computed") {
    ChatWindow w({}, small());
    fill(w);
    w.state.choose_context(ContextChoice::stop);
    CHECK(w.state.chat().info.policy == ContextPolicy::stop);
    w.state.chat().info.policy = ContextPolicy::ask;
    w.send("What can you see");
    REQUIRE(w.state.context_question.has_value());
    CHECK_FALSE(w.state.context_question->begun);
    CHECK(w.answer().state == AnswerState::failed);
    CHECK(w.answer().text.empty());
    const size_t chat = w.state.current_chat;
    w.state.choose_context(ContextChoice::drop_oldest);
    w.settle();
    CHECK(w.state.current_chat == chat);
    CHECK(w.answer().state == AnswerState::done);
    CHECK(w.answer().n_dropped_turns > 0);
}

TEST_CASE("stop means stop, and a new chat begins with the last message") {
    ChatWindow w({}, small());
    fill(w);
    const size_t first = w.state.current_chat;
    w.state.choose_context(ContextChoice::stop);
    w.settle();
    CHECK_FALSE(w.state.busy());
    w.send("What can you see");
    CHECK_FALSE(w.state.context_question.has_value());
    CHECK(w.answer().state == AnswerState::failed);
    CHECK_FALSE(w.answer().error.empty());
    w.state.context_question = ui::ContextQuestion{first, w.state.selection.branch, false};
    w.state.choose_context(ContextChoice::new_chat);
    w.settle();
    CHECK(w.state.current_chat != first);
    REQUIRE(w.state.chat().path().size() == 2);
    CHECK(w.state.chat().at(w.state.chat().path()[0]).text == "What can you see");
    CHECK(w.answer().state == AnswerState::done);
}
