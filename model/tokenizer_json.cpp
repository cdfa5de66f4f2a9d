// tokenizer.json and generation_config.json of Hugging Face folders.
#include <algorithm>
#include <unordered_map>

#include "model/config_builders.h"
#include "model/file_error.h"
#include "model/json_reader.h"
#include "model/tokenizer_files.h"

namespace model {

namespace {

constexpr int32_t kNormal = 1;
constexpr int32_t kUnknown = 2;
constexpr int32_t kControl = 3;
constexpr int32_t kUserDefined = 4;
constexpr int32_t kByte = 6;

using Vocabulary = std::unordered_map<std::string_view, uint32_t>;

uint32_t id_of(const Json* value, const std::string& name, std::string_view piece,
               const Limits& limits) {
    const uint64_t* id = value == nullptr ? nullptr : value->integer();
    if (id == nullptr || *id >= limits.n_pieces) {
        refuse(name, fmt::format("id of '{}'", piece),
               value == nullptr ? "none" : value->described(),
               fmt::format("0 to {}", limits.n_pieces - 1));
    }
    return static_cast<uint32_t>(*id);
}

/// Puts a piece at its id; the ids may come in any order, and end up without gaps.
class Table {
public:
    Table(TokenizerData& data, const std::string& name) : data_(data), name_(name) {}

    void put(uint32_t id, const std::string& piece, int32_t type) {
        if (piece.empty()) {
            refuse(name_, fmt::format("token {}", id), "an empty piece", "a piece of text");
        }
        if (id >= data_.pieces.size()) {
            data_.pieces.resize(id + 1);
            data_.types.resize(id + 1, 0);
        }
        if (!data_.pieces[id].empty() && data_.pieces[id] != piece) {
            refuse(name_, fmt::format("token {}", id),
                   fmt::format("'{}' and '{}'", data_.pieces[id], piece), "one piece for an id");
        }
        data_.pieces[id] = piece;
        data_.types[id] = type;
    }

    void check_gaps() const {
        const auto gap = std::find(data_.types.begin(), data_.types.end(), 0);
        if (gap != data_.types.end()) {
            refuse(name_, "vocab", fmt::format("no piece for id {}", gap - data_.types.begin()),
                   "ids without gaps");
        }
    }

private:
    TokenizerData& data_;
    const std::string& name_;
};

void read_vocab(const JsonFields& model, Table& table, const std::string& name,
                const Limits& limits) {
    const Json* vocab = model.find("vocab");
    if (vocab == nullptr || vocab->object() == nullptr) {
        model.fail("vocab", vocab == nullptr ? "nothing" : vocab->described(),
                   "an object of pieces and ids");
    }
    for (const auto& [piece, id] : *vocab->object()) {
        const bool byte = byte_of_piece(piece).has_value();
        table.put(id_of(&id, name, piece, limits), piece,
                  piece == "<unk>" ? kUnknown
                  : byte           ? kByte
                                   : kNormal);
    }
}

void read_added(const JsonFields& root, Table& table, const std::string& name,
                const Limits& limits) {
    const Json::Array* added = root.array("added_tokens");
    if (added == nullptr) {
        return;
    }
    for (const Json& item : *added) {
        const JsonFields token(item, name + ": added_tokens");
        const std::string content = token.text("content").value_or("");
        if (content.empty()) {
            token.fail("content", "nothing", "the token's text");
        }
        const bool special = token.boolean("special").value_or(false);
        table.put(id_of(token.find("id"), name, content, limits), content,
                  content == "<unk>" ? kUnknown
                  : special          ? kControl
                                     : kUserDefined);
    }
}

/// The two halves of a merge: "a b", or ["a", "b"] in newer files.
std::pair<std::string_view, std::string_view> halves(const Json& merge, const std::string& name) {
    if (const std::string* text = merge.text()) {
        const size_t space = text->find(' ');
        if (space != std::string::npos && text->find(' ', space + 1) == std::string::npos) {
            const std::string_view view(*text);
            return {view.substr(0, space), view.substr(space + 1)};
        }
    }
    const Json::Array* pair = merge.array();
    if (pair == nullptr || pair->size() != 2 || (*pair)[0].text() == nullptr ||
        (*pair)[1].text() == nullptr) {
        refuse(name, "merges", merge.described(), "two pieces");
    }
    return {*(*pair)[0].text(), *(*pair)[1].text()};
}

/// The order of ids stands for the order of merges; that needs every merge to be of pieces we have.
void check_merges(const JsonFields& model, const TokenizerData& data, const std::string& name,
                  const Limits& limits) {
    const Json::Array* merges = model.array("merges");
    if (merges == nullptr) {
        model.fail("merges", "nothing", "a list of merges");
    }
    if (merges->size() > limits.n_merges) {
        model.fail("merges", fmt::format("{}", merges->size()),
                   fmt::format("at most {}", limits.n_merges));
    }
    Vocabulary ids;
    ids.reserve(data.pieces.size());
    for (uint32_t i = 0; i < data.pieces.size(); ++i) {
        ids.emplace(data.pieces[i], i);
    }
    std::string joined;
    for (const Json& merge : *merges) {
        const auto [left, right] = halves(merge, name);
        joined.assign(left).append(right);
        if (!ids.contains(left) || !ids.contains(right) || !ids.contains(joined)) {
            refuse(name, "merges", fmt::format("'{}' + '{}'", left, right),
                   "pieces of the vocabulary");
        }
    }
}

void check_model(const JsonFields& model) {
    const std::string type = model.text("type").value_or("BPE");
    if (type != "BPE") {
        model.fail("type", fmt::format("'{}'", type), "BPE");
    }
    if (!model.boolean("byte_fallback").value_or(false)) {
        model.fail("byte_fallback", "false", "true, as in every Gemma");
    }
    for (const std::string_view field : {"continuing_subword_prefix", "end_of_word_suffix"}) {
        if (!model.text(field).value_or("").empty()) {
            model.fail(field, *model.text(field), "none");
        }
    }
}

}  // namespace

void fill_scores(TokenizerData& data) {
    if (!data.scores.empty()) {
        return;
    }
    size_t first = 0;
    const auto is_normal = [&](size_t i) {
        return data.types.empty() ? i >= 4 && !byte_of_piece(data.pieces[i])
                                  : data.types[i] == kNormal;
    };
    while (first < data.pieces.size() && !is_normal(first)) {
        ++first;
    }
    data.scores.resize(data.pieces.size(), 0.f);
    for (size_t i = first; i < data.pieces.size(); ++i) {
        data.scores[i] = is_normal(i) ? -static_cast<float>(i - first) : 0.f;
    }
}

TokenizerData parse_tokenizer_json(std::string_view text, const std::string& name,
                                   const Limits& limits) {
    const Json json = parse_json(text, name, limits);
    const JsonFields root(json, name);
    const std::optional<JsonFields> model = root.child("model");
    if (!model) {
        root.fail("model", "nothing", "a BPE model");
    }
    check_model(*model);
    TokenizerData data;
    Table table(data, name);
    read_vocab(*model, table, name, limits);
    read_added(root, table, name, limits);
    table.check_gaps();
    check_merges(*model, data, name, limits);
    fill_scores(data);
    check_tokenizer(data, name, limits);
    return data;
}

SamplingHints parse_generation_config(TokenizerData& tokenizer, std::string_view text,
                                      const std::string& name, const Limits& limits) {
    const Json json = parse_json(text, name, limits);
    const JsonFields fields(json, name);
    for (const int32_t id : token_id_list(fields, "eos_token_id")) {
        if (std::find(tokenizer.stop_ids.begin(), tokenizer.stop_ids.end(), id) ==
            tokenizer.stop_ids.end()) {
            tokenizer.stop_ids.push_back(id);
        }
    }
    SamplingHints hints;
    hints.temperature = static_cast<float>(fields.real("temperature").value_or(-1));
    hints.top_p = static_cast<float>(fields.real("top_p").value_or(-1));
    const std::optional<uint32_t> top_k = fields.count("top_k");
    hints.top_k = top_k && *top_k <= INT32_MAX ? static_cast<int32_t>(*top_k) : -1;
    return hints;
}

}  // namespace model
