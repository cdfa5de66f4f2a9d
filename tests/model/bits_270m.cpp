// Same bits on the real Gemma 3 270M: 32 tokens always; in the full run the 886 tokens of `long`,
// one factor at a time. Width and threads are factors of the ctest entries (cmake/Testing.cmake).
#include <functional>

#include <fmt/format.h>

#include "model/source.h"
#include "tests/support/catch.h"
#include "tests/support/device_model.h"
#include "tests/support/real_model.h"
#include "tests/support/reference_model.h"

namespace {

using model::Tap;
using model::TokenId;

uint64_t scalar_hash(const std::string& path, const std::vector<uint32_t>& tokens) {
    const support::ReferenceWeights weights(*model::open_model(path));
    support::ExactScalar scalar(weights, {.half_q = true, .half_k = true, .half_v = true});
    scalar.run(tokens);
    return support::score_hash(scalar, static_cast<uint32_t>(tokens.size()));
}

model::SessionOptions options(uint32_t chunk) {
    return {.n_ctx = 1024, .n_ubatch = chunk, .keep_residuals = true};
}

struct Factor {
    const char* name;
    uint32_t chunk;
    std::function<void(model::Session&, const std::vector<TokenId>&)> reach;
};

std::vector<Factor> factors() {
    using Ids = std::vector<TokenId>;
    const auto straight = [](model::Session& s, const Ids& ids) { s.sync(ids); };
    return {
        {"chunk 512", 512, straight},
        {"chunk 256", 256, straight},
        {"chunk 64", 64, straight},
        {"chunk 7", 7, straight},
        {"kept prefix", 64,
         [](model::Session& s, const Ids& ids) {
             s.sync(std::span(ids).first(300));
             s.sync(ids);
         }},
        {"rewind by 100", 256,
         [](model::Session& s, const Ids& ids) {
             s.sync(ids);
             s.rewind(static_cast<uint32_t>(ids.size()) - 100);
             s.sync(ids);
         }},
        {"edit at token 20", 256,
         [](model::Session& s, const Ids& ids) {
             Ids other(ids.begin(), ids.begin() + 60);
             other[20] = ids[21] == 818 ? 819 : 818;
             s.sync(other);
             s.sync(ids);
         }},
        {"capture", 64,
         [](model::Session& s, const Ids& ids) {
             s.set_capture({.taps = {Tap::rot_k, Tap::lse}, .layers = {0, 5}, .live_rows = true},
                           [](const auto&) {});
             s.sync(ids);
             s.set_capture({}, {});
         }},
    };
}

}  // namespace

TEST_CASE("real model: 32 tokens have the scalar forward's hash") {
    const auto path = support::real_model_path();
    if (!path) {
        SKIP(support::kNoRealModel);
    }
    std::vector<uint32_t> tokens = support::golden_text("long").tokens;
    tokens.resize(32);
    model::Session session(support::runtime(), support::load_model(*path), options(32));
    session.sync(support::as_ids(tokens));
    const uint64_t device = support::device_hash(session);
    const uint64_t scalar = scalar_hash(*path, tokens);
    fmt::print("270M, 32 tokens: device {:016x}, scalar {:016x}\n", device, scalar);
    CHECK(device == scalar);
}

TEST_CASE("real model: one hash of `long`, one factor at a time") {
    const auto path = support::real_model_path();
    if (!path) {
        SKIP(support::kNoRealModel);
    }
    if (!support::full_run()) {
        SKIP(support::kOnlyFull);
    }
    const std::vector<uint32_t> tokens = support::golden_text("long").tokens;
    const uint64_t expected = scalar_hash(*path, tokens);
    fmt::print("270M, long: scalar {:016x}\n", expected);
    for (const Factor& factor : factors()) {
        model::Session session(support::runtime(), support::load_model(*path),
                               options(factor.chunk));
        factor.reach(session, support::as_ids(tokens));
        const uint64_t device = support::device_hash(session);
        INFO(factor.name);
        CHECK(device == expected);
        fmt::print("{:<20} {:016x}\n", factor.name, device);
    }
}

TEST_CASE("real model: the hash of `long` at this width and number of threads", "[width_270m]") {
    const auto path = support::real_model_path();
    if (!path) {
        SKIP(support::kNoRealModel);
    }
    if (!support::full_run()) {
        SKIP(support::kOnlyFull);
    }
    const std::vector<uint32_t> tokens = support::golden_text("long").tokens;
    model::Session session(support::runtime(), support::load_model(*path), options(256));
    session.sync(support::as_ids(tokens));
    CHECK(support::device_hash(session) == scalar_hash(*path, tokens));
}
