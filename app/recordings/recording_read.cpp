// Recordings come from anywhere: everything is checked before it is believed.
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <span>
#include <system_error>
#include <utility>

#include "app/chats/database.h"
#include "app/recordings/recording.h"
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
constexpr uint32_t kMostVocabulary = 1 << 21;

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
    throw base::Error(base::ErrorKind::model, base::escaped(path, 400) + ": " + what,
                      "The file was left as it is.");
}

/// A blob's numbers in order; what is not there is false, and stays so.
class Unpacked {
public:
    explicit Unpacked(std::span<const std::byte> bytes) : bytes_(bytes) {}
    template <class T>
    bool take(T& value) {
        good_ = good_ && bytes_.size() >= sizeof value;
        if (good_) {
            std::memcpy(&value, bytes_.data(), sizeof value);
            bytes_ = bytes_.subspan(sizeof value);
        }
        return good_;
    }
    bool more() const { return good_ && !bytes_.empty(); }
    bool good() const { return good_; }

private:
    std::span<const std::byte> bytes_;
    bool good_ = true;
};

class Reader {
public:
    explicit Reader(const std::string& path) : path_(path) {
        if (!is_recording(path)) {
            errno = 0;
            const std::ifstream in(path, std::ios::binary);
            refuse(path, in ? "found other data, expected a Lapidary recording"
                            : std::generic_category().message(errno != 0 ? errno : EIO));
        }
        if (!db_.open(path, false)) {
            refuse(path, "the recording cannot be opened: " + db_.fault().message);
        }
        schema_ = db_.value("PRAGMA user_version");
        if (schema_ > kRecordingSchema) {
            refuse(path, fmt::format("the recording has schema {}, this program knows {}: it comes "
                                     "from a newer Lapidary",
                                     schema_, kRecordingSchema));
        }
        Statement& check = db_.use("PRAGMA quick_check(1)");
        const bool sound = check.step() && check.text(0) == "ok";
        check.reset();
        if (!sound || schema_ < 1) {
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
        r.answer_begin = uint32_t(r.tokens.size());
        if (schema_ > 1) {
            read_sequence(r);
            read_turns(r);
            read_steps(r);
            read_lens(r, "SELECT position, layer, top, asked FROM lens ORDER BY position, layer",
                      &RecordedStep::lens);
            if (schema_ > 2) {
                read_lens(r,
                          "SELECT position, layer, top, asked FROM lens_mid"
                          " ORDER BY position, layer",
                          &RecordedStep::lens_mid);
            }
            check_lens(r);
            take_texts(r);
        }
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
        m.n_params = uint64_t(std::max(0.0, fields.real("n_params").value_or(0)));
        m.file_bytes = uint64_t(std::max(0.0, fields.real("file_bytes").value_or(0)));
        m.n_heads = count(fields, "n_heads", kMostHeads);
        m.n_kv_heads = count(fields, "n_kv_heads", kMostHeads);
        m.head_dim = count(fields, "head_dim", 65536);
        m.hidden_size = count(fields, "hidden_size", 1 << 20);
        m.vocab_size = count(fields, "vocab_size", kMostVocabulary);
        m.n_ctx = count(fields, "n_ctx", 1 << 24);
        m.n_ctx_train = fields.count("n_ctx_train").value_or(0);
        m.weight_bytes = uint64_t(std::max(0.0, fields.real("weight_bytes").value_or(0)));
        m.kv_bytes = uint64_t(std::max(0.0, fields.real("kv_bytes").value_or(0)));
        m.attn_softcap = float(fields.real("attn_softcap").value_or(0));
        m.final_softcap = float(fields.real("final_softcap").value_or(0));
        m.base_model = fields.boolean("base_model").value_or(false);
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
        auto all_bytes =
            std::make_shared<std::vector<std::optional<std::string>>>(r.info.vocab_size);
        Statement& row =
            db_.use(schema_ > 3 ? "SELECT id, text, bytes, bytes IS NOT NULL FROM texts"
                                : "SELECT id, text, NULL, 0 FROM texts");
        while (row.step()) {
            const int64_t id = row.integer(0);
            if (id < 0 || id >= int64_t{r.info.vocab_size}) {
                refuse(path_, "a text belongs to no token");
            }
            (*texts)[size_t(id)] = row.text(1);
            if (row.integer(3) != 0) {
                const auto bytes = row.bytes(2);
                (*all_bytes)[size_t(id)] =
                    std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            }
        }
        for (TokenInfo& t : r.tokens) {
            for (TopToken& other : t.top) {
                other.text = (*texts)[size_t(other.id)];
            }
        }
        r.info.token_texts = std::move(texts);
        r.info.token_bytes = std::move(all_bytes);
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

    void read_sequence(Recording& r) {
        const model::Json json = model::parse_json(meta("sequence"), path_);
        const model::JsonFields fields(json, path_);
        r.model_hash = fields.text("model_hash").value_or("");
        r.answer_begin = fields.count("answer_begin").value_or(r.answer_begin);
        const uint32_t finish = fields.count("finish").value_or(0);
        if (r.answer_begin == 0 || r.answer_begin > r.tokens.size() ||
            finish > uint32_t(FinishReason::stopped)) {
            refuse(path_, "what the recording says of its answer does not fit its tokens");
        }
        r.finish = FinishReason(finish);
        r.stats.prompt_n = fields.count("prompt_n").value_or(0);
        r.stats.predicted_n = fields.count("predicted_n").value_or(0);
        for (const auto& [name, value] : {std::pair{"prompt_ms", &r.stats.prompt_ms},
                                          std::pair{"predicted_ms", &r.stats.predicted_ms},
                                          std::pair{"first_token_ms", &r.stats.first_token_ms},
                                          std::pair{"gb_per_s", &r.stats.gb_per_s}}) {
            *value = fields.real(name).value_or(0);
        }
        if (const auto sampling = fields.child("sampling")) {
            read_sampling(r.sampling, *sampling);
        }
        r.info.sampling = r.sampling;
        r.info.model_hash = r.model_hash;
        r.info.recorded_by = r.program;
    }

    void read_sampling(model::SamplingParams& params, const model::JsonFields& fields) {
        for (const model::SamplingField& field : model::sampling_fields()) {
            const std::optional<double> value = fields.real(field.name);
            if (value && (*value < field.min || *value > field.max)) {
                refuse(path_, fmt::format("{} is {}", field.name, *value));
            }
            if (value) {
                model::set_field(params, field, *value);
            }
        }
        const std::string seed = fields.text("seed").value_or("0");
        const auto [end, error] =
            std::from_chars(seed.data(), seed.data() + seed.size(), params.seed);
        if (error != std::errc() || end != seed.data() + seed.size()) {
            refuse(path_, "the seed is no number");
        }
        params.llama_cpp_order = fields.boolean("llama_cpp_order").value_or(false);
    }

    void read_turns(Recording& r) {
        const model::Json json = model::parse_json(meta("turns"), path_);
        const model::Json* list = json.find("before");
        if (list == nullptr || list->array() == nullptr) {
            refuse(path_, "the recording lacks its conversation");
        }
        for (const model::Json& turn : *list->array()) {
            const model::Json* role = turn.find("role");
            const model::Json* text = turn.find("text");
            const uint64_t* which = role != nullptr ? role->integer() : nullptr;
            if (which == nullptr || *which > uint64_t(model::Role::model) || text == nullptr ||
                text->text() == nullptr) {
                refuse(path_, "a turn of the conversation is spoilt");
            }
            r.before.push_back({model::Role(*which), *text->text()});
        }
    }

    bool exists(TokenId id, const Recording& r) const {
        return id >= 0 && uint32_t(id) < r.info.vocab_size;
    }

    bool unpack_next(Unpacked from, KeptDistribution& next, const Recording& r) const {
        bool good = from.take(next.rest) && next.rest >= -1e-3 && next.rest <= 1.001;
        while (good && from.more()) {
            TokenId id = 0;
            float logprob = 0;
            good = from.take(id) && from.take(logprob) && exists(id, r) && logprob <= 1e-3f;
            next.ids.push_back(id);
            next.logprobs.push_back(logprob);
        }
        return good;
    }

    bool unpack_stages(Unpacked from, KeptDistribution& next, const Recording& r) const {
        bool good = true;
        while (good && from.more()) {
            model::StageResult result;
            uint32_t stage = 0, n = 0;
            good = from.take(stage) && from.take(result.n_left) && from.take(n) &&
                   from.take(result.other) && stage <= uint32_t(model::SamplerStage::final) &&
                   result.n_left <= r.info.vocab_size && n <= result.n_left;
            result.stage = model::SamplerStage(stage);
            for (uint32_t i = 0; good && i < n; ++i) {
                model::Candidate c;
                good = from.take(c.id) && from.take(c.logit) && from.take(c.p) && exists(c.id, r) &&
                       c.p >= 0 && c.p <= 1.001f;
                result.top.push_back(c);
            }
            next.stages.push_back(std::move(result));
        }
        return good && next.stages.size() <= 7;
    }

    void read_steps(Recording& r) {
        Statement& row =
            db_.use("SELECT position, next, stages, lens_ids FROM steps ORDER BY position");
        while (row.step()) {
            RecordedStep step;
            bool good = row.integer(0) == int64_t(r.steps.size()) &&
                        r.steps.size() < r.tokens.size() &&
                        unpack_next(Unpacked(row.bytes(1)), step.next, r) &&
                        unpack_stages(Unpacked(row.bytes(2)), step.next, r);
            Unpacked ids(row.bytes(3));
            while (good && ids.more()) {
                good = ids.take(step.lens_ids.emplace_back()) && exists(step.lens_ids.back(), r);
            }
            if (!good) {
                refuse(path_, fmt::format("what follows position {} is spoilt", r.steps.size()));
            }
            r.steps.push_back(std::move(step));
        }
        if (r.steps.size() != r.n_rows()) {
            refuse(path_, "the recording lacks what follows some of its tokens" + fault());
        }
    }

    void read_lens(Recording& r, const char* from, std::vector<LensAnswer> RecordedStep::*to) {
        Statement& row = db_.use(from);
        while (row.step()) {
            const int64_t position = row.integer(0), layer = row.integer(1);
            bool good = position >= 0 && position < int64_t(r.steps.size());
            RecordedStep* const step = good ? &r.steps[size_t(position)] : nullptr;
            good = good && layer == int64_t((step->*to).size()) && layer < int64_t{r.info.n_layers};
            LensAnswer answer;
            answer.layer = uint32_t(layer);
            Unpacked top(row.bytes(2)), asked(row.bytes(3));
            while (good && top.more()) {
                TopToken& other = answer.top.emplace_back();
                good = top.take(other.id) && top.take(other.logprob) && exists(other.id, r);
            }
            while (good && asked.more()) {
                good = asked.take(answer.asked.emplace_back());
            }
            if (!good || answer.asked.size() != step->lens_ids.size()) {
                refuse(path_, "a read-out of a layer does not fit its place");
            }
            (step->*to).push_back(std::move(answer));
        }
    }

    void check_lens(const Recording& r) const {
        for (const RecordedStep& step : r.steps) {
            const size_t n_mid = step.lens_mid.size();
            if (step.lens.size() != r.info.n_layers || (n_mid != 0 && n_mid != r.info.n_layers)) {
                refuse(path_, "the recording lacks the read-out of some layers" + fault());
            }
        }
    }

    void take_texts(Recording& r) const {
        for (RecordedStep& step : r.steps) {
            for (std::vector<LensAnswer>* lens : {&step.lens, &step.lens_mid}) {
                for (LensAnswer& layer : *lens) {
                    for (TopToken& other : layer.top) {
                        other.text = (*r.info.token_texts)[size_t(other.id)];
                    }
                }
            }
        }
    }

    std::string path_;
    Database db_;
    int64_t schema_ = 0;
};

}  // namespace

Recording read_recording(const std::string& path) {
    return Reader(path).read();
}

}  // namespace app
