// The chats' file when the world is not as it should be: newer, foreign, damaged, locked, full.
// Nothing is ever written over, and every refusal is a sentence that names the file.
#include "app/chats/history.h"
#include "app/chats/history_threads.h"
#include "tests/support/chat_data.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

#include "tests/support/catch.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

using namespace app;
using namespace std::chrono_literals;
using support::stored_chat;
using support::stored_message;
namespace fs = std::filesystem;

namespace {

constexpr auto kUser = model::Role::user;

struct Folder {
    support::TempDir folder;
    std::string path = (folder.path() / "chats.sqlite").string();
    HistoryProblem problem;

    std::unique_ptr<HistoryStore> open() { return HistoryStore::open(path, problem); }
    void make(const std::string& word = "hello") {
        const auto store = open();
        REQUIRE(store != nullptr);
        REQUIRE(store->apply(std::array<HistoryChange, 2>{
            SaveChat{stored_chat(1, word, 1)},
            SaveMessage{stored_message(1, 1, 0, kUser, word + " world")}}));
    }
    void sql(const std::string& text) {
        Database db;
        REQUIRE(db.open(path, true));
        REQUIRE(db.exec(text));
    }
    std::string bytes() const {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void put(const std::string& all) const { std::ofstream(path, std::ios::binary) << all; }
    /// Refused, left as it is, and said why.
    void refused(const std::string& word) {
        const std::string before = bytes();
        CHECK(open() == nullptr);
        INFO(problem.message << " | " << problem.hint);
        CHECK(problem.message.find(path) != std::string::npos);
        CHECK(problem.message.find(word) != std::string::npos);
        CHECK(problem.hint.find("Chatting works") != std::string::npos);
        CHECK(bytes() == before);
    }
};

template <class Ready>
bool soon(Ready ready) {
    for (int i = 0; i < 2000; ++i) {
        if (ready()) {
            return true;
        }
        std::this_thread::sleep_for(5ms);
    }
    return false;
}

}  // namespace

TEST_CASE("a fault that the connection did not report last is still named") {
    Folder f;
    f.make();
    Database db;
    REQUIRE(db.open(f.path, true));
    db.note(11);  // SQLITE_CORRUPT, while the last call went well
    CHECK(db.fault().message == "database disk image is malformed");
    db.forgive();
    CHECK_FALSE(db.exec("SELECT a FROM nowhere"));
    CHECK(db.fault().message == "no such table: nowhere");
}

TEST_CASE("a newer file and a stranger's are left as they are") {
    Folder f;
    f.make();
    f.sql("PRAGMA user_version=7");
    f.refused("newer Lapidary (schema 7, this one knows 2)");
    f.sql("PRAGMA user_version=1; PRAGMA application_id=1234");
    f.refused("another program");
    f.put("");
    f.sql("CREATE TABLE notes(text); INSERT INTO notes VALUES('mine')");
    f.refused("another program");
    f.put("This is a text file, and longer than the head of a database is: " +
          std::string(200, '.'));
    f.refused("damaged");
    f.put(std::string(8192, '\0'));
    f.refused("damaged");
}

TEST_CASE("a folder, a missing folder that cannot be made, a file without rights") {
    Folder f;
    fs::create_directory(f.path);
    CHECK(f.open() == nullptr);
    CHECK(f.problem.message.find(f.path) != std::string::npos);
    fs::remove(f.path);
    const std::string under = f.path + "/deeper/chats.sqlite";
    std::ofstream(f.path) << "a file where a folder is wanted";
    CHECK(HistoryStore::open(under, f.problem) == nullptr);
    CHECK(f.problem.message.find(under) != std::string::npos);
    CHECK(f.problem.hint.find("XDG_DATA_HOME") != std::string::npos);
    fs::remove(f.path);
    if (::geteuid() == 0) {
        SUCCEED("root may write everywhere");
        return;
    }
    f.make();
    ::chmod(f.path.c_str(), 0400);
    const auto store = f.open();
    REQUIRE(store != nullptr);
    CHECK_FALSE(store->writable());
    CHECK(f.problem.message.find(f.path) != std::string::npos);
    CHECK(store->chats().size() == 1);
}

TEST_CASE("a damaged file is refused or read, never written over, and nothing crashes") {
    Folder f;
    f.make("canary");
    {
        const auto store = f.open();
        std::vector<HistoryChange> changes;
        for (MessageId id = 2; id < 200; ++id) {
            changes.emplace_back(SaveMessage{
                stored_message(id, 1, id - 1, kUser, "filler text number " + std::to_string(id))});
        }
        REQUIRE(store->apply(changes));
    }
    f.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    const std::string sound = f.bytes();
    REQUIRE(sound.size() > 20000);
    support::Random random(7);
    int n_refused = 0;
    for (int i = 0; i < 300; ++i) {
        std::string bad = sound;
        if (i % 3 == 0) {
            bad.resize(1 + random.next() % (bad.size() - 1));
        } else if (i % 3 == 1) {
            const size_t at = random.next() % bad.size();
            bad.replace(at, std::min<size_t>(4096, bad.size() - at),
                        std::string(std::min<size_t>(4096, bad.size() - at), '\0'));
        } else {
            for (int k = 0; k < 40; ++k) {
                bad[random.next() % bad.size()] ^= char(1 << (random.next() % 8));
            }
        }
        for (const char* suffix : {"-wal", "-shm"}) {
            fs::remove(f.path + suffix);
        }
        f.put(bad);
        const auto store = f.open();
        if (store == nullptr) {
            ++n_refused;
            CHECK(f.problem.message.find(f.path) != std::string::npos);
            CHECK(f.bytes() == bad);
            continue;
        }
        // What the check did not see is met later, as a value.
        store->chats();
        LoadedChat loaded;
        store->load(1, loaded);
        store->search("filler", 50);
        std::vector<StoredToken> tokens;
        store->load_tokens(1, tokens);
        store->apply(
            std::array<HistoryChange, 1>{SaveMessage{stored_message(1000, 1, 0, kUser, "later")}});
    }
    CHECK(n_refused > 200);
}

TEST_CASE("a second window reads, and writes once the first one is gone") {
    Folder f;
    f.make();
    auto first = f.open();
    REQUIRE(first != nullptr);
    CHECK(first->writable());
    auto second = f.open();
    REQUIRE(second != nullptr);
    CHECK_FALSE(second->writable());
    CHECK(f.problem.message.find("Another Lapidary window") != std::string::npos);
    CHECK(second->chats().size() == 1);
    CHECK(second->search("world", 5).size() == 1);
    CHECK_FALSE(second->apply(std::array<HistoryChange, 1>{SaveChat{stored_chat(9, "x", 9)}}));
    first.reset();
    second = f.open();
    REQUIRE(second != nullptr);
    CHECK(second->writable());
}

TEST_CASE("an upgrade copies the file first and happens whole or not at all") {
    Folder f;
    f.make("before");
    std::vector<const char*> steps = {"this step has been made", "and this one",
                                      "ALTER TABLE chats ADD COLUMN colour TEXT"};
    const fs::path backups = f.folder.path() / "backups";
    {
        const std::vector<const char*> broken = {steps[0], steps[1],
                                                 "ALTER TABLE chats ADD COLUMN colour TEXT;"
                                                 "INSERT INTO nowhere VALUES(1)"};
        CHECK(HistoryStore::open_with(f.path, broken, f.problem) == nullptr);
        CHECK(f.problem.message.find(f.path) != std::string::npos);
        const auto old = f.open();
        REQUIRE(old != nullptr);  // its schema still
        CHECK(old->chats().size() == 1);
    }
    fs::remove_all(backups);
    const auto upgraded = HistoryStore::open_with(f.path, steps, f.problem);
    REQUIRE(upgraded != nullptr);
    CHECK(upgraded->chats().front().title == "before");
    REQUIRE(fs::exists(backups));
    int n_copies = 0;
    for (const auto& entry : fs::directory_iterator(backups)) {
        ++n_copies;
        struct stat info {};
        REQUIRE(::stat(entry.path().c_str(), &info) == 0);
        CHECK((info.st_mode & 0777) == 0600);
        const auto copy = HistoryStore::open(entry.path().string(), f.problem);
        REQUIRE(copy != nullptr);
        CHECK(copy->chats().front().title == "before");
    }
    CHECK(n_copies == 1);
    // And the old program refuses what it does not know.
    f.refused("newer Lapidary (schema 3");
}

TEST_CASE("a full disk takes nothing half, and takes all once there is room") {
    Folder f;
    f.make();
    const auto store = f.open();
    store->set_max_pages(1);  // SQLite makes it as many as there are
    std::vector<HistoryChange> changes = {SaveChat{stored_chat(2, "big", 2)}};
    for (MessageId id = 10; id < 40; ++id) {
        changes.emplace_back(SaveMessage{stored_message(id, 2, 0, kUser, std::string(20000, 'x'))});
    }
    REQUIRE_FALSE(store->apply(changes));
    CHECK(store->problem().can_retry);
    CHECK(store->problem().message.find("full") != std::string::npos);
    CHECK(store->problem().hint.find("Make room") != std::string::npos);
    CHECK(store->chats().size() == 1);
    store->set_max_pages(1000000);
    REQUIRE(store->apply(changes));
    CHECK(store->chats().size() == 2);
}

TEST_CASE("the threads save in order, answer questions and say when it is on the disk") {
    Folder f;
    {
        HistoryThreads threads(f.path, [] {});
        const HistoryStart start = threads.wait_open(5s);
        REQUIRE(start.writable);
        CHECK(start.chats.empty());
        CHECK(threads.write(1, false, SaveChat{stored_chat(1, "t", 1)}));
        CHECK(threads.write(2, true, SaveMessage{stored_message(1, 1, 0, kUser, "stone")}));
        CHECK(soon([&] { return threads.saved() == 2; }));
        StoredMessage answer = stored_message(2, 1, 1, model::Role::model, "");
        answer.state = StoredState::writing;
        CHECK(threads.write(3, false, SaveMessage{answer}));
        for (uint32_t i = 0; i < 500; ++i) {
            CHECK(threads.write(4 + i, false,
                                SaveTokens{2, "t" + std::to_string(i) + " ", i,
                                           support::stored_tokens(i, i + 1), 0, 0}));
        }
        // Not urgent: saved without another word, within the interval.
        CHECK(soon([&] { return threads.saved() == 503; }));
        threads.ask(AskTokens{1, 2});
        std::optional<HistoryAnswer> got;
        CHECK(soon([&] { return (got = threads.poll()).has_value(); }));
        REQUIRE(got.has_value());
        CHECK(std::get<TokensRead>(*got).tokens.size() == 500);
        for (uint64_t serial = 1; serial <= 50; ++serial) {
            threads.ask(AskSearch{serial, "stone"});
        }
        uint64_t newest = 0;
        CHECK(soon([&] {
            while (const auto answered = threads.poll()) {
                newest = std::get<SearchRead>(*answered).serial;
                CHECK((newest != 50 || std::get<SearchRead>(*answered).hits.size() == 1));
            }
            return newest == 50;
        }));
        threads.write(600, false, SaveMessage{stored_message(3, 1, 0, kUser, "last")});
    }
    HistoryProblem problem;
    const auto store = HistoryStore::open(f.path, problem);
    LoadedChat loaded;
    REQUIRE(store->load(1, loaded));
    REQUIRE(loaded.messages.size() == 3);
    CHECK(loaded.messages[1].text.find("t498 t499 ") != std::string::npos);
    CHECK(loaded.messages[2].text == "last");
}

TEST_CASE("a disk that fails is told, and the program goes on") {
    Folder f;
    f.make();
    HistoryThreads threads(f.path, [] {});
    REQUIRE(threads.wait_open(5s).writable);
    // A change that cannot be made stands for a disk that fails.
    CHECK(threads.write(1, true, SaveMessage{stored_message(7, 99, 0, kUser, "stray")}));
    CHECK(soon([&] { return threads.problem().has_value(); }));
    CHECK(threads.problem()->message.find(f.path) != std::string::npos);
    CHECK_FALSE(threads.problem()->can_retry);
    CHECK(threads.write(2, true, SaveChat{stored_chat(5, "later", 5)}));
    CHECK(threads.saved() == 0);
    threads.ask(AskChat{1});
    std::optional<HistoryAnswer> got;
    CHECK(soon([&] { return (got = threads.poll()).has_value(); }));
    CHECK(std::get<ChatRead>(*got).ok);
}

TEST_CASE("chats of schema 1 are upgraded, and have no sampling until they are given one") {
    Folder f;
    f.make("before");
    f.sql("ALTER TABLE chats DROP COLUMN sampling; PRAGMA user_version=1;");
    const auto store = f.open();
    REQUIRE(store != nullptr);
    CHECK(fs::exists(f.folder.path() / "backups"));
    REQUIRE(store->chats().size() == 1);
    CHECK_FALSE(store->chats().front().sampling);
    StoredChat chat = store->chats().front();
    chat.sampling = model::SamplingParams{.temperature = 0.7f, .top_k = 20, .top_p = 0.9f};
    REQUIRE(store->apply(std::array<HistoryChange, 1>{SaveChat{chat}}));
    LoadedChat loaded;
    REQUIRE(store->load(chat.id, loaded));
    REQUIRE(loaded.chat.sampling);
    CHECK(loaded.chat.sampling->temperature == 0.7f);
    CHECK(loaded.chat.sampling->top_k == 20);
    CHECK(loaded.chat.sampling->top_p == 0.9f);
    // Nonsense in the file is none.
    CHECK_FALSE(sampling_params("{"));
    CHECK_FALSE(sampling_params("7"));
    CHECK(sampling_params(R"({"top_k": "many"})")->top_k == model::SamplingParams{}.top_k);
}
