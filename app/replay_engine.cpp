#include "app/replay_engine.h"

#include <cmath>
#include <utility>

#include "app/thumbnails.h"

namespace app {

ReplayEngine::ReplayEngine(Recording recording)
    : recording_(std::move(recording)), info_(std::make_shared<ModelInfo>(recording_.info)) {}

bool ReplayEngine::send(Command command) {
    if (const auto* load = std::get_if<LoadModel>(&command)) {
        handle(*load);
    } else if (const auto* generate = std::get_if<Generate>(&command)) {
        handle(*generate);
    } else if (const auto* inspect = std::get_if<Inspect>(&command)) {
        handle(*inspect);
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

/// The recorded sequence, once as the answer to the recorded text, and again where the window
/// brings it back; nothing else can be computed.
void ReplayEngine::handle(const Generate& c) {
    const bool same = c.tokens.size() == recording_.tokens.size() && c.max_tokens == 0;
    if (std::exchange(played_, true) && !same) {
        events_.push_back(Failed{c.id, "This is a recording: nothing can be computed.",
                                 "Open the model it was made with to go on."});
        return;
    }
    events_.push_back(PromptReady{.id = c.id, .tokens = recording_.tokens});
    events_.push_back(PromptReady{.id = c.id, .tokens = recording_.tokens, .scored = true});
    for (const auto& capture : recording_.captures) {
        events_.push_back(CaptureReady{c.id, capture});
    }
    events_.push_back(Finished{c.id, FinishReason::length, {}});
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
    InspectReady ready{.id = c.id,
                       .kind = c.kind,
                       .n_positions = uint32_t(recording_.tokens.size()),
                       .request = c};
    if (c.kind == InspectKind::thumbnails && c.layer < info_->n_layers) {
        ready.thumbnails = std::make_shared<const std::vector<Thumbnail>>(thumbnails(c.layer));
    } else {
        ready.not_captured = "The recording keeps attention and the most likely tokens, not this.";
    }
    events_.push_back(std::move(ready));
}

}  // namespace app
