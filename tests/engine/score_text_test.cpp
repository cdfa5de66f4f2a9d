// V11: a text that is only read, scored by the engine as the window does it, against the reference.
#include <cmath>
#include <cstdio>

#include "model/source.h"
#include "tests/support/catch.h"
#include "tests/support/engine_driver.h"
#include "tests/support/real_model.h"
#include "tests/support/reference_model.h"
#include "tests/support/worst.h"

namespace {

const char* const kText =
    "Once upon a time there was a little dragon. It lived near a river, and every morning it "
    "counted the boats: one, two, three.\n\nOne day no boat came.";

struct Worst {
    double one = 0, mean = 0, perplexity = 0;  // nats; nats; relative
};

/// `logprob`: of each token, by the reference; that of the first is not looked at.
Worst compare(const std::vector<app::TokenInfo>& tokens, const std::vector<double>& logprob) {
    REQUIRE(tokens.size() == logprob.size());
    REQUIRE(tokens.front().rank == -1);
    REQUIRE(std::isnan(tokens.front().logprob));
    Worst worst;
    double ours = 0, theirs = 0;
    for (size_t i = 1; i < tokens.size(); ++i) {
        REQUIRE(tokens[i].rank >= 0);
        support::widen(worst.one, std::abs(double(tokens[i].logprob) - logprob[i]));
        ours -= double(tokens[i].logprob);
        theirs -= logprob[i];
    }
    const auto n = double(tokens.size() - 1);
    worst.mean = std::abs(ours - theirs) / n;
    worst.perplexity = std::abs(std::exp((ours - theirs) / n) - 1);
    return worst;
}

}  // namespace

TEST_CASE("engine: a text is read without a frame, and scored as the reference does (V11)") {
    support::EngineDriver driver;
    const auto info = driver.load();
    app::Generate request;
    request.text = kText;
    request.max_tokens = 0;
    const support::Answer read = driver.answer(request);
    REQUIRE(read.finished.has_value());
    REQUIRE(read.tokens.empty());  // nothing was written
    const std::vector<app::TokenInfo>& tokens = read.scored.tokens;
    REQUIRE(tokens.front().control);
    std::string text;
    for (const app::TokenInfo& token : tokens) {
        text += token.bytes;
    }
    REQUIRE(text == kText);

    const support::ReferenceWeights weights(*model::open_model(info->path));
    support::Reference64 forward(weights, {.half_q = true, .half_k = true, .half_v = true});
    std::vector<uint32_t> ids;
    for (const app::TokenInfo& token : tokens) {
        ids.push_back(uint32_t(token.id));
    }
    forward.run(ids);
    std::vector<double> logprob{0};
    for (uint32_t i = 0; i + 1 < ids.size(); ++i) {
        const std::vector<double> row = forward.logits(i, 1);
        logprob.push_back(support::log_probability<double>(row, ids[i + 1]));
    }
    const Worst worst = compare(tokens, logprob);
    std::printf(
        "text of %zu tokens: NLL per token off by %.1e, one token by %.1e nats, perplexity "
        "by %.1e\n",
        tokens.size(), worst.mean, worst.one, worst.perplexity);
    REQUIRE(worst.mean <= 1e-3);
    REQUIRE(worst.perplexity <= 1e-3);
    REQUIRE(worst.one <= 1e-2);
}

TEST_CASE("engine: golden texts on the real 270M have the reference's perplexity (V11)") {
    const auto path = support::real_model_path();
    if (!path) {
        SKIP(support::kNoRealModel);
    }
    support::EngineDriver driver;
    driver.load({.path = *path, .n_ctx = 512});
    for (const support::GoldenText& text : support::golden_texts()) {
        // Here no text of the user becomes a control token, as some do in the golden data.
        const bool controls = text.text.find("<bos>") != std::string::npos ||
                              text.text.find("_of_turn>") != std::string::npos;
        if (controls || text.text.empty() || text.tokens.size() > 128) {
            continue;
        }
        app::Generate request;
        request.text = text.text;
        request.max_tokens = 0;
        const support::Answer read = driver.answer(request);
        REQUIRE(read.finished.has_value());
        const Worst worst = compare(read.scored.tokens, text.logprob);
        std::printf("%s, %zu tokens: NLL per token off by %.1e, perplexity by %.1e\n",
                    text.name.c_str(), text.tokens.size(), worst.mean, worst.perplexity);
        CHECK(worst.mean <= 1e-3);
        CHECK(worst.perplexity <= 1e-3);
    }
}
