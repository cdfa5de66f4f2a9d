// What the readers of a recording share: how they say which field is wrong, what was found and what
// was expected, and the parts that have files of their own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/chats/database.h"
#include "app/recordings/recording.h"

namespace app {

class RecordingChecks {
public:
    explicit RecordingChecks(std::string path) : path_(std::move(path)) {}

    /// What is looked at now: a table, and its row's position and layer where it has them.
    void at(const char* table, int64_t position = -1, int64_t layer = -1) {
        table_ = table;
        position_ = position;
        layer_ = layer;
    }
    /// Throws base::Error(model) that names the file.
    [[noreturn]] void refuse(const std::string& what) const;
    [[noreturn]] void refuse(std::string_view field, const std::string& found,
                             const std::string& expected) const;
    /// The number must lie within; NaN never does.
    void within(std::string_view field, double found, double least, double most) const {
        if (!(found >= least && found <= most)) {
            out_of_range(field, found, least, most);
        }
    }
    void equal(std::string_view field, int64_t found, int64_t expected) const {
        if (found != expected) {
            refuse(field, std::to_string(found), std::to_string(expected));
        }
    }
    void each_once(std::string_view field, std::vector<TokenId> ids) const;
    /// A row's text and bytes of a token, in bytes.
    void token_sizes(size_t text, size_t bytes) const;
    /// The table has at most so many rows. To be asked before they are read in order: what is not
    /// to be read is not to be sorted either. `counted` is a literal, as Database keeps it.
    void rows_at_most(Database& db, const char* table, const char* counted, double most);
    /// Everything could be read.
    void sound(const Database& db) const {
        if (db.failed()) {
            refuse("the recording is spoilt: " + db.fault().message);
        }
    }
    const std::string& path() const { return path_; }

private:
    [[noreturn]] void out_of_range(std::string_view field, double found, double least,
                                   double most) const;

    std::string path_;
    const char* table_ = "";
    int64_t position_ = -1, layer_ = -1;
};

/// Nothing in the file may make rows or work of its own: it has tables with what is stored in them,
/// no views, triggers, virtual tables or computed columns. Throws base::Error(model).
void check_recorded_schema(Database& db, const RecordingChecks& check);

/// The tables rows; steps, lens and lens_mid. Throw base::Error(model). (recording_read_rows.cpp,
/// recording_read_steps.cpp)
void read_recorded_rows(Database& db, RecordingChecks& check, Recording& r);
void read_recorded_steps(Database& db, RecordingChecks& check, Recording& r, int64_t schema);

}  // namespace app
