// RecordingMaker: fills a recording from a session that holds its sequence: the rows of every layer
// and head, the distributions that followed them, the lens, the model's hash. In short steps, so
// that an engine can do other things in between.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "app/recordings/model_hash.h"
#include "app/recordings/recording.h"
#include "model/sampler.h"
#include "model/session.h"

namespace app {

class RecordingMaker {
public:
    // Readers refuse more than these (and one, that was drawn): to raise them takes a new schema.
    static constexpr uint32_t kNextTokens = 256;  // likeliest tokens kept of each row
    static constexpr uint32_t kStageTokens = 64;  // of each stage of the sampler
    static constexpr uint32_t kLensTokens = 10;   // of each layer
    static constexpr uint32_t kLensAsked = 8;     // likeliest of the last layer, told of in all
    static constexpr uint64_t kMostBytes = uint64_t{2} << 30;

    /// The session's tokens are the first of the draft's (the last one may not have been through
    /// the model). Throws base::Error(usage) where they are not, or where it would be too large.
    RecordingMaker(model::Session& session, std::shared_ptr<Recording> draft);

    /// A few milliseconds of work; true: the recording is complete. Throws what the session throws:
    /// base::Cancelled (call again), or base::Error(usage) where something was not kept.
    bool step();
    uint64_t done() const;
    uint64_t total() const;
    uint32_t n_rows() const { return n_rows_; }
    const Recording& recording() const { return *recording_; }

    /// The file's size, about.
    static uint64_t bytes_for(const ModelInfo& info, uint32_t n_rows);

private:
    void rows_block();
    void step_of(uint32_t position);
    std::vector<LensAnswer> lens_of(uint32_t position, std::span<const TokenId> ids,
                                    model::Tap tap) const;
    std::vector<model::LiveRows> empty_rows(uint32_t position) const;

    model::Session& session_;
    std::shared_ptr<Recording> recording_;
    ModelHash hash_;
    model::Sampler sampler_;
    const uint32_t n_rows_;
    std::vector<std::shared_ptr<model::Capture>> captures_;
    uint32_t layer_ = 0, head_ = 0, row_ = 0;  // of the next block
};

/// What a model and its session are, for a recording or a window: without paths and advice.
ModelInfo model_facts(const model::Model& model, const model::Session& session,
                      const std::string& device_name);

}  // namespace app
