// The check before a load, on made-up devices.
#include "app/library/fit_check.h"
#include "model/fit.h"
#include "tests/support/model_writer.h"

#include "tests/support/catch.h"

using namespace app;

namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

/// Gemma 3 4B's sizes.
model::Config config_4b() {
    model::Config c = support::tiny_config(model::Architecture::gemma3, {.hidden_size = 2560,
                                                                         .intermediate_size = 10240,
                                                                         .num_hidden_layers = 34,
                                                                         .num_attention_heads = 8,
                                                                         .num_key_value_heads = 4,
                                                                         .head_dim = 256,
                                                                         .vocab_size = 262144,
                                                                         .sliding_window = 1024});
    c.max_position_embeddings = 131072;
    return c;
}

gpu::DeviceInfo device(const char* name, uint64_t free_bytes, uint64_t host_free = 32 * kGiB) {
    gpu::DeviceInfo info;
    info.name = name;
    info.uuid = std::string("uuid of ") + name;
    info.type = gpu::DeviceType::discrete;
    info.heaps = {{free_bytes, free_bytes, true}, {host_free, host_free, false}};
    info.host_heap = 1;
    info.max_range_bytes = info.max_buffer_bytes = 4 * kGiB;
    return info;
}

FoundModel found(const char* name, const model::Config& config, model::QuantMix mix) {
    FoundModel model{.path = std::string("/models/") + name, .name = name};
    model.type = model::quant_mix_name(mix);
    model.config = config;
    model.weight_bytes = model.n_bytes = model::weight_bytes(config, mix);
    return model;
}

}  // namespace

TEST_CASE("what fits, what fits with less context, and what does not fit") {
    const model::Config config = config_4b();
    const uint64_t weights = model::weight_bytes(config, model::QuantMix::q4_k_m);
    const FitQuestion question{config, weights, 32768};
    const FitReport large = check_fit(device("large", 24 * kGiB), question);
    CHECK(large.fits());
    CHECK(large.best_n_ctx == 32768);
    CHECK(large.short_bytes() == 0);
    CHECK(large.heaps.size() == 2);

    const gpu::DeviceInfo middle = device("middle", 5 * kGiB / 2 + kFitMargin);
    const FitReport report = check_fit(middle, question);
    CHECK_FALSE(report.fits());
    REQUIRE(report.best_n_ctx >= kSmallestContext);
    CHECK(report.best_n_ctx % 256 == 0);
    // The largest: it fits, and 256 more do not.
    CHECK(check_fit(middle, {config, weights, report.best_n_ctx}).fits());
    CHECK_FALSE(check_fit(middle, {config, weights, report.best_n_ctx + 256}).fits());
    CHECK(report.sentence().find("middle has 2.8 GiB free") != std::string::npos);

    const FitReport small = check_fit(device("small", kGiB), question);
    CHECK_FALSE(small.fits());
    CHECK(small.best_n_ctx == 0);
    CHECK(small.short_bytes() > kGiB);
}

TEST_CASE("each heap is checked by itself") {
    const model::Config config = config_4b();
    const FitQuestion question{config, kGiB, 1024};
    CHECK(check_fit(device("a", 8 * kGiB), question).fits());
    const FitReport report = check_fit(device("b", 8 * kGiB, kFitMargin / 2), question);
    CHECK_FALSE(report.fits());
    CHECK(report.heaps[0].fits());
    CHECK_FALSE(report.heaps[1].fits());
    CHECK(report.sentence().find("shared with the computer") != std::string::npos);
    // The heaps as they are now win over what was so at the start.
    const std::vector<gpu::Heap> now{{8 * kGiB, kGiB, true}, {8 * kGiB, 8 * kGiB, false}};
    CHECK_FALSE(check_fit(device("a", 8 * kGiB), question, now).fits());
    // One memory for both takes both.
    gpu::DeviceInfo one = device("one", 8 * kGiB);
    one.host_heap = 0;
    one.heaps.resize(1);
    CHECK(check_fit(one, question).heaps.size() == 1);
    CHECK(check_fit(one, question).heaps[0].need_bytes >
          check_fit(device("a", 8 * kGiB), question).heaps[0].need_bytes);
}

TEST_CASE("three alternatives, the nearest to what was wanted first") {
    const model::Config config = config_4b();
    const uint64_t bf16 = model::weight_bytes(config, model::QuantMix::bf16);
    model::Config smaller = config;
    smaller.num_hidden_layers = 12;
    smaller.layers.resize(12);
    WhatElse what{.path = "/models/4b-bf16"};
    what.models = {found("4b-bf16", config, model::QuantMix::bf16),
                   found("4b-q8", config, model::QuantMix::q8_0),
                   found("4b-q4", config, model::QuantMix::q4_0),
                   found("small", smaller, model::QuantMix::q4_0)};
    what.models[0].path = what.path;
    what.devices = {device("little", 5 * kGiB), device("big", 24 * kGiB)};
    what.shipped = "/shipped.gguf";
    const FitQuestion question{config, bf16, 4096};
    const FitReport report = check_fit(what.devices[0], question);
    REQUIRE_FALSE(report.fits());
    CHECK(report.best_n_ctx == 0);  // the weights alone are too large
    const std::vector<Alternative> list = alternatives(report, question, what);
    REQUIRE(list.size() == 3);
    CHECK(list[0].path == "/models/4b-q8");  // the best type that fits
    CHECK(list[0].text.find("Q8_0") != std::string::npos);
    CHECK(list[1].device == "uuid of big");
    CHECK(list[1].path == what.path);
    CHECK(list[2].path == "/models/small");
    for (const Alternative& a : list) {
        CHECK(a.can_open);
    }
}

TEST_CASE("less context comes first, and there are three even where nothing else is known") {
    const model::Config config = config_4b();
    const uint64_t q4 = model::weight_bytes(config, model::QuantMix::q4_k_m);
    WhatElse what{.path = "/models/4b-q4"};
    what.devices = {device("only", 5 * kGiB / 2 + kFitMargin)};
    const FitQuestion question{config, q4, 65536};
    const FitReport report = check_fit(what.devices[0], question);
    std::vector<Alternative> list = alternatives(report, question, what);
    REQUIRE(list.size() == 3);
    CHECK(list[0].n_ctx == report.best_n_ctx);
    CHECK(list[0].can_open);
    what.devices = {device("tiny", kGiB / 2)};
    list = alternatives(check_fit(what.devices[0], question), question, what);
    REQUIRE(list.size() >= 2);
    CHECK_FALSE(list[0].can_open);
    // A device that cannot be used is no alternative.
    what.devices.push_back(device("lame", 64 * kGiB));
    what.devices.back().missing = "timelineSemaphore";
    list = alternatives(check_fit(what.devices[0], question), question, what);
    CHECK(list[0].device.empty());
}

TEST_CASE("what is offered is to be had: no context beyond the model's, no type as large as this") {
    model::Config config = config_4b();
    config.max_position_embeddings = 8192;
    const uint64_t q4 = model::weight_bytes(config, model::QuantMix::q4_k_m);
    WhatElse what{.path = "/models/4b-q4"};
    what.devices = {device("only", 24 * kGiB)};
    const FitQuestion question{config, q4, 2'000'000'000};
    const FitReport report = check_fit(what.devices[0], question);
    REQUIRE_FALSE(report.fits());
    CHECK(report.best_n_ctx == 8192);
    // The context is in the way, not the weights: no type makes room for it.
    for (const Alternative& a : alternatives(report, question, what)) {
        INFO(a.text);
        CHECK(a.text.find("Get it as") == std::string::npos);
    }
    // A few bytes less, which the sentence would not even show.
    const uint64_t largest = model::weight_bytes(config, model::quant_mixes().front());
    const gpu::DeviceInfo tight = device("tight", largest + kGiB / 2 + kFitMargin);
    what.devices = {tight};
    const FitQuestion same{config, largest + 1, 8192};
    for (const Alternative& a : alternatives(check_fit(tight, same), same, what)) {
        INFO(a.text);
        CHECK(a.text.find("take " + memory_text(largest) + " then") == std::string::npos);
    }
}
