// Every weight type, end to end: a generated gemma3 of random valid blocks against the double
// reference of its dequantized weights.
#include "tests/support/model_writer.h"  // first: its CHECK is that of gpu/base.h

#include <fmt/format.h>

#include "model/source.h"
#include "tests/support/catch.h"
#include "tests/support/device_model.h"
#include "tests/support/random.h"
#include "tests/support/reference_model.h"
#include "tests/support/temp_dir.h"

namespace {

using model::DType;

constexpr uint32_t kTokens = 40;

double logits_nmse(const std::string& path) {
    support::Random random(11);
    std::vector<uint32_t> tokens(kTokens);
    for (uint32_t& token : tokens) {
        token = static_cast<uint32_t>(random.below(512));
    }
    const support::ReferenceWeights weights(*model::open_model(path));
    support::Reference64 forward(weights, {});
    forward.run(tokens);
    const std::vector<double> reference = forward.logits(0, kTokens);

    model::Session session(support::runtime(), support::load_model(path),
                           {.n_ctx = 64,
                            .n_ubatch = 16,
                            .type_k = DType::f32,
                            .type_v = DType::f32,
                            .keep_residuals = true});
    double error = 0, power = 0;
    session.sync(support::as_ids(tokens), model::WantLogits::all,
                 [&](uint32_t position, std::span<const float> logits) {
                     for (size_t i = 0; i < logits.size(); ++i) {
                         const double truth = reference[position * logits.size() + i];
                         error += (static_cast<double>(logits[i]) - truth) *
                                  (static_cast<double>(logits[i]) - truth);
                         power += truth * truth;
                     }
                 });
    support::ExactScalar scalar(weights, {});
    scalar.run(tokens);
    CHECK(support::device_hash(session) == support::score_hash(scalar, kTokens));
    return error / power;
}

}  // namespace

TEST_CASE("every weight type: logits' NMSE to the dequantized reference <= 1e-10, f32 KV") {
    const support::TempDir folder;
    for (uint8_t type = 0; type <= uint8_t(DType::iq4_xs); ++type) {
        const auto dtype = static_cast<DType>(type);
        support::TinyOptions options;
        options.config = support::tiny_config(model::Architecture::gemma3,
                                              {.hidden_size = 256,
                                               .intermediate_size = 512,
                                               .num_attention_heads = 8});  // Hq * hd = 256 too
        options.matrices = dtype;
        options.seed = 100 + type;
        const std::string path =
            (folder.path() / fmt::format("{}.gguf", model::dtype_name(dtype))).string();
        support::write_gguf(support::make_tiny(options), path);
        const double nmse = logits_nmse(path);
        fmt::print("{:<7} NMSE {:.1e}\n", model::dtype_name(dtype), nmse);
        INFO(model::dtype_name(dtype));
        CHECK(nmse <= 1e-10);
    }
}
