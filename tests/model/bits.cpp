// Same bits: one hash for a sequence, however it was reached, equal to that of the scalar forward
// on the CPU. Cases tagged [width] are run again by ctest with other subgroup widths and thread
// counts (cmake/Testing.cmake): all of them equal the scalar hash, hence each other.
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "model/source.h"
#include "tests/support/catch.h"
#include "tests/support/device_model.h"
#include "tests/support/golden_taps.h"
#include "tests/support/random.h"
#include "tests/support/real_model.h"
#include "tests/support/reference_model.h"
#include "tests/support/tiny_models.h"

namespace {

using model::DType;
using model::Tap;
using model::TokenId;
using support::random_tokens;
using support::tiny_path;

uint64_t scalar_hash(const std::string& path, const std::vector<uint32_t>& tokens, bool half) {
    const support::ReferenceWeights weights(*model::open_model(path));
    support::ExactScalar scalar(weights, {.half_q = half, .half_k = half, .half_v = half});
    scalar.run(tokens);
    return support::score_hash(scalar, static_cast<uint32_t>(tokens.size()));
}

/// One way to reach a sequence.
struct Way {
    uint32_t chunk;
    bool kept_prefix, rewind, full_cache, capture;

    std::string text() const {
        return fmt::format("chunk {}, {}, {}, {}, capture {}", chunk,
                           kept_prefix ? "kept prefix" : "cold", rewind ? "rewound" : "straight on",
                           full_cache ? "full cache" : "ring", capture ? "on" : "off");
    }
};

/// Reaches `tokens` in this way and returns the hash.
uint64_t reach(model::Session& session, const Way& way, std::span<const TokenId> tokens) {
    session.rewind(0);
    size_t n_captured = 0;
    if (way.capture) {
        session.set_capture({.taps = {Tap::rot_k, Tap::mlp_post}, .layers = {}, .live_rows = true},
                            [&](const auto&) { n_captured++; });
    }
    if (way.kept_prefix) {
        // Half of the text, then something else, as far as the text itself goes.
        std::vector<TokenId> other(tokens.begin(), tokens.end());
        for (size_t i = other.size() / 2; i < other.size(); ++i) {
            other[i] = (other[i] + 1) % 400;
        }
        support::feed(session, other, way.chunk);
        session.sync(tokens.subspan(0, other.size() / 2 + 1));
    }
    support::feed(session, tokens, way.chunk);
    if (way.rewind) {
        for (const uint32_t back : {5u, 60u}) {
            session.rewind(static_cast<uint32_t>(tokens.size()) - back);
            support::feed(session, tokens, way.chunk);
        }
    }
    session.set_capture({}, {});
    CHECK((n_captured > 0) == way.capture);
    CHECK(session.position() == tokens.size());
    return support::device_hash(session);
}

}  // namespace

TEST_CASE("this run has the subgroup width that was asked for", "[width]") {
    const char* width = std::getenv("LP_NATIVE_VECTOR_WIDTH");
    const gpu::DeviceInfo& info = support::runtime().device.info();
    fmt::print("{}: subgroups of {}\n", info.name, info.subgroup_size);
    if (width == nullptr || info.driver_name.find("llvmpipe") == std::string::npos) {
        SKIP("LP_NATIVE_VECTOR_WIDTH is not set, or the device is not lavapipe");
    }
    CHECK(info.subgroup_size == static_cast<uint32_t>(std::atoi(width)) / 32);
}

TEST_CASE("the device has the scalar forward's hash on the tiny models", "[width]") {
    for (const char* name : support::kTinyModels) {
        for (const DType type : {DType::f16, DType::f32}) {
            INFO(name << " " << model::dtype_name(type));
            const std::vector<uint32_t> tokens = random_tokens(60, 5);
            model::Session session(
                support::runtime(), support::load_model(tiny_path(name)),
                {.n_ctx = 64, .type_k = type, .type_v = type, .keep_residuals = true});
            session.sync(support::as_ids(tokens));
            CHECK(support::device_hash(session) ==
                  scalar_hash(tiny_path(name), tokens, type == DType::f16));
        }
    }
}

TEST_CASE("one hash: chunk, prefix, rewind, ring, capture", "[width]") {
    const std::string path = tiny_path("tiny-gemma3");
    const std::vector<uint32_t> tokens = random_tokens(80, 7);
    const std::vector<TokenId> ids = support::as_ids(tokens);
    const uint64_t expected = scalar_hash(path, tokens, true);
    // The full product at every width is for the full run; else two corners of it.
    const bool corners = std::getenv("LP_NATIVE_VECTOR_WIDTH") != nullptr && !support::full_run();
    size_t n_ways = 0;
    for (const uint32_t chunk : {1u, 7u, 64u}) {
        for (const bool full_cache : {false, true}) {
            // A ring of window + chunk = 9 to 72 slots wraps within 80 tokens.
            model::Session session(support::runtime(), support::load_model(path),
                                   {.n_ctx = 128,
                                    .n_ubatch = chunk,
                                    .full_cache = full_cache,
                                    .keep_q = true,
                                    .keep_residuals = true});
            for (uint32_t bits = 0; bits < 8; bits += corners ? 7 : 1) {
                const Way way{chunk, (bits & 1) != 0, (bits & 2) != 0, full_cache, (bits & 4) != 0};
                INFO(way.text());
                CHECK(reach(session, way, ids) == expected);
                n_ways++;
            }
        }
    }
    fmt::print("{} ways, one hash {:016x}\n", n_ways, expected);
}

TEST_CASE("one hash on gemma and gemma2 too, token by token and at once") {
    for (const char* name : {"tiny-gemma", "tiny-gemma2"}) {
        const std::vector<uint32_t> tokens = random_tokens(96, 8);
        const uint64_t expected = scalar_hash(tiny_path(name), tokens, true);
        for (const uint32_t chunk : {1u, 13u, 96u}) {
            model::Session session(support::runtime(), support::load_model(tiny_path(name)),
                                   {.n_ctx = 128, .n_ubatch = chunk, .keep_residuals = true});
            support::feed(session, support::as_ids(tokens), chunk);
            INFO(name << " chunk " << chunk);
            CHECK(support::device_hash(session) == expected);
        }
    }
}
