#include "gpu/kernel.h"

#include "gpu/checked_file.h"
#include "gpu/parallel.h"
#include "gpu/shader_source.h"
#include "gpu/spirv_rounding.h"
#include "gpu/vulkan_functions.h"

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <utility>

namespace gpu {

namespace {

constexpr std::string_view kCacheNoun = "pipeline cache";

/// Name and constants without owning them, so that a lookup allocates nothing.
struct KeyView {
    std::string_view name;
    std::span<const uint32_t> constants;
};

struct Key {
    std::string name;
    SpecConstants constants;
};

KeyView view(const Key& key) {
    return {key.name, key.constants};
}
KeyView view(const KeyView& key) {
    return key;
}

struct KeyHash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the library's name
    size_t operator()(const auto& key) const {
        size_t hash = std::hash<std::string_view>()(view(key).name);
        for (const uint32_t constant : view(key).constants) {
            hash = (hash ^ constant) * 0x9E3779B97F4A7C15u;
        }
        return hash;
    }
};

struct KeyEqual {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the library's name
    bool operator()(const auto& a, const auto& b) const {
        return view(a).name == view(b).name &&
               std::ranges::equal(view(a).constants, view(b).constants);
    }
};

std::string text(const KeyView& key) {
    return fmt::format("{}{{{}}}", key.name, fmt::join(key.constants, ", "));
}

/// Destroys the shader module that is needed only while its pipeline is made.
class ShaderModule {
public:
    ShaderModule(Device& device, std::span<const uint32_t> source, const std::string& name)
        : device_(device) {
        std::vector<uint32_t> rounded;
        if (device.info().float_controls_rte32) {
            rounded = with_round_to_nearest(source);
        }
        const std::span<const uint32_t> words = rounded.empty() ? source : rounded;
        const VkShaderModuleCreateInfo info{
            .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
            .codeSize = words.size_bytes(),
            .pCode = words.data(),
        };
        device.check(device.vk().CreateShaderModule(device.handle(), &info, nullptr, &module_),
                     "vkCreateShaderModule", name);
    }
    ~ShaderModule() { device_.vk().DestroyShaderModule(device_.handle(), module_, nullptr); }
    ShaderModule(const ShaderModule&) = delete;
    ShaderModule& operator=(const ShaderModule&) = delete;

    VkShaderModule handle() const { return module_; }

private:
    Device& device_;
    VkShaderModule module_ = VK_NULL_HANDLE;
};

VkDescriptorSetLayout create_set_layout(Device& device, const ShaderInterface& interface,
                                        const std::string& name) {
    std::vector<VkDescriptorSetLayoutBinding> bindings;
    for (const ShaderBinding& binding : interface.bindings) {
        bindings.push_back({.binding = binding.binding,
                            .descriptorType = binding.texels
                                                  ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER
                                                  : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                            .descriptorCount = 1,
                            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
                            .pImmutableSamplers = nullptr});
    }
    const VkDescriptorSetLayoutCreateInfo info{
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .flags = VK_DESCRIPTOR_SET_LAYOUT_CREATE_PUSH_DESCRIPTOR_BIT_KHR,
        .bindingCount = static_cast<uint32_t>(bindings.size()),
        .pBindings = bindings.data(),
    };
    VkDescriptorSetLayout layout = VK_NULL_HANDLE;
    device.check(device.vk().CreateDescriptorSetLayout(device.handle(), &info, nullptr, &layout),
                 "vkCreateDescriptorSetLayout", name);
    return layout;
}

VkPipelineLayout create_layout(Device& device, const Kernel& kernel,
                               const VkDescriptorSetLayout& set_layout) {
    const VkPushConstantRange push{.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
                                   .offset = 0,
                                   .size = kernel.interface().push_bytes};
    const VkPipelineLayoutCreateInfo info{
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &set_layout,
        .pushConstantRangeCount = push.size > 0 ? 1u : 0u,
        .pPushConstantRanges = &push,
    };
    VkPipelineLayout layout = VK_NULL_HANDLE;
    device.check(device.vk().CreatePipelineLayout(device.handle(), &info, nullptr, &layout),
                 "vkCreatePipelineLayout", kernel.name());
    return layout;
}

/// The size that a kernel's code counts on; 0: it uses no subgroups, or the driver has but one
/// size. A matrix belongs to a whole subgroup, of the size that the kernel was written out for.
uint32_t required_subgroup_size(const DeviceInfo& device, const Kernel& kernel) {
    if (kernel.interface().uses_matrices) {
        return kernel.constants()[0];
    }
    const bool told = kernel.interface().uses_subgroups && device.subgroup_size_control;
    return told ? device.subgroup_size : 0;
}

/// Whether the workgroup is whole subgroups of that size: a driver may not leave lanes out then.
bool has_full_subgroups(const Kernel& kernel, uint32_t subgroup_size) {
    const uint32_t id = kernel.interface().workgroup_size_spec_id;
    return subgroup_size > 0 && id != UINT32_MAX && kernel.constants()[id] % subgroup_size == 0;
}

VkPipeline create_pipeline(Device& device, VkPipelineCache cache, const Kernel& kernel,
                           std::span<const uint32_t> words) {
    const ShaderModule module(device, words, kernel.name());
    std::vector<VkSpecializationMapEntry> entries;
    for (uint32_t id = 0; id < kernel.constants().size(); ++id) {
        entries.push_back({.constantID = id, .offset = id * 4, .size = 4});
    }
    const VkSpecializationInfo constants{
        .mapEntryCount = static_cast<uint32_t>(entries.size()),
        .pMapEntries = entries.data(),
        .dataSize = kernel.constants().size() * 4,
        .pData = kernel.constants().data(),
    };
    const uint32_t subgroup_size = required_subgroup_size(device.info(), kernel);
    const VkPipelineShaderStageCreateFlags stage_flags =
        has_full_subgroups(kernel, subgroup_size)
            ? VkFlags{VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT}
            : VkFlags{0};
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup{
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = subgroup_size};
    const VkComputePipelineCreateInfo info{
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pNext = subgroup_size > 0 ? &subgroup : nullptr,
                  .flags = stage_flags,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module.handle(),
                  .pName = "main",
                  .pSpecializationInfo = &constants},
        .layout = kernel.layout(),
    };
    VkPipeline pipeline = VK_NULL_HANDLE;
    device.check(
        device.vk().CreateComputePipelines(device.handle(), cache, 1, &info, nullptr, &pipeline),
        "vkCreateComputePipelines", kernel.name());
    return pipeline;
}

void check_interface(const DeviceInfo& device, const KeyView& key,
                     const ShaderInterface& interface) {
    CHECK(interface.bindings.size() <= kMaxBindings, "{} has {} bindings", text(key),
          interface.bindings.size());
    CHECK(interface.push_bytes <= device.max_push_bytes, "{} pushes {} bytes, device takes {}",
          text(key), interface.push_bytes, device.max_push_bytes);
    CHECK(interface.spec_ids.empty() || interface.spec_ids.back() < key.constants.size(),
          "{} has a specialisation constant {}", text(key), interface.spec_ids.back());
    if (interface.uses_matrices) {
        CHECK(!device.matrix_shapes.empty(), "{}: {} has no cooperative matrices", text(key),
              device.name);
        CHECK(interface.workgroup_size_spec_id == 0 &&
                  key.constants[0] == device.matrix_subgroup_size,
              "{} must be one subgroup wide, {}", text(key), device.matrix_subgroup_size);
    }
    if (interface.workgroup_size_spec_id != UINT32_MAX) {
        const uint32_t size = key.constants[interface.workgroup_size_spec_id];
        CHECK(size >= 1 && size <= device.max_workgroup_size, "{} has {} invocations, device {}",
              text(key), size, device.max_workgroup_size);
    }
}

}  // namespace

struct KernelCache::Impl {
    Impl(Device& owner, const std::string& cache_dir);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    const Kernel* find(const KeyView& key) const;
    const Kernel& insert(std::unique_ptr<Kernel> kernel);
    std::unique_ptr<Kernel> make(const KeyView& key) const;
    void destroy(const Kernel& kernel) const;

    Device& device;
    std::string identity;
    std::filesystem::path file;  // empty: none
    size_t n_saved = 0;          // kernels that the file knows
    VkPipelineCache cache = VK_NULL_HANDLE;
    std::unordered_map<Key, std::unique_ptr<Kernel>, KeyHash, KeyEqual> kernels;
    bool frozen = false;
};

KernelCache::Impl::Impl(Device& owner, const std::string& cache_dir) : device(owner) {
    const DeviceInfo& info = device.info();
    identity = fmt::format("{} {} {} {}", info.uuid, info.pipeline_cache_uuid, info.driver_name,
                           info.driver_version);
    if (cache_dir != "-") {
        const std::filesystem::path folder =
            cache_dir.empty() ? default_cache_dir() : std::filesystem::path(cache_dir);
        file = folder.empty() ? folder : folder / fmt::format("{}.pipelines", info.uuid);
    }
    std::vector<std::byte> bytes;
    if (!file.empty()) {
        bytes = load_checked(kCacheNoun, file, identity).value_or(bytes);
    }
    const VkPipelineCacheCreateInfo cache_info{
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
        .initialDataSize = bytes.size(),
        .pInitialData = bytes.data(),
    };
    device.check(device.vk().CreatePipelineCache(device.handle(), &cache_info, nullptr, &cache),
                 "vkCreatePipelineCache");
}

KernelCache::Impl::~Impl() {
    for (const auto& [key, kernel] : kernels) {
        destroy(*kernel);
    }
    device.vk().DestroyPipelineCache(device.handle(), cache, nullptr);
}

void KernelCache::Impl::destroy(const Kernel& kernel) const {
    const VulkanFunctions& vk = device.vk();
    vk.DestroyPipeline(device.handle(), kernel.pipeline_, nullptr);
    vk.DestroyPipelineLayout(device.handle(), kernel.layout_, nullptr);
    vk.DestroyDescriptorSetLayout(device.handle(), kernel.set_layout_, nullptr);
}

const Kernel* KernelCache::Impl::find(const KeyView& key) const {
    const auto found = kernels.find(key);
    return found == kernels.end() ? nullptr : found->second.get();
}

const Kernel& KernelCache::Impl::insert(std::unique_ptr<Kernel> kernel) {
    kernel->id_ = static_cast<uint32_t>(kernels.size()) + 1;
    Key key{kernel->name(), kernel->constants()};
    return *kernels.insert_or_assign(std::move(key), std::move(kernel)).first->second;
}

/// Thread-safe: touches nothing of ours but the pipeline cache, which Vulkan locks itself.
std::unique_ptr<Kernel> KernelCache::Impl::make(const KeyView& key) const {
    std::optional<std::vector<uint32_t>> words;
    if (device.info().texel_reads) {
        words = find_shader(std::string(key.name) + "_texels");
    }
    if (!words) {
        words = find_shader(key.name);
    }
    CHECK(words, "no kernel is called '{}'; there are: {}", key.name, shader_names());
    auto kernel = std::make_unique<Kernel>();
    kernel->name_ = key.name;
    kernel->constants_.assign(key.constants.begin(), key.constants.end());
    kernel->interface_ = reflect(*words, kernel->name_);
    check_interface(device.info(), key, kernel->interface_);
    try {
        kernel->set_layout_ = create_set_layout(device, kernel->interface_, kernel->name_);
        kernel->layout_ = create_layout(device, *kernel, kernel->set_layout_);
        kernel->pipeline_ = create_pipeline(device, cache, *kernel, *words);
    } catch (...) {
        destroy(*kernel);
        throw;
    }
    return kernel;
}

KernelCache::KernelCache(Device& device, const std::string& cache_dir)
    : impl_(std::make_unique<Impl>(device, cache_dir)) {}

KernelCache::~KernelCache() {
    save();
}

const Kernel& KernelCache::get(std::string_view name, std::initializer_list<uint32_t> constants) {
    const KeyView key{name, {constants.begin(), constants.size()}};
    if (const Kernel* const known = impl_->find(key)) {
        return *known;
    }
    CHECK(!impl_->frozen, "kernel {} is created after freeze()", text(key));
    return impl_->insert(impl_->make(key));
}

void KernelCache::create(std::span<const KernelRequest> requests) {
    std::vector<KeyView> wanted;
    for (const KernelRequest& request : requests) {
        const KeyView key{request.name, request.constants};
        const auto same = [&](const KeyView& other) { return KeyEqual()(key, other); };
        if (!impl_->find(key) && std::ranges::none_of(wanted, same)) {
            wanted.push_back(key);
        }
    }
    CHECK(wanted.empty() || !impl_->frozen, "{} kernels are created after freeze()", wanted.size());

    std::vector<std::unique_ptr<Kernel>> made(wanted.size());
    const auto keep = [&] {
        for (std::unique_ptr<Kernel>& kernel : made) {
            if (kernel) {
                impl_->insert(std::move(kernel));
            }
        }
    };
    try {
        base::parallel_for(wanted.size(),
                           [&](size_t, size_t i) { made[i] = impl_->make(wanted[i]); });
    } catch (...) {
        keep();  // the cache destroys what was made
        throw;
    }
    keep();
}

void KernelCache::freeze(bool frozen) {
    impl_->frozen = frozen;
}

void KernelCache::save() const {
    if (impl_->file.empty() || impl_->n_saved == impl_->kernels.size()) {
        return;
    }
    const VulkanFunctions& vk = impl_->device.vk();
    const VkDevice device = impl_->device.handle();
    size_t size = 0;
    VkResult result = vk.GetPipelineCacheData(device, impl_->cache, &size, nullptr);
    std::vector<std::byte> bytes(size);
    if (result == VK_SUCCESS) {
        result = vk.GetPipelineCacheData(device, impl_->cache, &size, bytes.data());
    }
    if (result != VK_SUCCESS) {
        base::log(base::LogArea::gpu, "the driver gives no pipeline cache data");
        return;
    }
    bytes.resize(size);
    if (save_checked(kCacheNoun, impl_->file, impl_->identity, bytes)) {
        impl_->n_saved = impl_->kernels.size();
    }
}

size_t KernelCache::size() const {
    return impl_->kernels.size();
}

const std::string& KernelCache::identity() const {
    return impl_->identity;
}

std::string KernelCache::file_beside(std::string_view ending) const {
    std::filesystem::path path = impl_->file;
    return path.empty() ? "" : path.replace_extension(ending).string();
}

}  // namespace gpu
