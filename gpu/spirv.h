// reflect(): what a compute shader's SPIR-V says of its own interface. No Vulkan calls.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gpu {

struct ShaderBinding {
    uint32_t binding = 0;
    bool written = true;  // false: every member is decorated NonWritable (`readonly` in GLSL)
    bool read = true;     // false: NonReadable (`writeonly`)
    bool texels = false;  // a uniform texel buffer instead of a storage buffer
};

struct ShaderInterface {
    std::vector<ShaderBinding> bindings;           // ascending, gap-free from 0
    uint32_t push_bytes = 0;                       // size of the push-constant block, 0 = none
    std::vector<uint32_t> spec_ids;                // ascending
    uint32_t workgroup_size_spec_id = UINT32_MAX;  // id of local_size_x_id, if any
    bool uses_subgroups = false;                   // their size, ids or operations
    bool uses_matrices = false;                    // cooperative matrices
};

/// Read the interface of one compute entry point (set 0, storage buffers and uniform
/// texel buffers only).
/// Throws base::Error(runtime) on words that are not such a module.
ShaderInterface reflect(std::span<const uint32_t> words, const std::string& name);

}  // namespace gpu
