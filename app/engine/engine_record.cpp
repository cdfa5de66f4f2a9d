// Recordings: made of the sequence in the cache while nothing else is asked of the engine.
#include <filesystem>
#include <system_error>
#include <utility>

#include "app/engine/engine_record.h"
#include "gpu/clock.h"

namespace app {

namespace {

constexpr double kBurstMs = 15;  // then commands are looked at again

}  // namespace

RequestId Worker::record_id() const {
    return record_ != nullptr ? record_->id : 0;
}

void Worker::record(Record request) {
    if (record_ != nullptr) {
        throw base::Error(base::ErrorKind::usage, "a recording is being made already",
                          "Wait for its end.");
    }
    check_device();
    if (session_ == nullptr || session_->position() == 0) {
        throw base::Error(base::ErrorKind::usage, "no text has been computed yet",
                          "Ask the model something first.");
    }
    std::error_code error;
    if (std::filesystem::exists(std::filesystem::symlink_status(request.path, error))) {
        throw base::Error(base::ErrorKind::usage,
                          base::escaped(request.path, 400) + ": a file of this name is there",
                          "It was left as it is; choose another name.");
    }
    request.draft->info = *info_;
    record_ =
        std::make_unique<RecordJob>(request.id, request.path, *session_, std::move(request.draft));
}

/// What waits for time: work on it until something is asked.
void Worker::record_some() {
    const Clock::time_point begun = Clock::now();
    bool complete = false;
    try {
        while (!complete && base::ms_since(begun) < kBurstMs && mail_.commands.size() == 0) {
            complete = record_->maker.step();
        }
        if (complete) {
            write_recording(record_->maker.recording(), record_->path, Existing::kept);
        }
    } catch (const base::Cancelled&) {
        return;  // a command came: the step is made again
    } catch (...) {
        record_.reset();
        throw;
    }
    if (!complete) {
        offer(RecordProgressed{record_->id, record_->maker.done(), record_->maker.total()});
        wake_if_due();
        return;
    }
    std::error_code error;
    const auto bytes = std::filesystem::file_size(record_->path, error);
    const std::unique_ptr<RecordJob> done = std::move(record_);
    emit(Recorded{done->id, done->path, error ? 0 : uint64_t(bytes)});
}

/// Before the first n_kept positions alone remain what they are.
void Worker::end_recording(uint32_t n_kept) {
    if (record_ != nullptr && record_->maker.n_rows() > n_kept) {
        const std::unique_ptr<RecordJob> job = std::move(record_);
        emit(Failed{job->id,
                    "the sequence changed while it was being recorded, and nothing was written",
                    "Save again when the answer is done."});
    }
}

void Worker::cancel_recording(RequestId id) {
    if (record_ != nullptr && record_->id == id) {
        record_.reset();
        emit(Failed{id, "cancelled", {}});
    }
}

}  // namespace app
