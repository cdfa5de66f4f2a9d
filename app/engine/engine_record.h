// The recording that an engine is making.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "app/engine/engine_worker.h"
#include "app/recordings/recording_maker.h"

namespace app {

struct Worker::RecordJob {
    RecordJob(RequestId request, std::string to, model::Session& session,
              std::shared_ptr<Recording> draft)
        : id(request), path(std::move(to)), maker(session, std::move(draft)) {}

    RequestId id;
    std::string path;
    RecordingMaker maker;
};

}  // namespace app
