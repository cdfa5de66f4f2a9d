// with_round_to_nearest(): a compute shader's SPIR-V that also asks for rounding to nearest even.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gpu {

/// The module with `OpCapability RoundingModeRTE` and the execution mode RoundingModeRTE 32 for its
/// entry point, which old shader compilers cannot write themselves. Vulkan leaves the rounding of
/// f32 to the driver unless it is asked for (SPIR-V 1.4 and later; VkPhysicalDeviceFloatControls:
/// shaderRoundingModeRTEFloat32 must be set). `words` must have passed reflect().
std::vector<uint32_t> with_round_to_nearest(std::span<const uint32_t> words);

}  // namespace gpu
