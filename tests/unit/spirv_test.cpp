// reflect() on our own shaders, and on words that a disk or a stranger has damaged.
#include "gpu/spirv.h"
#include "gpu/base.h"
#include "gpu/embedded_shaders.h"
#include "gpu/shader_source.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using gpu::reflect;
using gpu::ShaderInterface;

namespace {

std::vector<uint32_t> words_of(const std::string& name) {
    for (const gpu::EmbeddedShader& shader : gpu::embedded_shaders()) {
        if (name == shader.name) {
            return {shader.words, shader.words + shader.n_words};
        }
    }
    FAIL("no shader " << name);
    return {};
}

/// True when reflect() answers, false when it throws an Error; anything else fails the test.
bool answers(const std::vector<uint32_t>& words) {
    try {
        reflect(words, "damaged");
        return true;
    } catch (const base::Error& error) {
        REQUIRE(std::string(error.what()).find("damaged") != std::string::npos);
        return false;
    }
}

// A hand-made module with one push-constant block of the given members and nothing else.
struct ModuleWriter {
    std::vector<uint32_t> words{0x07230203, 0x00010500, 0, 100, 0};

    void op(uint32_t code, std::vector<uint32_t> operands) {
        words.push_back(static_cast<uint32_t>(operands.size() + 1) << 16 | code);
        words.insert(words.end(), operands.begin(), operands.end());
    }
    void entry_point() { op(15, {5, 1, 0}); }
};

}  // namespace

TEST_CASE("spirv: a module says whether it uses cooperative matrices") {
    ModuleWriter writer;
    writer.op(17, {1});  // OpCapability Shader
    writer.entry_point();
    CHECK_FALSE(reflect(writer.words, "none").uses_matrices);
    writer.words.resize(5);
    writer.op(17, {1});
    writer.op(17, {6022});  // CooperativeMatrixKHR
    writer.entry_point();
    CHECK(reflect(writer.words, "some").uses_matrices);
}

TEST_CASE("spirv: a module says whether it uses subgroups") {
    ModuleWriter writer;
    writer.op(17, {1});  // OpCapability Shader
    writer.entry_point();
    CHECK_FALSE(reflect(writer.words, "none").uses_subgroups);
    writer.words.resize(5);
    writer.op(17, {61});  // GroupNonUniform
    writer.entry_point();
    CHECK(reflect(writer.words, "some").uses_subgroups);
}

TEST_CASE("spirv: add reads one buffer and writes the other") {
    const ShaderInterface add = reflect(words_of("add"), "add");
    REQUIRE(add.bindings.size() == 2);
    CHECK(add.bindings[0].written);
    CHECK(add.bindings[0].read);
    CHECK_FALSE(add.bindings[1].written);
    CHECK(add.bindings[1].read);
    CHECK(add.push_bytes == 8);
    CHECK(add.spec_ids == std::vector<uint32_t>{0});
    CHECK(add.workgroup_size_spec_id == 0);
    CHECK_FALSE(add.uses_subgroups);
}

TEST_CASE("spirv: the texel form of a kernel reads texels, and binds the same numbers") {
    const gpu::ShaderInterface storage = gpu::reflect(*gpu::find_shader("matvec"), "matvec");
    const gpu::ShaderInterface texels =
        gpu::reflect(*gpu::find_shader("matvec_texels"), "matvec_texels");
    CHECK(storage.uses_subgroups);
    REQUIRE(storage.bindings.size() == 5);
    REQUIRE(texels.bindings.size() == 5);
    for (size_t i = 0; i < 5; ++i) {
        CHECK_FALSE(storage.bindings[i].texels);
        CHECK(texels.bindings[i].texels == (i < 4));  // the planes and x, not y
        CHECK(texels.bindings[i].written == storage.bindings[i].written);
        CHECK(texels.bindings[i].read == storage.bindings[i].read);
    }
    CHECK(texels.push_bytes == storage.push_bytes);
    CHECK(texels.spec_ids == storage.spec_ids);
}

TEST_CASE("spirv: every embedded shader keeps the house's rules") {
    REQUIRE_FALSE(gpu::embedded_shaders().empty());
    for (const gpu::EmbeddedShader& shader : gpu::embedded_shaders()) {
        CAPTURE(shader.name);
        const ShaderInterface interface = reflect({shader.words, shader.n_words}, shader.name);
        CHECK(interface.workgroup_size_spec_id == 0);
        CHECK(interface.push_bytes % 4 == 0);
        CHECK(interface.push_bytes <= 128);
        CHECK_FALSE(interface.bindings.empty());
        CHECK(std::any_of(interface.bindings.begin(), interface.bindings.end(),
                          [](const gpu::ShaderBinding& binding) { return binding.written; }));
    }
}

TEST_CASE("spirv: a module cut at any word is refused, or whole up to there") {
    const std::vector<uint32_t> words = words_of("add");
    size_t next = 5;  // where the next instruction begins
    for (size_t size = 0; size < words.size(); ++size) {
        const std::vector<uint32_t> cut(words.begin(), words.begin() + static_cast<long>(size));
        const bool accepted = answers(cut);
        if (accepted) {
            REQUIRE(size == next);
        }
        if (size == next) {
            next += words[size] >> 16;
        }
    }
    CHECK_FALSE(answers({}));
    CHECK_FALSE(answers({1, 2, 3}));
    CHECK_FALSE(answers({words.begin(), words.begin() + 5}));
}

TEST_CASE("spirv: 200,000 damaged modules neither crash nor hang") {
    const std::vector<uint32_t> words = words_of("add");
    std::mt19937 random(1);
    size_t n_refused = 0;
    for (int i = 0; i < 200'000; ++i) {
        std::vector<uint32_t> damaged = words;
        for (size_t n = 1 + random() % 3; n > 0; --n) {
            uint32_t& word = damaged[random() % damaged.size()];
            switch (random() % 3) {
                case 0:
                    word ^= 1u << random() % 32;
                    break;
                case 1:
                    word = random() % 64;
                    break;
                default:
                    word = static_cast<uint32_t>(random());
                    break;
            }
        }
        n_refused += answers(damaged) ? 0 : 1;
    }
    CHECK(n_refused > 10'000);
}

TEST_CASE("spirv: what is not one compute shader is refused") {
    ModuleWriter none;
    CHECK_FALSE(answers(none.words));

    ModuleWriter one;
    one.entry_point();
    CHECK(answers(one.words));

    ModuleWriter two = one;
    two.entry_point();
    CHECK_FALSE(answers(two.words));

    ModuleWriter vertex;
    vertex.op(15, {0, 1, 0});
    CHECK_FALSE(answers(vertex.words));

    ModuleWriter huge = one;
    huge.words[3] = 0xFFFFFFFF;
    CHECK_FALSE(answers(huge.words));

    ModuleWriter swapped = one;
    swapped.words[0] = 0x03022307;
    CHECK_FALSE(answers(swapped.words));
}

TEST_CASE("spirv: a type that contains itself ends") {
    ModuleWriter module;
    module.entry_point();
    module.op(72, {2, 0, 35, 0});  // OpMemberDecorate %2 0 Offset 0
    module.op(30, {2, 2});         // %2 = OpTypeStruct %2
    module.op(32, {3, 9, 2});      // %3 = OpTypePointer PushConstant %2
    module.op(59, {3, 4, 9});      // %4 = OpVariable %3 PushConstant
    CHECK_FALSE(answers(module.words));
}

TEST_CASE("spirv: size of a push-constant block") {
    ModuleWriter module;
    module.entry_point();
    module.op(71, {7, 6, 16});      // OpDecorate %7 ArrayStride 16
    module.op(72, {8, 0, 35, 0});   // uint at 0
    module.op(72, {8, 1, 35, 16});  // vec3 at 16
    module.op(72, {8, 2, 35, 32});  // uint[3] with stride 16 at 32
    module.op(21, {5, 32, 0});      // %5 = OpTypeInt 32 0
    module.op(22, {6, 32});         // %6 = OpTypeFloat 32
    module.op(23, {9, 6, 3});       // %9 = OpTypeVector %6 3
    module.op(43, {5, 10, 3});      // %10 = OpConstant %5 3
    module.op(28, {7, 5, 10});      // %7 = OpTypeArray %5 %10
    module.op(30, {8, 5, 9, 7});    // %8 = OpTypeStruct %5 %9 %7
    module.op(32, {11, 9, 8});      // %11 = OpTypePointer PushConstant %8
    module.op(59, {11, 12, 9});     // %12 = OpVariable %11 PushConstant
    CHECK(reflect(module.words, "block").push_bytes == 80);
}
