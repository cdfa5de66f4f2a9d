#include "app/chats/database.h"

#include "gpu/base.h"

#include <sqlite3.h>

namespace app {

// ---- statements ----

Statement::~Statement() {
    sqlite3_finalize(statement_);
}

void Statement::check(int code) {
    if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE) {
        db_->note(code);
    }
}

Statement& Statement::bind(int index, int64_t value) {
    if (statement_ != nullptr) {
        check(sqlite3_bind_int64(statement_, index, value));
    }
    return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
    if (statement_ != nullptr) {
        check(sqlite3_bind_text64(statement_, index, text.data() == nullptr ? "" : text.data(),
                                  text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
    }
    return *this;
}

Statement& Statement::bind(int index, std::span<const std::byte> bytes) {
    if (statement_ != nullptr) {
        check(sqlite3_bind_blob64(statement_, index, bytes.empty() ? "" : (const void*)bytes.data(),
                                  bytes.size(), SQLITE_TRANSIENT));
    }
    return *this;
}

Statement& Statement::bind_null(int index) {
    if (statement_ != nullptr) {
        check(sqlite3_bind_null(statement_, index));
    }
    return *this;
}

bool Statement::step() {
    if (statement_ == nullptr || db_->failed()) {
        return false;
    }
    const int code = sqlite3_step(statement_);
    check(code);
    return code == SQLITE_ROW;
}

bool Statement::run() {
    while (step()) {
    }
    reset();
    return !db_->failed();
}

void Statement::reset() {
    if (statement_ != nullptr) {
        sqlite3_reset(statement_);  // its code is the one that step() gave
        sqlite3_clear_bindings(statement_);
    }
}

int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}

std::string Statement::text(int column) const {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    const int n = sqlite3_column_bytes(statement_, column);
    return data == nullptr || n <= 0 ? std::string() : std::string(data, size_t(n));
}

std::span<const std::byte> Statement::bytes(int column) const {
    const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
    const int n = sqlite3_column_bytes(statement_, column);
    return data == nullptr || n <= 0 ? std::span<const std::byte>()
                                     : std::span<const std::byte>(data, size_t(n));
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

// ---- the connection ----

Database::~Database() {
    statements_.clear();  // only these: virtual tables have statements of their own
    sqlite3_close(handle_);
}

bool Database::open(const std::string& path, bool writable) {
    const int flags = (writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) |
                      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const int code = sqlite3_open_v2(path.c_str(), &handle_, flags, nullptr);
    if (code != SQLITE_OK) {
        note(code);
        sqlite3_close(handle_);
        handle_ = nullptr;
        return false;
    }
    sqlite3_busy_timeout(handle_, 2000);
    return true;
}

bool Database::exec(const std::string& sql) {
    if (!failed() && handle_ != nullptr) {
        note(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr));
    }
    return !failed();
}

Statement& Database::use(const char* sql) {
    std::unique_ptr<Statement>& kept = statements_[sql];
    if (kept == nullptr) {
        sqlite3_stmt* statement = nullptr;
        const int code =
            sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
        if (code != SQLITE_OK) {
            note(code);
            statements_.erase(sql);
            static thread_local Database nowhere;
            static thread_local Statement broken(nowhere, nullptr);
            return broken;
        }
        kept = std::make_unique<Statement>(*this, statement);
    }
    kept->reset();
    return *kept;
}

int64_t Database::value(const char* sql, int64_t missing) {
    Statement& statement = use(sql);
    const int64_t found = statement.step() ? statement.integer(0) : missing;
    statement.reset();
    return found;
}

int64_t Database::changes() const {
    return handle_ == nullptr ? 0 : sqlite3_changes64(handle_);
}

void Database::note(int code) {
    if (code != SQLITE_OK && !failed()) {
        // The connection's message is of its last call, which need not be the one that gave `code`.
        const bool same = handle_ != nullptr && sqlite3_extended_errcode(handle_) == code;
        fault_ = {code, same ? sqlite3_errmsg(handle_) : sqlite3_errstr(code)};
        base::log(base::LogArea::app, "sqlite: {} ({})", fault_.message, code);
    }
}

void Database::interrupt() {
    if (handle_ != nullptr) {
        sqlite3_interrupt(handle_);
    }
}

// ---- transactions ----

Transaction::Transaction(Database& db) : db_(db) {
    open_ = db_.exec("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
    if (open_ && sqlite3_get_autocommit(db_.handle()) == 0) {
        sqlite3_exec(db_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
}

bool Transaction::commit() {
    if (!open_ || db_.failed() || !db_.exec("COMMIT")) {
        return false;
    }
    open_ = false;
    return true;
}

}  // namespace app
