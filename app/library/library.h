// Library: what is on this machine, models and devices, found out in a thread of its own so that
// neither the window nor the engine waits for it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/library/discovery.h"

namespace app {

/// One Vulkan device as the window shows it. A card that two drivers show is listed once.
struct DeviceFacts {
    std::string name, uuid, driver;
    std::string kind;     // "discrete GPU"
    std::string problem;  // why it cannot be used; empty: it can
    bool is_cpu = false;
    uint64_t memory_bytes = 0, free_bytes = 0;
    double gb_per_s = 0;  // copied, read and written; 0: not measured

    /// What a measurement belongs to: another driver is measured again.
    std::string key() const { return uuid + " " + driver; }
};

/// Whether a found model fits the device that it would be opened on.
struct RoomFacts {
    bool known = false, fits = false;
    uint32_t n_ctx = 0;  // fits: with this context; 0: not even with the smallest
    uint64_t need_bytes = 0, free_bytes = 0;
};

struct LibraryFacts {
    std::vector<FoundModel> models;  // with what is known of them so far
    bool searching = false;
    std::string problem;  // why the last job came to no end; empty: it did
    std::vector<DeviceFacts> devices;
    bool devices_known = false;
    std::string device_problem;  // why there are none
    bool measuring = false;
    std::shared_ptr<const std::string> diagnostics;  // null: not asked for, or not there yet
    uint64_t version = 0;                            // grows with every change
    /// Of models[i] on devices[j]: rooms[i][j]; empty rows while the devices are not known.
    std::vector<std::vector<RoomFacts>> rooms;

    /// Index of the device a selector means, or of the only usable one; -1: unknown.
    int device_index(const std::string& selector) const;
};

class LibraryLink {
public:
    virtual ~LibraryLink() = default;
    /// As known now; never null, never changed once handed out.
    virtual std::shared_ptr<const LibraryFacts> facts() const = 0;
    /// Each is done after what was asked for before it.
    /// Speeds by DeviceFacts::key(), as measured in an earlier session.
    virtual void remember(const std::map<std::string, double>& gb_per_s) = 0;
    virtual void look_for_devices() = 0;
    /// Copy for at most two seconds on every usable device.
    virtual void measure() = 0;
    virtual void search(const std::vector<std::string>& own_folders) = 0;
    /// The text of app/diagnostics.h; `in_use`: what the window says of its engine.
    virtual void diagnose(const std::string& in_use) = 0;
};

class Library : public LibraryLink {
public:
    /// `wake`: called from the library's thread when something changed. `state_folder`: whose log
    /// is part of diagnostics.
    explicit Library(std::function<void()> wake, std::string state_folder = {});
    ~Library() override;
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    std::shared_ptr<const LibraryFacts> facts() const override;
    void remember(const std::map<std::string, double>& gb_per_s) override;
    void look_for_devices() override;
    void measure() override;
    void search(const std::vector<std::string>& own_folders) override;
    void diagnose(const std::string& in_use) override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// GB/s of one device, by a copy that takes about a second, two at most. Throws base::Error.
double measure_device(const std::string& selector);

/// Index of the usable device that copies fastest; -1 where not all usable ones are measured, or
/// there is none. A CPU device wins only where it is alone.
int fastest_device(const std::vector<DeviceFacts>& devices);

}  // namespace app
