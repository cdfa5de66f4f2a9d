// A model that does not fit is refused before it is read, with what would fit; the one at hand
// stays.
#include "app/library/discovery.h"
#include "gpu/base.h"
#include "tests/support/engine_driver.h"
#include "tests/support/model_writer.h"
#include "tests/support/temp_dir.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>

namespace {

using Clock = std::chrono::steady_clock;

/// The refusal of a load, and the seconds it took.
app::Failed refusal_of(support::EngineDriver& driver, app::LoadModel request, double& seconds) {
    const Clock::time_point begin = Clock::now();
    const app::RequestId id = driver.send_load(std::move(request));
    driver.wait([&] { return driver.ended(id); });
    seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    for (const app::Event& event : driver.events) {
        if (const auto* failed = std::get_if<app::Failed>(&event);
            failed != nullptr && failed->id == id) {
            return *failed;
        }
    }
    FAIL("the load did not fail");
    return {};
}

/// One layer under an embedding of 2^20 rows of 2^16 values: a quarter of a terabyte, of which
/// nothing is on the disk.
std::string write_too_large(const std::string& folder) {
    support::TinyOptions options;
    options.config = support::tiny_config(
        model::Architecture::gemma,
        {.hidden_size = 1u << 16, .intermediate_size = 32, .num_hidden_layers = 1});
    support::GgufFile file = to_gguf(support::make_tiny(options));
    support::GgufTensorEntry embedding = file.tensor("token_embd.weight");
    embedding.ne[1] = uint64_t{1} << 20;
    embedding.n_hole_bytes = embedding.ne[0] * embedding.ne[1] * 4;
    embedding.data.clear();
    file.remove_tensor("token_embd.weight");
    file.tensors.push_back(embedding);
    const std::string path = folder + "/too-large.gguf";
    write_sparse(file, path);
    return path;
}

}  // namespace

TEST_CASE("engine: what does not fit is refused in seconds, with three alternatives") {
    const support::TempDir dir;
    const std::string path = write_too_large(dir.path().string());
    support::EngineDriver driver;
    driver.load();

    app::LoadModel request;
    request.path = path;
    const std::string other = (dir.path() / "other.gguf").string();
    write_gguf(support::make_tiny({}), other);
    app::FoundModel found{.path = other, .name = "other"};
    describe(found);
    request.known_models = std::make_shared<std::vector<app::FoundModel>>(1, found);
    double seconds = 0;
    const app::Failed failed = refusal_of(driver, request, seconds);
    INFO(failed.message << "\n" << failed.hint);
    REQUIRE(seconds < 5 * support::load_factor());
    REQUIRE(failed.message.find("needs 2") != std::string::npos);  // 256 GiB and what it works in
    REQUIRE(failed.no_room);
    REQUIRE(failed.no_room->path == path);
    REQUIRE(failed.no_room->parts.find("weights 256.") != std::string::npos);
    REQUIRE(failed.no_room->alternatives.size() == 3);
    REQUIRE(failed.no_room->alternatives[0].path == other);
    REQUIRE(failed.no_room->alternatives[0].can_open);
    // Before it stands a smaller type of the same model, where the device has room for one.
    REQUIRE(std::ranges::any_of(failed.no_room->alternatives, [](const app::Alternative& a) {
        return a.path == app::shipped_model_path();
    }));

    // Nothing was given up for it.
    REQUIRE(driver.count<app::ModelUnloaded>() == 0);
    REQUIRE(driver.answer(support::ask("Hello", 2)).finished.has_value());

    // And what was offered opens.
    request.path = failed.no_room->alternatives[0].path;
    REQUIRE(driver.load(request)->path == other);
}

TEST_CASE("engine: a context that does not fit is refused with one that does") {
    const support::TempDir dir;
    support::TinyOptions options;
    options.config = support::tiny_config(
        model::Architecture::gemma3,
        {.num_key_value_heads = 4, .head_dim = 256, .max_position_embeddings = 1u << 24});
    const std::string path = (dir.path() / "long.gguf").string();
    write_gguf(support::make_tiny(options), path);

    support::EngineDriver driver;
    app::LoadModel request;
    request.path = path;
    request.n_ctx = 1u << 24;  // 32 GiB of keys in one layer
    double seconds = 0;
    app::Failed failed = refusal_of(driver, request, seconds);
    INFO(failed.message << "\n" << failed.hint);
    REQUIRE(seconds < 5 * support::load_factor());
    REQUIRE(failed.no_room);
    const app::Alternative& shorter = failed.no_room->alternatives.at(0);
    REQUIRE(shorter.n_ctx >= 512);
    REQUIRE(shorter.n_ctx < request.n_ctx);
    REQUIRE(shorter.path == path);

    // "Load anyway" leaves it to the driver, whose refusal is another.
    request.anyway = true;
    failed = refusal_of(driver, request, seconds);
    REQUIRE_FALSE(failed.no_room);
}

TEST_CASE("engine: a device that is not there is replaced only where it need not be there") {
    support::EngineDriver driver;
    app::LoadModel request;
    request.device = "a device that nobody has";
    double seconds = 0;
    REQUIRE(refusal_of(driver, request, seconds).message.find("no usable Vulkan device") !=
            std::string::npos);
    request.device_optional = true;
    const auto info = driver.load(request);
    REQUIRE(info->device_warning.find("not there") != std::string::npos);
    REQUIRE_FALSE(info->device_uuid.empty());
    request.device = info->device_uuid;
    REQUIRE(driver.load(request)->device_warning.empty());
}
