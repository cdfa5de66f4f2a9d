// Database, Statement: SQLite with its faults as values. The first fault of a unit of work sticks:
// what follows does nothing, and the one who began the work looks once, at its end.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace app {

struct DatabaseFault {
    int code = 0;  // SQLite's extended result code; 0: none
    std::string message;
};

class Database;

/// A prepared statement, owned by its Database. Parameters count from 1, columns from 0.
class Statement {
public:
    Statement(Database& db, sqlite3_stmt* statement) : db_(&db), statement_(statement) {}
    ~Statement();
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    Statement& bind(int index, int64_t value);
    Statement& bind(int index, std::string_view text);
    Statement& bind(int index, std::span<const std::byte> bytes);
    Statement& bind_null(int index);
    /// True: a row is there. False: no more rows, or a fault.
    bool step();
    /// To its end, rows ignored; false on a fault.
    bool run();
    /// Ends it before its last row.
    void reset();

    int64_t integer(int column) const;
    std::string text(int column) const;
    std::span<const std::byte> bytes(int column) const;  // until the next step
    bool is_null(int column) const;

private:
    void check(int code);

    Database* db_;
    sqlite3_stmt* statement_;
};

/// One connection. Used by one thread at a time.
class Database {
public:
    Database() = default;
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    /// The file must exist, an empty one will do. False: fault() says why.
    bool open(const std::string& path, bool writable);
    bool is_open() const { return handle_ != nullptr; }
    /// Statements without parameters and results.
    bool exec(const std::string& sql);
    /// The prepared statement of this literal, ready for its parameters; kept by its address.
    Statement& use(const char* sql);
    /// The first column of the first row; `missing` when there is none.
    int64_t value(const char* sql, int64_t missing = 0);
    int64_t changes() const;

    bool failed() const { return fault_.code != 0; }
    const DatabaseFault& fault() const { return fault_; }
    /// Begin a new unit of work.
    void forgive() { fault_ = {}; }
    /// Notes the fault of a call, unless one is noted already.
    void note(int code);
    sqlite3* handle() const { return handle_; }
    /// From any thread: whatever runs on this connection ends with a fault soon.
    void interrupt();

private:
    sqlite3* handle_ = nullptr;
    DatabaseFault fault_;
    std::map<const char*, std::unique_ptr<Statement>> statements_;
};

/// BEGIN IMMEDIATE ... COMMIT; what was not committed is rolled back.
class Transaction {
public:
    explicit Transaction(Database& db);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    /// False when anything since the beginning went wrong; then nothing has changed.
    bool commit();

private:
    Database& db_;
    bool open_ = false;
};

}  // namespace app
