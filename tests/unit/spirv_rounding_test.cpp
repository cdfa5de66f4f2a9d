// with_round_to_nearest(): the module stays valid, and its interface the same.
#include "gpu/spirv_rounding.h"
#include "gpu/embedded_shaders.h"
#include "gpu/spirv.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

TEST_CASE("every kernel with rounding asked for has one more capability and mode") {
    const auto shaders = gpu::embedded_shaders();
    REQUIRE(!shaders.empty());
    for (const gpu::EmbeddedShader& shader : shaders) {
        const std::span<const uint32_t> words(shader.words, shader.n_words);
        const std::vector<uint32_t> rounded = gpu::with_round_to_nearest(words);
        INFO(shader.name);
        CHECK(rounded.size() == words.size() + 2 + 4);
        CHECK(rounded[5] == ((2u << 16) | 17u));  // OpCapability comes first
        CHECK(rounded[6] == 4467u);
        CHECK(std::count(rounded.begin(), rounded.end(), 4462u) >= 1);

        const gpu::ShaderInterface before = gpu::reflect(words, shader.name);
        const gpu::ShaderInterface after = gpu::reflect(rounded, shader.name);
        CHECK(after.push_bytes == before.push_bytes);
        CHECK(after.bindings.size() == before.bindings.size());
        CHECK(after.spec_ids == before.spec_ids);
    }
}
