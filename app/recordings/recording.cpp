#include "app/recordings/recording.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <span>
#include <system_error>

#include "app/chats/database.h"
#include "app/json_out.h"
#include "app/recordings/recording_format.h"
#include "gpu/base.h"

namespace app {

namespace {

constexpr const char* kTables =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE tokens(position INTEGER PRIMARY KEY, id INTEGER NOT NULL, text TEXT NOT NULL,"
    " bytes BLOB NOT NULL, control INTEGER NOT NULL, facts TEXT NOT NULL);"
    "CREATE TABLE texts(id INTEGER PRIMARY KEY, text TEXT NOT NULL, bytes BLOB);"
    "CREATE TABLE rows(layer INTEGER NOT NULL, position INTEGER NOT NULL,"
    " first_key INTEGER NOT NULL, n_keys INTEGER NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY(position, layer)) WITHOUT ROWID;"
    "CREATE TABLE steps(position INTEGER PRIMARY KEY, next BLOB NOT NULL, stages BLOB NOT NULL,"
    " lens_ids BLOB NOT NULL);"
    "CREATE TABLE lens(position INTEGER NOT NULL, layer INTEGER NOT NULL, top BLOB NOT NULL,"
    " asked BLOB NOT NULL, PRIMARY KEY(position, layer)) WITHOUT ROWID;"
    "CREATE TABLE lens_mid(position INTEGER NOT NULL, layer INTEGER NOT NULL, top BLOB NOT NULL,"
    " asked BLOB NOT NULL, PRIMARY KEY(position, layer)) WITHOUT ROWID;";

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
        .add("n_ctx_train", m.n_ctx_train)
        .add("weight_bytes", m.weight_bytes)
        .add("kv_bytes", m.kv_bytes)
        .add("attn_softcap", m.attn_softcap)
        .add("final_softcap", m.final_softcap)
        .add("base_model", m.base_model)
        .raw("windows", windows.str())
        .str();
}

std::string sequence_json(const Recording& r) {
    const model::SamplingParams& s = r.sampling;
    JsonObject sampling;
    for (const model::SamplingField& field : model::sampling_fields()) {
        sampling.add(field.name, model::field_value(s, field));
    }
    sampling.add("seed", fmt::format("{}", s.seed));  // 64 bits: as text
    sampling.add("llama_cpp_order", s.llama_cpp_order);
    return JsonObject()
        .add("model_hash", r.model_hash)
        .add("answer_begin", r.answer_begin)
        .add("finish", uint32_t(r.finish))
        .add("prompt_n", r.stats.prompt_n)
        .add("predicted_n", r.stats.predicted_n)
        .add("prompt_ms", r.stats.prompt_ms)
        .add("predicted_ms", r.stats.predicted_ms)
        .add("first_token_ms", r.stats.first_token_ms)
        .add("gb_per_s", r.stats.gb_per_s)
        .raw("sampling", sampling.str())
        .str();
}

std::string turns_json(const std::vector<model::Turn>& turns) {
    JsonArray list;
    for (const model::Turn& turn : turns) {
        list.raw(JsonObject().add("role", uint32_t(turn.role)).add("text", turn.text).str());
    }
    return JsonObject().raw("before", list.str()).str();
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

/// Numbers one behind the other, little-endian as every device of ours is.
class Packed {
public:
    template <class T>
    Packed& add(const T& value) {
        const auto bytes = std::as_bytes(std::span(&value, 1));
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    operator std::span<const std::byte>() const { return bytes_; }

private:
    std::vector<std::byte> bytes_;
};

void put_meta(Database& db, std::string_view key, std::string_view value) {
    db.use("INSERT INTO meta VALUES(?, ?)").bind(1, key).bind(2, value).run();
}

/// Texts of all ids that occur: of the vocabulary where it is known, else as the tokens had them.
std::map<TokenId, std::string> texts_of(const Recording& r) {
    std::map<TokenId, std::string> texts;
    const auto occurs = [&](TokenId id, const std::string& text) {
        std::string& known = texts[id];
        const auto& all = r.info.token_texts;
        known = !text.empty() ? text : all && size_t(id) < all->size() ? (*all)[size_t(id)] : known;
    };
    for (const TokenInfo& t : r.tokens) {
        occurs(t.id, t.text);
        for (const TopToken& other : t.top) {
            occurs(other.id, other.text);
        }
    }
    for (const RecordedStep& step : r.steps) {
        for (const std::vector<TokenId>* ids : {&step.next.ids, &step.lens_ids}) {
            for (const TokenId id : *ids) {
                occurs(id, {});
            }
        }
        for (const std::vector<LensAnswer>* lens : {&step.lens, &step.lens_mid}) {
            for (const LensAnswer& layer : *lens) {
                for (const TopToken& other : layer.top) {
                    occurs(other.id, other.text);
                }
            }
        }
    }
    return texts;
}

void put_tokens(Database& db, const Recording& r) {
    for (const TokenInfo& t : r.tokens) {
        db.use("INSERT INTO tokens VALUES(?, ?, ?, ?, ?, ?)")
            .bind(1, int64_t{t.position})
            .bind(2, int64_t{t.id})
            .bind(3, t.text)
            .bind(4, std::as_bytes(std::span(t.bytes)))
            .bind(5, int64_t{t.control})
            .bind(6, facts_json(t))
            .run();
    }
    for (const auto& [id, text] : texts_of(r)) {
        Statement& row = db.use("INSERT INTO texts VALUES(?, ?, ?)");
        row.bind(1, int64_t{id}).bind(2, text).bind_null(3);
        if (const std::optional<std::string> bytes = r.info.bytes_of(id)) {
            row.bind(3, std::as_bytes(std::span(*bytes)));
        }
        row.run();
    }
}

void put_lens(Database& db, const char* into, int64_t position, const LensAnswer& layer) {
    Packed top, asked;
    for (const TopToken& other : layer.top) {
        top.add(other.id).add(other.logprob);
    }
    for (const float logprob : layer.asked) {
        asked.add(logprob);
    }
    db.use(into).bind(1, position).bind(2, int64_t{layer.layer}).bind(3, top).bind(4, asked).run();
}

void put_steps(Database& db, const Recording& r) {
    for (size_t i = 0; i < r.steps.size(); ++i) {
        const RecordedStep& step = r.steps[i];
        Packed next, stages, lens_ids;
        next.add(step.next.rest);
        for (size_t k = 0; k < step.next.ids.size(); ++k) {
            next.add(step.next.ids[k]).add(step.next.logprobs[k]);
        }
        for (const model::StageResult& stage : step.next.stages) {
            stages.add(uint32_t(stage.stage)).add(stage.n_left).add(uint32_t(stage.top.size()));
            stages.add(stage.other);
            for (const model::Candidate& c : stage.top) {
                stages.add(c.id).add(c.logit).add(c.p);
            }
        }
        for (const TokenId id : step.lens_ids) {
            lens_ids.add(id);
        }
        db.use("INSERT INTO steps VALUES(?, ?, ?, ?)")
            .bind(1, int64_t(i))
            .bind(2, next)
            .bind(3, stages)
            .bind(4, lens_ids)
            .run();
        for (const LensAnswer& layer : step.lens) {
            put_lens(db, "INSERT INTO lens VALUES(?, ?, ?, ?)", int64_t(i), layer);
        }
        for (const LensAnswer& layer : step.lens_mid) {
            put_lens(db, "INSERT INTO lens_mid VALUES(?, ?, ?, ?)", int64_t(i), layer);
        }
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

uint32_t Recording::n_rows() const {
    const auto none = std::find_if(captures.begin(), captures.end(),
                                   [](const auto& c) { return c->live.empty(); });
    return uint32_t(none - captures.begin());
}

void write_recording(const Recording& recording, const std::string& path, Existing existing) {
    ReplacedFile file(path, existing);
    std::string fault = file.file() == nullptr ? std::strerror(errno) : "";
    if (fault.empty()) {
        Database db;
        if (db.open(file.beside(), true)) {
            db.exec(
                fmt::format("PRAGMA journal_mode=MEMORY; PRAGMA application_id={}; PRAGMA "
                            "user_version={};{}",
                            kRecordingApplicationId, kRecordingSchema, kTables));
            Transaction work(db);
            put_meta(db, "info", info_json(recording.info));
            put_meta(db, "text", recording.text);
            put_meta(db, "program", recording.program);
            put_meta(db, "sequence", sequence_json(recording));
            put_meta(db, "turns", turns_json(recording.before));
            put_tokens(db, recording);
            put_rows(db, recording);
            put_steps(db, recording);
            work.commit();
        }
        fault = db.fault().message;
    }
    if (fault.empty() && !file.commit()) {
        fault = std::strerror(errno);
    }
    if (!fault.empty()) {
        throw base::Error(base::ErrorKind::runtime,
                          fmt::format("{}: the recording could not be written: {}",
                                      base::escaped(path, 400), fault),
                          "Choose another place.");
    }
}

}  // namespace app
