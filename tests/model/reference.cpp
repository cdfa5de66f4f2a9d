// The reference forward itself, against golden data that was made apart from this project.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include <fmt/format.h>

#include "model/source.h"
#include "tests/support/catch.h"
#include "tests/support/npz.h"
#include "tests/support/reference_model.h"

namespace {

using model::Tap;

/// Names of the golden arrays; taps that have none are derived from others.
const std::map<Tap, std::string> kArrays = {
    {Tap::ln1, "ln1"},
    {Tap::q, "q"},
    {Tap::k, "k"},
    {Tap::v, "v"},
    {Tap::rot_q, "rot_q"},
    {Tap::rot_k, "rot_k"},
    {Tap::attn_scores_raw, "scores_raw"},
    {Tap::pattern, "attn"},
    {Tap::lse, "lse"},
    {Tap::z, "z"},
    {Tap::attn_proj, "attn_proj"},
    {Tap::attn_out, "attn_out"},
    {Tap::resid_mid, "resid_mid"},
    {Tap::ln2, "ln2"},
    {Tap::mlp_pre, "mlp_pre"},
    {Tap::mlp_pre_linear, "mlp_pre_linear"},
    {Tap::mlp_post, "mlp_post"},
    {Tap::mlp_proj, "mlp_proj"},
    {Tap::mlp_out, "mlp_out"},
};

/// The golden values of a tap and layer; empty where there are none.
std::vector<double> golden_values(const support::Npz& golden, Tap tap, uint32_t layer) {
    switch (tap) {
        case Tap::embed: return golden.at("resid").at(0);
        case Tap::resid_pre: return golden.at("resid").at(layer);
        case Tap::resid_post: return golden.at("resid").at(layer + 1);
        case Tap::ln_final: return golden.at("ln_final").values;
        case Tap::logits_raw: return golden.at("logits_raw").values;
        case Tap::logits: return golden.at("logits").values;
        default: break;
    }
    const auto found = kArrays.find(tap);
    return found == kArrays.end() ? std::vector<double>{} : golden.at(found->second).at(layer);
}

model::TapSet every_tap() {
    model::TapSet taps;
    for (size_t tap = 0; tap < size_t(Tap::count_); ++tap) {
        taps.add(static_cast<Tap>(tap));
    }
    return taps;
}

/// Largest difference over the largest golden magnitude.
template <class Real>
double relative_error(std::span<const Real> a, const std::vector<double>& b) {
    double worst = 0, largest = 0;
    for (size_t i = 0; i < b.size(); ++i) {
        worst = std::max(worst, std::abs(static_cast<double>(a[i]) - b[i]));
        largest = std::max(largest, std::abs(b[i]));
    }
    return worst / largest;
}

template <class Real>
void compare_with_golden(const std::string& name, double tolerance) {
    const support::Npz golden = support::read_npz("tests/golden/" + name + ".npz");
    const auto source = model::open_model("tests/golden/" + name + ".gguf");
    const support::ReferenceWeights weights(*source);
    support::Forward<Real> forward(weights, {});
    std::set<Tap> seen;
    double worst = 0;
    forward.set_taps(every_tap(), [&](Tap tap, uint32_t l, std::span<const Real> values) {
        const std::vector<double> expected = golden_values(golden, tap, l);
        if (expected.empty()) {
            return;
        }
        seen.insert(tap);
        INFO(name << " layer " << l << " tap " << size_t(tap));
        REQUIRE(values.size() == expected.size());
        const double error = relative_error(values, expected);
        CHECK(error <= tolerance);
        worst = std::max(worst, error);
    });
    std::vector<uint32_t> tokens;
    for (const double id : golden.at("tokens").values) {
        tokens.push_back(static_cast<uint32_t>(id));
    }
    forward.run(tokens);
    const std::vector<Real> logits = forward.logits(0, static_cast<uint32_t>(tokens.size()));
    CHECK(seen.size() == kArrays.size() + 6);
    fmt::print("{} {}: worst tap error {:.2e} of the largest value\n", name,
               sizeof(Real) == 8 ? "double" : "float", worst);
}

}  // namespace

TEST_CASE("the double reference agrees with the golden taps of every tiny model") {
    // The golden values are stored in f32: half a unit in the last place is 6e-8.
    for (const char* name : {"tiny-gemma", "tiny-gemma2", "tiny-gemma3"}) {
        compare_with_golden<double>(name, 1e-6);
    }
}

TEST_CASE("the exact scalar forward agrees with the golden taps of every tiny model") {
    for (const char* name : {"tiny-gemma", "tiny-gemma2", "tiny-gemma3"}) {
        compare_with_golden<float>(name, 1e-4);
    }
}
