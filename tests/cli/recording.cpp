// trace writes a recording; the window plays it without the model, and without the engine's device.
#include "app/recordings/recording.h"
#include "tests/cli/trace_run.h"
#include "tests/support/worst.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

TEST_CASE("a recorded text has the pattern of a trace, and plays where no device can compute") {
    const support::TempDir folder;
    const std::string file = (folder.path() / "t.lapidary").string();
    const char* const model = "tests/golden/tiny-gemma3.gguf";
    const std::string ids = "2,10,11,12,13,14,15,16,17,18,19,20";
    const auto made = support::run_program(
        LAPIDARY_PROGRAM, {.arguments = {"trace", "-m", model, "--tokens", ids, "-o", file},
                           .standard_input = "",
                           .environment = {},
                           .interrupt = {}});
    INFO(made.err);
    REQUIRE(made.exit_code == 0);
    const app::Recording recording = app::read_recording(file);
    REQUIRE(recording.tokens.size() == 12);
    const support::Npz npz = cli::trace(model, ids, {"--taps", "pattern"});
    const support::NpyArray& pattern = npz.at("pattern");
    double worst = 0;
    for (const auto& capture : recording.captures) {
        for (const model::LiveRows& rows : capture->live) {
            for (uint32_t h = 0; h < recording.info.n_heads; ++h) {
                for (uint32_t k = 0; k < rows.n_keys; ++k) {
                    const size_t at =
                        ((size_t{rows.layer} * recording.info.n_heads + h) * 12 + rows.position) *
                            12 +
                        rows.first_key + k;
                    support::widen(worst, std::abs(double(rows.weight(h, k)) - pattern.values[at]));
                }
            }
        }
    }
    CHECK(worst <= 2e-3);

    // What followed each token, in the end and after the last layer, is one and the same; V13.
    CHECK(recording.model_hash.starts_with("xxh64:"));
    CHECK_FALSE(recording.drawn());
    REQUIRE(recording.steps.size() == 12);
    const support::NpyArray& topk = npz.at("topk_logp");
    for (size_t i = 0; i < recording.steps.size(); ++i) {
        const app::RecordedStep& step = recording.steps[i];
        REQUIRE(step.lens.size() == recording.info.n_layers);
        double mass = step.next.rest;
        for (const float logprob : step.next.logprobs) {
            mass += std::exp(double(logprob));
        }
        CHECK(std::abs(mass - 1) <= 1e-4);
        CHECK(step.next.stages.size() == 7);
        for (size_t k = 0; k < step.lens_ids.size(); ++k) {
            const auto at = std::ranges::find(step.next.ids, step.lens_ids[k]);
            REQUIRE(at != step.next.ids.end());
            const float last = step.next.logprobs[size_t(at - step.next.ids.begin())];
            CHECK(std::abs(step.lens.back().asked[k] - last) <= 1e-3);
        }
        CHECK(std::abs(double(step.next.logprobs[0]) - topk.values[i * 10]) <= 1e-3);
    }

    const std::string script = (folder.path() / "s.script").string();
    std::ofstream(script)
        << "wait ready\nwait idle\nexpect replayed\nkey Escape\nwait frames 2\nkey "
           "Left\nwait frames 3\n";
    const auto played = support::run_program(
        LAPIDARY_PROGRAM, {.arguments = {file, "--script", script, "--offscreen", "1280x800"},
                           .standard_input = "",
                           .environment = {{"LAPIDARY_GPU", "no such device"}},
                           .interrupt = {}});
    INFO(played.err);
    if (played.exit_code == 2) {
        SKIP("the program is built without the window");
    }
    CHECK(played.exit_code == 0);

    std::ofstream(file, std::ios::binary | std::ios::in).seekp(5000).write("spoilt spoilt", 13);
    std::ofstream(file, std::ios::binary | std::ios::in).seekp(60).write("\x7f\x7f\x7f\x7f", 4);
    const auto refused = support::run_program(
        LAPIDARY_PROGRAM, {.arguments = {file, "--script", script, "--offscreen", "1280x800"},
                           .standard_input = "",
                           .environment = {},
                           .interrupt = {}});
    CHECK(refused.exit_code == 3);
    CHECK(refused.err.find("newer Lapidary") != std::string::npos);
    if (!std::filesystem::exists("/usr/bin/xvfb-run")) {
        return;
    }
    // Who double-clicks the file sees no stderr: the window says it.
    std::ofstream(script) << "wait frames 4\nexpect newer Lapidary\nexpect The file was left\n"
                          << "refute is ready\n";
    const auto shown = support::run_program(
        "/usr/bin/xvfb-run", {.arguments = {"-a", LAPIDARY_PROGRAM, file, "--script", script},
                              .standard_input = "",
                              .environment = {{"HOME", folder.path().string()}},
                              .interrupt = {}});
    INFO(shown.err);
    CHECK(shown.exit_code == 0);
}
