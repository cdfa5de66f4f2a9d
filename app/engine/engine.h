// Engine: the worker thread that owns device, model and session. Takes Commands, sends Events.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/engine/messages.h"

namespace app {

/// What the window needs of an engine; the real one and the tests' fake one.
class EngineLink {
public:
    virtual ~EngineLink() = default;
    /// Never blocks for long: the command queue is deep; false when it is full or closed.
    virtual bool send(Command command) = 0;
    /// The next event, if there is one. Never blocks.
    virtual std::optional<Event> poll() = 0;
};

/// Runs a std::jthread. Between tokens and between submits it looks at the command queue, so Stop
/// works within one token or one submit. Every LoadModel and Generate gets exactly one ending event
/// (ModelReady / Failed; Finished / Failed). A Generate during another ends at once in
/// Failed{"busy"}. A full event queue makes the engine wait with tokens, and drop only captures,
/// stats and stale inspections (counted in Stats::dropped).
///
/// LoadModel   a file that cannot be opened fails at once and the model at hand stays; otherwise
///             ModelUnloaded tells when it went. During a generation it ends that one in
///             Finished{stopped}; during a load it ends that one in Failed{"cancelled"}.
///             CancelLoad: Failed{"cancelled"}.
/// Generate    prompt and answer together have at most n_ctx tokens; a longer prompt fails, a full
///             context is Finished{context_full}. While a model is loading: Failed{"busy"}.
///             One that follows a Stop of the running one waits for its end, and runs.
///             After Stop, text held back because it may begin a stop text is not shown.
/// Inspect     the newest of a kind wins, for thumbnails the newest of a kind and layer, so all
///             layers may be asked for at once. Tiles above 256 x 256 cells come without scores;
///             a row with n_keys = 0 has all keys up to its query. Answers come in any order.
/// Failed with device_lost: model and device are gone (ModelUnloaded follows if there was a model);
///             the next LoadModel starts with a new device.
class Engine : public EngineLink {
public:
    /// `wake` is called from the engine's thread after an event was queued (at most every 33 ms
    /// while streaming); the engine knows no window system.
    /// `state_folder`: where a marker stands while a model is loaded (app/state_folder.h); empty:
    /// nowhere.
    explicit Engine(std::function<void()> wake, std::string state_folder = {});
    ~Engine() override;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    bool send(Command command) override;
    std::optional<Event> poll() override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// assets/demo/lapidary-demo.gguf: beside the source tree or the installed program; throws
/// base::Error(model) naming the places looked at.
std::string shipped_model_path();

}  // namespace app
