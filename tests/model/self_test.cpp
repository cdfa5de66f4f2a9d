// The self-test of the fast path: what agrees, what does not, and what is remembered of it (F14).
#include "tests/support/model_writer.h"  // first: its CHECK is that of gpu/base.h

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "gpu/checked_file.h"
#include "model/fast_ops.h"
#include "model/product_race.h"
#include "model/self_test.h"
#include "model/session.h"
#include "tests/support/catch.h"
#include "tests/support/device_model.h"
#include "tests/support/temp_dir.h"

namespace {

using support::load_model;
using support::runtime;

constexpr const char* kTiny = "tests/golden/tiny-gemma3.gguf";
constexpr uint32_t kIds = model::kSelfTestPrompt + model::kSelfTestDecoded;

model::SessionOptions on(model::Path path) {
    return {.path = path, .n_ctx = kIds, .n_ubatch = kIds};
}

bool can_run(const model::Model& model) {
    return model::Session::fast_obstacle(runtime().device.info(), model.config).empty();
}

}  // namespace

TEST_CASE("self-test: every tiny model agrees with the plain path") {
    for (const char* const path :
         {"tests/golden/tiny-gemma.gguf", "tests/golden/tiny-gemma2.gguf", kTiny}) {
        CAPTURE(path);
        const auto model = load_model(path);
        REQUIRE(can_run(*model));
        model::Session plain(runtime(), model, on(model::Path::plain));
        model::Session fast(runtime(), model, on(model::Path::fast));
        CHECK(model::disagreement(plain, fast) == "");
    }
}

// A driver that computes wrong is played by the same model with a few weights changed.
TEST_CASE("self-test: other numbers, and numbers that are none, are found") {
    const support::TempDir folder;
    struct Fault {
        float factor;
        const char* expected;
    };
    for (const Fault fault : {Fault{1.5f, "NMSE"}, Fault{1e30f, "not finite"}}) {
        CAPTURE(fault.factor);
        support::TinyModel tiny = support::make_tiny({});
        const std::string right = (folder.path() / "right.gguf").string();
        const std::string wrong = (folder.path() / "wrong.gguf").string();
        support::write_gguf(tiny, right);
        auto& tensor =
            *std::ranges::find(tiny.tensors, "token_embd.weight", &support::TinyTensor::name);
        std::vector<float> values = tiny.values(tensor.name);
        for (float& value : values) {
            value *= fault.factor;
        }
        std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
        support::write_gguf(tiny, wrong);
        const auto model = load_model(right);
        model::Session plain(runtime(), model, on(model::Path::plain));
        const auto other = load_model(wrong);
        model::Session fast(runtime(), other, on(model::Path::fast));
        const std::string text = model::disagreement(plain, fast);
        INFO(text);
        CHECK(text.find(fault.expected) != std::string::npos);
    }
}

TEST_CASE("self-test: asked once, and remembered for its device and kind of model") {
    const auto model = load_model(kTiny);
    REQUIRE(can_run(*model));
    runtime().kernels.freeze(false);
    const model::ops::ProductKind product =
        model::choose_product(runtime(), model->weights.layers[0].ffn_gate, {});
    const model::SelfTestRecord record = model::self_test_record(runtime(), *model, product);
    if (record.file.empty()) {
        SKIP("no folder for caches here");
    }
    std::filesystem::remove(record.file);
    CHECK(model::why_not_fast(runtime(), model, {}) == "");
    REQUIRE(std::filesystem::exists(record.file));

    const std::string fault = "it was wrong";
    gpu::save_checked("self-test", record.file, record.identity, std::as_bytes(std::span(fault)));
    CHECK(model::self_test(runtime(), model, {}) == fault);
    const std::string told = model::why_not_fast(runtime(), model, {});
    CHECK(told.find(fault) != std::string::npos);
    CHECK(told.find(runtime().device.info().name) != std::string::npos);

    // Another driver, or another program: tested again.
    gpu::save_checked("self-test", record.file, record.identity + " older",
                      std::as_bytes(std::span(fault)));
    CHECK(model::self_test(runtime(), model, {}) == "");
    CHECK(model::self_test_record(runtime(), *load_model("tests/golden/tiny-gemma2.gguf"), product)
              .file != record.file);
    // Another kernel for products: not what was tested.
    CHECK(model::self_test_record(runtime(), *model, model::ops::ProductKind::exact).identity !=
          model::self_test_record(runtime(), *model, model::ops::ProductKind::fixed).identity);
}
