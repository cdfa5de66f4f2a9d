// The environment variables that switch gpu/: a word nobody knows is an error, not silence.
#include "gpu/base.h"
#include "gpu/device.h"
#include "gpu/device_features.h"
#include "gpu/shader_source.h"

#include "tests/support/temp_dir.h"
#include "tests/support/variable.h"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <string>

using support::Variable;

namespace {

template <class F>
std::string usage_error(F&& f) {
    try {
        f();
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::usage);
        CHECK_FALSE(error.hint().empty());
        return error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("switches: LAPIDARY_VALIDATE takes 0, 1 and 2") {
    for (const char* const level : {"yes", "3", "-1", "1 ", "22"}) {
        CAPTURE(level);
        const Variable variable("LAPIDARY_VALIDATE", level);
        CHECK(usage_error([] { const gpu::Device device; }) ==
              std::string("LAPIDARY_VALIDATE is '") + level + "'");
    }
}

TEST_CASE("switches: LAPIDARY_DISABLE names what it does not know") {
    CHECK(usage_error([] {
              const gpu::Device device({.disable = "unified,coopmat,tensors"});
          }).find("'tensors'") != std::string::npos);
    const Variable variable("LAPIDARY_DISABLE", "unfied");
    CHECK(usage_error([] { gpu::list_devices(); }).find("'unfied'") != std::string::npos);
    CHECK(usage_error([] { const gpu::Device device; }).find("'unfied'") != std::string::npos);
}

TEST_CASE("switches: coopmat and fp16 hide cooperative matrices, where there are any") {
    const gpu::Device with({.validate = 0});
    if (with.info().matrix_shapes.empty()) {
        SKIP(with.info().name + " has no cooperative matrices");
    }
    CHECK(with.info().matrix_subgroup_size > 0);
    for (const char* const word : {"coopmat", "fp16"}) {
        CAPTURE(word);
        const gpu::Device without({.validate = 0, .disable = word});
        CHECK(without.info().matrix_shapes.empty());
        gpu::Features wanted;
        gpu::require_features(wanted, without.info());
        CHECK(wanted.v12.shaderFloat16 == VK_FALSE);
    }
    gpu::Features wanted;
    gpu::require_features(wanted, with.info());
    CHECK(wanted.v12.shaderFloat16 == VK_TRUE);
}

TEST_CASE("switches: what LAPIDARY_DISABLE names is hidden, nothing else") {
    const gpu::Device plain({.validate = 0});
    const gpu::Device none({.validate = 0, .disable = "unified,subgroups,fp16"});
    CHECK_FALSE(none.info().host_visible_local);
    CHECK_FALSE(none.info().subgroup_arithmetic);
    CHECK(none.info().type == plain.info().type);
    const gpu::Device half({.validate = 0, .disable = "fp16"});
    CHECK(half.info().subgroup_arithmetic == plain.info().subgroup_arithmetic);
    CHECK(half.info().host_visible_local == plain.info().host_visible_local);
    CHECK(half.info().texel_reads == plain.info().texel_reads);
    const gpu::Device no_texels({.validate = 0, .disable = "texels"});
    CHECK_FALSE(no_texels.info().texel_reads);
    CHECK(no_texels.info().type == plain.info().type);
    const gpu::Device no_cpu({.validate = 0, .disable = "cpu"});
    CHECK(no_cpu.info().type != gpu::DeviceType::cpu);
    CHECK_FALSE(no_cpu.info().texel_reads);
}

TEST_CASE("switches: texels that are not read ask for no alignment") {
    VkPhysicalDeviceLimits limits{};
    limits.minStorageBufferOffsetAlignment = 4;
    limits.minTexelBufferOffsetAlignment = 64;
    CHECK(gpu::range_alignment(limits, false) == 4);
    CHECK(gpu::range_alignment(limits, true) == 64);
    limits.minStorageBufferOffsetAlignment = 256;
    CHECK(gpu::range_alignment(limits, true) == 256);
}

TEST_CASE("switches: LAPIDARY_SHADERS must be a folder; what it lacks is built in") {
    const support::TempDir folder;
    {
        const Variable variable("LAPIDARY_SHADERS", (folder.path() / "none").string());
        CHECK(usage_error([] { gpu::find_shader("add"); }).find("which is no folder") !=
              std::string::npos);
    }
    std::ofstream(folder.path() / "mine.spv") << "12345678";
    const Variable variable("LAPIDARY_SHADERS", folder.path().string());
    REQUIRE(gpu::find_shader("mine").has_value());
    CHECK(gpu::find_shader("mine")->size() == 2);
    CHECK(gpu::find_shader("add").has_value());
    CHECK_FALSE(gpu::find_shader("no such kernel").has_value());
}
