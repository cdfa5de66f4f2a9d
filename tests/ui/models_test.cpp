// Models and devices in the window: what was found, what does not fit, which device, safe mode.
#include "app/ui/state/device_choice.h"
#include "tests/support/fake_library.h"
#include "tests/support/temp_dir.h"
#include "tests/ui/rig.h"

#include <fstream>
#include <sstream>

using namespace app;
using test::FakeLibrary;
using test::Rig;
using Step = ui::DeviceChoice::Step;

namespace {

constexpr RoomFacts kFits{.known = true, .fits = true, .n_ctx = 4096};
constexpr RoomFacts kTooLarge{
    .known = true, .need_bytes = uint64_t{16} << 30, .free_bytes = uint64_t{7} << 30};

ui::StartOptions with(FakeLibrary& library) {
    ui::StartOptions start;
    start.library = &library;
    return start;
}

std::vector<LoadModel> loads(const Rig& r) {
    std::vector<LoadModel> all;
    for (const Command& command : r.engine.commands()) {
        if (const auto* load = std::get_if<LoadModel>(&command)) {
            all.push_back(*load);
        }
    }
    return all;
}

NoRoom no_room() {
    return {.path = "/models/large.gguf",
            .device = {},
            .n_ctx = 0,
            .parts = "weights 15.4 GiB, KV cache 0.4 GiB",
            .alternatives = {{.text = "Open it with a context of 1,024 tokens",
                              .path = "/models/large.gguf",
                              .n_ctx = 1024,
                              .can_open = true},
                             {.text = "Open it on Big",
                              .path = "/models/large.gguf",
                              .device = "uuid-Big",
                              .can_open = true},
                             {.text = "Get it as Q4_0: its weights take 6.1 GiB then"}}};
}

}  // namespace

TEST_CASE("the device: asked for, remembered, alone, or the fastest by measurement") {
    FakeLibrary library;
    const LibraryFacts& facts = library.next;
    CHECK(ui::choose_device(facts, "", "").step == Step::wait);
    CHECK(ui::choose_device(facts, "radeon", "uuid-x").device == "radeon");
    CHECK_FALSE(ui::choose_device(facts, "radeon", "uuid-x").optional);
    CHECK(ui::choose_device(facts, "", "uuid-x").device == "uuid-x");
    CHECK(ui::choose_device(facts, "", "uuid-x").optional);

    library.next.devices_known = true;
    CHECK(ui::choose_device(facts, "", "").step == Step::open);  // none: the engine says why
    library.add_device("llvmpipe", true);
    CHECK(ui::choose_device(facts, "", "").step == Step::open);  // one alone is not measured
    CHECK(ui::choose_device(facts, "", "").device.empty());
    library.add_device("Integrated");
    library.add_device("Discrete");
    CHECK(ui::choose_device(facts, "", "").step == Step::measure);
    library.next.measuring = true;
    CHECK(ui::choose_device(facts, "", "").step == Step::wait);
    library.next.measuring = false;
    library.speeds = {200, 60, 400};
    library.measure();
    CHECK(ui::choose_device(facts, "", "").device == "uuid-Discrete");
    // The slow card of two is not taken because it is called discrete, nor a CPU for its caches.
    library.next.devices[2].gb_per_s = 20;
    CHECK(ui::choose_device(facts, "", "").device == "uuid-Integrated");
    library.next.devices[1].problem = "it lacks timelineSemaphore";
    CHECK(ui::choose_device(facts, "", "").device == "uuid-Discrete");
}

TEST_CASE("with two devices the first start measures, then opens on the faster one") {
    FakeLibrary library;
    library.add_device("Slow");
    library.add_device("Fast");
    library.speeds = {40, 300};
    Rig r(1440, 900, {}, with(library));
    r.play("wait ready\n");
    CHECK(library.n_measures == 1);
    REQUIRE(loads(r).size() == 1);
    CHECK(loads(r)[0].device == "uuid-Fast");
    CHECK(r.view().config.device == "uuid-Fast");
    CHECK(r.view().config.gb_per_s.at("uuid-Fast Fake 1") == 300);
    // The menu tells the speeds and changes the device.
    r.play(
        "click top.device\nwait frames 3\nexpect discrete GPU, 300 GB/s\nexpect discrete GPU, 40 "
        "GB/s\nclick device.0\nwait ready\nwait idle\n");
    REQUIRE(loads(r).size() == 2);
    CHECK(loads(r)[1].device == "uuid-Slow");
    CHECK_FALSE(loads(r)[1].device_optional);
    CHECK(r.view().config.device == "uuid-Slow");
}

TEST_CASE("found models are on the welcome page, in the menu and in the dialog, and open") {
    FakeLibrary library;
    library.add_device("GPU");
    library.add_model("large", kTooLarge);
    library.add_model("small", kFits);
    library.add_model("broken", {}, "broken.gguf: tensor count 2^64");
    library.next.models.push_back({.path = "/x", .name = "Qwen", .foreign = true});
    Rig r(1440, 900, {}, with(library));
    r.play("wait ready\nwait frames 4\n");
    REQUIRE(library.searches.size() == 1);
    CHECK(r.registry().has_text("Found on this computer"));
    CHECK(r.registry().has_text("Q4_K_M, 253 MB, Ollama, fits"));
    CHECK(r.registry().has_text("Q4_K_M, 253 MB, Ollama, needs 17.2 GB, 7.5 GB free"));
    CHECK_FALSE(r.registry().has_text("Qwen"));
    // Those that fit stand first.
    r.play("click welcome.found.0\nwait ready\n");
    CHECK(loads(r).back().path == "/models/small.gguf");
    REQUIRE(loads(r).back().known_models);
    CHECK(loads(r).back().known_models->size() == 4);
    r.play("click top.model\nwait frames 3\nexpect On this computer\nkey Escape\nwait frames 3\n");
    r.play(
        "key Ctrl+O\nwait frames 3\nexpect open.found.2\nexpect 1 of other families are not "
        "listed\nclick open.found.1\nwait ready\n");
    CHECK(loads(r).back().path == "/models/large.gguf");
}

TEST_CASE("a folder typed into the dialog is looked through and remembered") {
    const support::TempDir dir;
    FakeLibrary library;
    library.add_device("GPU");
    Rig r(1440, 900, {}, with(library));
    r.play("wait ready\nkey Ctrl+O\nwait frames 3\ntype " + dir.path().string() +
           "\nkey Enter\nwait frames 3\n");
    REQUIRE(library.searches.size() == 2);
    CHECK(library.searches.back() == std::vector<std::string>{dir.path().string()});
    CHECK(r.view().config.model_folders == library.searches.back());
    CHECK(loads(r).size() == 1);
}

TEST_CASE("what does not fit is refused with offers, and loads anyway on request") {
    test::FakeOptions options;
    options.no_room = no_room();
    Rig r(1440, 900, options);
    r.play("wait ready\nopen /models/large.gguf\nwait trouble\nwait frames 3\n");
    CHECK(r.registry().has_text("weights 15.4 GiB, KV cache 0.4 GiB"));
    CHECK(r.registry().has_text("Get it as Q4_0: its weights take 6.1 GiB then"));
    REQUIRE(r.state().trouble->offers.size() == 4);
    CHECK(r.state().ready());  // the model at hand is still there
    r.play("click trouble.offer.3\nwait ready\nwait idle\n");
    CHECK(loads(r).back().anyway);
    CHECK_FALSE(r.state().trouble);

    r.play("open /models/large.gguf\nwait trouble\nclick trouble.offer.1\nwait frames 4\n");
    CHECK(loads(r).back().device == "uuid-Big");
    CHECK_FALSE(loads(r).back().anyway);
    r.play("wait trouble\nclick trouble.offer.0\nwait frames 4\n");
    CHECK(loads(r).back().n_ctx == 1024);
}

TEST_CASE("safe mode opens nothing by itself, says why, and ends with the user's decision") {
    FakeLibrary library;
    library.add_device("GPU");
    ui::StartOptions start = with(library);
    start.broken = BrokenLoad{"/models/killer.gguf", "uuid-GPU", "2026-11-25 14:03"};
    int n_forgotten = 0;
    start.forget_broken = [&] { ++n_forgotten; };
    {
        Rig r(1440, 900, {}, start);
        r.play("wait frames 20\nexpect Open it again\nexpect Open it on the CPU, which is slow\n");
        CHECK(loads(r).empty());
        CHECK(n_forgotten == 0);
        r.play("click trouble.diagnostics\nwait frames 4\n");
        CHECK(
            r.clipboard().find("Shown: Lapidary ended while it was opening /models/killer.gguf") !=
            std::string::npos);
        r.play("click trouble.offer.1\nwait ready\nwait frames 2\n");
        CHECK(loads(r).back().path == "/models/killer.gguf");
        CHECK(loads(r).back().device == "cpu");
        CHECK(n_forgotten == 1);
    }
    Rig r(1440, 900, {}, start);
    r.play("wait frames 4\nclick trouble.close\nwait frames 4\n");
    CHECK(n_forgotten == 2);
    CHECK(loads(r).empty());
}

TEST_CASE("the chip is amber with the reason when another device computes than was chosen") {
    test::FakeOptions options;
    options.device_warning = "The device that was chosen before is not there now.";
    Rig r(1440, 900, options);
    r.play("wait ready\nclick top.device\nwait frames 3\n");
    CHECK(r.registry().has_text("The device that was chosen before is not there now."));
}

TEST_CASE("device and speeds are kept for this machine, and other machines' stay") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "config.json").string();
    std::ofstream(path) << R"({"machines":{"elsewhere":{"device":"theirs"}},"new_key":1})";
    std::string problem;
    ui::ConfigFile file(path);
    ui::Config config = file.load(problem);
    CHECK(config.device.empty());
    config.device = "uuid-mine";
    config.gb_per_s["uuid-mine Fake 1"] = 41.5;
    config.model_folders = {"/data/models"};
    REQUIRE(file.save(config, problem));
    const ui::Config again = ui::ConfigFile(path).load(problem);
    CHECK(again.device == "uuid-mine");
    CHECK(again.gb_per_s == config.gb_per_s);
    CHECK(again.model_folders == config.model_folders);
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    CHECK(text.str().find("theirs") != std::string::npos);
    CHECK(text.str().find("new_key") != std::string::npos);
}
