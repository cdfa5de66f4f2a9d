#include "app/recordings/recording_checks.h"

#include <algorithm>
#include <limits>

#include "gpu/base.h"

namespace app {

namespace {

// A model's token has at most 512 bytes (vocabulary.cpp). Where it is shown, a byte takes eight at
// most: "<U+0001>".
constexpr double kMostTokenBytes = 512, kMostTokenText = 8 * kMostTokenBytes;

}  // namespace

void RecordingChecks::refuse(const std::string& what) const {
    throw base::Error(base::ErrorKind::model, base::escaped(path_, 400) + ": " + what,
                      "The file was left as it is.");
}

void RecordingChecks::refuse(std::string_view field, const std::string& found,
                             const std::string& expected) const {
    std::string place = table_;
    if (position_ >= 0) {
        place += fmt::format(" of position {}", position_);
    }
    if (layer_ >= 0) {
        place += fmt::format(", layer {}", layer_);
    }
    refuse(fmt::format("{}: {} is {}, expected {}", place, field, base::escaped(found, 80),
                       base::escaped(expected, 120)));
}

void RecordingChecks::out_of_range(std::string_view field, double found, double least,
                                   double most) const {
    constexpr double kMost = std::numeric_limits<double>::max();
    refuse(field, fmt::format("{}", found),
           most == kMost     ? fmt::format("a number from {} on", least)
           : least == -kMost ? fmt::format("a number up to {}", most)
                             : fmt::format("{} to {}", least, most));
}

void RecordingChecks::each_once(std::string_view field, std::vector<TokenId> ids) const {
    std::sort(ids.begin(), ids.end());
    if (const auto twice = std::adjacent_find(ids.begin(), ids.end()); twice != ids.end()) {
        refuse(field, fmt::format("{} twice", *twice), "each token once");
    }
}

void RecordingChecks::token_sizes(size_t text, size_t bytes) const {
    within("the length of text", double(text), 0, kMostTokenText);
    within("the length of bytes", double(bytes), 0, kMostTokenBytes);
}

void RecordingChecks::rows_at_most(Database& db, const char* table, const char* counted,
                                   double most) {
    at(table);
    const int64_t n = db.value(counted);
    sound(db);
    within("the number of rows", double(n), 0, most);
}

void check_recorded_schema(Database& db, const RecordingChecks& check) {
    Statement& row = db.use("SELECT type, name, rootpage FROM sqlite_master");
    while (row.step()) {
        const std::string type = row.text(0);
        const bool stored = row.integer(2) > 0;  // a virtual table has no page
        if ((type != "table" && type != "index") || !stored) {
            check.refuse(fmt::format("'{}' is a {}, expected only tables",
                                     base::escaped(row.text(1), 80),
                                     type == "table" ? "virtual table" : base::escaped(type, 20)));
        }
    }
    check.sound(db);
    Statement& column = db.use(
        "SELECT t.name, c.name FROM sqlite_master t, pragma_table_xinfo(t.name) c "
        "WHERE t.type = 'table' AND c.hidden <> 0");
    if (column.step()) {
        check.refuse(fmt::format("'{}' computes its column '{}', expected only what is stored",
                                 base::escaped(column.text(0), 80),
                                 base::escaped(column.text(1), 80)));
    }
    check.sound(db);
}

}  // namespace app
