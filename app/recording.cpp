#include "app/recording.h"

#include <sqlite3.h>

#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <span>
#include <system_error>

#include "app/args.h"
#include "app/database.h"
#include "app/json_out.h"
#include "gpu/base.h"
#include "model/json_reader.h"

namespace app {

namespace {

constexpr int64_t kSchema = 1;
constexpr uint32_t kApplicationId = 0x4C617052;  // "LapR"
constexpr const char* kTables =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE tokens(position INTEGER PRIMARY KEY, id INTEGER NOT NULL, text TEXT NOT NULL,"
    " bytes BLOB NOT NULL, control INTEGER NOT NULL, facts TEXT NOT NULL);"
    "CREATE TABLE texts(id INTEGER PRIMARY KEY, text TEXT NOT NULL);"
    "CREATE TABLE rows(layer INTEGER NOT NULL, position INTEGER NOT NULL,"
    " first_key INTEGER NOT NULL, n_keys INTEGER NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY(position, layer)) WITHOUT ROWID;";

// What a recording may ask for.
constexpr uint32_t kMostLayers = 512, kMostHeads = 256, kMostTokens = 1 << 17;
constexpr uint32_t kMostVocabulary = 1 << 21;

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
    throw base::Error(base::ErrorKind::model, base::escaped(path, 400) + ": " + what,
                      "The file was left as it is.");
}

std::string info_json(const ModelInfo& m) {
    JsonArray windows;
    for (const LayerInfo& layer : m.layers) {
        windows.raw(fmt::format("{}", layer.window));
    }
    return JsonObject()
        .add("name", m.name)
        .add("file", m.path)
        .add("format", m.format)
        .add("quant", m.quant)
        .add("architecture", m.architecture)
        .add("device", m.device_name)
        .add("n_params", m.n_params)
        .add("file_bytes", m.file_bytes)
        .add("n_heads", m.n_heads)
        .add("n_kv_heads", m.n_kv_heads)
        .add("head_dim", m.head_dim)
        .add("hidden_size", m.hidden_size)
        .add("vocab_size", m.vocab_size)
        .add("n_ctx", m.n_ctx)
        .raw("windows", windows.str())
        .str();
}

std::string facts_json(const TokenInfo& t) {
    JsonArray top;
    for (const TopToken& other : t.top) {
        top.raw(fmt::format("[{},{}]", other.id, json_number(other.logprob)));
    }
    return JsonObject()
        .add("logprob", t.logprob)
        .add("rank", t.rank)
        .add("entropy", t.entropy)
        .raw("top", top.str())
        .str();
}

std::vector<std::byte> row_bytes(const model::LiveRows& rows) {
    std::vector<std::byte> out;
    for (const auto bytes : {std::as_bytes(std::span(rows.max)), std::as_bytes(std::span(rows.lse)),
                             std::as_bytes(std::span(rows.log16))}) {
        out.insert(out.end(), bytes.begin(), bytes.end());
    }
    return out;
}

void put_meta(Database& db, std::string_view key, std::string_view value) {
    db.use("INSERT INTO meta VALUES(?, ?)").bind(1, key).bind(2, value).run();
}

void put_tokens(Database& db, const Recording& r) {
    std::map<TokenId, std::string> texts;
    for (const TokenInfo& t : r.tokens) {
        db.use("INSERT INTO tokens VALUES(?, ?, ?, ?, ?, ?)")
            .bind(1, int64_t{t.position})
            .bind(2, int64_t{t.id})
            .bind(3, t.text)
            .bind(4, std::as_bytes(std::span(t.bytes)))
            .bind(5, int64_t{t.control})
            .bind(6, facts_json(t))
            .run();
        texts[t.id] = t.text;
        for (const TopToken& other : t.top) {
            texts[other.id] = other.text;
        }
    }
    for (const auto& [id, text] : texts) {
        db.use("INSERT INTO texts VALUES(?, ?)").bind(1, int64_t{id}).bind(2, text).run();
    }
}

void put_rows(Database& db, const Recording& r) {
    for (const auto& capture : r.captures) {
        for (const model::LiveRows& rows : capture->live) {
            const std::vector<std::byte> data = row_bytes(rows);
            db.use("INSERT INTO rows VALUES(?, ?, ?, ?, ?)")
                .bind(1, int64_t{rows.layer})
                .bind(2, int64_t{rows.position})
                .bind(3, int64_t{rows.first_key})
                .bind(4, int64_t{rows.n_keys})
                .bind(5, std::span<const std::byte>(data))
                .run();
        }
    }
}

}  // namespace

bool is_recording(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::array<char, 72> head{};
    if (!in.read(head.data(), head.size()) ||
        std::memcmp(head.data(), "SQLite format 3", 16) != 0) {
        return false;
    }
    const auto byte = [&](size_t i) { return uint32_t(static_cast<unsigned char>(head[i])); };
    return (byte(68) << 24 | byte(69) << 16 | byte(70) << 8 | byte(71)) == kApplicationId;
}

void write_recording(const Recording& recording, const std::string& path) {
    const std::string part = path + ".part";
    std::error_code error;
    std::filesystem::remove(part, error);
    std::string fault;
    {
        std::ofstream(part).flush();  // Database opens what exists
        Database db;
        if (db.open(part, true)) {
            db.exec(
                fmt::format("PRAGMA journal_mode=MEMORY; PRAGMA application_id={}; PRAGMA "
                            "user_version={};{}",
                            kApplicationId, kSchema, kTables));
            Transaction work(db);
            put_meta(db, "info", info_json(recording.info));
            put_meta(db, "text", recording.text);
            put_meta(db, "program", recording.program);
            put_tokens(db, recording);
            put_rows(db, recording);
            work.commit();
        }
        fault = db.fault().message;
    }
    if (fault.empty()) {
        std::filesystem::rename(part, path, error);
        fault = error ? error.message() : "";
    }
    if (!fault.empty()) {
        std::filesystem::remove(part, error);
        throw base::Error(base::ErrorKind::runtime,
                          fmt::format("{}: the recording could not be written: {}",
                                      base::escaped(path, 400), fault),
                          "Choose another place.");
    }
}

namespace {

class Reader {
public:
    explicit Reader(const std::string& path) : path_(path) {
        if (!is_recording(path)) {
            refuse(path, "this is no recording of Lapidary");
        }
        if (!db_.open(path, false)) {
            refuse(path, "the recording cannot be opened: " + db_.fault().message);
        }
        const int64_t schema = db_.value("PRAGMA user_version");
        if (schema > kSchema) {
            refuse(path, fmt::format("the recording has schema {}, this program knows {}: it comes "
                                     "from a newer Lapidary",
                                     schema, kSchema));
        }
        Statement& check = db_.use("PRAGMA quick_check(1)");
        const bool sound = check.step() && check.text(0) == "ok";
        check.reset();
        if (!sound || schema != kSchema) {
            refuse(path, "the recording is spoilt" + fault());
        }
    }

    Recording read() {
        Recording r;
        r.text = meta("text");
        r.program = meta("program");
        read_info(r);
        read_tokens(r);
        read_texts(r);
        read_rows(r);
        if (db_.failed()) {
            refuse(path_, "the recording is spoilt" + fault());
        }
        return r;
    }

private:
    std::string fault() const { return db_.failed() ? ": " + db_.fault().message : std::string(); }

    std::string meta(std::string_view key) {
        Statement& row = db_.use("SELECT value FROM meta WHERE key = ?").bind(1, key);
        const bool there = row.step();
        std::string value = there ? row.text(0) : "";
        row.reset();
        if (!there) {
            refuse(path_, fmt::format("the recording lacks '{}'{}", key, fault()));
        }
        return value;
    }

    uint32_t count(const model::JsonFields& fields, std::string_view name, uint32_t most) {
        const uint32_t value = fields.count(name).value_or(0);
        if (value == 0 || value > most) {
            refuse(path_, fmt::format("{} is {}, expected 1 to {}", name, value, most));
        }
        return value;
    }

    void read_info(Recording& r) {
        const model::Json json = model::parse_json(meta("info"), path_);
        const model::JsonFields fields(json, path_);
        ModelInfo& m = r.info;
        m.path = path_;
        m.name = fields.text("name").value_or("");
        m.format = fields.text("format").value_or("");
        m.quant = fields.text("quant").value_or("");
        m.architecture = fields.text("architecture").value_or("");
        m.device_name = fields.text("device").value_or("");
        m.device_why = "the recording was made there; nothing is computed now";
        m.n_params = uint64_t(fields.real("n_params").value_or(0));
        m.file_bytes = uint64_t(fields.real("file_bytes").value_or(0));
        m.n_heads = count(fields, "n_heads", kMostHeads);
        m.n_kv_heads = count(fields, "n_kv_heads", kMostHeads);
        m.head_dim = count(fields, "head_dim", 65536);
        m.hidden_size = count(fields, "hidden_size", 1 << 20);
        m.vocab_size = count(fields, "vocab_size", kMostVocabulary);
        m.n_ctx = count(fields, "n_ctx", 1 << 24);
        const model::Json::Array* windows = fields.array("windows");
        if (windows == nullptr || windows->empty() || windows->size() > kMostLayers) {
            refuse(path_, "the recording has no layers, or too many");
        }
        for (const model::Json& window : *windows) {
            const uint64_t* value = window.integer();
            m.layers.push_back({.window = value != nullptr ? uint32_t(*value) : 0});
        }
        m.n_layers = uint32_t(m.layers.size());
        m.replayed = true;
    }

    void read_tokens(Recording& r) {
        Statement& row = db_.use(
            "SELECT position, id, text, bytes, control, facts FROM tokens ORDER BY position");
        while (row.step()) {
            TokenInfo t;
            t.position = uint32_t(r.tokens.size());
            const int64_t id = row.integer(1);
            if (row.integer(0) != int64_t{t.position} || t.position >= kMostTokens || id < 0 ||
                id >= int64_t{r.info.vocab_size}) {
                refuse(path_, fmt::format("token {} is out of place or range", t.position));
            }
            t.id = TokenId(id);
            t.text = row.text(2);
            const auto bytes = row.bytes(3);
            t.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            t.control = row.integer(4) != 0;
            read_facts(t, row.text(5), r.info.vocab_size);
            r.tokens.push_back(std::move(t));
        }
        if (r.tokens.empty()) {
            refuse(path_, "the recording has no tokens" + fault());
        }
    }

    void read_facts(TokenInfo& t, const std::string& text, uint32_t vocab_size) {
        const model::Json json = model::parse_json(text, path_);
        const model::JsonFields fields(json, path_);
        constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
        t.logprob = float(fields.real("logprob").value_or(kNone));
        t.entropy = float(fields.real("entropy").value_or(kNone));
        t.rank = int32_t(fields.real("rank").value_or(-1));
        const model::Json::Array* top = fields.array("top");
        for (const model::Json& pair : top != nullptr ? *top : model::Json::Array{}) {
            const model::Json::Array* both = pair.array();
            const uint64_t* id =
                both != nullptr && both->size() == 2 ? (*both)[0].integer() : nullptr;
            if (id == nullptr || *id >= vocab_size) {
                refuse(path_,
                       fmt::format("the likely tokens of position {} are spoilt", t.position));
            }
            t.top.push_back({TokenId(*id), "", float((*both)[1].number().value_or(kNone))});
        }
    }

    void read_texts(Recording& r) {
        auto texts = std::make_shared<std::vector<std::string>>(r.info.vocab_size);
        Statement& row = db_.use("SELECT id, text FROM texts");
        while (row.step()) {
            const int64_t id = row.integer(0);
            if (id < 0 || id >= int64_t{r.info.vocab_size}) {
                refuse(path_, "a text belongs to no token");
            }
            (*texts)[size_t(id)] = row.text(1);
        }
        for (TokenInfo& t : r.tokens) {
            for (TopToken& other : t.top) {
                other.text = (*texts)[size_t(other.id)];
            }
        }
        r.info.token_texts = std::move(texts);
    }

    void read_rows(Recording& r) {
        std::vector<std::shared_ptr<model::Capture>> captures;
        for (uint32_t i = 0; i < r.tokens.size(); ++i) {
            captures.push_back(std::make_shared<model::Capture>());
            captures.back()->first_position = i;
            captures.back()->n_positions = 1;
        }
        Statement& row = db_.use(
            "SELECT layer, position, first_key, n_keys, data FROM rows ORDER BY position, layer");
        while (row.step()) {
            const int64_t layer = row.integer(0), position = row.integer(1);
            const int64_t first = row.integer(2), n = row.integer(3);
            const uint64_t heads = r.info.n_heads;
            const bool fits = layer >= 0 && layer < int64_t{r.info.n_layers} && position >= 0 &&
                              position < int64_t(r.tokens.size()) && first >= 0 && n > 0 &&
                              first + n == position + 1;
            if (!fits || row.bytes(4).size() != heads * (8 + 2 * uint64_t(n))) {
                refuse(path_, "a row of attention does not fit its place");
            }
            model::LiveRows rows{.layer = uint32_t(layer),
                                 .position = uint32_t(position),
                                 .first_key = uint32_t(first),
                                 .n_keys = uint32_t(n)};
            rows.max.resize(heads);
            rows.lse.resize(heads);
            rows.log16.resize(heads * uint64_t(n));
            const std::byte* from = row.bytes(4).data();
            std::memcpy(rows.max.data(), from, 4 * heads);
            std::memcpy(rows.lse.data(), from + 4 * heads, 4 * heads);
            std::memcpy(rows.log16.data(), from + 8 * heads, 2 * rows.log16.size());
            captures[size_t(position)]->live.push_back(std::move(rows));
        }
        r.captures.assign(captures.begin(), captures.end());
    }

    std::string path_;
    Database db_;
};

}  // namespace

Recording read_recording(const std::string& path) {
    return Reader(path).read();
}

}  // namespace app
