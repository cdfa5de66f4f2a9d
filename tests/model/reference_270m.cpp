// The double reference on the real Gemma 3 270M, against log-probabilities and attention computed
// apart from this project (tests/golden/README.md).
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "model/source.h"
#include "tests/support/catch.h"
#include "tests/support/npz.h"
#include "tests/support/real_model.h"
#include "tests/support/reference_model.h"
#include "tests/support/worst.h"

namespace {

using model::Tap;

/// Positions whose logits are held at once: 32 rows of 262,144 doubles are 64 MiB.
constexpr uint32_t kRows = 32;

/// Largest error of the log-probabilities of a text and of its last distribution.
double worst_error(const support::Reference64& forward, const support::GoldenText& text) {
    const uint32_t n = static_cast<uint32_t>(text.tokens.size());
    double worst = 0;
    for (uint32_t begin = 0; begin < n; begin += kRows) {
        const uint32_t rows = std::min(kRows, n - begin);
        const std::vector<double> logits = forward.logits(begin, rows);
        const size_t vocab = logits.size() / rows;
        for (uint32_t r = 0; r < rows; ++r) {
            const std::span<const double> row(logits.data() + r * vocab, vocab);
            const uint32_t position = begin + r;
            if (position + 1 < n) {
                const double ours = support::log_probability(row, text.tokens[position + 1]);
                support::widen(worst, std::abs(ours - text.logprob[position + 1]));
                continue;
            }
            for (const auto& [id, logprob] : text.last_top) {
                support::widen(worst, std::abs(support::log_probability(row, id) - logprob));
            }
        }
    }
    return worst;
}

/// attention_long.npz: rows of four queries, and the LSE of all.
class LongAttention {
public:
    LongAttention() : golden_(support::read_npz("tests/golden/attention_long.npz")) {}

    void compare(Tap tap, uint32_t l, std::span<const double> values) {
        const size_t n_heads = golden_.at("lse").dim(1), n = golden_.at("lse").dim(2);
        if (tap == Tap::lse) {
            const std::vector<double> expected = golden_.at("lse").at(l);
            for (size_t i = 0; i < expected.size(); ++i) {
                support::widen(lse_error, std::abs(values[i] - expected[i]));
            }
            return;
        }
        const std::vector<double> expected = golden_.at("pattern").at(l);
        const std::vector<double>& queries = golden_.at("queries").values;
        for (size_t h = 0; h < n_heads; ++h) {
            for (size_t i = 0; i < queries.size(); ++i) {
                for (size_t key = 0; key < n; ++key) {
                    const double ours = values[(h * n + size_t(queries[i])) * n + key];
                    const double theirs = expected[(h * queries.size() + i) * n + key];
                    support::widen(pattern_error, std::abs(ours - theirs));
                    masked_wrong += (ours == 0) != (theirs == 0);
                }
            }
        }
    }

    double lse_error = 0, pattern_error = 0;
    size_t masked_wrong = 0;

private:
    support::Npz golden_;
};

}  // namespace

TEST_CASE("the double reference agrees with the golden log-probabilities of the real model") {
    const auto path = support::real_model_path();
    if (!path) {
        SKIP(support::kNoRealModel);
    }
    const support::ReferenceWeights weights(*model::open_model(*path));
    double worst = 0;
    for (const support::GoldenText& text : support::golden_texts()) {
        if (text.name == "long") {
            continue;  // below
        }
        support::Reference64 forward(weights, {});
        forward.run(text.tokens);
        const double error = worst_error(forward, text);
        INFO(text.name);
        CHECK(error <= 1e-5);
        support::widen(worst, error);
    }
    fmt::print("20 short texts: worst log-probability error {:.2e}\n", worst);
}

TEST_CASE("the double reference agrees with golden attention and log-probabilities of `long`") {
    const auto path = support::real_model_path();
    if (!path) {
        SKIP(support::kNoRealModel);
    }
    if (!support::full_run()) {
        SKIP(support::kOnlyFull);
    }
    const support::ReferenceWeights weights(*model::open_model(*path));
    const support::GoldenText text = support::golden_text("long");
    support::Reference64 forward(weights, {});
    LongAttention attention;
    forward.set_taps({Tap::pattern, Tap::lse},
                     [&](Tap tap, uint32_t l, std::span<const double> values) {
                         attention.compare(tap, l, values);
                     });
    forward.run(text.tokens);
    const double error = worst_error(forward, text);
    CHECK(attention.pattern_error <= 1e-6);
    CHECK(attention.lse_error <= 1e-5);
    CHECK(attention.masked_wrong == 0);
    CHECK(error <= 1e-5);
    fmt::print("long: log-probabilities {:.2e}, pattern {:.2e}, lse {:.2e}\n", error,
               attention.pattern_error, attention.lse_error);
}
