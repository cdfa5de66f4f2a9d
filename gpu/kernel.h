// Kernel: a compute shader fixed to its specialisation constants. KernelCache: (name, constants) ->
// Kernel, created in parallel; the driver's compiled form is kept on disk, one file per device.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/device.h"
#include "gpu/spirv.h"

namespace gpu {

/// Specialisation constants in the order of their ids, 0 first. Id 0 is the workgroup size.
using SpecConstants = std::vector<uint32_t>;

/// More storage buffers than this no kernel binds (the least that every driver can push is 32).
inline constexpr uint32_t kMaxBindings = 16;

class Kernel {
public:
    const std::string& name() const { return name_; }
    /// 1, 2, 3... in the order of creation; what timings are kept by.
    uint32_t id() const { return id_; }
    const ShaderInterface& interface() const { return interface_; }
    const SpecConstants& constants() const { return constants_; }
    VkPipeline pipeline() const { return pipeline_; }
    VkPipelineLayout layout() const { return layout_; }

private:
    friend class KernelCache;
    std::string name_;
    uint32_t id_ = 0;
    SpecConstants constants_;
    ShaderInterface interface_;
    VkPipeline pipeline_ = VK_NULL_HANDLE;
    VkPipelineLayout layout_ = VK_NULL_HANDLE;
    VkDescriptorSetLayout set_layout_ = VK_NULL_HANDLE;
};

struct KernelRequest {
    std::string name;
    SpecConstants constants;
};

/// Owns all kernels of one device. An unknown name stops the program with the list of known ones.
/// A shader that has a second form NAME_texels is taken in that form where DeviceInfo::texel_reads.
/// Kernels that use subgroups get them in DeviceInfo::subgroup_size, where the driver can be told,
/// and full where the workgroup is a multiple of it. Where a kernel uses cooperative matrices, its
/// workgroup is one subgroup wide: constant 0 is DeviceInfo::matrix_subgroup_size, and the driver
/// must compile for subgroups of that size.
class KernelCache {
public:
    /// `cache_dir` holds the pipeline cache file (own header: size, hash, device, driver; a file
    /// that does not fit is deleted). Empty: $XDG_CACHE_HOME/lapidary, "-": no file.
    explicit KernelCache(Device& device, const std::string& cache_dir = {});
    ~KernelCache();
    KernelCache(const KernelCache&) = delete;
    KernelCache& operator=(const KernelCache&) = delete;

    /// The kernel, created on first use. Lookup of an existing one allocates nothing.
    const Kernel& get(std::string_view name, std::initializer_list<uint32_t> constants);

    /// Create many at once on several threads.
    void create(std::span<const KernelRequest> requests);

    /// After this, creating a kernel is a programmer error (rule: decode creates nothing).
    void freeze(bool frozen = true);

    /// Write the pipeline cache file now (also done on destruction). Failure is only logged.
    void save() const;

    size_t size() const;

    /// What the file is kept for: the device and its driver.
    const std::string& identity() const;
    /// A file of this name ending ("products") beside the pipeline cache's; empty: none is kept.
    std::string file_beside(std::string_view ending) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// While it lives, kernels may be made; it freezes the cache again however its scope is left.
class Thawed {
public:
    explicit Thawed(KernelCache& kernels) : kernels_(kernels) { kernels_.freeze(false); }
    ~Thawed() { kernels_.freeze(); }
    Thawed(const Thawed&) = delete;
    Thawed& operator=(const Thawed&) = delete;

private:
    KernelCache& kernels_;
};

}  // namespace gpu
