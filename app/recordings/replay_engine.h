// ReplayEngine: an engine that computes nothing. It answers from a recording, and says so where the
// recording has no answer.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "app/engine/engine.h"
#include "app/recordings/recording.h"

namespace app {

class ReplayEngine : public EngineLink {
public:
    explicit ReplayEngine(Recording recording);

    bool send(Command command) override;
    std::optional<Event> poll() override;
    const Recording& recording() const { return recording_; }

private:
    void handle(const LoadModel& c);
    void handle(const Generate& c);
    void handle(const Inspect& c);
    void handle(const Record& c);
    void play(RequestId id);
    void answer_distribution(const RecordedStep& step, InspectReady& ready) const;
    void answer_lens(const RecordedStep& step, InspectReady& ready) const;
    std::vector<Thumbnail> thumbnails(uint32_t layer) const;
    // replay_attention.cpp
    const model::LiveRows* recorded_row(uint32_t layer, uint32_t position) const;
    std::shared_ptr<const model::AttentionTile> cells(const Inspect& c) const;
    std::shared_ptr<const AttentionPyramidTile> tile(const TileKey& key) const;
    bool answer_attention(const Inspect& c);

    Recording recording_;
    std::shared_ptr<const ModelInfo> info_;
    std::deque<Event> events_;
    const uint32_t n_rows_;
    bool played_ = false;
};

}  // namespace app
