// Recordings come from anywhere: everything is checked before it is believed.
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>
#include <system_error>
#include <utility>

#include "app/chats/database.h"
#include "app/recordings/recording_checks.h"
#include "app/recordings/recording_format.h"
#include "gpu/base.h"
#include "model/json_reader.h"

namespace app {

bool is_recording(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::array<char, 72> head{};
    if (!in.read(head.data(), head.size()) ||
        std::memcmp(head.data(), "SQLite format 3", 16) != 0) {
        return false;
    }
    const auto byte = [&](size_t i) { return uint32_t(static_cast<unsigned char>(head[i])); };
    return (byte(68) << 24 | byte(69) << 16 | byte(70) << 8 | byte(71)) == kRecordingApplicationId;
}

namespace {

// What a recording may ask for.
constexpr uint32_t kMostLayers = 512, kMostHeads = 256, kMostTokens = 1 << 17;
constexpr uint32_t kMostVocabulary = 1 << 21, kMostWindow = 1 << 24;

constexpr double kMostLogprob = 1e-3;  // rounding of a certain token's
constexpr double kMostNumber = std::numeric_limits<double>::max();

class Reader {
public:
    explicit Reader(const std::string& path) : path_(path), check_(path) {
        if (!is_recording(path)) {
            refuse_other(path);
        }
        if (!db_.open(path, false)) {
            check_.refuse("the recording cannot be opened: " + db_.fault().message);
        }
        // The schema is a stranger's too: its functions are not trusted, its constraints not
        // computed.
        db_.exec(
            "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
            "PRAGMA ignore_check_constraints=ON;");
        schema_ = db_.value("PRAGMA user_version");
        if (schema_ > kRecordingSchema) {
            check_.refuse(
                fmt::format("the recording has schema {}, this program knows {}: it comes "
                            "from a newer Lapidary",
                            schema_, kRecordingSchema));
        }
        check_recorded_schema(db_, check_);
        Statement& check = db_.use("PRAGMA quick_check(1)");
        const bool sound = check.step() && check.text(0) == "ok";
        check.reset();
        if (!sound || schema_ < 1) {
            check_.refuse("the recording is spoilt" + fault());
        }
    }

    Recording read() {
        Recording r;
        r.text = meta("text");
        r.program = meta("program");
        read_info(r);
        read_tokens(r);
        read_texts(r);
        read_recorded_rows(db_, check_, r);
        r.answer_begin = uint32_t(r.tokens.size());
        if (schema_ > 1) {
            read_sequence(r);
            read_turns(r);
        }
        check_last_row(r);
        if (schema_ > 1) {
            read_recorded_steps(db_, check_, r, schema_);
        }
        check_.sound(db_);
        return r;
    }

private:
    /// Of what is no recording at all: why.
    [[noreturn]] void refuse_other(const std::string& path) const {
        std::error_code error;
        const std::filesystem::file_status found = std::filesystem::status(path, error);
        if (found.type() == std::filesystem::file_type::not_found) {
            throw base::Error(
                base::ErrorKind::model, base::escaped(path, 400) + ": the file does not exist",
                "Check the path; recordings end in " + std::string(kRecordingEnding) + ".");
        }
        if (found.type() == std::filesystem::file_type::directory) {
            check_.refuse("this is a folder, expected a Lapidary recording");
        }
        errno = 0;
        const std::ifstream in(path, std::ios::binary);
        check_.refuse(in ? "found other data, expected a Lapidary recording"
                         : std::generic_category().message(errno != 0 ? errno : EIO));
    }

    std::string fault() const { return db_.failed() ? ": " + db_.fault().message : std::string(); }

    /// Only a token that was drawn need not have been through the model.
    void check_last_row(const Recording& r) {
        if (r.captures.back()->live.empty() && !r.drawn()) {
            check_.at("rows", int64_t(r.tokens.size()) - 1);
            check_.refuse("the number of layers", "0",
                          fmt::format("{}: no token was drawn", r.info.n_layers));
        }
    }

    std::string meta(std::string_view key) {
        Statement& row = db_.use("SELECT value FROM meta WHERE key = ?").bind(1, key);
        const bool there = row.step();
        std::string value = there ? row.text(0) : "";
        row.reset();
        if (!there) {
            check_.refuse(fmt::format("the recording lacks '{}'{}", key, fault()));
        }
        return value;
    }

    uint32_t count(const model::JsonFields& fields, std::string_view name, uint32_t most) const {
        const uint32_t value = fields.count(name).value_or(0);
        check_.within(name, double(value), 1, double(most));
        return value;
    }
    double amount(const model::JsonFields& fields, std::string_view name) const {
        const double value = fields.real(name).value_or(0);
        check_.within(name, value, 0, kMostNumber);
        return value;
    }

    void read_info(Recording& r) {
        const model::Json json = model::parse_json(meta("info"), path_);
        const model::JsonFields fields(json, path_ + ": info");
        check_.at("info");
        ModelInfo& m = r.info;
        m.path = path_;
        m.name = fields.text("name").value_or("");
        m.format = fields.text("format").value_or("");
        m.quant = fields.text("quant").value_or("");
        m.architecture = fields.text("architecture").value_or("");
        m.device_name = fields.text("device").value_or("");
        m.device_why = "the recording was made there; nothing is computed now";
        m.n_params = uint64_t(amount(fields, "n_params"));
        m.file_bytes = uint64_t(amount(fields, "file_bytes"));
        m.n_heads = count(fields, "n_heads", kMostHeads);
        m.n_kv_heads = count(fields, "n_kv_heads", m.n_heads);
        if (m.n_heads % m.n_kv_heads != 0) {
            check_.refuse("n_kv_heads", fmt::format("{}", m.n_kv_heads),
                          fmt::format("a divisor of n_heads, which is {}", m.n_heads));
        }
        m.head_dim = count(fields, "head_dim", 65536);
        m.hidden_size = count(fields, "hidden_size", 1 << 20);
        m.vocab_size = count(fields, "vocab_size", kMostVocabulary);
        m.n_ctx = count(fields, "n_ctx", 1 << 24);
        m.n_ctx_train = fields.count("n_ctx_train").value_or(0);
        m.weight_bytes = uint64_t(amount(fields, "weight_bytes"));
        m.kv_bytes = uint64_t(amount(fields, "kv_bytes"));
        m.attn_softcap = float(amount(fields, "attn_softcap"));
        m.final_softcap = float(amount(fields, "final_softcap"));
        m.base_model = fields.boolean("base_model").value_or(false);
        read_windows(fields, m);
        m.replayed = true;
    }

    void read_windows(const model::JsonFields& fields, ModelInfo& m) const {
        const model::Json::Array* windows = fields.array("windows");
        check_.within("the number of windows, one a layer,",
                      windows == nullptr ? 0 : double(windows->size()), 1, kMostLayers);
        for (const model::Json& window : *windows) {
            const uint64_t* value = window.integer();
            if (value == nullptr || *value > kMostWindow) {
                check_.refuse("a window", window.described(),
                              fmt::format("a whole number from 0 to {}", kMostWindow));
            }
            m.layers.push_back({.window = uint32_t(*value)});
        }
        m.n_layers = uint32_t(m.layers.size());
    }

    void read_tokens(Recording& r) {
        check_.rows_at_most(db_, "tokens", "SELECT count(*) FROM tokens", most_tokens(r));
        Statement& row = db_.use(
            "SELECT position, id, text, bytes, control, facts FROM tokens ORDER BY position");
        while (row.step()) {
            TokenInfo t;
            t.position = uint32_t(r.tokens.size());
            check_.at("tokens");
            check_.equal("position", row.integer(0), t.position);
            check_.at("tokens", t.position);
            check_.within("the number of tokens", double(t.position) + 1, 1, most_tokens(r));
            check_.within("id", double(row.integer(1)), 0, double(r.info.vocab_size) - 1);
            t.id = TokenId(row.integer(1));
            t.text = row.text(2);
            const auto bytes = row.bytes(3);
            check_.token_sizes(t.text.size(), bytes.size());
            t.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            check_.within("control", double(row.integer(4)), 0, 1);
            t.control = row.integer(4) != 0;
            if (t.control && !t.bytes.empty()) {
                check_.refuse("bytes", "'" + t.bytes + "'", "none of a control token");
            }
            read_facts(t, row.text(5), r.info.vocab_size);
            r.tokens.push_back(std::move(t));
        }
        check_.sound(db_);
        check_.at("tokens");
        check_.within("the number of tokens", double(r.tokens.size()), 1, most_tokens(r));
    }
    /// All that the context holds, and one that has been drawn.
    static double most_tokens(const Recording& r) {
        return std::min(kMostTokens, r.info.n_ctx + 1);
    }

    void read_facts(TokenInfo& t, const std::string& text, uint32_t vocab_size) {
        const model::Json json = model::parse_json(text, path_);
        const model::JsonFields fields(json,
                                       fmt::format("{}: facts of position {}", path_, t.position));
        constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
        const std::optional<double> logprob = fields.real("logprob");
        const std::optional<double> entropy = fields.real("entropy");
        const double rank = fields.real("rank").value_or(-1);
        check_.within("rank", rank, -1, double(vocab_size) - 1);
        if (rank != std::floor(rank)) {
            check_.refuse("rank", fmt::format("{}", rank), "a whole number");
        }
        // What was not computed lacks all of them.
        if (logprob.has_value() != (rank >= 0)) {
            check_.refuse("rank", fmt::format("{}", rank),
                          logprob ? "one from 0 on beside a logprob" : "-1 without a logprob");
        }
        check_.within("logprob", logprob.value_or(0), -kMostNumber, kMostLogprob);
        check_.within("entropy", entropy.value_or(0), -kMostLogprob,
                      std::log(double(vocab_size)) + 0.01);
        t.logprob = float(logprob.value_or(kNone));
        t.entropy = float(entropy.value_or(kNone));
        t.rank = int32_t(rank);
        const model::Json::Array* top = fields.array("top");
        for (const model::Json& pair : top != nullptr ? *top : model::Json::Array{}) {
            const model::Json::Array* both = pair.array();
            const bool is_pair = both != nullptr && both->size() == 2;
            const uint64_t* id = is_pair ? (*both)[0].integer() : nullptr;
            const std::optional<double> other = is_pair ? (*both)[1].number() : std::nullopt;
            if (id == nullptr || *id >= vocab_size) {
                check_.refuse("an id of top", is_pair ? (*both)[0].described() : pair.described(),
                              fmt::format("a whole number up to {}", vocab_size - 1));
            }
            check_.within("a logprob of top", other.value_or(kNone), -kMostNumber, kMostLogprob);
            t.top.push_back({TokenId(*id), "", float(*other)});
        }
        std::vector<TokenId> ids;
        for (const TopToken& other : t.top) {
            ids.push_back(other.id);
        }
        check_.each_once("an id of top", std::move(ids));
    }

    void read_texts(Recording& r) {
        check_.rows_at_most(db_, "texts", "SELECT count(*) FROM texts", r.info.vocab_size);
        auto texts = std::make_shared<std::vector<std::string>>(r.info.vocab_size);
        auto all_bytes =
            std::make_shared<std::vector<std::optional<std::string>>>(r.info.vocab_size);
        Statement& row =
            db_.use(schema_ > 3 ? "SELECT id, text, bytes, bytes IS NOT NULL FROM texts"
                                : "SELECT id, text, NULL, 0 FROM texts");
        while (row.step()) {
            const int64_t id = row.integer(0);
            check_.at("texts");
            check_.within("id", double(id), 0, double(r.info.vocab_size) - 1);
            (*texts)[size_t(id)] = row.text(1);
            const auto bytes = row.bytes(2);
            check_.token_sizes((*texts)[size_t(id)].size(), bytes.size());
            if (row.integer(3) != 0) {
                (*all_bytes)[size_t(id)] =
                    std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            }
        }
        check_.sound(db_);
        for (TokenInfo& t : r.tokens) {
            check_.at("tokens", t.position);
            if (t.text != (*texts)[size_t(t.id)]) {
                check_.refuse(
                    "text", "'" + t.text + "'",
                    fmt::format("'{}', as texts has id {}", (*texts)[size_t(t.id)], t.id));
            }
            if (const auto& bytes = (*all_bytes)[size_t(t.id)]; bytes && *bytes != t.bytes) {
                check_.refuse("bytes", "'" + t.bytes + "'",
                              fmt::format("'{}', as texts has id {}", *bytes, t.id));
            }
            for (TopToken& other : t.top) {
                other.text = (*texts)[size_t(other.id)];
            }
        }
        r.info.token_texts = std::move(texts);
        r.info.token_bytes = std::move(all_bytes);
    }

    void read_sequence(Recording& r) {
        const model::Json json = model::parse_json(meta("sequence"), path_);
        const model::JsonFields fields(json, path_);
        r.model_hash = fields.text("model_hash").value_or("");
        r.answer_begin = fields.count("answer_begin").value_or(r.answer_begin);
        const uint32_t finish = fields.count("finish").value_or(0);
        check_.at("sequence");
        check_.within("answer_begin", double(r.answer_begin), 1, double(r.tokens.size()));
        check_.within("finish", double(finish), 0, double(FinishReason::stopped));
        check_hash(r.model_hash);
        r.finish = FinishReason(finish);
        r.stats.prompt_n = fields.count("prompt_n").value_or(0);
        check_.within("prompt_n", double(r.stats.prompt_n), 0, double(r.tokens.size()));
        r.stats.predicted_n = fields.count("predicted_n").value_or(0);
        for (const auto& [name, value] : {std::pair{"prompt_ms", &r.stats.prompt_ms},
                                          std::pair{"predicted_ms", &r.stats.predicted_ms},
                                          std::pair{"first_token_ms", &r.stats.first_token_ms},
                                          std::pair{"gb_per_s", &r.stats.gb_per_s}}) {
            *value = amount(fields, name);
        }
        if (const auto sampling = fields.child("sampling")) {
            read_sampling(r.sampling, *sampling);
        }
        r.info.sampling = r.sampling;
        r.info.model_hash = r.model_hash;
        r.info.recorded_by = r.program;
    }

    void check_hash(const std::string& hash) const {
        const bool good =
            hash.empty() || (hash.size() == 22 && hash.starts_with("xxh64:") &&
                             hash.find_first_not_of("0123456789abcdef", 6) == std::string::npos);
        if (!good) {
            check_.refuse("model_hash", "'" + hash + "'", "'xxh64:' and 16 hex digits");
        }
    }

    void read_sampling(model::SamplingParams& params, const model::JsonFields& fields) {
        for (const model::SamplingField& field : model::sampling_fields()) {
            const std::optional<double> value = fields.real(field.name);
            if (value) {
                check_.within(field.name, *value, field.min, field.max);
                if (field.integer && *value != std::floor(*value)) {
                    check_.refuse(field.name, fmt::format("{}", *value), "a whole number");
                }
                model::set_field(params, field, *value);
            }
        }
        const std::string seed = fields.text("seed").value_or("0");
        const auto [end, error] =
            std::from_chars(seed.data(), seed.data() + seed.size(), params.seed);
        if (error != std::errc() || end != seed.data() + seed.size()) {
            check_.refuse("seed", "'" + seed + "'", "a whole number from 0 to 2^64-1");
        }
        params.llama_cpp_order = fields.boolean("llama_cpp_order").value_or(false);
    }

    void read_turns(Recording& r) {
        const model::Json json = model::parse_json(meta("turns"), path_);
        const model::Json* list = json.find("before");
        if (list == nullptr || list->array() == nullptr) {
            check_.refuse("the recording lacks its conversation");
        }
        check_.at("turns");
        for (const model::Json& turn : *list->array()) {
            const model::Json* role = turn.find("role");
            const model::Json* text = turn.find("text");
            const uint64_t* which = role != nullptr ? role->integer() : nullptr;
            if (which == nullptr || *which > uint64_t(model::Role::model)) {
                check_.refuse("role", role != nullptr ? role->described() : "missing",
                              "a whole number from 0 to 2");
            }
            if (text == nullptr || text->text() == nullptr) {
                check_.refuse("text", text != nullptr ? text->described() : "missing", "a string");
            }
            r.before.push_back({model::Role(*which), *text->text()});
        }
    }

    std::string path_;
    RecordingChecks check_;
    Database db_;
    int64_t schema_ = 0;
};

}  // namespace

Recording read_recording(const std::string& path) {
    return Reader(path).read();
}

}  // namespace app
