#include "tests/support/engine_driver.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace support {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

SmallEngine::SmallEngine(size_t n_events, std::function<void(app::Worker&)> on_wake)
    : mailbox_(n_events), thread_([this, on_wake = std::move(on_wake)] {
          app::Worker* self = nullptr;
          app::Worker worker(mailbox_, [&] { on_wake(*self); });
          self = &worker;
          worker.run();
      }) {}

SmallEngine::~SmallEngine() {
    mailbox_.close();
    thread_.join();
}

EngineDriver::EngineDriver() {
    engine_ = std::make_unique<app::Engine>([this] {
        const std::lock_guard lock(mutex_);
        wake_ = true;
        woken_.notify_one();
    });
}

EngineDriver::EngineDriver(size_t n_events, std::function<void(app::Worker&)> on_wake) {
    engine_ = std::make_unique<SmallEngine>(
        n_events, [this, on_wake = std::move(on_wake)](app::Worker& worker) {
            if (on_wake) {
                on_wake(worker);
            }
            const std::lock_guard lock(mutex_);
            wake_ = true;
            woken_.notify_one();
        });
}

EngineDriver::~EngineDriver() = default;

void EngineDriver::send(app::Command command) {
    REQUIRE(engine_->send(std::move(command)));
}

void EngineDriver::record(app::Event event) {
    std::visit(
        [&](const auto& e) {
            using E = std::decay_t<decltype(e)>;
            if constexpr (std::is_same_v<E, app::ModelReady> || std::is_same_v<E, app::Finished> ||
                          std::is_same_v<E, app::Failed>) {
                ++endings_[e.id];
            }
        },
        event);
    events.push_back(std::move(event));
    if (on_event) {
        on_event(events.back());
    }
}

bool EngineDriver::poll_all() {
    bool any = false;
    while (std::optional<app::Event> event = engine_->poll()) {
        any = true;
        record(std::move(*event));
    }
    return any;
}

void EngineDriver::drain() {
    poll_all();
}

void EngineDriver::wait(const std::function<bool()>& done) {
    const Clock::time_point end = Clock::now() + 120s;
    while (!done()) {
        bool woken = false;
        {
            std::unique_lock lock(mutex_);
            woken = woken_.wait_for(lock, 300ms, [&] { return wake_; });
            wake_ = false;
        }
        std::optional<app::Event> event = engine_->poll();
        n_missed_wakes += event && !woken ? 1 : 0;
        while (event) {
            record(std::move(*event));
            if (done()) {
                // What is left stays for the next wait, which must not sleep on it.
                const std::lock_guard lock(mutex_);
                wake_ = true;
                return;
            }
            event = engine_->poll();
        }
        REQUIRE(Clock::now() < end);
    }
}

void EngineDriver::wait_ms(int ms) {
    const Clock::time_point end = Clock::now() + std::chrono::milliseconds(ms);
    while (Clock::now() < end) {
        poll_all();
        std::this_thread::sleep_for(1ms);
    }
}

double EngineDriver::destroy() {
    const Clock::time_point begun = Clock::now();
    engine_.reset();
    return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

app::RequestId EngineDriver::send_load(app::LoadModel request) {
    request.id = new_id();
    send(request);
    return request.id;
}

app::RequestId EngineDriver::send_generate(app::Generate request) {
    request.id = new_id();
    const app::RequestId id = request.id;
    send(std::move(request));
    return id;
}

std::shared_ptr<const app::ModelInfo> EngineDriver::load(app::LoadModel request) {
    const app::RequestId id = send_load(std::move(request));
    wait([&] { return ended(id); });
    for (const app::Event& event : events) {
        const auto* failed = std::get_if<app::Failed>(&event);
        if (failed != nullptr && failed->id == id) {
            FAIL("load failed: " << failed->message << " (" << failed->hint << ")");
        }
        const auto* ready = std::get_if<app::ModelReady>(&event);
        if (ready != nullptr && ready->id == id) {
            return ready->info;
        }
    }
    return nullptr;
}

Answer EngineDriver::answer(app::Generate request) {
    const app::RequestId id = send_generate(std::move(request));
    wait([&] { return ended(id); });
    return answer_of(id);
}

Answer EngineDriver::answer_of(app::RequestId id) {
    Answer answer;
    for (const app::Event& event : events) {
        if (const auto* e = std::get_if<app::PromptReady>(&event); e != nullptr && e->id == id) {
            (e->scored ? answer.scored : answer.prompt) = *e;
        } else if (const auto* t = std::get_if<app::TokenReady>(&event);
                   t != nullptr && t->id == id) {
            answer.tokens.push_back(t->token);
            answer.ids.push_back(t->token.id);
            answer.text += t->text;
        } else if (const auto* c = std::get_if<app::CaptureReady>(&event);
                   c != nullptr && c->id == id) {
            ++answer.n_captures;
        } else if (const auto* f = std::get_if<app::Finished>(&event);
                   f != nullptr && f->id == id) {
            answer.finished = *f;
        } else if (const auto* x = std::get_if<app::Failed>(&event); x != nullptr && x->id == id) {
            answer.failed = *x;
        }
    }
    return answer;
}

app::InspectReady EngineDriver::inspect(app::Inspect request) {
    request.id = new_id();
    const app::RequestId id = request.id;
    send(std::move(request));
    const auto find = [&]() -> const app::InspectReady* {
        for (const app::Event& event : events) {
            const auto* ready = std::get_if<app::InspectReady>(&event);
            if (ready != nullptr && ready->id == id) {
                return ready;
            }
        }
        return nullptr;
    };
    wait([&] { return find() != nullptr; });
    return *find();
}

size_t EngineDriver::n_endings(app::RequestId id) const {
    const auto it = endings_.find(id);
    return it == endings_.end() ? 0 : it->second;
}

app::Generate ask(const std::string& text, int32_t max_tokens) {
    app::Generate request;
    request.turns = {{model::Role::user, text}};
    request.sampling.temperature = 0;
    request.max_tokens = max_tokens;
    return request;
}

app::Generate go_on(std::vector<app::TokenId> tokens, int32_t max_tokens) {
    app::Generate request;
    request.tokens = std::move(tokens);
    request.sampling.temperature = 0;
    request.max_tokens = max_tokens;
    return request;
}

double load_factor() {
    double load = 0;
    if (getloadavg(&load, 1) != 1) {
        return 1;
    }
    const double factor = std::max(1.0, load / std::max(1U, std::thread::hardware_concurrency()));
    if (factor > 1) {
        std::printf("load average %.1f: time limits are %.1f times as long\n", load, factor);
    }
    return factor;
}

double quantile(std::vector<double> values, double p) {
    REQUIRE_FALSE(values.empty());
    std::sort(values.begin(), values.end());
    return values[std::min(values.size() - 1, size_t(p * double(values.size())))];
}

}  // namespace support
