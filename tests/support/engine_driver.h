// EngineDriver: sends commands to an engine, records every event, waits for endings.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/engine/engine.h"
#include "app/engine/engine_worker.h"

namespace support {

/// A worker in a thread of its own, with an event queue of a chosen size and a hook in its wake.
class SmallEngine : public app::EngineLink {
public:
    SmallEngine(size_t n_events, std::function<void(app::Worker&)> on_wake);
    ~SmallEngine() override;
    bool send(app::Command command) override { return mailbox_.send(std::move(command)); }
    std::optional<app::Event> poll() override { return mailbox_.poll(); }

private:
    app::Mailbox mailbox_;
    std::thread thread_;
};

/// What one Generate brought.
struct Answer {
    app::PromptReady prompt, scored;  // without and with scores
    std::vector<app::TokenInfo> tokens;
    std::vector<app::TokenId> ids;
    std::string text;
    size_t n_captures = 0;
    std::optional<app::Finished> finished;
    std::optional<app::Failed> failed;
};

class EngineDriver {
public:
    EngineDriver();
    /// With a SmallEngine; on_wake is called in its thread.
    explicit EngineDriver(size_t n_events, std::function<void(app::Worker&)> on_wake = {});
    ~EngineDriver();

    app::RequestId new_id() { return ++last_id_; }
    void send(app::Command command);
    /// Read events until `done` (looked at after each) or, by REQUIRE, 120 s are over.
    void wait(const std::function<bool()>& done);
    /// Read what is there now.
    void drain();
    /// Read for a while, expecting nothing in particular.
    void wait_ms(int ms);
    /// End the engine now; the milliseconds it took.
    double destroy();

    app::RequestId send_load(app::LoadModel request = {});
    app::RequestId send_generate(app::Generate request);
    /// Waits for its ending.
    std::shared_ptr<const app::ModelInfo> load(app::LoadModel request = {});
    Answer answer(app::Generate request);
    Answer answer_of(app::RequestId id);  // of what was recorded
    app::InspectReady inspect(app::Inspect request);

    size_t n_endings(app::RequestId id) const;
    bool ended(app::RequestId id) const { return n_endings(id) > 0; }
    template <class E>
    size_t count() const {
        size_t n = 0;
        for (const app::Event& event : events) {
            n += std::holds_alternative<E>(event) ? 1 : 0;
        }
        return n;
    }

    std::vector<app::Event> events;
    /// Called for each event as it is read.
    std::function<void(const app::Event&)> on_event;
    /// Events that lay in the queue for 300 ms without a wake.
    size_t n_missed_wakes = 0;

private:
    bool poll_all();
    void record(app::Event event);

    std::mutex mutex_;
    std::condition_variable woken_;
    bool wake_ = false;
    std::unique_ptr<app::EngineLink> engine_;
    app::RequestId last_id_ = 0;
    std::map<app::RequestId, size_t> endings_;
};

/// One user turn, greedy unless `sampling` is changed afterwards.
app::Generate ask(const std::string& text, int32_t max_tokens);
/// Exact ids.
app::Generate go_on(std::vector<app::TokenId> tokens, int32_t max_tokens);
/// How much slower than alone this process may be by the machine's load: running tasks per core, at
/// least 1. Latency limits are meant for a machine that does nothing else.
double load_factor();
/// The p-quantile (0..1) of the values.
double quantile(std::vector<double> values, double p);

}  // namespace support
