#include "app/recordings/recording_maker.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "gpu/base.h"
#include "gpu/sizes.h"

namespace app {

namespace {

constexpr uint32_t kBlockCells = 1 << 16;

}  // namespace

RecordingMaker::RecordingMaker(model::Session& session, std::shared_ptr<Recording> draft)
    : session_(session),
      recording_(std::move(draft)),
      hash_(session.model().parts),
      sampler_(session.model().config.vocab_size),
      n_rows_(session.position()) {
    const std::vector<TokenInfo>& tokens = recording_->tokens;
    const auto& ids = session.tokens();
    bool same = n_rows_ > 0 && n_rows_ <= tokens.size() && tokens.size() <= size_t{n_rows_} + 1;
    for (uint32_t i = 0; same && i < n_rows_; ++i) {
        same = tokens[i].id == ids[i];
    }
    if (!same) {
        throw base::Error(base::ErrorKind::usage,
                          "the model's memory holds another sequence than the one to be recorded",
                          "Show the answer that is to be recorded, and save again.");
    }
    const uint64_t bytes = bytes_for(recording_->info, n_rows_);
    if (bytes > kMostBytes) {
        throw base::Error(
            base::ErrorKind::usage,
            fmt::format("the recording of {} tokens would take {:.1f} GiB, more than {:.0f}",
                        n_rows_, base::gib(bytes), base::gib(kMostBytes)),
            "Record a shorter sequence; single views can be exported at any length.");
    }
    for (uint32_t i = 0; i < tokens.size(); ++i) {
        captures_.push_back(std::make_shared<model::Capture>());
        captures_.back()->first_position = i;
        captures_.back()->n_positions = 1;
        captures_.back()->live = i < n_rows_ ? empty_rows(i) : std::vector<model::LiveRows>();
    }
}

uint64_t RecordingMaker::bytes_for(const ModelInfo& info, uint32_t n_rows) {
    uint64_t cells = 0;
    for (const LayerInfo& layer : info.layers) {
        const uint64_t n = n_rows, w = layer.window;
        cells += w == 0 || w >= n ? n * (n + 1) / 2 : w * (w + 1) / 2 + (n - w) * w;
    }
    const uint64_t a_row = uint64_t{info.n_heads} * info.layers.size() * 8;
    const uint64_t a_step = kNextTokens * 8 + 7 * kStageTokens * 12 +
                            2 * info.layers.size() * (kLensTokens * 8 + kLensAsked * 4 + 40);
    return cells * info.n_heads * 2 + n_rows * (a_row + a_step + 400);
}

std::vector<model::LiveRows> RecordingMaker::empty_rows(uint32_t position) const {
    const uint32_t n_heads = recording_->info.n_heads;
    std::vector<model::LiveRows> all;
    for (uint32_t l = 0; l < recording_->info.n_layers; ++l) {
        const uint32_t window = recording_->info.layers[l].window;
        const uint32_t first = window != 0 && position >= window ? position - window + 1 : 0;
        model::LiveRows rows{
            .layer = l, .position = position, .first_key = first, .n_keys = position - first + 1};
        rows.max.resize(n_heads);
        rows.lse.resize(n_heads);
        rows.log16.resize(size_t{n_heads} * rows.n_keys);
        all.push_back(std::move(rows));
    }
    return all;
}

/// Some rows of one head, from the scores that its weights are made of.
void RecordingMaker::rows_block() {
    const uint32_t window = recording_->info.layers[layer_].window;
    const uint32_t first_key = window != 0 && row_ >= window ? row_ - window + 1 : 0;
    const uint32_t widest = std::min(n_rows_ - first_key, window != 0 ? 2 * window : n_rows_);
    const uint32_t n = std::min(n_rows_ - row_, std::max(1u, kBlockCells / std::max(1u, widest)));
    const model::AttentionTile tile = session_.attention({.layer = layer_,
                                                          .head = head_,
                                                          .query_begin = row_,
                                                          .n_queries = n,
                                                          .key_begin = first_key,
                                                          .n_keys = row_ + n - first_key,
                                                          .scores = true});
    for (uint32_t r = 0; r < n; ++r) {
        model::LiveRows& rows = captures_[row_ + r]->live[layer_];
        const float* scores =
            tile.scores.data() + size_t{r} * tile.n_keys + (rows.first_key - first_key);
        rows.max[head_] = *std::max_element(scores, scores + rows.n_keys);
        rows.lse[head_] = tile.lse[r];
        uint16_t* to = rows.log16.data() + size_t{head_} * rows.n_keys;
        std::transform(scores, scores + rows.n_keys, to, [&](float score) {
            return model::LiveRows::log16_of(rows.max[head_], score);
        });
    }
    row_ += n;
    if (row_ == n_rows_) {
        row_ = 0;
        head_ = (head_ + 1) % recording_->info.n_heads;
        layer_ += head_ == 0 ? 1 : 0;
    }
}

/// What was expected after this position, in the end and after each layer.
void RecordingMaker::step_of(uint32_t position) {
    const std::vector<TokenInfo>& tokens = recording_->tokens;
    RecordedStep step;
    const std::vector<float> logits = session_.logits_at(position);
    const double log_sum = model::log_sum_exp(logits);
    double kept = 0;
    for (const auto& [id, logprob] : model::top_logprobs(logits, kNextTokens, log_sum)) {
        step.next.ids.push_back(id);
        step.next.logprobs.push_back(logprob);
        kept += std::exp(double(logprob));
    }
    step.next.rest = std::clamp(1 - kept, 0.0, 1.0);
    // What came is kept, however unlikely it was.
    const bool last = position + 1 >= tokens.size();
    const TokenId drawn = last ? step.next.ids.front() : tokens[position + 1].id;
    if (std::ranges::count(step.next.ids, drawn) == 0) {
        step.next.ids.push_back(drawn);
        step.next.logprobs.push_back(float(double(logits[size_t(drawn)]) - log_sum));
        step.next.rest =
            std::max(0.0, step.next.rest - std::exp(double(step.next.logprobs.back())));
    }
    std::vector<TokenId> history;
    for (uint32_t i = 0; i <= position; ++i) {
        history.push_back(tokens[i].id);
    }
    step.next.stages = sampler_.stages(logits, recording_->sampling, history, kStageTokens);
    step.lens_ids.assign(
        step.next.ids.begin(),
        step.next.ids.begin() + ptrdiff_t(std::min<size_t>(kLensAsked, step.next.ids.size())));
    if (std::ranges::count(step.lens_ids, drawn) == 0) {
        step.lens_ids.push_back(drawn);
    }
    step.lens = lens_of(position, step.lens_ids, model::Tap::resid_post);
    if (session_.lens_obstacle(position, model::Tap::resid_mid).empty()) {
        step.lens_mid = lens_of(position, step.lens_ids, model::Tap::resid_mid);
    }
    recording_->steps.push_back(std::move(step));
}

std::vector<LensAnswer> RecordingMaker::lens_of(uint32_t position, std::span<const TokenId> ids,
                                                model::Tap tap) const {
    const model::Tokenizer& tokenizer = session_.model().tokenizer;
    std::vector<LensAnswer> layers;
    for (const model::LensRow& row : session_.lens(position, kLensTokens, ids, tap)) {
        LensAnswer answer;
        answer.layer = row.layer;
        answer.asked = row.asked;
        for (const auto& [id, logprob] : row.top) {
            answer.top.push_back({id, tokenizer.display(id), logprob});
        }
        layers.push_back(std::move(answer));
    }
    return layers;
}

bool RecordingMaker::step() {
    if (recording_->model_hash.empty()) {
        recording_->model_hash = hash_.step() ? hash_.text() : std::string();
        return false;
    }
    if (layer_ < recording_->info.n_layers) {
        rows_block();
        return false;
    }
    if (recording_->steps.size() < n_rows_) {
        step_of(uint32_t(recording_->steps.size()));
        return false;
    }
    recording_->captures.assign(captures_.begin(), captures_.end());
    return true;
}

/// In rows of heads; a read-out of all layers counts as one row of every head, the hash as one row
/// for each MiB.
uint64_t RecordingMaker::total() const {
    const uint64_t heads = uint64_t{recording_->info.n_heads} * recording_->info.n_layers;
    return (hash_.total_bytes() >> 20) + 2 * heads * n_rows_;
}

uint64_t RecordingMaker::done() const {
    const uint64_t heads = recording_->info.n_heads;
    const uint64_t rows = (uint64_t{layer_} * heads + head_) * n_rows_ + row_;
    return (hash_.done_bytes() >> 20) + rows +
           recording_->steps.size() * heads * recording_->info.n_layers;
}

ModelInfo model_facts(const model::Model& model, const model::Session& session,
                      const std::string& device_name) {
    const model::Config& config = model.config;
    ModelInfo info;
    info.path = model.path;
    info.name = model.name;
    info.format = model.format;
    info.architecture = model::architecture_name(config.architecture);
    info.n_params = model.weights.n_params;
    info.file_bytes = model.file_bytes;
    info.weight_bytes = model.weights.bytes();
    info.kv_bytes = session.cache().bytes();
    info.n_layers = config.num_hidden_layers;
    info.n_heads = config.num_attention_heads;
    info.n_kv_heads = config.num_key_value_heads;
    info.head_dim = config.head_dim;
    info.hidden_size = config.hidden_size;
    info.vocab_size = config.vocab_size;
    info.n_ctx = session.n_ctx();
    info.n_ctx_train = config.max_position_embeddings;
    info.attn_softcap = config.attn_logit_softcapping;
    info.final_softcap = config.final_logit_softcapping;
    info.device_name = device_name;
    for (uint32_t l = 0; l < config.num_hidden_layers; ++l) {
        const model::LayerConfig& layer = config.layers[l];
        const model::KvLayer& kv = session.cache().layer(l);
        info.layers.push_back({.window = layer.sliding_window,
                               .rope_theta = layer.rope_theta,
                               .rope_factor = layer.rope_factor,
                               .kv_capacity = kv.capacity,
                               .kv_bytes = kv.k.range.size + kv.v.range.size});
    }
    auto texts = std::make_shared<std::vector<std::string>>();
    auto bytes = std::make_shared<std::vector<std::optional<std::string>>>();
    texts->reserve(config.vocab_size);
    bytes->reserve(config.vocab_size);
    for (uint32_t id = 0; id < config.vocab_size; ++id) {
        texts->push_back(model.tokenizer.display(TokenId(id)));
        bytes->emplace_back(model.tokenizer.bytes(TokenId(id)));
    }
    info.token_texts = std::move(texts);
    info.token_bytes = std::move(bytes);
    return info;
}

}  // namespace app
