// long file: everything that the window asks of an engine, answered in one place.
#include "tests/support/fake_engine.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "app/engine/thumbnails.h"

namespace test {

using namespace app;

namespace {

const char* const kWords[] = {
    "<pad>",
    "<eos>",
    "<bos>",
    "<end_of_turn>",
    "<start_of_turn>",
    "user",
    "model",
    "\n",
    "\n\n",
    " ",
    "    ",
    "        ",
    "def",
    " factorial",
    "(",
    "n",
    "):",
    " if",
    " n",
    " ==",
    "0",
    "1",
    ":",
    " return",
    " else",
    " *",
    "-",
    ")",
    "```",
    "python",
    "In",
    " this",
    " function",
    ",",
    " the",
    " of",
    " is",
    " product",
    " all",
    " positive",
    " integers",
    " from",
    " to",
    ".",
    "Write",
    " a",
    " Python",
    " that",
    " returns",
    " Explain",
    " it",
    "?",
    " cup",
    " red",
    " hat",
    " blue",
    " dog",
    " Tim",
    " story",
    " once",
    " little",
    " was",
    " and",
    " in",
    " on",
    "2",
    "3",
    "4",
    "The",
    "What",
    "**",
    "Quartz",
    " mineral",
    "✨",
    "é",
    "石",
    "\xE2",
    "\x9C",
    "It",
    " you",
    " can",
    " see",
};

const std::vector<std::string>& default_answer() {
    static const std::vector<std::string> answer = {
        "```",        "python",    "\n",         "def", " factorial", "(",         "n",    "):",
        "\n",         "    ",      "if",         " n",  " ==",        " ",         "0",    ":",
        "\n",         "        ",  "return",     " ",   "1",          "\n",        "    ", "return",
        " n",         " *",        " factorial", "(",   "n",          "-",         "1",    ")",
        "\n",         "```",       "\n\n",       "In",  " this",      " function", ",",    " the",
        " factorial", " of",       " n",         " is", " the",       " product",  " of",  " all",
        " positive",  " integers", " from",      " ",   "1",          " to",       " n",   "."};
    return answer;
}

uint64_t mix(uint64_t x) {
    x += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

float noise(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    return float(mix(mix(mix(mix(a) ^ b) ^ c) ^ d) >> 40) / float(1 << 24);
}

std::string display_of(const std::string& piece) {
    if (piece.find_first_not_of('\n') == std::string::npos) {
        return piece.size() == 1 ? "↵" : "↵×" + std::to_string(piece.size());
    }
    std::string out;
    for (const char c : piece) {
        out += c == ' ' ? std::string("␠") : std::string(1, c);
    }
    return piece.size() == 1 && static_cast<unsigned char>(piece[0]) >= 0x80 ? "<0xE2>" : out;
}

constexpr TokenId kEnd = 3, kBos = 2;

}  // namespace

std::vector<std::string> answer_tokens(const std::string& text) {
    std::vector<std::string> out;
    for (size_t i = 0; i < text.size();) {
        size_t end = i + 1;
        const auto letter = [&](size_t at) {
            const auto c = static_cast<unsigned char>(text[at]);
            return std::isalnum(c) != 0 || c >= 0x80;
        };
        while (end < text.size() && letter(end) && (letter(end - 1) || text[end - 1] == ' ')) {
            ++end;
        }
        out.push_back(text.substr(i, end - i));
        i = end;
    }
    return out;
}

FakeEngine::FakeEngine(FakeOptions options)
    : options_(std::move(options)), displays_(std::make_shared<std::vector<std::string>>()) {
    pieces_.assign(std::begin(kWords), std::end(kWords));
    pieces_.insert(pieces_.end(), {"if", "return", "else"});
    while (pieces_.size() < 400) {
        pieces_.push_back(" word" + std::to_string(pieces_.size()));
    }
    for (const std::string& piece : options_.answer) {
        if (std::find(pieces_.begin(), pieces_.end(), piece) == pieces_.end()) {
            pieces_.push_back(piece);
        }
    }
    for (size_t i = 0; i < pieces_.size(); ++i) {
        displays_->push_back(i < 5 ? pieces_[i] : display_of(pieces_[i]));
    }
}

TokenId FakeEngine::id_of(const std::string& piece) const {
    const auto it = std::find(pieces_.begin(), pieces_.end(), piece);
    return it == pieces_.end() ? TokenId(0) : TokenId(it - pieces_.begin());
}

std::vector<TokenId> FakeEngine::encode(const std::string& text) const {
    // Longest piece first, character by character; what is unknown is left out.
    std::vector<TokenId> out;
    for (size_t i = 0; i < text.size();) {
        size_t best = 0, length = 0;
        for (size_t id = 5; id < pieces_.size(); ++id) {
            const std::string& p = pieces_[id];
            if (p.size() > length && text.compare(i, p.size(), p) == 0) {
                best = id;
                length = p.size();
            }
        }
        if (length > 0) {
            out.push_back(TokenId(best));
        }
        i += std::max<size_t>(length, 1);
    }
    return out;
}

bool FakeEngine::send(Command command) {
    commands_.push_back(command);
    if (const auto* load = std::get_if<LoadModel>(&command)) {
        handle(*load);
    } else if (const auto* generate = std::get_if<Generate>(&command)) {
        handle(*generate);
    } else if (const auto* inspect = std::get_if<Inspect>(&command)) {
        if (holds_answers_ && !(answers_rows_ && inspect->kind == InspectKind::row)) {
            held_.push_back(*inspect);
        } else {
            handle(*inspect);
        }
    } else if (std::get_if<Stop>(&command) != nullptr && generating_) {
        finish(FinishReason::stopped);
    } else if (std::get_if<CancelLoad>(&command) != nullptr && load_left_ >= 0) {
        load_left_ = -1;
        events_.push_back(Failed{loading_.id, "Loading was cancelled.", "", false});
    }
    return true;
}

void FakeEngine::handle(const LoadModel& c) {
    loading_ = c;
    load_left_ = options_.load_steps;
}

ModelInfo FakeEngine::info(const std::string& path) const {
    ModelInfo m;
    m.path = path.empty() ? "/usr/share/fake.gguf" : path;
    m.name = "Fake Gemma";
    m.format = "GGUF";
    m.quant = "F16";
    m.device_warning = options_.device_warning;
    m.architecture = "gemma2";
    m.n_params = 5800000;
    m.file_bytes = 11656288;
    m.weight_bytes = 11600000;
    m.n_layers = options_.n_layers;
    m.n_heads = options_.n_heads;
    m.n_kv_heads = options_.n_kv_heads;
    m.head_dim = 32;
    m.hidden_size = 128;
    m.vocab_size = uint32_t(pieces_.size());
    m.n_ctx = m.n_ctx_train = options_.n_ctx;
    for (uint32_t l = 0; l < m.n_layers; ++l) {
        // As in the engine's full cache: every layer keeps all positions. K and V in f16.
        m.layers.push_back({.window = window_of(l),
                            .rope_theta = 10000,
                            .kv_capacity = m.n_ctx,
                            .kv_bytes = uint64_t{4} * m.n_ctx * m.n_kv_heads * m.head_dim});
        m.kv_bytes += m.layers.back().kv_bytes;
    }
    m.base_model = options_.base_model;
    m.shipped = path.empty();
    m.device_name = "Fake GPU";
    m.device_driver = "none";
    m.device_why = "the only one there is";
    m.token_texts = displays_;
    auto bytes = std::make_shared<std::vector<std::optional<std::string>>>();
    for (size_t i = 0; i < pieces_.size(); ++i) {
        bytes->emplace_back(i < 5 ? std::string() : pieces_[i]);
    }
    m.token_bytes = std::move(bytes);
    return m;
}

float FakeEngine::value_norm(uint32_t layer, uint32_t head, uint32_t key) const {
    return 0.5f + 0.25f * float((7 * key + 5 * head + 3 * layer) % 11);
}

std::vector<HeadShare> FakeEngine::shares(uint32_t begin, uint32_t n) const {
    std::vector<HeadShare> out;
    for (uint32_t l = 0; l < options_.n_layers; ++l) {
        std::vector<double> mean(options_.n_heads);
        for (uint32_t q = begin; q < begin + n; ++q) {
            double total = 0;
            std::vector<double> elsewhere(options_.n_heads);
            for (uint32_t h = 0; h < options_.n_heads; ++h) {
                const std::vector<float> p = row(l, h, q);
                for (uint32_t k = 0; k <= q; ++k) {
                    const double part = double(p[k]) * double(value_norm(l, h, k));
                    total += part;
                    elsewhere[h] += k != 0 && k != q ? part : 0;
                }
            }
            for (uint32_t h = 0; h < options_.n_heads; ++h) {
                mean[h] += elsewhere[h] / total / n;
            }
        }
        for (uint32_t h = 0; h < options_.n_heads; ++h) {
            out.push_back({l, h, float(mean[h])});
        }
    }
    return out;
}

uint32_t FakeEngine::window_of(uint32_t layer) const {
    return layer % 3 == 2 ? 0 : options_.window;
}

/// The ids of the prompt; false when they do not fit. Oldest turns go two at a time.
bool FakeEngine::compose(const Generate& c) {
    if (!c.tokens.empty()) {
        ids_ = c.tokens;
        return ids_.size() <= options_.n_ctx;
    }
    if (!c.text.empty()) {
        ids_ = encode(c.text);
        ids_.insert(ids_.begin(), kBos);
        return ids_.size() <= options_.n_ctx;
    }
    for (size_t first = 0; first < c.turns.size(); first += 2, n_dropped_ += 2) {
        ids_ = {kBos};
        for (size_t i = first; i < c.turns.size(); ++i) {
            ids_.push_back(4);
            const std::vector<TokenId> text = encode(c.turns[i].text);
            ids_.insert(ids_.end(), text.begin(), text.end());
            ids_.push_back(kEnd);
        }
        ids_.push_back(4);
        answer_begin_ = uint32_t(ids_.size());
        const std::vector<TokenId> begun = c.answer.empty() ? encode(c.answer_text) : c.answer;
        ids_.insert(ids_.end(), begun.begin(), begun.end());
        const size_t room = first > 0 ? options_.n_ctx / 4 : c.drop_oldest ? 1 : 0;
        if (ids_.size() + room <= options_.n_ctx) {
            return true;
        }
        if (!c.drop_oldest) {
            return false;
        }
    }
    return false;
}

void FakeEngine::hold_answers(bool hold, bool but_rows) {
    holds_answers_ = hold;
    answers_rows_ = but_rows;
    for (const Inspect& question : std::exchange(held_, {})) {
        hold ? held_.push_back(question) : handle(question);
    }
}

void FakeEngine::fail_after(int n, Failed failure) {
    fail_in_ = n;
    failure_ = std::move(failure);
}

/// As the engine does: the request's ending, then, with the device, the model.
void FakeEngine::fail_now() {
    events_.clear();
    failure_.id = generating_ ? running_.id : load_left_ >= 0 ? loading_.id : 0;
    events_.push_back(failure_);
    if (failure_.device_lost && std::exchange(has_model_, false)) {
        events_.push_back(ModelUnloaded{});
    }
    generating_ = false;
    load_left_ = -1;
}

void FakeEngine::handle(const Generate& c) {
    if (generating_) {
        events_.push_back(Failed{c.id, "busy", "", false});
        return;
    }
    running_ = c;
    n_predicted_ = 0;
    answer_begin_ = n_dropped_ = 0;
    if (!compose(c)) {
        events_.push_back(Failed{c.id, "The prompt does not fit.", "Shorten it.", false,
                                 n_dropped_ == 0 && c.turns.size() > 1});
        return;
    }
    generating_ = true;
    plan_.clear();
    for (const std::string& piece : options_.answer.empty() ? default_answer() : options_.answer) {
        plan_.push_back(id_of(piece));
    }
    planned_ = 0;
    if (!c.tokens.empty()) {
        // A branch goes on where the plan would have been.
        const auto bos_turns = std::find(ids_.rbegin(), ids_.rend(), 4) - ids_.rbegin();
        planned_ = std::min(size_t(bos_turns), plan_.size());
    } else if (answer_begin_ > 0) {
        planned_ = std::min(ids_.size() - answer_begin_, plan_.size());
    }
    PromptReady prompt;
    prompt.id = c.id;
    prompt.answer_begin = answer_begin_;
    prompt.n_dropped_turns = n_dropped_;
    for (uint32_t i = 0; i < ids_.size(); ++i) {
        TokenInfo t = token(i, ids_[i]);
        t.logprob = std::numeric_limits<float>::quiet_NaN();
        t.rank = -1;
        t.entropy = t.logprob;
        t.top.clear();
        prompt.tokens.push_back(t);
    }
    events_.push_back(prompt);
    events_.push_back(PrefillProgressed{c.id, uint32_t(ids_.size()), uint32_t(ids_.size())});
    prompt.scored = true;
    for (uint32_t i = 0; i < ids_.size(); ++i) {
        prompt.tokens[i] = token(i, ids_[i]);
    }
    events_.push_back(prompt);
}

std::vector<float> FakeEngine::logits(uint32_t row) const {
    std::vector<float> out(pieces_.size());
    const auto before = uint64_t(ids_[row]);
    for (size_t i = 0; i < out.size(); ++i) {
        out[i] = 7 * noise(before, row, i, 11) - 3;
    }
    if (row + 1 < ids_.size()) {
        out[size_t(ids_[row + 1])] += 8 * noise(row, 3, 4, 5);
    }
    out[0] = out[1] = out[2] = -20;
    return out;
}

TokenInfo FakeEngine::token(uint32_t position, TokenId id) const {
    TokenInfo t;
    t.position = position;
    t.id = id;
    t.control = id < 5;
    t.text = (*displays_)[size_t(id)];
    t.bytes = t.control ? "" : pieces_[size_t(id)];
    t.logprob = t.entropy = std::numeric_limits<float>::quiet_NaN();
    if (position == 0) {
        return t;
    }
    const std::vector<float> l = logits(position - 1);
    const model::TokenStats stats = model::token_stats(l, id);
    t.logprob = stats.logprob;
    t.rank = stats.rank;
    t.entropy = stats.entropy;
    for (const auto& [other, logprob] : model::top_logprobs(l, 10, stats.log_sum_exp)) {
        t.top.push_back({other, (*displays_)[size_t(other)], logprob});
    }
    return t;
}

std::vector<float> FakeEngine::row(uint32_t layer, uint32_t head, uint32_t query) const {
    const uint32_t window = window_of(layer);
    std::vector<float> p(query + 1, 0.0f);
    double sum = 0;
    for (uint32_t key = 0; key <= query; ++key) {
        if (!model::AttentionTile::visible(query, key, window)) {
            continue;
        }
        float score = 4 * noise(layer * 31 + head, uint64_t(ids_[query]), uint64_t(ids_[key]), 1);
        score += key == 0 ? 2.5f : 0;
        score += head == 1 && key + 1 == query ? 5.0f : 0;
        score += head == 2 && ids_[key] == ids_[query] ? 2.0f : 0;
        score -= 0.03f * float(query - key);
        p[key] = std::exp(score);
        sum += double(p[key]);
    }
    for (float& x : p) {
        x = float(double(x) / sum);
    }
    return p;
}

float FakeEngine::weight(uint32_t layer, uint32_t head, uint32_t query, uint32_t key) const {
    return key <= query ? row(layer, head, query)[key] : 0;
}

std::shared_ptr<const model::Capture> FakeEngine::capture(uint32_t position) const {
    auto out = std::make_shared<model::Capture>();
    out->first_position = position;
    out->n_positions = 1;
    for (uint32_t l = 0; l < options_.n_layers; ++l) {
        model::LiveRows rows;
        rows.layer = l;
        rows.position = position;
        const uint32_t window = window_of(l);
        rows.first_key = window != 0 && position + 1 > window ? position + 1 - window : 0;
        rows.n_keys = position + 1 - rows.first_key;
        for (uint32_t h = 0; h < options_.n_heads; ++h) {
            const std::vector<float> p = row(l, h, position);
            const float top = *std::max_element(p.begin(), p.end());
            rows.max.push_back(std::log(top));
            rows.lse.push_back(0);
            for (uint32_t j = 0; j < rows.n_keys; ++j) {
                const float drop =
                    std::log(top) - std::log(std::max(p[rows.first_key + j], 1e-30f));
                rows.log16.push_back(uint16_t(std::min(65535.0f, std::round(drop * 2048))));
            }
        }
        out->live.push_back(std::move(rows));
    }
    return out;
}

std::optional<Event> FakeEngine::poll() {
    if (fail_in_ >= 0 && fail_in_-- == 0) {
        fail_now();
    }
    if (events_.empty()) {
        step();
    }
    if (events_.empty()) {
        return std::nullopt;
    }
    Event e = std::move(events_.front());
    events_.pop_front();
    return e;
}

void FakeEngine::step() {
    if (load_left_ > 0) {
        const bool fits =
            loading_.anyway || !options_.no_room || options_.no_room->path != loading_.path;
        if (fits && std::exchange(has_model_, false)) {  // its memory is the next one's
            events_.push_back(ModelUnloaded{});
        }
        --load_left_;
        const auto total = uint64_t(options_.load_steps);
        events_.push_back(
            LoadProgressed{loading_.id, "weights", total - uint64_t(load_left_), total});
    } else if (load_left_ == 0) {
        load_left_ = -1;
        if (!options_.fail_load.empty()) {
            events_.push_back(Failed{loading_.id, options_.fail_load, "Try another file.", false});
        } else if (options_.no_room && options_.no_room->path == loading_.path &&
                   !loading_.anyway) {
            Failed failed{loading_.id, "Fake needs 16.9 GiB; Fake device has 7.2 GiB free", "hint"};
            failed.no_room = std::make_shared<NoRoom>(*options_.no_room);
            events_.push_back(std::move(failed));
        } else {
            has_model_ = true;
            events_.push_back(
                ModelReady{loading_.id, std::make_shared<ModelInfo>(info(loading_.path))});
        }
    } else if (generating_ && (options_.hold_after == 0 || n_predicted_ < options_.hold_after)) {
        next_token();
    }
}

void FakeEngine::next_token() {
    if (ids_.size() >= options_.n_ctx) {
        finish(FinishReason::context_full);
        return;
    }
    const bool limit = running_.max_tokens >= 0 && n_predicted_ >= uint64_t(running_.max_tokens);
    if (limit) {
        finish(FinishReason::length);
        return;
    }
    if (!options_.fail_generate.empty() && n_predicted_ == 5) {
        generating_ = false;
        events_.push_back(Failed{running_.id, options_.fail_generate, "Try again.", false});
        return;
    }
    const bool end = planned_ >= plan_.size();
    const TokenId id = end ? kEnd : plan_[planned_++];
    // The row that this token was drawn from has just been computed.
    events_.push_back(CaptureReady{running_.id, capture(uint32_t(ids_.size()) - 1)});
    ids_.push_back(id);
    TokenReady e;
    e.id = running_.id;
    e.token = token(uint32_t(ids_.size()) - 1, id);
    e.text = e.token.bytes;
    e.stop = end;
    events_.push_back(e);
    ++n_predicted_;
    if (end) {
        finish(FinishReason::stop);
    }
}

void FakeEngine::finish(FinishReason reason) {
    generating_ = false;
    Stats stats;
    stats.prompt_n = ids_.size() - n_predicted_;
    stats.predicted_n = n_predicted_;
    stats.predicted_ms = 21.5 * double(n_predicted_);
    stats.prompt_ms = 160;
    stats.first_token_ms = 160;
    stats.gb_per_s = 11.7;
    events_.push_back(Finished{running_.id, reason, stats});
}

std::shared_ptr<const std::vector<Thumbnail>> FakeEngine::thumbnails_of(uint32_t layer) const {
    auto all = std::make_shared<std::vector<Thumbnail>>();
    for (uint32_t h = 0; h < options_.n_heads; ++h) {
        ThumbnailPool pool;
        for (uint32_t q = 0; q < ids_.size(); ++q) {
            pool.add_row(q, 0, row(layer, h, q));
        }
        all->push_back(pool.picture(layer, h));
    }
    return all;
}

AttentionPyramidTile FakeEngine::tile_of(const TileKey& key) const {
    constexpr uint32_t kSide = AttentionPyramidTile::kSide;
    TileBuilder builder(key, window_of(key.layer), uint32_t(ids_.size()));
    while (builder.next() < builder.end()) {
        const uint32_t query = builder.next();
        const std::vector<float> p = row(key.layer, key.head, query);
        std::array<float, kSide> max{}, sum{};
        const uint64_t bin = uint64_t{1} << key.key_level, first = key.column * kSide * bin;
        const float factor = key.measure == Measure::renormalized ? 1 / (1 - p[0]) : 1;
        for (uint32_t k = key.exact() ? 0 : 1; k <= query; ++k) {
            const uint64_t at = key.band ? query - k : k;
            if (at >= first && at < first + kSide * bin) {
                const auto c = size_t((at - first) / bin);
                const bool valued = key.measure == Measure::valued && !key.exact();
                const float w = p[k] * factor * (valued ? value_norm(key.layer, key.head, k) : 1);
                max[c] = std::max(max[c], w);
                sum[c] += w;
            }
        }
        key.exact() ? builder.add_cells(sum.data(), kSide)
                    : builder.add_row(max.data(), sum.data());
    }
    return std::move(builder).finish();
}

void FakeEngine::handle(const Inspect& c) {
    InspectReady answer;
    answer.id = c.id;
    answer.kind = c.kind;
    answer.request = c;
    answer.n_positions = uint32_t(ids_.size());
    if (c.kind == InspectKind::thumbnails) {
        answer.thumbnails = thumbnails_of(c.layer);
    } else if (c.kind == InspectKind::pyramid) {
        for (size_t i = 0; i < c.tiles.size(); ++i) {
            answer.pyramid = std::make_shared<AttentionPyramidTile>(tile_of(c.tiles[i]));
            answer.n_left = uint32_t(c.tiles.size() - 1 - i);
            events_.push_back(answer);
        }
        return;
    } else if (c.kind == InspectKind::tile || c.kind == InspectKind::row ||
               c.kind == InspectKind::sink) {
        const auto n = uint32_t(ids_.size());
        auto tile = std::make_shared<model::AttentionTile>();
        tile->layer = c.layer;
        tile->head = c.head;
        tile->query_begin = c.query_begin;
        tile->n_queries = std::min(c.n_queries, n - c.query_begin);
        tile->key_begin = c.key_begin;
        tile->n_keys = c.kind == InspectKind::sink ? 1 : std::min(c.n_keys, n - c.key_begin);
        tile->window = window_of(c.layer);
        for (uint32_t q = 0; q < tile->n_queries; ++q) {
            const std::vector<float> p = row(c.layer, c.head, c.query_begin + q);
            for (uint32_t k = c.key_begin; k < c.key_begin + tile->n_keys; ++k) {
                tile->pattern.push_back(k < p.size() ? p[k] : 0);
            }
        }
        answer.tile = tile;
    } else if (c.kind == InspectKind::values) {
        std::vector<float> norms(ids_.size());
        for (uint32_t k = 0; k < norms.size(); ++k) {
            norms[k] = value_norm(c.layer, c.head, k);
        }
        answer.values = std::make_shared<const std::vector<float>>(std::move(norms));
    } else if (c.kind == InspectKind::heads) {
        answer.heads = shares(c.query_begin, std::max(c.n_queries, 1U));
    } else if (c.kind == InspectKind::distribution) {
        answer.logits = std::make_shared<std::vector<float>>(logits(c.position));
    } else {
        for (uint32_t l = 0; l < options_.n_layers; ++l) {
            LensAnswer lens;
            lens.layer = l;
            for (size_t i = 0; i < c.ids.size(); ++i) {
                const model::TokenStats s = model::token_stats(logits(c.position), c.ids[i]);
                const float done = c.mid ? float(l) + 0.5f : float(l + 1);
                const float sharp = done / float(options_.n_layers);
                lens.asked.push_back(s.logprob * (2 - sharp) - (1 - sharp) * 4);
            }
            const std::vector<float> row = logits(c.position);
            for (const auto& [id, logprob] :
                 model::top_logprobs(row, 10, model::log_sum_exp(row))) {
                // Less likely from place to place, down to a thousandth of a percent and below.
                const float later = 3 * float(lens.top.size());
                lens.top.push_back({id, (*displays_)[size_t(id)], logprob - later});
            }
            answer.lens.push_back(std::move(lens));
        }
    }
    events_.push_front(std::move(answer));
}

}  // namespace test
