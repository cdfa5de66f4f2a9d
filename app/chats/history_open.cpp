// The chats' file: where it is, who may write it, its schema, and what is said when it cannot be
// used.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <sqlite3.h>

#include "app/chats/history.h"
#include "app/home_folder.h"

namespace app {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kApplicationId = 0x4C617031;  // "Lap1"
constexpr uint64_t kQuickCheckBytes = 32u << 20;

// Step i brings a file of schema i to i + 1. Steps are only ever added.
//
// chats.use orders the list (clocks jump). messages.parent is NULL for first messages. tokens holds
// an answer's sequence from n_base on, in blocks; what comes before is that of token_base. search
// has the messages with found = 1; the code keeps it (triggers on it would need a trusted schema).
constexpr std::array<const char*, 2> kSteps = {R"(
CREATE TABLE chats(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, title TEXT NOT NULL, system TEXT NOT NULL,
    policy INTEGER NOT NULL, use INTEGER NOT NULL, used_at INTEGER NOT NULL,
    shown INTEGER NOT NULL DEFAULT 0, hidden INTEGER NOT NULL DEFAULT 0);
CREATE INDEX chats_use ON chats(use);
CREATE TABLE messages(
    id INTEGER PRIMARY KEY, chat INTEGER NOT NULL REFERENCES chats(id) ON DELETE CASCADE,
    parent INTEGER REFERENCES messages(id) DEFERRABLE INITIALLY DEFERRED,
    role INTEGER NOT NULL, text TEXT NOT NULL, state INTEGER NOT NULL,
    shown INTEGER NOT NULL DEFAULT 0, facts TEXT NOT NULL, token_base INTEGER,
    n_base INTEGER NOT NULL DEFAULT 0, found INTEGER NOT NULL DEFAULT 0);
CREATE INDEX messages_chat ON messages(chat);
CREATE INDEX messages_parent ON messages(parent);
CREATE TABLE tokens(
    message INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
    first INTEGER NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY(message, first)) WITHOUT ROWID;
CREATE VIRTUAL TABLE search USING fts5(
    text, content='messages', content_rowid='id', tokenize='unicode61 remove_diacritics 2',
    prefix='1 2 3');
)",
                                               R"(
ALTER TABLE chats ADD COLUMN sampling TEXT NOT NULL DEFAULT '';
)"};

const char* const kWhileOpen =
    "Chatting works; what is written now is kept until the window closes.";

HistoryProblem problem_with(const std::string& what, const std::string& todo) {
    return {what, todo.empty() ? kWhileOpen : todo + " " + kWhileOpen, false};
}

/// The folder, and an empty file in it where there is none; 0: there is one now, else errno.
int make_file(const std::string& path) {
    std::error_code error;
    const fs::path folder = fs::path(path).parent_path();
    if (!fs::exists(folder, error)) {
        fs::create_directories(folder, error);
        if (error) {
            return error.value();
        }
        fs::permissions(folder, fs::perms::owner_all, error);
    }
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    ::close(fd);
    return 0;
}

/// A copy as it is now, beside it in backups/. False: there is none.
bool back_up(Database& db, const std::string& path, int64_t version, std::string& copy) {
    const fs::path folder = fs::path(path).parent_path() / "backups";
    std::error_code error;
    fs::create_directories(folder, error);
    for (int i = 0; i < 1000; ++i) {
        copy = (folder / fmt::format("chats-schema{}-{}.sqlite", version, i)).string();
        const int fd = ::open(copy.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EEXIST) {
            continue;
        }
        if (fd < 0) {
            return false;
        }
        ::close(fd);
        const bool made = db.use("VACUUM INTO ?1").bind(1, copy).run();
        if (!made) {
            ::unlink(copy.c_str());
        }
        return made;
    }
    return false;
}

bool set_up(Database& db, bool writable) {
    bool ok = db.exec(
        "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
        "PRAGMA foreign_keys=ON; PRAGMA cache_size=-16000;");
    if (writable) {
        // FULL: a committed message is on the disk, also after a power cut.
        ok = ok && db.exec(
                       "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                       "PRAGMA secure_delete=ON;");
    }
    return ok;
}

/// A file of ours that this program can use? Else says why not.
bool check_file(Database& db, const std::string& path, int64_t newest, HistoryProblem& problem) {
    const int64_t application = db.value("PRAGMA application_id");
    const int64_t version = db.value("PRAGMA user_version");
    const int64_t objects = db.value("SELECT count(*) FROM sqlite_master");
    if (db.failed()) {
        return false;
    }
    if (application != kApplicationId && (objects > 0 || application != 0)) {
        problem = problem_with(
            fmt::format("'{}' is a database of another program; chats are not saved.", path),
            "Move it away, and the next start makes a new one.");
        return false;
    }
    if (version > newest) {
        problem = problem_with(
            fmt::format("'{}' was written by a newer Lapidary (schema {}, this one knows {}); it "
                        "is left as it is, and chats are not saved.",
                        path, version, newest),
            "Start the newer program, or move the file away.");
        return false;
    }
    std::error_code error;
    if (objects > 0 && fs::file_size(path, error) <= kQuickCheckBytes && !error) {
        Statement& check = db.use("PRAGMA quick_check(1)");
        const bool sound = check.step() && check.text(0) == "ok";
        check.reset();
        if (!sound && !db.failed()) {
            db.note(SQLITE_CORRUPT);
        }
    }
    return !db.failed();
}

/// One transaction for all steps: an upgrade that was cut off has not happened.
bool upgrade(Database& db, const std::string& path, std::span<const char* const> steps,
             HistoryProblem& problem) {
    const int64_t version = db.value("PRAGMA user_version");
    if (version == int64_t(steps.size()) || db.failed()) {
        return !db.failed();
    }
    std::string copy;
    if (version > 0 && !back_up(db, path, version, copy)) {
        problem = problem_with(
            fmt::format("'{}' needs schema {}, and no copy of it could be made first: {}. It is "
                        "left as it is, and chats are not saved.",
                        path, steps.size(),
                        db.failed() ? db.fault().message : std::strerror(errno)),
            "Make room, or make the folder writable.");
        return false;
    }
    Transaction work(db);
    for (size_t i = size_t(version); i < steps.size(); ++i) {
        db.exec(steps[i]);
    }
    db.exec(fmt::format("PRAGMA application_id={}; PRAGMA user_version={};", kApplicationId,
                        steps.size()));
    return work.commit();
}

HistoryProblem describe(const DatabaseFault& fault, const std::string& path) {
    const int kind = fault.code & 0xFF;
    if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB) {
        return problem_with(
            fmt::format("'{}' is damaged: an SQLite database was expected, and SQLite says \"{}\". "
                        "It is left as it is, and chats are not saved.",
                        path, fault.message),
            "Move it away, and the next start makes a new one; `sqlite3 FILE .recover` may save "
            "what is in it.");
    }
    HistoryProblem p =
        problem_with(fmt::format("Chats cannot be saved in '{}': {}.", path, fault.message),
                     kind == SQLITE_FULL    ? "Make room on the disk."
                     : kind == SQLITE_IOERR ? "Check the disk; after that, start again."
                                            : "");
    p.can_retry = kind == SQLITE_FULL || kind == SQLITE_BUSY || kind == SQLITE_LOCKED;
    return p;
}

}  // namespace

std::string HistoryStore::default_path() {
    const std::string folder = xdg_folder("XDG_DATA_HOME", "/.local/share");
    return folder.empty() ? folder : folder + "/chats.sqlite";
}

std::unique_ptr<HistoryStore> HistoryStore::open(const std::string& path, HistoryProblem& problem) {
    return open_with(path, kSteps, problem);
}

std::unique_ptr<HistoryStore> HistoryStore::open_with(const std::string& path,
                                                      std::span<const char* const> steps,
                                                      HistoryProblem& problem) {
    problem = {};
    const int made = make_file(path);
    std::error_code error;
    if (made != 0 && !fs::is_regular_file(path, error)) {
        problem = problem_with(
            fmt::format("Chats cannot be saved in '{}': {}.", path, std::strerror(made)),
            "Make that folder writable, or set XDG_DATA_HOME to another one.");
        return nullptr;
    }
    std::unique_ptr<HistoryStore> store(new HistoryStore);
    store->path_ = path;
    store->lock_ = ::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const bool taken = store->lock_ >= 0 && ::flock(store->lock_, LOCK_EX | LOCK_NB) != 0;
    store->writable_ = made == 0 && store->lock_ >= 0 && !taken;
    Database& db = store->db_;
    const bool ready = db.open(path, store->writable_) && set_up(db, false) &&
                       check_file(db, path, int64_t(steps.size()), problem) &&
                       set_up(db, store->writable_) &&
                       (!store->writable_ || upgrade(db, path, steps, problem));
    if (!ready) {
        if (problem.message.empty()) {
            problem = describe(db.fault(), path);
        }
        return nullptr;
    }
    store->has_sampling_ = db.value("PRAGMA user_version") >= 2;
    if (!store->writable_) {
        problem = taken ? HistoryProblem{"Another Lapidary window has the chats open.",
                                         "They can be read here; what is written here is saved "
                                         "when that one closes."}
                        : problem_with(fmt::format("'{}' cannot be written: {}.", path,
                                                   std::strerror(made != 0 ? made : errno)),
                                       "Chats can be read, not saved.");
        problem.taken = taken;
    }
    return store;
}

bool HistoryStore::is_taken(const std::string& path) {
    const int lock = ::open((path + ".lock").c_str(), O_RDWR | O_CLOEXEC);
    const bool taken = lock >= 0 && ::flock(lock, LOCK_EX | LOCK_NB) != 0;
    if (lock >= 0) {
        ::close(lock);  // and with it the lock
    }
    return taken;
}

std::unique_ptr<HistoryStore> HistoryStore::open_reader(const std::string& path) {
    std::unique_ptr<HistoryStore> store(new HistoryStore);
    store->path_ = path;
    if (!store->db_.open(path, false) || !set_up(store->db_, false)) {
        return nullptr;
    }
    store->has_sampling_ = store->db_.value("PRAGMA user_version") >= 2;
    return store;
}

HistoryStore::~HistoryStore() {
    if (lock_ >= 0) {
        ::close(lock_);
    }
}

HistoryProblem HistoryStore::problem() const {
    return describe(db_.fault(), path_);
}

}  // namespace app
