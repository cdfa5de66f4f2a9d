// FakeLibrary: models and devices as a test says they are; counts what it is asked for.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/library/library.h"

namespace test {

class FakeLibrary : public app::LibraryLink {
public:
    app::LibraryFacts next;      // handed out after publish()
    std::vector<double> speeds;  // that measure() will find, by device
    int n_device_looks = 0, n_measures = 0;
    std::vector<std::vector<std::string>> searches;
    std::map<std::string, double> remembered;

    void publish() {
        ++next.version;
        shown_ = std::make_shared<const app::LibraryFacts>(next);
    }
    std::shared_ptr<const app::LibraryFacts> facts() const override { return shown_; }
    void remember(const std::map<std::string, double>& gb_per_s) override { remembered = gb_per_s; }
    void look_for_devices() override {
        ++n_device_looks;
        next.devices_known = true;
        publish();
    }
    void measure() override {
        ++n_measures;
        for (size_t i = 0; i < next.devices.size() && i < speeds.size(); ++i) {
            next.devices[i].gb_per_s = speeds[i];
        }
        publish();
    }
    void search(const std::vector<std::string>& folders) override {
        searches.push_back(folders);
        publish();
    }
    void diagnose(const std::string& in_use) override {
        next.diagnostics = std::make_shared<const std::string>("Fake diagnostics\n" + in_use);
        publish();
        next.diagnostics = nullptr;
    }

    void add_device(const char* name, bool is_cpu = false) {
        next.devices.push_back({.name = name,
                                .uuid = std::string("uuid-") + name,
                                .driver = "Fake 1",
                                .kind = is_cpu ? "CPU" : "discrete GPU",
                                .is_cpu = is_cpu,
                                .memory_bytes = uint64_t{8} << 30,
                                .free_bytes = uint64_t{7} << 30});
    }
    /// On every device alike.
    void add_model(const std::string& name, const app::RoomFacts& room, std::string problem = {}) {
        app::FoundModel model{.path = "/models/" + name + ".gguf",
                              .name = name,
                              .found_in = app::FoundIn::ollama,
                              .n_bytes = 253113024,
                              .type = "Q4_K_M",
                              .architecture = "gemma3",
                              .problem = std::move(problem)};
        model.config.emplace();
        model.config->max_position_embeddings = 8192;
        next.models.push_back(std::move(model));
        next.rooms.emplace_back(next.devices.size(), room);
    }

private:
    std::shared_ptr<const app::LibraryFacts> shown_ = std::make_shared<app::LibraryFacts>();
};

}  // namespace test
