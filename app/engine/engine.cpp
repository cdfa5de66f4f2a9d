#include "app/engine/engine.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <thread>
#include <type_traits>
#include <utility>

#include "app/engine/engine_record.h"
#include "app/engine/engine_worker.h"
#include "app/engine/prompt.h"

namespace app {
namespace {

constexpr std::chrono::milliseconds kWakeInterval{33};
constexpr uint64_t kMaxCaptureBytes = 64ULL << 20;  // waiting in the queue

template <class... Fs>
struct Overload : Fs... {
    using Fs::operator()...;
};
template <class... Fs>
Overload(Fs...) -> Overload<Fs...>;

uint64_t bytes_of(const model::Capture& capture) {
    uint64_t n = sizeof(capture);
    for (const model::TapRows& rows : capture.taps) {
        n += sizeof(rows) + rows.values.size() * sizeof(float);
    }
    for (const model::LiveRows& rows : capture.live) {
        n += sizeof(rows) + (rows.max.size() + rows.lse.size()) * sizeof(float) +
             rows.log16.size() * sizeof(uint16_t);
    }
    return n;
}

/// Of what must have an ending.
std::optional<RequestId> request_id(const Command& command) {
    if (const auto* load = std::get_if<LoadModel>(&command)) {
        return load->id;
    }
    if (const auto* generate = std::get_if<Generate>(&command)) {
        return generate->id;
    }
    if (const auto* record = std::get_if<Record>(&command)) {
        return record->id;
    }
    return std::nullopt;
}

}  // namespace

// ---- the other threads' side ----

void Mailbox::close() {
    closed = true;
    commands.close();
    events.close();
}

std::optional<Event> Mailbox::poll() {
    std::optional<Event> event = events.try_pop();
    if (event) {
        if (const auto* ready = std::get_if<CaptureReady>(&*event)) {
            capture_bytes -= bytes_of(*ready->capture);
        }
    }
    return event;
}

struct Engine::Impl {
    Mailbox mailbox;
    std::jthread thread;  // last: joined first
};

Engine::Engine(std::function<void()> wake, std::string state_folder)
    : impl_(std::make_unique<Impl>()) {
    impl_->thread = std::jthread(
        [&mailbox = impl_->mailbox, wake = std::move(wake), folder = std::move(state_folder)] {
            Worker(mailbox, wake, LoadMarker(folder)).run();
        });
}

Engine::~Engine() {
    impl_->mailbox.close();
}

bool Engine::send(Command command) {
    return impl_->mailbox.send(std::move(command));
}

std::optional<Event> Engine::poll() {
    return impl_->mailbox.poll();
}

// ---- the engine's thread ----

Worker::Worker(Mailbox& mailbox, std::function<void()> wake, LoadMarker marker)
    : mail_(mailbox), wake_(std::move(wake)), marker_(std::move(marker)) {}

Worker::~Worker() = default;

void Worker::run() {
    while (!quitting()) {
        if (std::optional<Command> command = next_command()) {
            handle(std::move(*command));
        } else if (!inspections_.empty()) {
            const auto next = next_inspection(std::numeric_limits<double>::infinity());
            guarded(next->request.id, [&] { inspect(next); });
        } else if (record_ != nullptr) {
            guarded(record_id(), [&] { record_some(); });
        } else {
            quit_ = true;  // the queue was closed
        }
    }
    finish();
}

/// What is to be done next; nothing when an inspection or a recording is (or when the queue was
/// closed).
std::optional<Command> Worker::next_command() {
    if (!waiting_.empty()) {
        Command command = std::move(waiting_.front());
        waiting_.pop_front();
        return command;
    }
    if (std::optional<Command> command = mail_.commands.try_pop()) {
        return command;
    }
    if (!inspections_.empty() || (record_ != nullptr && !quitting())) {
        return std::nullopt;
    }
    if (wake_pending_) {
        wake_now();
    }
    return mail_.commands.pop();
}

/// A command that came while nothing else was going on.
void Worker::handle(Command command) {
    std::visit(Overload{
                   [&](LoadModel& c) { guarded(c.id, [&] { load(c); }); },
                   [&](Generate& c) { guarded(c.id, [&] { generate(c); }); },
                   [&](UnloadModel&) { guarded(0, [&] { unload(); }); },
                   [&](SetCapture& c) {
                       capture_ = std::move(c.spec);
                       capture_changed_ = true;
                   },
                   [&](Inspect& c) { queue_inspection(std::move(c)); },
                   [&](Record& c) { guarded(c.id, [&] { record(std::move(c)); }); },
                   [&](Shutdown&) { quit_ = true; },
                   [](CancelLoad&) {},  // it is over already
                   [&](Stop& c) { cancel_recording(c.id); },
               },
               command);
    activity_ = Activity::idle;
    stop_requested_ = false;
    prefill_total_ = 0;
}

/// A command that came during a load or a generation.
void Worker::receive(Command command) {
    std::visit(
        Overload{
            [&](LoadModel& c) { waiting_.emplace_back(std::move(c)); },
            [&](UnloadModel& c) { waiting_.emplace_back(c); },
            [&](Generate& c) {
                if (activity_ == Activity::generating && stop_requested_) {
                    waiting_.emplace_back(std::move(c));  // the one before it is ending
                    return;
                }
                emit(Failed{
                    c.id, "busy",
                    activity_ == Activity::loading
                        ? "A model is being loaded. Send again when it is ready."
                        : "An answer is being written. Stop it first, or wait for its end."});
            },
            [&](CancelLoad& c) { stop(Activity::loading, c.id); },
            [&](Stop& c) { stop(Activity::generating, c.id); },
            [&](SetCapture& c) {
                capture_ = std::move(c.spec);
                capture_changed_ = true;
            },
            [&](Inspect& c) { queue_inspection(std::move(c)); },
            [&](Record& c) {
                emit(Failed{c.id, "busy", "Save the recording when the answer is done."});
            },
            [&](Shutdown&) { quit_ = true; },
        },
        command);
}

/// CancelLoad and Stop: of what runs, or of what has not begun.
void Worker::stop(Activity activity, RequestId id) {
    if (activity_ == activity && id == active_id_) {
        stop_requested_ = true;
        return;
    }
    cancel_recording(id);
    const auto it = std::find_if(waiting_.begin(), waiting_.end(),
                                 [&](const Command& command) { return request_id(command) == id; });
    if (it != waiting_.end()) {
        const bool generation = std::holds_alternative<Generate>(*it);
        waiting_.erase(it);
        emit(generation ? Event(Finished{id, FinishReason::stopped, {}})
                        : Event(Failed{id, "cancelled", {}}));
    }
}

/// The stop callback of everything that takes time: reads the commands, and says whether the work
/// is to end. An inspection gives way to any command.
bool Worker::should_stop() {
    if (activity_ == Activity::idle) {
        return quitting() || mail_.commands.size() > 0;
    }
    while (!quitting()) {
        std::optional<Command> command = mail_.commands.try_pop();
        if (!command) {
            break;
        }
        receive(std::move(*command));
    }
    report_prefill();
    wake_if_due();
    // Another model is wanted: nobody waits for this one's answer any more.
    return quitting() || stop_requested_ || !waiting_.empty();
}

/// Every request that was accepted gets its ending.
void Worker::finish() {
    mail_.commands.close();
    const auto end = [&](const Command& command) {
        if (const std::optional<RequestId> id = request_id(command)) {
            emit(Failed{*id, "cancelled", "The program is being closed."});
        }
    };
    if (record_ != nullptr) {
        emit(Failed{record_id(), "cancelled", "The program is being closed."});
    }
    std::for_each(waiting_.begin(), waiting_.end(), end);
    while (const std::optional<Command> command = mail_.commands.try_pop()) {
        end(*command);
    }
}

void Worker::begin(Activity activity, RequestId id) {
    activity_ = activity;
    active_id_ = id;
    stop_requested_ = false;
    n_dropped_ = 0;
}

/// The one place where this thread catches what the world throws: it becomes the request's ending.
void Worker::guarded(RequestId id, const std::function<void()>& work) {
    try {
        work();
    } catch (const base::Cancelled&) {
        if (activity_ != Activity::idle) {
            emit(Failed{id, "cancelled"});
        }
    } catch (const base::Error& error) {
        fail(id, error);
    } catch (const std::bad_alloc&) {
        fail(id, base::Error(base::ErrorKind::out_of_memory, "the computer's memory is full",
                             "Close other programs, or take a smaller model or context."));
    } catch (const std::exception& error) {
        fail(id, base::Error(base::ErrorKind::runtime, error.what()));
    }
}

void Worker::fail(RequestId id, const base::Error& error) {
    const bool lost = error.kind() == base::ErrorKind::device_lost ||
                      (runtime_ != nullptr && runtime_->device.lost());
    const bool had_model = info_ != nullptr;
    if (lost) {
        drop_model();
        runtime_.reset();
    }
    base::log(base::LogArea::app, "request {} failed: {}", id, error.what());
    Failed failed{id, error.what(), error.hint(), lost};
    failed.no_room = std::exchange(refusal_, nullptr);
    failed.context_full = dynamic_cast<const ContextFull*>(&error) != nullptr;
    emit(std::move(failed));
    if (lost && had_model) {
        emit(ModelUnloaded{});
    }
}

/// A loss that some call met and nobody has told of yet.
void Worker::check_device() const {
    if (runtime_ != nullptr && runtime_->device.lost()) {
        throw base::Error(base::ErrorKind::device_lost, "the graphics device was lost",
                          "Load the model again; if it happens often, update the driver.");
    }
}

/// Must arrive: waits while the queue is full.
void Worker::emit(Event event, bool urgent) {
    if (mail_.events.size() >= mail_.event_capacity) {
        wake_now();  // whoever sleeps there has to make room
    }
    mail_.events.push(std::move(event));
    wake_pending_ = true;
    if (urgent) {
        wake_now();
    } else {
        wake_if_due();
    }
}

/// May be missed: left out when the queue is nearly full, and counted. Does not wake: a token or an
/// ending follows.
void Worker::offer(Event event) {
    const bool nearly_full = mail_.events.size() * 4 >= mail_.event_capacity * 3;
    if (!nearly_full && mail_.events.try_push(std::move(event))) {
        wake_pending_ = true;
    } else {
        ++n_dropped_;
    }
}

void Worker::offer_capture(std::shared_ptr<const model::Capture> capture) {
    const uint64_t n_bytes = bytes_of(*capture);
    const bool nearly_full = mail_.events.size() * 4 >= mail_.event_capacity * 3;
    if (nearly_full || mail_.capture_bytes + n_bytes > kMaxCaptureBytes) {
        ++n_dropped_;
        return;
    }
    mail_.capture_bytes += n_bytes;
    if (mail_.events.try_push(CaptureReady{active_id_, std::move(capture)})) {
        wake_pending_ = true;
    } else {
        mail_.capture_bytes -= n_bytes;
        ++n_dropped_;
    }
}

void Worker::wake_now() {
    wake_pending_ = false;
    last_wake_ = Clock::now();
    if (wake_) {
        wake_();
    }
}

void Worker::wake_if_due() {
    if (wake_pending_ && Clock::now() - last_wake_ >= kWakeInterval) {
        wake_now();
    }
}

}  // namespace app
