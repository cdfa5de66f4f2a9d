// What is said of the memory before a load is what the device's allocator then counts.
#include "model/fit.h"
#include "app/engine/engine.h"
#include "tests/support/device_model.h"
#include "tests/support/model_writer.h"
#include "tests/support/real_model.h"
#include "tests/support/temp_dir.h"

#include <catch2/catch_approx.hpp>

#include "tests/support/catch.h"

using namespace model;

namespace {

uint64_t allocated() {
    return support::runtime().device.allocated_bytes();
}

/// Loads it, makes a session, and compares every step with its prediction.
void check_fit(const std::string& path, const SessionOptions& options) {
    const gpu::DeviceInfo& device = support::runtime().device.info();
    const uint64_t before = allocated();
    const std::unique_ptr<ModelSource> source = open_model(path);
    const uint64_t weights = planned_weight_bytes(*source, weight_limits(device));
    support::runtime().kernels.freeze(false);
    const auto model = Model::load(support::runtime(), path);
    CHECK(allocated() - before == weights);
    const uint64_t session_bytes = Session::bytes_for(model->config, options);
    const Session session(support::runtime(), model, options);
    const uint64_t taken = allocated() - before;
    INFO(path << ": " << taken << " bytes, " << weights << " + " << session_bytes << " foretold");
    CHECK(double(weights + session_bytes) == Catch::Approx(double(taken)).epsilon(0.05));
}

}  // namespace

TEST_CASE("the weights of a tiny model of every type take the bytes that were foretold") {
    const support::TempDir dir;
    support::TinyOptions options;
    options.config = support::tiny_config(
        Architecture::gemma2, {.hidden_size = 256, .intermediate_size = 512, .head_dim = 64});
    for (const DType type : {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q4_0,
                             DType::q4_k, DType::q5_k, DType::q6_k, DType::q3_k, DType::iq4_nl}) {
        options.matrices = type;
        const std::string path = (dir.path() / "m.gguf").string();
        write_gguf(support::make_tiny(options), path);
        const uint64_t before = allocated();
        const std::unique_ptr<ModelSource> source = open_model(path);
        const WeightLimits limits = weight_limits(support::runtime().device.info());
        const auto model = Model::load(support::runtime(), path);
        INFO(dtype_name(type));
        CHECK(allocated() - before == planned_weight_bytes(*source, limits));
    }
}

TEST_CASE("slabs and blocks are foretold too") {
    const support::TempDir dir;
    const std::string path = (dir.path() / "m.gguf").string();
    write_gguf(support::make_tiny({}), path);
    const std::unique_ptr<ModelSource> source = open_model(path);
    const uint64_t whole = planned_weight_bytes(*source, {1 << 30, 1 << 30, 64});
    // Blocks of a tenth: more of them, each with a rest that nothing fits into.
    const uint64_t parted = planned_weight_bytes(*source, {1 << 16, whole / 10, 64});
    CHECK(parted > whole);
    CHECK(parted < 2 * whole);
    CHECK(planned_weight_bytes(*source, {1 << 30, 1 << 30, 4096}) > whole);
}

TEST_CASE("the shipped model takes within 5 % of what was foretold") {
    for (const uint32_t n_ctx : {512u, 2048u}) {
        check_fit(app::shipped_model_path(), {.n_ctx = n_ctx});
        check_fit(app::shipped_model_path(), {.path = Path::fast,
                                              .n_ctx = n_ctx,
                                              .full_cache = true,
                                              .keep_q = true,
                                              .keep_residuals = true});
    }
}

TEST_CASE("the real 270M takes within 5 % of what was foretold") {
    const auto path = support::real_model_path();
    if (!path) {
        SKIP(support::kNoRealModel);
    }
    check_fit(*path, {.path = Path::fast, .n_ctx = 1024});
    check_fit(*path, {.path = Path::fast,
                      .n_ctx = 4096,
                      .full_cache = true,
                      .keep_q = true,
                      .keep_residuals = true});
}
