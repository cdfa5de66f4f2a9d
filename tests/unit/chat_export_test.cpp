// Chats as files: Markdown shows what is visible, JSON brings everything back, strangers' JSON is
// refused in words.
#include "app/chats/chat_export.h"
#include "tests/support/chat_data.h"
#include "tests/support/temp_dir.h"

#include "tests/support/catch.h"

#include <filesystem>
#include <fstream>
#include <iterator>

using namespace app;
using support::stored_message;

namespace {

constexpr auto kUser = model::Role::user;
constexpr auto kModel = model::Role::model;

LoadedChat some_chat() {
    LoadedChat c;
    c.chat.title = "What is \"quartz\"";
    c.chat.system = "Be brief.";
    c.messages = {stored_message(5, 1, 0, kUser, "What is \"quartz\""),
                  stored_message(6, 1, 5, kModel, "A **mineral**."),
                  stored_message(7, 1, 5, kModel, "```\nSiO2\n```"),
                  stored_message(9, 1, 7, kUser, "石英?")};
    c.messages[0].shown = 7;
    c.messages[2].shown = 9;
    c.messages[2].facts.model_name = "Gemma 3 270M";
    c.messages[2].facts.sampling.seed = 42;
    c.messages[2].facts.stats.predicted_n = 12;
    c.messages[2].facts.finish = FinishReason::stopped;
    return c;
}

std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("Markdown holds the visible messages with their figures") {
    const std::string text = chat_markdown(some_chat());
    CHECK(text.starts_with("# What is \"quartz\"\n"));
    CHECK(text.find("## System prompt\n\nBe brief.") != std::string::npos);
    CHECK(text.find("## You\n\nWhat is") != std::string::npos);
    CHECK(text.find("## Gemma 3 270M\n\n```\nSiO2\n```") != std::string::npos);
    CHECK(text.find("12 tokens, seed 42") != std::string::npos);
    CHECK(text.find("石英?") != std::string::npos);
    CHECK(text.find("mineral") == std::string::npos);  // of the other branch
}

TEST_CASE("JSON brings the whole tree back") {
    const LoadedChat before = some_chat();
    LoadedChat after;
    std::string problem;
    REQUIRE(read_chat_json(chat_json(before), after, problem));
    CHECK(after.chat.name == before.chat.title);
    CHECK(after.chat.system == before.chat.system);
    REQUIRE(after.messages.size() == before.messages.size());
    for (size_t i = 0; i < after.messages.size(); ++i) {
        CHECK(after.messages[i].text == before.messages[i].text);
        CHECK(after.messages[i].parent == before.messages[i].parent);
        CHECK(after.messages[i].role == before.messages[i].role);
        CHECK(after.messages[i].shown == before.messages[i].shown);
        CHECK(to_json(after.messages[i].facts) == to_json(before.messages[i].facts));
    }
    CHECK(chat_markdown(after) == chat_markdown(before));
}

TEST_CASE("what is no chat is refused and says why") {
    LoadedChat chat;
    std::string problem;
    const std::string good = chat_json(some_chat());
    for (size_t n = 0; n + 2 < good.size(); n += 7) {  // the last byte is a line break
        CHECK_FALSE(read_chat_json(good.substr(0, n), chat, problem));
        CHECK_FALSE(problem.empty());
    }
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        text.replace(text.find(from), from.size(), to);
        const bool ok = read_chat_json(text, chat, problem);
        INFO(problem);
        CHECK(ok == problem.empty());
        return ok;
    };
    CHECK_FALSE(with("lapidary-chat", "other-chat"));
    CHECK_FALSE(with("\"version\": 1", "\"version\": 2"));
    CHECK(problem.find("newer") != std::string::npos);
    CHECK_FALSE(with("\"id\": 6", "\"id\": 5"));
    CHECK_FALSE(with("\"id\": 6", "\"id\": -6"));
    CHECK_FALSE(with("\"id\": 6", "\"id\": 6.5"));
    CHECK_FALSE(with("\"parent\": 5", "\"parent\": 77"));
    CHECK_FALSE(with("\"role\": \"model\"", "\"role\": \"system\""));
    CHECK_FALSE(with("\"messages\"", "\"massages\""));
    CHECK(with("\"seed\": 42", "\"seed\": \"no number\""));
    CHECK_FALSE(read_chat_json(std::string(100000, '['), chat, problem));
    CHECK_FALSE(read_chat_json("{\"format\": \"lapidary-chat\", \"version\": 1, \"messages\": [" +
                                   std::string(5000, '[') + std::string(5000, ']') + "]}",
                               chat, problem));
}

TEST_CASE("a chat of too many messages is refused with their number") {
    std::string text = R"({"format": "lapidary-chat", "version": 1, "messages": [{})";
    for (size_t i = 0; i < kMostChatMessages; ++i) {
        text += ",{}";
    }
    std::string problem;
    LoadedChat read;
    CHECK_FALSE(read_chat_json(text + "]}", read, problem));
    CHECK(problem.find("has 100001") != std::string::npos);
}

TEST_CASE("names of files are plain, and a file is never written over") {
    CHECK(chat_file_name("What is \"quartz\"?") == "What is quartz");
    CHECK(chat_file_name("The cup is red. The hat is blue. What colour is …") ==
          "The cup is red The hat is blue What colour is");
    CHECK(chat_file_name("Once upon a time there was a wo…") == "Once upon a time there was a");
    CHECK(chat_file_name("“Mind” – the gap") == "Mind the gap");
    CHECK(chat_file_name("…") == "chat");
    CHECK(chat_file_name("Wo…") == "Wo");
    CHECK(chat_file_name("one two three four five six seven eight nine ten eleven twelve") ==
          "one two three four five six seven eight nine ten eleven");
    CHECK(chat_file_name("../../etc/passwd") == "etc passwd");
    CHECK(chat_file_name("///") == "chat");
    CHECK(chat_file_name("") == "chat");
    CHECK(chat_file_name("石英 ✨") == "石英 ✨");
    CHECK(chat_file_name(std::string(500, 'x')).size() == 60);
    support::TempDir folder;
    const std::string path = (folder.path() / "a.md").string();
    CHECK(write_new_file(path, "one").empty());
    CHECK(read(path) == "one");
    CHECK(write_new_file(path, "two").find("already") != std::string::npos);
    CHECK(read(path) == "one");
    CHECK(write_new_file((folder.path() / "no" / "b.md").string(), "x").find("No such file") !=
          std::string::npos);
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}
