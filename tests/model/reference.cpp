// The reference forward itself, against golden data that was made apart from this project.
#include <set>
#include <string>

#include <fmt/format.h>

#include "model/source.h"
#include "tests/support/catch.h"
#include "tests/support/golden_taps.h"
#include "tests/support/reference_model.h"
#include "tests/support/worst.h"

namespace {

using model::Tap;

template <class Real>
void compare_with_golden(const std::string& name, double tolerance) {
    const support::Npz golden = support::read_npz("tests/golden/" + name + ".npz");
    const auto source = model::open_model("tests/golden/" + name + ".gguf");
    const support::ReferenceWeights weights(*source);
    support::Forward<Real> forward(weights, {});
    std::set<Tap> seen;
    double worst = 0;
    forward.set_taps(model::TapSet::all(), [&](Tap tap, uint32_t l, std::span<const Real> values) {
        const std::vector<double> expected = support::golden_values(golden, tap, l);
        if (expected.empty()) {
            return;
        }
        seen.insert(tap);
        INFO(name << " layer " << l << " tap " << size_t(tap));
        REQUIRE(values.size() == expected.size());
        const double error = support::relative_error<Real>(values, expected);
        CHECK(error <= tolerance);
        support::widen(worst, error);
    });
    const std::vector<uint32_t> tokens = support::golden_tokens(golden);
    forward.run(tokens);
    const std::vector<Real> logits = forward.logits(0, static_cast<uint32_t>(tokens.size()));
    CHECK(seen.size() == support::kGoldenTaps);
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
