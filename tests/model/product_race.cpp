// Which kernel multiplies a prompt: the pick and its file, the real race, and each kernel's logits.
#include "tests/support/model_writer.h"  // first: its CHECK is that of gpu/base.h

#include <fstream>

#include <fmt/format.h>

#include "model/product_race.h"
#include "model/session.h"
#include "tests/support/catch.h"
#include "tests/support/device_model.h"
#include "tests/support/temp_dir.h"

namespace {

using model::ops::ProductKind;

constexpr ProductKind kAll[] = {ProductKind::exact, ProductKind::fixed, ProductKind::coopmat};

/// Candidates take these seconds; -1: cannot run. Counts the calls.
struct Times {
    double exact, fixed, coopmat;
    int n_calls = 0;

    ProductKind pick(const std::filesystem::path& file, const char* identity = "device 1") {
        return model::pick_product(kAll, file, identity, [this](ProductKind kind) {
            n_calls++;
            const double s = kind == ProductKind::exact   ? exact
                             : kind == ProductKind::fixed ? fixed
                                                          : coopmat;
            return s < 0 ? std::nullopt : std::optional(s);
        });
    }
};

}  // namespace

TEST_CASE("product race: the fastest that can run, remembered for its device and kernels") {
    const support::TempDir folder;
    const std::filesystem::path file = folder.path() / "sub" / "a.products";
    Times first{.exact = 3, .fixed = 1, .coopmat = 2};
    CHECK(first.pick(file) == ProductKind::fixed);
    CHECK(first.n_calls == 3);

    Times second{.exact = 3, .fixed = 2, .coopmat = 1};
    CHECK(second.pick(file) == ProductKind::fixed);
    CHECK(second.n_calls == 0);
    CHECK(second.pick(file, "device 1, new driver") == ProductKind::coopmat);
    CHECK(second.pick(file, "device 1, new driver") == ProductKind::coopmat);
    CHECK(second.n_calls == 3);

    Times broken{.exact = 3, .fixed = 2, .coopmat = -1};
    CHECK(broken.pick({}) == ProductKind::fixed);  // no file
    CHECK(broken.pick({}) == ProductKind::fixed);
    CHECK(broken.n_calls == 6);
}

TEST_CASE("product race: a damaged file, or one that cannot be written, means another race") {
    const support::TempDir folder;
    const std::filesystem::path file = folder.path() / "a.products";
    Times times{.exact = 1, .fixed = 2, .coopmat = 3};
    std::ofstream(file) << "coopmat";
    CHECK(times.pick(file) == ProductKind::exact);
    CHECK(times.n_calls == 3);
    CHECK(times.pick(file) == ProductKind::exact);
    CHECK(times.n_calls == 3);
    std::ofstream(file, std::ios::in | std::ios::out).seekp(40) << 'x';
    CHECK(times.pick(file) == ProductKind::exact);
    CHECK(times.n_calls == 6);

    CHECK(times.pick(folder.path()) == ProductKind::exact);  // a folder is no file
    CHECK(times.n_calls == 9);
}

TEST_CASE("product race: nothing runs but the first: it is taken and not remembered") {
    const support::TempDir folder;
    const std::filesystem::path file = folder.path() / "a.products";
    Times none{.exact = -1, .fixed = -1, .coopmat = -1};
    CHECK(none.pick(file) == ProductKind::exact);
    CHECK_FALSE(std::filesystem::exists(file));
    // A lone candidate needs no race.
    CHECK(model::pick_product(std::span(kAll).subspan(1, 1), file, "", [](ProductKind) {
              FAIL("a race");
              return std::optional<double>();
          }) == ProductKind::fixed);
}

TEST_CASE("product race: every kernel of this device gives a prompt's logits") {
    const support::TempDir folder;
    std::vector<model::TokenId> ids;
    for (int i = 0; i < 45; i++) {
        ids.push_back((i * 37 + 2) % 400);
    }
    std::vector<ProductKind> kinds = model::product_candidates(support::runtime().device.info());
    kinds.push_back(ProductKind::exact);  // runs everywhere
    for (const model::DType type :
         {model::DType::f32, model::DType::bf16, model::DType::q5_0, model::DType::q4_k}) {
        support::TinyOptions tiny;
        tiny.config = support::tiny_config(
            model::Architecture::gemma3,
            {.hidden_size = 256, .intermediate_size = 512, .num_attention_heads = 8});
        tiny.matrices = type;
        const std::string path =
            (folder.path() / fmt::format("{}.gguf", model::dtype_name(type))).string();
        support::write_gguf(support::make_tiny(tiny), path);
        const auto logits = [&](const model::SessionOptions& options) {
            model::Session session(support::runtime(), support::load_model(path), options);
            session.sync(ids);
            return std::vector<float>(session.logits().begin(), session.logits().end());
        };
        const std::vector<float> plain = logits({.n_ctx = 64});
        for (const ProductKind kind : kinds) {
            const std::vector<float> ours =
                logits({.path = model::Path::fast, .n_ctx = 64, .product = kind});
            double error = 0, power = 0;
            for (size_t i = 0; i < plain.size(); i++) {
                error += (double(ours[i]) - plain[i]) * (double(ours[i]) - plain[i]);
                power += double(plain[i]) * plain[i];
            }
            const bool rounds_to_half = kind == ProductKind::coopmat && type != model::DType::f32;
            fmt::print("{:<5} {:<14} NMSE to the plain path {:.1e}\n", model::dtype_name(type),
                       model::ops::product_name(kind), error / power);
            INFO(model::dtype_name(type) << " " << model::ops::product_name(kind));
            CHECK(error / power <= (rounds_to_half ? 1e-5 : 1e-7));
            // The kernel that was asked for did run: matmul is the plain path's own, and floats may
            // be added in its order.
            const bool quantized = type == model::DType::q5_0 || type == model::DType::q4_k;
            CHECK((error > 0 || kind == ProductKind::exact || !quantized));
            CHECK((!rounds_to_half || error / power > 1e-9));
        }
    }
}

TEST_CASE("product race: on a device it is run once, and no race where it would tell nothing") {
    const support::TempDir folder;
    gpu::Device& device = support::runtime().device;
    const std::string path = (folder.path() / "wide.gguf").string();
    support::TinyOptions tiny;
    tiny.config = support::tiny_config(model::Architecture::gemma3,
                                       {.hidden_size = 256, .intermediate_size = 4096});
    tiny.matrices = model::DType::q5_0;
    support::write_gguf(support::make_tiny(tiny), path);
    const auto model = support::load_model(path);
    const model::Matrix& w = model->weights.layers[0].ffn_gate;
    constexpr uint32_t n = 128;
    const gpu::Buffer x(device, 4 * n * w.cols, gpu::Memory::device, "x");
    const gpu::Buffer y(device, 4 * n * w.rows, gpu::Memory::device, "y");
    const gpu::Buffer codes(device, model::ops::ProductScratch::codes_bytes(n, w.cols),
                            gpu::Memory::device, "codes");
    const gpu::Buffer scales(device, model::ops::ProductScratch::scales_bytes(n, w.cols),
                             gpu::Memory::device, "scales");
    model::Matrix lower = w;  // a smaller model's: what wins on it says nothing of w
    lower.rows = lower.slabs[0].n_rows = 2048;
    const auto race = [&](uint32_t n_tokens, size_t& n_kernels, bool of_lower = false) {
        gpu::KernelCache kernels(device, folder.path().string());
        gpu::CommandBuffer cmd(device, kernels);
        const ProductKind kind =
            model::race_products(cmd, {of_lower ? lower : w,
                                       {"x",
                                        model::DType::f32,
                                        {n_tokens, w.cols},
                                        x.range().slice(0, 4 * n_tokens * w.cols)},
                                       {"y",
                                        model::DType::f32,
                                        {n_tokens, w.rows},
                                        y.range().slice(0, 4 * n_tokens * w.rows)},
                                       {codes.range(), scales.range()}});
        n_kernels = kernels.size();
        return kind;
    };
    size_t n_first = 0, n_second = 0, n_short = 0;
    // A short track tells nothing, and leaves nothing behind for others to go by.
    for (const uint32_t n_tokens : {8u, 16u, 64u}) {
        CHECK(race(n_tokens, n_short) == ProductKind::fixed);
        CHECK(n_short == 0);
        for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
            CHECK(entry.path().filename().string().find("products") == std::string::npos);
        }
    }
    const ProductKind winner = race(n, n_first);
    CHECK(race(n, n_second) == winner);
    CHECK(n_second == 0);
    const size_t n_candidates = model::product_candidates(device.info()).size();
    race(n, n_second, true);
    CHECK((n_second > 0) == (n_candidates > 1));
    INFO("won by " << model::ops::product_name(winner));
    CHECK(n_first >= (n_candidates > 1 ? 2 * n_candidates - 1 : 0));  // matmul has no second kernel
}
