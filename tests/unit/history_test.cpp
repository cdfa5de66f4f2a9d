// The chats' file: what is stored comes back, deleted chats come back or are gone, searches find.
#include "app/chats/history.h"
#include "app/chats/history_threads.h"
#include "tests/support/chat_data.h"
#include "tests/support/temp_dir.h"

#include "tests/support/catch.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <utility>

using namespace app;
using support::stored_chat;
using support::stored_message;
using support::stored_tokens;

namespace {

struct Box {
    support::TempDir folder;
    std::string path = (folder.path() / "lapidary" / "chats.sqlite").string();
    std::unique_ptr<HistoryStore> store;
    HistoryProblem problem;

    Box() { reopen(); }
    void reopen() {
        store.reset();
        store = HistoryStore::open(path, problem);
        INFO(problem.message);
        REQUIRE(store != nullptr);
        REQUIRE(store->writable());
    }
    void apply(std::vector<HistoryChange> changes) {
        const bool ok = store->apply(changes);
        INFO(store->problem().message);
        REQUIRE(ok);
    }
    std::string bytes() const {
        std::string all;
        for (const char* suffix : {"", "-wal"}) {
            std::ifstream in(path + suffix, std::ios::binary);
            all.append(std::istreambuf_iterator<char>(in), {});
        }
        return all;
    }
};

constexpr auto kUser = model::Role::user;
constexpr auto kModel = model::Role::model;

AnswerFacts some_facts() {
    AnswerFacts f;
    f.model_name = "Gemma 3 270M";
    f.model_key = "gemma3|Q4_K_M|253";
    f.sampling.seed = 0xFFFFFFFFFFFFFFF1ull;
    f.sampling.temperature = 0.625f;
    f.sampling.top_k = 7;
    f.finish = FinishReason::stopped;
    f.stats.predicted_n = 81;
    f.stats.gb_per_s = 11.75;
    f.error = "the device was lost";
    f.hint = "Load the model again.";
    f.n_prompt = 24;
    f.answer_begin = 23;
    f.n_dropped_turns = 2;
    f.scored = true;
    f.branched = true;
    f.branch_position = 41;
    f.branch_chosen = "1";
    f.branch_instead_of = "0";
    return f;
}

}  // namespace

TEST_CASE("a chat with siblings comes back as it was after the file was closed") {
    Box box;
    StoredChat chat = stored_chat(1, "What is quartz", 5);
    chat.name = "Minerals";
    chat.system = "Be brief.";
    chat.policy = ContextPolicy::drop_oldest;
    chat.shown = 1;
    StoredMessage answer = stored_message(2, 1, 1, kModel, "**Quartz** is\n石英 ✨");
    answer.facts = some_facts();
    StoredMessage other = stored_message(3, 1, 1, kModel, "A mineral.");
    StoredMessage question = stored_message(1, 1, 0, kUser, "What is quartz");
    question.shown = 3;
    box.apply({SaveChat{chat}, SaveMessage{question}, SaveMessage{answer}, SaveMessage{other},
               SaveMessage{stored_message(4, 1, 0, kUser, "What is jade")}});
    box.apply({ShowMessage{1, 1, 2}});
    box.reopen();
    LoadedChat loaded;
    REQUIRE(box.store->load(1, loaded));
    CHECK(loaded.chat.name == "Minerals");
    CHECK(loaded.chat.title == "What is quartz");
    CHECK(loaded.chat.system == "Be brief.");
    CHECK(loaded.chat.policy == ContextPolicy::drop_oldest);
    CHECK(loaded.chat.use == 5);
    CHECK(loaded.chat.used_at > 1600000000);
    REQUIRE(loaded.messages.size() == 4);
    CHECK(loaded.messages[0].shown == 2);
    CHECK(loaded.messages[1].text == answer.text);
    CHECK(loaded.messages[1].parent == 1);
    CHECK(loaded.messages[1].role == kModel);
    CHECK(to_json(loaded.messages[1].facts) == to_json(answer.facts));
    CHECK(loaded.messages[2].parent == 1);
    CHECK(loaded.messages[3].parent == 0);
    CHECK(box.store->last_ids() == std::pair<ChatId, MessageId>{1, 4});
    CHECK(box.store->last_use() == 5);
}

TEST_CASE("facts of an answer survive JSON, and strange values fall back") {
    const AnswerFacts f = answer_facts(to_json(some_facts()));
    CHECK(f.sampling.seed == 0xFFFFFFFFFFFFFFF1ull);
    CHECK(f.sampling.temperature == 0.625f);
    CHECK(f.finish == FinishReason::stopped);
    CHECK(f.stats.gb_per_s == 11.75);
    CHECK(f.branched);
    CHECK(f.branch_position == 41);
    CHECK(f.n_dropped_turns == 2);
    const AnswerFacts odd = answer_facts(
        R"({"n_prompt": 1e300, "answer_begin": -1, "model": 7, "finish": "never", "stats": [],
            "sampling": {"top_k": 99999999999, "seed": -3}})");
    CHECK(odd.n_prompt == 0);
    CHECK(odd.answer_begin == 0);
    CHECK(odd.model_name.empty());
    CHECK_FALSE(odd.finish.has_value());
    CHECK(odd.sampling.top_k == model::SamplingParams{}.top_k);
    CHECK(odd.sampling.seed == 0);
    CHECK(answer_facts("not JSON").n_prompt == 0);
}

TEST_CASE("the file and its folder are the user's alone, and a commit reaches the disk") {
    Box box;
    struct stat info {};
    REQUIRE(::stat(box.path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    REQUIRE(::stat((box.folder.path() / "lapidary").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0700);
    box.apply({SaveChat{stored_chat(1, "t", 1)}});
    REQUIRE(::stat((box.path + "-wal").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("tokens are stored once for a whole chat, and come back whole") {
    Box box;
    StoredMessage writing = stored_message(2, 1, 1, kModel, "");
    writing.state = StoredState::writing;
    box.apply({SaveChat{stored_chat(1, "t", 1)}, SaveMessage{stored_message(1, 1, 0, kUser, "a")},
               SaveMessage{writing}, SaveMessage{stored_message(3, 1, 2, kUser, "b")},
               SaveMessage{stored_message(4, 1, 3, kModel, "")}});
    box.apply({SaveTokens{2, "one ", 0, stored_tokens(0, 10), 0, 0}});
    box.apply({SaveTokens{2, "two", 10, stored_tokens(10, 20), 0, 0}});
    // Shares 18 of the 20: the last two were drawn otherwise.
    box.apply({SaveTokens{4, "", 18, stored_tokens(18, 30, 1), 2, 18}});
    box.apply({SaveTokens{4, "", 30, stored_tokens(30, 31, 1), 0, 0}});
    box.reopen();
    LoadedChat loaded;
    REQUIRE(box.store->load(1, loaded));
    CHECK(loaded.messages[1].text == "one two");
    CHECK(loaded.messages[1].n_tokens == 20);
    CHECK(loaded.messages[3].n_tokens == 31);
    std::vector<StoredToken> tokens;
    REQUIRE(box.store->load_tokens(4, tokens));
    REQUIRE(tokens.size() == 31);
    for (uint32_t i = 0; i < 31; ++i) {
        INFO(i);
        CHECK(support::same_token(tokens[i], support::stored_token(i, i < 18 ? 0 : 1)));
    }
    // An answer that goes on from an earlier token replaces what stood behind it.
    box.apply({SaveTokens{4, "", 25, stored_tokens(25, 27, 2), 0, 0}});
    REQUIRE(box.store->load_tokens(4, tokens));
    REQUIRE(tokens.size() == 27);
    CHECK(support::same_token(tokens[24], support::stored_token(24, 1)));
    CHECK(support::same_token(tokens[25], support::stored_token(25, 2)));
    CHECK_FALSE(box.store->load_tokens(1, tokens));
}

TEST_CASE("token blocks that are cut or flipped are refused, never read past their end") {
    const std::vector<StoredToken> tokens = stored_tokens(0, 3);
    const std::vector<std::byte> whole = pack_tokens(tokens);
    for (size_t n = 0; n < whole.size(); ++n) {
        std::vector<StoredToken> out;
        const std::vector<std::byte> part(whole.begin(), whole.begin() + int64_t(n));
        CHECK_FALSE(unpack_tokens(part, out));
    }
    for (size_t i = 0; i < whole.size() * 8; ++i) {
        std::vector<std::byte> flipped = whole;
        flipped[i / 8] ^= std::byte(1 << (i % 8));
        std::vector<StoredToken> out;
        unpack_tokens(flipped, out);
        CHECK(out.size() <= flipped.size());
    }
}

TEST_CASE("an answer cut off by the end of the program is complete as far as it is") {
    Box box;
    StoredMessage answer = stored_message(2, 1, 1, kModel, "half of");
    answer.state = StoredState::writing;
    box.apply({SaveChat{stored_chat(1, "t", 1)}, SaveMessage{stored_message(1, 1, 0, kUser, "a")},
               SaveMessage{answer}});
    CHECK(box.store->search("half", 10).empty());
    box.reopen();
    REQUIRE(box.store->finish_interrupted());
    LoadedChat loaded;
    REQUIRE(box.store->load(1, loaded));
    CHECK(loaded.messages[1].state == StoredState::complete);
    CHECK(loaded.messages[1].facts.finish == FinishReason::stopped);
    CHECK(box.store->search("half", 10).size() == 1);
}

TEST_CASE("a deleted chat comes back by undo, and after a purge its words are nowhere") {
    Box box;
    box.apply({SaveChat{stored_chat(1, "keep", 1)}, SaveChat{stored_chat(2, "canarytitle", 2)},
               SaveMessage{stored_message(1, 2, 0, kUser, "canaryword in a message")}});
    std::vector<HistoryChange> deep;
    for (MessageId id = 2; id < 3000; ++id) {  // deeper than SQLite lets triggers nest
        deep.emplace_back(SaveMessage{stored_message(id, 2, id - 1, kModel, "canaryanswer")});
    }
    box.apply(deep);
    box.apply({SaveTokens{2, "", 0, stored_tokens(0, 5), 0, 0}});
    box.apply({HideChat{2, true}});
    REQUIRE(box.store->chats().size() == 1);
    CHECK(box.store->search("canaryword", 10).empty());
    box.apply({HideChat{2, false}});
    REQUIRE(box.store->chats().size() == 2);
    CHECK(box.store->chats().front().id == 2);
    CHECK(box.store->search("canaryword", 10).size() == 1);
    CHECK(box.bytes().find("canaryword") != std::string::npos);
    box.apply({HideChat{2, true}, PurgeHidden{}});
    box.reopen();
    CHECK(box.store->chats().size() == 1);
    for (const char* word : {"canaryword", "canarytitle", "canaryanswer"}) {
        INFO(word);
        CHECK(box.bytes().find(word) == std::string::npos);
    }
    std::vector<StoredToken> tokens;
    CHECK_FALSE(box.store->load_tokens(2, tokens));
}

TEST_CASE("a log that is read during a purge is emptied after the next change") {
    Box box;
    box.apply({SaveChat{stored_chat(1, "keep", 1)}, SaveChat{stored_chat(2, "canarytitle", 2)}});
    sqlite3* reader = nullptr;
    REQUIRE(sqlite3_open(box.path.c_str(), &reader) == SQLITE_OK);
    const auto run = [&](const char* sql) {
        return sqlite3_exec(reader, sql, nullptr, nullptr, nullptr);
    };
    REQUIRE(run("BEGIN; SELECT count(*) FROM chats") == SQLITE_OK);
    box.apply({HideChat{2, true}, PurgeHidden{}});
    CHECK(box.bytes().find("canarytitle") != std::string::npos);
    REQUIRE(run("COMMIT") == SQLITE_OK);
    REQUIRE(sqlite3_close(reader) == SQLITE_OK);
    box.apply({SaveChat{stored_chat(1, "kept", 1)}});
    CHECK(box.bytes().find("canarytitle") == std::string::npos);
}

TEST_CASE("a change that cannot be made whole is not made at all") {
    Box box;
    box.apply({SaveChat{stored_chat(1, "t", 1)}});
    // The second one belongs to a chat that does not exist.
    const std::vector<HistoryChange> changes = {
        SaveMessage{stored_message(1, 1, 0, kUser, "good")},
        SaveMessage{stored_message(2, 99, 0, kUser, "stray")}};
    CHECK_FALSE(box.store->apply(changes));
    LoadedChat loaded;
    REQUIRE(box.store->load(1, loaded));
    CHECK(loaded.messages.empty());
    box.apply({SaveMessage{stored_message(1, 1, 0, kUser, "good")}});
}

TEST_CASE("the search finds words by their beginnings, in any script") {
    Box box;
    box.apply(
        {SaveChat{stored_chat(1, "Boats", 1)},
         SaveMessage{stored_message(1, 1, 0, kUser, "The red boat, at the QUAY")},
         SaveMessage{stored_message(2, 1, 1, kModel, "Größe: naïve café\nsecond line")},
         SaveMessage{stored_message(3, 1, 2, kUser, "石英是一种常见的矿物")},
         SaveMessage{stored_message(4, 1, 3, kModel, "it's \"quoted\" AND (strange* OR NOT")}});
    const auto ids = [&](const char* words) {
        std::vector<MessageId> out;
        for (const SearchHit& hit : box.store->search(words, 50)) {
            out.push_back(hit.message);
        }
        return out;
    };
    using Ids = std::vector<MessageId>;
    CHECK(ids("quay") == Ids{1});
    CHECK(ids("bo re") == Ids{1});
    CHECK(ids("boat missing").empty());
    CHECK(ids("cafe") == Ids{2});
    CHECK(ids("常见") == Ids{3});
    CHECK(ids("见常").empty());
    CHECK(ids("\"quoted\"") == Ids{4});
    for (const char* odd : {"\"", "(", "*", "AND", "NEAR(", "text:", "^", "-x", "a\"b", "'; --"}) {
        INFO(odd);
        box.store->search(odd, 10);
        CHECK(box.store->problem().message.find("syntax") == std::string::npos);
    }
    CHECK(ids("").empty());
    CHECK(ids("  ").empty());
    const std::vector<SearchHit> hits = box.store->search("second", 10);
    REQUIRE(hits.size() == 1);
    CHECK(hits[0].chat == 1);
    CHECK(hits[0].chat_title == "Boats");
    CHECK(hits[0].snippet.find('\n') == std::string::npos);
    REQUIRE(hits[0].marks.size() == 1);
    const auto [begin, end] = hits[0].marks[0];
    CHECK(hits[0].snippet.substr(begin, end - begin) == "second");
    const std::vector<SearchHit> chinese = box.store->search("常见", 10);
    REQUIRE(chinese.size() == 1);
    REQUIRE(chinese[0].marks.size() == 1);
    CHECK(chinese[0].snippet.substr(chinese[0].marks[0].first, 6) == "常见");
    // A changed message is found by its new words only.
    box.apply({SaveMessage{stored_message(1, 1, 0, kUser, "The green kite")}});
    CHECK(ids("boat").empty());
    CHECK(ids("kite") == Ids{1});
}

// Hits in several branches of one chat looked alike.
TEST_CASE("a hit names the branch that it lies in") {
    Box box;
    box.apply({SaveChat{stored_chat(1, "Boats", 1)},
               SaveMessage{stored_message(1, 1, 0, kUser, "one boat")},
               SaveMessage{stored_message(2, 1, 1, kModel, "first boat")},
               SaveMessage{stored_message(3, 1, 1, kModel, "second boat")},
               SaveMessage{stored_message(4, 1, 3, kUser, "third boat")},
               SaveMessage{stored_message(5, 1, 4, kModel, "fourth boat")},
               SaveMessage{stored_message(6, 1, 4, kModel, "fifth boat")},
               SaveChat{stored_chat(2, "Quays", 2)},
               SaveMessage{stored_message(7, 2, 0, kUser, "another boat")}});
    std::map<MessageId, std::vector<std::pair<uint32_t, uint32_t>>> versions;
    for (const SearchHit& hit : box.store->search("boat", 50)) {
        versions[hit.message] = hit.versions;
    }
    using Versions = std::vector<std::pair<uint32_t, uint32_t>>;
    REQUIRE(versions.size() == 7);
    CHECK(versions[1].empty());
    CHECK(versions[2] == Versions{{1, 2}});
    CHECK(versions[3] == Versions{{2, 2}});
    CHECK(versions[4] == Versions{{2, 2}});
    CHECK(versions[5] == Versions{{2, 2}, {1, 2}});
    CHECK(versions[6] == Versions{{2, 2}, {2, 2}});
    CHECK(versions[7].empty());
}

TEST_CASE("a hundred thousand messages are searched") {
    Box box;
    constexpr std::array<const char*, 24> kWords = {
        "the",   "model", "quartz", "attention", "layer", "a",     "of",    "row",
        "light", "river", "stone",  "head",      "key",   "token", "green", "boat",
        "shelf", "paper", "winter", "engine",    "cup",   "north", "seven", "glass"};
    constexpr MessageId kMessages = 100000;
    uint64_t state = 1;
    const auto next = [&] { return (state = state * 6364136223846793005ull + 1) >> 40; };
    std::vector<HistoryChange> changes;
    for (ChatId c = 1; c <= kMessages / 100; ++c) {
        changes.emplace_back(SaveChat{stored_chat(c, "chat", c)});
        for (MessageId m = 1; m <= 100; ++m) {
            std::string text;
            for (int w = 0; w < 24; ++w) {
                text += std::string(kWords[next() % kWords.size()]) + " ";
            }
            text += "n" + std::to_string(c * 1000 + m);
            const MessageId id = (c - 1) * 100 + m;
            changes.emplace_back(SaveMessage{
                stored_message(id, c, m == 1 ? 0 : id - 1, m % 2 == 1 ? kUser : kModel, text)});
        }
        if (c % 50 == 0) {
            box.apply(std::exchange(changes, {}));
        }
    }
    box.reopen();
    const auto timed = [&](const char* words) {
        const auto begun = std::chrono::steady_clock::now();
        const size_t n = box.store->search(words, HistoryThreads::kMaxHits).size();
        const std::chrono::duration<double, std::milli> spent =
            std::chrono::steady_clock::now() - begun;
        std::printf("  search of %lld messages for '%s': %zu hits in %.1f ms\n",
                    static_cast<long long>(kMessages), words, n, spent.count());
        return n;
    };
    CHECK(timed("quartz") == HistoryThreads::kMaxHits);
    CHECK(timed("the") == HistoryThreads::kMaxHits);
    CHECK(timed("a") == HistoryThreads::kMaxHits);
    CHECK(timed("quartz boat winter") == HistoryThreads::kMaxHits);
    CHECK(timed("n500050") == 1);
    CHECK(timed("n5000") >= 90);
    CHECK(timed("nothing") == 0);
    CHECK(timed("石英") == 0);
    const auto begun = std::chrono::steady_clock::now();
    box.reopen();
    CHECK(box.store->chats().size() == size_t(kMessages / 100));
    const std::chrono::duration<double, std::milli> spent =
        std::chrono::steady_clock::now() - begun;
    std::printf("  open and list of %lld chats: %.1f ms\n", static_cast<long long>(kMessages / 100),
                spent.count());
}
