// Every tap of every layer on the tiny models: the device against the golden arrays, against the
// double reference, and bit by bit against the exact scalar forward. The first bad tap names the
// bad op.
#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <string>

#include <fmt/format.h>

#include "model/source.h"
#include "tests/support/catch.h"
#include "tests/support/device_model.h"
#include "tests/support/golden_taps.h"
#include "tests/support/reference_model.h"
#include "tests/support/worst.h"

namespace {

using model::DType;
using model::Tap;

struct Fixture {
    explicit Fixture(const std::string& name)
        : golden(support::read_npz("tests/golden/" + name + ".npz")),
          path("tests/golden/" + name + ".gguf"),
          weights(*model::open_model(path)),
          tokens(support::golden_tokens(golden)) {}

    support::Npz golden;
    std::string path;
    support::ReferenceWeights weights;
    std::vector<uint32_t> tokens;
};

model::SessionOptions session_options(DType type) {
    return {.n_ctx = 64,
            .n_ubatch = 16,
            .type_k = type,
            .type_v = type,
            .full_cache = true,
            .keep_q = true,
            .keep_residuals = true};
}

double bound(Tap tap) {
    return tap == Tap::logits || tap == Tap::logits_raw ? 2e-4 : 1e-4;
}

/// All taps of the fixture's tokens, from a session that keeps everything.
support::TapCollector device_taps(model::Session& session, const Fixture& fixture) {
    support::TapCollector collector(static_cast<uint32_t>(fixture.tokens.size()));
    session.set_capture({.taps = model::TapSet::all(), .layers = {}, .live_rows = false},
                        collector.sink());
    session.sync(support::as_ids(fixture.tokens), model::WantLogits::all, {});
    session.set_capture({}, {});
    return collector;
}

/// attn_scores_raw of masked cells is NaN on the device: not looked at.
std::vector<double> without_masked(Tap tap, std::span<const double> values,
                                   std::span<const float> device) {
    std::vector<double> out(values.begin(), values.end());
    for (size_t i = 0; i < out.size() && tap == Tap::attn_scores_raw; ++i) {
        out[i] = std::isnan(device[i]) ? NAN : out[i];
    }
    return out;
}

void check_rows_sum_to_one(std::span<const float> pattern, size_t n) {
    double worst = 0;
    for (size_t row = 0; row < pattern.size() / n; ++row) {
        double sum = 0;
        for (size_t key = 0; key < n; ++key) {
            sum += static_cast<double>(pattern[row * n + key]);
        }
        support::widen(worst, std::abs(sum - 1));
    }
    CHECK(worst <= 1e-5);
}

/// Masked cells by the rule: 0, -inf and NaN; every other cell is a number.
void check_mask(const support::TapCollector& device, const Fixture& fixture, uint32_t l) {
    const uint32_t n = static_cast<uint32_t>(fixture.tokens.size());
    const uint32_t window = fixture.weights.config.layers[l].sliding_window;
    const std::vector<float>& pattern = device.taps().at({Tap::pattern, l});
    const std::vector<float>& scores = device.taps().at({Tap::attn_scores, l});
    const std::vector<float>& raw = device.taps().at({Tap::attn_scores_raw, l});
    size_t wrong = 0;
    for (size_t cell = 0; cell < pattern.size(); ++cell) {
        const uint32_t key = static_cast<uint32_t>(cell % n);
        const uint32_t query = static_cast<uint32_t>(cell / n % n);
        if (model::AttentionTile::visible(query, key, window)) {
            wrong += !std::isfinite(scores[cell]) || !std::isfinite(raw[cell]);
        } else {
            wrong += pattern[cell] != 0 || scores[cell] != -INFINITY || !std::isnan(raw[cell]);
        }
    }
    CHECK(wrong == 0);
}

void compare_with_golden(const std::string& name) {
    const Fixture fixture(name);
    model::Session session(support::runtime(), support::load_model(fixture.path),
                           session_options(DType::f32));
    const support::TapCollector device = device_taps(session, fixture);
    std::set<Tap> seen;
    double worst = 0;
    for (const auto& [key, values] : device.taps()) {
        const auto [tap, l] = key;
        std::vector<double> golden = support::golden_values(fixture.golden, tap, l);
        if (golden.empty()) {
            continue;
        }
        seen.insert(tap);
        INFO(name << " layer " << l << " tap " << model::tap_info(tap).name);
        REQUIRE(values.size() == golden.size());
        golden = without_masked(tap, golden, values);
        const double error = support::relative_error<float>(values, golden);
        CHECK(error <= bound(tap));
        support::widen(worst, error);
    }
    CHECK(seen.size() == support::kGoldenTaps);
    for (uint32_t l = 0; l < fixture.weights.config.num_hidden_layers; ++l) {
        check_rows_sum_to_one(device.taps().at({Tap::pattern, l}), fixture.tokens.size());
        check_mask(device, fixture, l);
    }
    fmt::print("{} f32 KV: worst tap error to golden {:.2e} of the largest value\n", name, worst);
}

/// Where two roundings to f16 of nearly the same number fall on either side of a tie, the reference
/// takes the device's: what follows is then comparable. Counts the cells that differ.
struct AdoptRounding {
    model::Session& session;
    size_t n_cells = 0, n_adopted = 0;

    void operator()(Tap tap, uint32_t l, std::span<double> values) {
        const std::vector<float> device = session.stored(tap, l, 0, session.position());
        REQUIRE(device.size() == values.size());
        size_t far_apart = 0;
        double largest = 0;
        for (const double value : values) {
            largest = std::max(largest, std::abs(value));
        }
        for (size_t i = 0; i < values.size(); ++i) {
            const double ours = static_cast<double>(device[i]);
            n_cells++;
            if (ours != values[i]) {
                n_adopted++;
                // One step of f16, 2^-10 of the number's power of two and never below 2^-24; or,
                // where rotation left little of two large numbers, their own rounding to f32.
                const double step = std::max(std::abs(ours) * 0x1p-10, 0x1p-24);
                far_apart += !(std::abs(ours - values[i]) <= std::max(step, 1e-6 * largest));
                values[i] = ours;
            }
        }
        INFO("layer " << l << " tap " << model::tap_info(tap).name);
        CHECK(far_apart == 0);
    }
};

void compare_with_reference(const std::string& name, DType type) {
    const Fixture fixture(name);
    model::Session session(support::runtime(), support::load_model(fixture.path),
                           session_options(type));
    const support::TapCollector device = device_taps(session, fixture);
    const bool half = type == DType::f16;
    support::Reference64 forward(fixture.weights, {.half_q = half, .half_k = half, .half_v = half});
    AdoptRounding adopt{session};
    if (half) {
        forward.set_store_hook([&](Tap tap, uint32_t l, std::span<double> v) { adopt(tap, l, v); });
    }
    size_t n_compared = 0;
    double worst = 0;
    forward.set_taps(model::TapSet::all(), [&](Tap tap, uint32_t l, std::span<const double> ref) {
        INFO(name << " layer " << l << " tap " << model::tap_info(tap).name);
        const std::vector<float>& values = device.taps().at({tap, l});
        REQUIRE(values.size() == ref.size());
        const double error =
            support::relative_error<float>(values, without_masked(tap, ref, values));
        CHECK(error <= bound(tap));
        support::widen(worst, error);
        n_compared++;
    });
    forward.run(fixture.tokens);
    forward.logits(0, static_cast<uint32_t>(fixture.tokens.size()));
    // Everything the device captured is compared, but `result`, which has no place in the forward.
    CHECK(n_compared + fixture.weights.config.num_hidden_layers == device.taps().size());
    CHECK(adopt.n_adopted <= adopt.n_cells / 200);
    fmt::print("{} {} KV: worst tap error to the reference {:.2e}, {} of {} roundings adopted\n",
               name, model::dtype_name(type), worst, adopt.n_adopted, adopt.n_cells);
}

/// Cells whose bits differ; NaN equals NaN where the mask hides the cell.
size_t different_bits(Tap tap, std::span<const float> device, std::span<const float> scalar) {
    size_t n = 0;
    for (size_t i = 0; i < device.size(); ++i) {
        const bool hidden = tap == Tap::attn_scores_raw && std::isnan(device[i]);
        n += !hidden && std::bit_cast<uint32_t>(device[i]) != std::bit_cast<uint32_t>(scalar[i]);
    }
    return n;
}

void compare_bits(const std::string& name, DType type) {
    const Fixture fixture(name);
    model::Session session(support::runtime(), support::load_model(fixture.path),
                           session_options(type));
    const support::TapCollector device = device_taps(session, fixture);
    const bool half = type == DType::f16;
    support::ExactScalar scalar(fixture.weights, {.half_q = half, .half_k = half, .half_v = half});
    scalar.set_taps(model::TapSet::all(), [&](Tap tap, uint32_t l, std::span<const float> values) {
        INFO(name << " layer " << l << " tap " << model::tap_info(tap).name);
        REQUIRE(device.taps().at({tap, l}).size() == values.size());
        CHECK(different_bits(tap, device.taps().at({tap, l}), values) == 0);
    });
    scalar.run(fixture.tokens);
    const uint32_t n = static_cast<uint32_t>(fixture.tokens.size());
    scalar.logits(0, n);
    scalar.set_taps({}, {});
    CHECK(support::device_hash(session) == support::score_hash(scalar, n));
}

/// `result` is what each head adds: over the heads it sums to attn_proj.
void compare_result(const std::string& name) {
    const Fixture fixture(name);
    model::Session session(support::runtime(), support::load_model(fixture.path),
                           session_options(DType::f32));
    const support::TapCollector device = device_taps(session, fixture);
    const model::Config& config = fixture.weights.config;
    const size_t d = config.hidden_size, n_heads = config.num_attention_heads;
    for (uint32_t l = 0; l < config.num_hidden_layers; ++l) {
        const std::vector<float>& result = device.taps().at({Tap::result, l});
        const std::vector<float>& proj = device.taps().at({Tap::attn_proj, l});
        REQUIRE(result.size() == proj.size() * n_heads);
        std::vector<double> expected(proj.begin(), proj.end());
        std::vector<double> sum(proj.size());
        for (size_t i = 0; i < result.size(); ++i) {
            sum[i / (n_heads * d) * d + i % d] += static_cast<double>(result[i]);
        }
        CHECK(support::relative_error<double>(sum, expected) <= 1e-5);
    }
}

}  // namespace

TEST_CASE("every tap of the tiny models agrees with the golden arrays") {
    for (const char* name : support::kTinyModels) {
        compare_with_golden(name);
    }
}

TEST_CASE("every tap agrees with the double reference, f32 and f16 KV") {
    for (const char* name : support::kTinyModels) {
        compare_with_reference(name, DType::f32);
        compare_with_reference(name, DType::f16);
    }
}

TEST_CASE("every tap has the bits of the exact scalar forward") {
    for (const char* name : support::kTinyModels) {
        compare_bits(name, DType::f32);
        compare_bits(name, DType::f16);
    }
}

TEST_CASE("the heads' results sum to the projection") {
    for (const char* name : support::kTinyModels) {
        compare_result(name);
    }
}
