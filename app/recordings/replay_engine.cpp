#include "app/recordings/replay_engine.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "app/engine/thumbnails.h"
#include "gpu/base.h"
#include "model/utf8.h"

namespace app {

namespace {

/// What the window shows as the settings of the sampler are those that were drawn with.
std::shared_ptr<const ModelInfo> info_of(const Recording& recording) {
    auto info = std::make_shared<ModelInfo>(recording.info);
    info->sampling = recording.sampling;
    return info;
}

}  // namespace

ReplayEngine::ReplayEngine(Recording recording)
    : recording_(std::move(recording)), info_(info_of(recording_)), n_rows_(recording_.n_rows()) {}

bool ReplayEngine::send(Command command) {
    if (const auto* load = std::get_if<LoadModel>(&command)) {
        handle(*load);
    } else if (const auto* generate = std::get_if<Generate>(&command)) {
        handle(*generate);
    } else if (const auto* inspect = std::get_if<Inspect>(&command)) {
        handle(*inspect);
    } else if (const auto* record = std::get_if<Record>(&command)) {
        handle(*record);
    }
    return true;
}

std::optional<Event> ReplayEngine::poll() {
    if (events_.empty()) {
        return std::nullopt;
    }
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
}

void ReplayEngine::handle(const LoadModel& c) {
    if (!c.path.empty() && c.path != info_->path) {
        events_.push_back(Failed{c.id, "This window shows a recording.",
                                 "Open models in a window of their own: lapidary FILE."});
        return;
    }
    events_.push_back(ModelReady{c.id, info_});
}

namespace {

/// Bytes that became whole characters: the beginning of `pending`, which keeps the rest.
std::string take_whole(std::string& pending) {
    size_t n = 0;
    while (n < pending.size() && !model::utf8_incomplete(std::string_view(pending).substr(n))) {
        n += std::max<size_t>(1, model::utf8_front(std::string_view(pending).substr(n)).size);
    }
    return std::exchange(pending, pending.substr(n)).substr(0, n);
}

}  // namespace

/// The recorded sequence, once as the answer to the recorded text, and again where the window
/// brings it back; nothing else can be computed.
void ReplayEngine::handle(const Generate& c) {
    const bool same = c.tokens.size() == recording_.tokens.size() && c.max_tokens == 0;
    if (std::exchange(played_, true) && !same) {
        events_.push_back(Failed{c.id, "This is a recording: nothing can be computed.",
                                 "Open the model it was made with to go on."});
        return;
    }
    play(c.id);
}

/// It lies on the disk already.
void ReplayEngine::handle(const Record& c) {
    events_.push_back(Failed{c.id, "This is a recording already.",
                             "Copy its file: " + base::escaped(info_->path, 400)});
}

/// Prompt and answer as the engine sent them, without its waits.
void ReplayEngine::play(RequestId id) {
    const std::vector<TokenInfo>& tokens = recording_.tokens;
    const auto begin = tokens.begin() + ptrdiff_t(recording_.answer_begin);
    const std::vector<TokenInfo> prompt(tokens.begin(), begin);
    events_.push_back(PromptReady{.id = id, .tokens = prompt});
    events_.push_back(PromptReady{.id = id, .tokens = prompt, .scored = true});
    std::string pending;
    for (auto t = begin; t != tokens.end(); ++t) {
        pending += t->bytes;
        const bool last = t + 1 == tokens.end();
        events_.push_back(
            TokenReady{.id = id,
                       .token = *t,
                       .text = last ? std::exchange(pending, {}) : take_whole(pending),
                       .stop = t->control});
    }
    for (const auto& capture : recording_.captures) {
        if (!capture->live.empty()) {
            events_.push_back(CaptureReady{id, capture});
        }
    }
    events_.push_back(Finished{id, recording_.finish, recording_.stats});
}

std::vector<Thumbnail> ReplayEngine::thumbnails(uint32_t layer) const {
    std::vector<Thumbnail> pictures;
    for (uint32_t h = 0; h < info_->n_heads; ++h) {
        ThumbnailPool pool;
        for (const auto& capture : recording_.captures) {
            for (const model::LiveRows& rows : capture->live) {
                if (rows.layer != layer) {
                    continue;
                }
                std::vector<float> weights;
                for (uint32_t k = 0; k < rows.n_keys; ++k) {
                    weights.push_back(rows.weight(h, k));
                }
                pool.add_row(rows.position, rows.first_key, weights);
            }
        }
        pictures.push_back(pool.picture(layer, h));
    }
    return pictures;
}

void ReplayEngine::handle(const Inspect& c) {
    if (answer_attention(c)) {
        return;
    }
    InspectReady ready{.id = c.id, .kind = c.kind, .n_positions = n_rows_, .request = c};
    const RecordedStep* step =
        c.position < recording_.steps.size() ? &recording_.steps[c.position] : nullptr;
    if (c.kind == InspectKind::thumbnails && c.layer < info_->n_layers) {
        ready.thumbnails = std::make_shared<const std::vector<Thumbnail>>(thumbnails(c.layer));
    } else if (c.kind == InspectKind::distribution && step != nullptr) {
        answer_distribution(*step, ready);
    } else if (c.kind == InspectKind::lens && step != nullptr) {
        answer_lens(*step, ready);
    } else {
        ready.not_captured = recording_.steps.empty()
                                 ? "The recording keeps attention and the most likely tokens, not "
                                   "this: it was made by an older Lapidary."
                                 : "The recording does not reach there.";
    }
    events_.push_back(std::move(ready));
}

/// The likeliest tokens as log-probabilities; of the others only what they weigh together.
void ReplayEngine::answer_distribution(const RecordedStep& step, InspectReady& ready) const {
    auto logits = std::make_shared<std::vector<float>>(info_->vocab_size,
                                                       -std::numeric_limits<float>::infinity());
    for (size_t i = 0; i < step.next.ids.size(); ++i) {
        (*logits)[size_t(step.next.ids[i])] = step.next.logprobs[i];
    }
    ready.logits = std::move(logits);
    ready.kept = std::make_shared<const KeptDistribution>(step.next);
}

/// The layers' likeliest tokens, and the asked ones where the recording tells of them in all.
void ReplayEngine::answer_lens(const RecordedStep& step, InspectReady& ready) const {
    const std::vector<LensAnswer>& kept = ready.request.mid ? step.lens_mid : step.lens;
    if (kept.empty()) {
        ready.not_captured =
            "The recording keeps what is read out after each layer, not between its attention and "
            "its MLP.";
        return;
    }
    std::vector<size_t> at;
    for (const TokenId id : ready.request.ids) {
        const auto found = std::ranges::find(step.lens_ids, id);
        if (found == step.lens_ids.end()) {
            ready.not_captured =
                fmt::format("The recording keeps the layers' view of {} tokens here, not of this.",
                            step.lens_ids.size());
            return;
        }
        at.push_back(size_t(found - step.lens_ids.begin()));
    }
    for (const LensAnswer& layer : kept) {
        LensAnswer& answer = ready.lens.emplace_back(layer);
        answer.asked.clear();
        for (const size_t i : at) {
            answer.asked.push_back(layer.asked[i]);
        }
    }
}

}  // namespace app
