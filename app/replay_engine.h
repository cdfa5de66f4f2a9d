// ReplayEngine: an engine that computes nothing. It answers from a recording, and says so where the
// recording has no answer.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "app/engine.h"
#include "app/recording.h"

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
    std::vector<Thumbnail> thumbnails(uint32_t layer) const;

    Recording recording_;
    std::shared_ptr<const ModelInfo> info_;
    std::deque<Event> events_;
    bool played_ = false;
};

}  // namespace app
