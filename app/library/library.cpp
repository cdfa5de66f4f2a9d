#include "app/library/library.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "app/diagnostics.h"
#include "app/library/fit_check.h"
#include "gpu/copy_rate.h"
#include "gpu/device.h"
#include "gpu/pick.h"
#include "model/model.h"

namespace app {

namespace {

const char* kind_of(gpu::DeviceType type) {
    switch (type) {
        case gpu::DeviceType::discrete:
            return "discrete GPU";
        case gpu::DeviceType::integrated:
            return "integrated GPU";
        case gpu::DeviceType::virtual_gpu:
            return "virtual GPU";
        case gpu::DeviceType::cpu:
            return "CPU";
        case gpu::DeviceType::other:
            return "device";
    }
    return "device";
}

DeviceFacts facts_of(const gpu::DeviceInfo& info) {
    DeviceFacts facts{.name = info.name,
                      .uuid = info.uuid,
                      .driver = info.driver_name + " " + info.driver_version,
                      .kind = kind_of(info.type)};
    facts.problem = info.missing.empty() ? "" : "it lacks " + info.missing;
    facts.is_cpu = info.type == gpu::DeviceType::cpu;
    if (info.device_heap < info.heaps.size()) {
        facts.memory_bytes = info.heaps[info.device_heap].size_bytes;
        facts.free_bytes = info.heaps[info.device_heap].free_bytes;
    }
    return facts;
}

/// Each card once: the first driver that lists it, as pick_device has it.
std::vector<gpu::DeviceInfo> cards(std::vector<gpu::DeviceInfo> all) {
    std::vector<gpu::DeviceInfo> once;
    for (gpu::DeviceInfo& info : all) {
        const auto twin = [&](const gpu::DeviceInfo& other) { return gpu::same_card(info, other); };
        if (std::ranges::none_of(once, twin)) {
            once.push_back(std::move(info));
        }
    }
    return once;
}

RoomFacts room_of(const FoundModel& model, const gpu::DeviceInfo& device) {
    if (!model.config || !device.missing.empty()) {
        return {};
    }
    const FitReport report = check_fit(device, {*model.config, model.weight_bytes});
    return {.known = true,
            .fits = report.best_n_ctx != 0,
            .n_ctx = report.best_n_ctx,
            .need_bytes = report.heaps[0].need_bytes,
            .free_bytes = report.heaps[0].free_bytes};
}

}  // namespace

int LibraryFacts::device_index(const std::string& selector) const {
    int only = -1, n_usable = 0;
    for (size_t i = 0; i < devices.size(); ++i) {
        if (!selector.empty() && devices[i].uuid == selector) {
            return int(i);
        }
        if (devices[i].problem.empty()) {
            only = int(i);
            ++n_usable;
        }
    }
    return n_usable == 1 ? only : -1;
}

int fastest_device(const std::vector<DeviceFacts>& devices) {
    int best = -1;
    for (size_t i = 0; i < devices.size(); ++i) {
        const DeviceFacts& device = devices[i];
        if (!device.problem.empty()) {
            continue;
        }
        if (device.gb_per_s <= 0 && !device.is_cpu) {
            return -1;
        }
        const bool better = best < 0 || (devices[size_t(best)].is_cpu && !device.is_cpu) ||
                            (devices[size_t(best)].is_cpu == device.is_cpu &&
                             device.gb_per_s > devices[size_t(best)].gb_per_s);
        best = better ? int(i) : best;
    }
    return best;
}

double measure_device(const std::string& selector) {
    model::Runtime runtime(gpu::DeviceOptions{.selector = selector});
    return gpu::measure_copy_rate(runtime.device, runtime.kernels);
}

struct Library::Impl {
    explicit Impl(std::function<void()> wake_in) : wake(std::move(wake_in)) {}

    void run(const std::stop_token& token);
    void put(std::function<void(const std::stop_token&)> job);
    void look_for_devices();
    void look_for_models(const std::vector<std::string>& folders, const std::stop_token& token);
    void measure_all(const std::stop_token& token);
    void publish();
    void failed(const std::exception& error);
    void keep_models(const std::vector<FoundModel>& found);
    void put_model(size_t at, FoundModel model);
    std::vector<RoomFacts> rooms_of(const FoundModel& model) const;

    std::function<void()> wake;
    std::string state_folder;
    mutable std::mutex mutex;
    std::condition_variable_any changed;
    std::deque<std::function<void(const std::stop_token&)>> jobs;
    std::shared_ptr<const LibraryFacts> shown = std::make_shared<LibraryFacts>();

    // The thread's own.
    LibraryFacts now;
    std::vector<gpu::DeviceInfo> infos;
    std::map<std::string, double> speeds;

    std::jthread thread;  // last: ends first
};

void Library::Impl::run(const std::stop_token& token) {
    while (true) {
        std::function<void(const std::stop_token&)> job;
        {
            std::unique_lock lock(mutex);
            if (!changed.wait(lock, token, [&] { return !jobs.empty(); })) {
                return;
            }
            job = std::move(jobs.front());
            jobs.pop_front();
        }
        now.problem.clear();
        try {
            job(token);
        } catch (const std::exception& error) {  // full memory ends the job, not the program
            failed(error);
        }
    }
}

void Library::Impl::failed(const std::exception& error) {
    const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
    now.problem = memory ? "the computer's memory is full" : error.what();
    base::log(base::LogArea::app, "looking at this machine failed: {}", now.problem);
    now.searching = now.measuring = false;
    try {
        publish();
    } catch (const std::bad_alloc&) {
        // Even that has no room. The window hears of it with the next job.
    }
}

void Library::Impl::put(std::function<void(const std::stop_token&)> job) {
    {
        const std::scoped_lock lock(mutex);
        jobs.push_back(std::move(job));
    }
    changed.notify_one();
}

void Library::Impl::publish() {
    ++now.version;
    auto copy = std::make_shared<const LibraryFacts>(now);
    {
        const std::scoped_lock lock(mutex);
        shown = std::move(copy);
    }
    if (wake) {
        wake();
    }
}

void Library::Impl::look_for_devices() {
    now.device_problem.clear();
    infos.clear();
    try {
        infos = cards(gpu::list_devices());
    } catch (const base::Error& error) {
        now.device_problem = error.what();
    }
    now.devices.clear();
    for (const gpu::DeviceInfo& info : infos) {
        now.devices.push_back(facts_of(info));
        const auto it = speeds.find(now.devices.back().key());
        now.devices.back().gb_per_s = it == speeds.end() ? 0 : it->second;
    }
    now.devices_known = true;
    for (size_t i = 0; i < now.models.size(); ++i) {
        now.rooms[i] = rooms_of(now.models[i]);
    }
    publish();
}

/// A model is listed once its head was read: before that nobody knows whether it is one of ours.
/// What an earlier look has found stays, where it is still there, until it has been read again.
void Library::Impl::look_for_models(const std::vector<std::string>& folders,
                                    const std::stop_token& token) {
    now.searching = true;
    publish();
    const auto stop = [&] { return token.stop_requested(); };
    const SearchRoots roots = search_roots(folders, [](const char* name) { return getenv(name); });
    std::vector<FoundModel> found = find_models(roots, {}, stop);
    keep_models(found);
    auto last = std::chrono::steady_clock::now();
    for (size_t i = 0, at = 0; i < found.size(); ++i, ++at) {
        if (token.stop_requested()) {
            return;
        }
        describe(found[i]);
        put_model(at, std::move(found[i]));
        if (std::chrono::steady_clock::now() - last > std::chrono::milliseconds(100)) {
            last = std::chrono::steady_clock::now();
            publish();
        }
    }
    now.searching = false;
    publish();
}

/// Of the listed models those that were found again, in the order of `found`.
void Library::Impl::keep_models(const std::vector<FoundModel>& found) {
    std::map<std::string, size_t> listed;
    for (size_t i = 0; i < now.models.size(); ++i) {
        listed[now.models[i].path] = i;
    }
    std::vector<FoundModel> models;
    std::vector<std::vector<RoomFacts>> rooms;
    for (const FoundModel& model : found) {
        if (const auto it = listed.find(model.path); it != listed.end()) {
            models.push_back(std::move(now.models[it->second]));
            rooms.push_back(std::move(now.rooms[it->second]));
            listed.erase(it);
        }
    }
    now.models = std::move(models);
    now.rooms = std::move(rooms);
}

/// In place of what is listed of it at `at`, or before what stands there.
void Library::Impl::put_model(size_t at, FoundModel model) {
    const auto place = int64_t(at);
    if (at == now.models.size() || now.models[at].path != model.path) {
        now.models.insert(now.models.begin() + place, FoundModel{});
        now.rooms.insert(now.rooms.begin() + place, std::vector<RoomFacts>{});
    }
    now.rooms[at] = rooms_of(model);
    now.models[at] = std::move(model);
}

std::vector<RoomFacts> Library::Impl::rooms_of(const FoundModel& model) const {
    std::vector<RoomFacts> row;
    for (const gpu::DeviceInfo& info : infos) {
        row.push_back(room_of(model, info));
    }
    return row;
}

void Library::Impl::measure_all(const std::stop_token& token) {
    now.measuring = true;
    publish();
    for (DeviceFacts& device : now.devices) {
        if (token.stop_requested()) {
            return;
        }
        if (!device.problem.empty()) {
            continue;
        }
        try {
            device.gb_per_s = measure_device(device.uuid);
            speeds[device.key()] = device.gb_per_s;
        } catch (const base::Error& error) {
            device.problem = error.what();
        }
        publish();
    }
    now.measuring = false;
    publish();
}

Library::Library(std::function<void()> wake, std::string state_folder)
    : impl_(std::make_unique<Impl>(std::move(wake))) {
    impl_->state_folder = std::move(state_folder);
    impl_->thread = std::jthread([impl = impl_.get()](const std::stop_token& t) { impl->run(t); });
}

Library::~Library() = default;

std::shared_ptr<const LibraryFacts> Library::facts() const {
    const std::scoped_lock lock(impl_->mutex);
    return impl_->shown;
}

void Library::search(const std::vector<std::string>& own_folders) {
    impl_->put([impl = impl_.get(), own_folders](const std::stop_token& token) {
        impl->look_for_models(own_folders, token);
    });
}

void Library::look_for_devices() {
    impl_->put([impl = impl_.get()](const std::stop_token&) { impl->look_for_devices(); });
}

void Library::measure() {
    impl_->put([impl = impl_.get()](const std::stop_token& token) { impl->measure_all(token); });
}

void Library::remember(const std::map<std::string, double>& gb_per_s) {
    impl_->put([impl = impl_.get(), gb_per_s](const std::stop_token&) {
        impl->speeds.insert(gb_per_s.begin(), gb_per_s.end());
    });
}

void Library::diagnose(const std::string& in_use) {
    impl_->put([impl = impl_.get(), in_use](const std::stop_token&) {
        impl->now.diagnostics = std::make_shared<const std::string>(
            diagnostics({.state_folder = impl->state_folder, .in_use = in_use}));
        impl->publish();
        impl->now.diagnostics = nullptr;  // each is told once
    });
}

}  // namespace app
