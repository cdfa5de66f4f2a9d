#include "gpu/buffer.h"

#include "gpu/sizes.h"
#include "gpu/transfer.h"
#include "gpu/vulkan_functions.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

namespace gpu {

namespace {

constexpr uint64_t kBindingAlignment = 64;  // a cache line, where the device asks for less

struct MemoryWish {
    VkMemoryPropertyFlags wanted;
    VkMemoryPropertyFlags preferred;
};

/// Mapped memory is always coherent, so there is nothing to flush or invalidate anywhere. Vulkan
/// promises a visible and coherent type on every device.
MemoryWish wish_of(Memory memory, bool unified) {
    constexpr VkMemoryPropertyFlags kMapped =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    switch (memory) {
        case Memory::upload:
            return {kMapped, 0};
        case Memory::readback:
            return {kMapped, VK_MEMORY_PROPERTY_HOST_CACHED_BIT};
        case Memory::device:
            break;
    }
    return {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, unified ? kMapped : 0};
}

std::string mebibytes(uint64_t bytes) {
    return fmt::format("{:.1f} MiB", base::mib(bytes));
}

[[noreturn]] void throw_no_memory(const std::string& name, uint64_t asked, uint64_t free) {
    throw base::Error(base::ErrorKind::out_of_memory,
                      fmt::format("out of device memory for {}: asked for {}, free {}", name,
                                  mebibytes(asked), mebibytes(free)),
                      "Choose a shorter context, a smaller model or a stronger quantization, or "
                      "close other programs.");
}

}  // namespace

struct Buffer::Impl {
    Impl(Device& owner, uint64_t bytes, std::string label)
        : device(owner), size(bytes), name(std::move(label)) {}
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void create_buffer();
    void allocate(Memory memory);
    VkBufferView texels(uint64_t offset);

    Device& device;
    uint64_t size;
    std::string name;
    VkBuffer buffer = VK_NULL_HANDLE;
    VkDeviceMemory memory = VK_NULL_HANDLE;
    uint64_t allocated = 0;
    std::byte* mapped = nullptr;

    std::map<uint64_t, VkBufferView> texel_views;  // by offset
};

Buffer::Impl::~Impl() {
    for (const auto& [offset, view] : texel_views) {
        device.vk().DestroyBufferView(device.handle(), view, nullptr);
    }
    device.vk().DestroyBuffer(device.handle(), buffer, nullptr);
    device.vk().FreeMemory(device.handle(), memory, nullptr);  // unmaps as well
    device.count_allocation(-static_cast<int64_t>(allocated));
}

void Buffer::Impl::create_buffer() {
    const VkBufferCreateInfo info{
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = base::round_up(size, 16),  // whole words for fill, whole vectors for the last load
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                 VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
        .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
    };
    device.check(device.vk().CreateBuffer(device.handle(), &info, nullptr, &buffer),
                 "vkCreateBuffer", name);
}

/// Reaches as far as a range may, so that ranges which begin together share one view.
VkBufferView Buffer::Impl::texels(uint64_t offset) {
    const auto known = texel_views.find(offset);
    if (known != texel_views.end()) {
        return known->second;
    }
    constexpr uint64_t kTexelBytes = 16;
    const uint64_t bytes =
        std::min(base::round_up(size, kTexelBytes) - offset, device.info().max_range_bytes);
    const VkBufferViewCreateInfo info{
        .sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
        .buffer = buffer,
        .format = VK_FORMAT_R32G32B32A32_UINT,
        .offset = offset,
        .range = bytes / kTexelBytes * kTexelBytes,
    };
    VkBufferView view = VK_NULL_HANDLE;
    device.check(device.vk().CreateBufferView(device.handle(), &info, nullptr, &view),
                 "vkCreateBufferView", name);
    texel_views.emplace(offset, view);
    return view;
}

void Buffer::Impl::allocate(Memory kind) {
    const VulkanFunctions& vk = device.vk();
    VkMemoryRequirements needs{};
    vk.GetBufferMemoryRequirements(device.handle(), buffer, &needs);
    const MemoryWish wish = wish_of(kind, device.info().host_visible_local);
    const uint32_t type = device.memory_type(needs.memoryTypeBits, wish.wanted, wish.preferred);

    // A CPU device would take it from the swap file and stall the whole machine.
    const bool swaps =
        device.info().type == DeviceType::cpu && needs.size > device.free_bytes(type);
    const VkMemoryAllocateInfo info{
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = needs.size,
        .memoryTypeIndex = type,
    };
    const VkResult result = swaps ? VK_ERROR_OUT_OF_DEVICE_MEMORY
                                  : vk.AllocateMemory(device.handle(), &info, nullptr, &memory);
    if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY ||
        result == VK_ERROR_TOO_MANY_OBJECTS) {
        throw_no_memory(name, needs.size, device.free_bytes(type));
    }
    device.check(result, "vkAllocateMemory", name);
    allocated = needs.size;
    device.count_allocation(static_cast<int64_t>(allocated));
    device.check(vk.BindBufferMemory(device.handle(), buffer, memory, 0), "vkBindBufferMemory",
                 name);
    if (kind != Memory::device || device.info().host_visible_local) {
        void* address = nullptr;
        device.check(vk.MapMemory(device.handle(), memory, 0, VK_WHOLE_SIZE, 0, &address),
                     "vkMapMemory", name);
        mapped = static_cast<std::byte*>(address);
    }
}

Buffer::Buffer(Device& device, uint64_t size_bytes, Memory memory, std::string name)
    : impl_(std::make_unique<Impl>(device, size_bytes, std::move(name))) {
    CHECK(size_bytes > 0, "buffer {}", impl_->name);
    if (size_bytes > device.info().max_buffer_bytes) {
        throw base::Error(base::ErrorKind::out_of_memory,
                          fmt::format("{} needs one buffer of {}, {} allows {}", impl_->name,
                                      mebibytes(size_bytes), device.info().name,
                                      mebibytes(device.info().max_buffer_bytes)),
                          "Choose a shorter context or a smaller model.");
    }
    impl_->create_buffer();
    impl_->allocate(memory);
}

Buffer::~Buffer() = default;
Buffer::Buffer(Buffer&&) noexcept = default;
Buffer& Buffer::operator=(Buffer&&) noexcept = default;

VkBuffer Buffer::handle() const {
    return impl_->buffer;
}
uint64_t Buffer::size() const {
    return impl_->size;
}
const std::string& Buffer::name() const {
    return impl_->name;
}
Range Buffer::range() const {
    return {.buffer = this, .offset = 0, .size = impl_->size};
}
std::byte* Buffer::mapped() const {
    return impl_->mapped;
}
VkBufferView Buffer::texels(const Range& range) const {
    return impl_->texels(range.offset);
}

Range Range::slice(uint64_t slice_offset, uint64_t slice_size) const {
    CHECK(slice_offset <= size && slice_size <= size - slice_offset, "slice [{}, +{}) of {} bytes",
          slice_offset, slice_size, size);
    return {.buffer = buffer, .offset = offset + slice_offset, .size = slice_size};
}

uint64_t arena_alignment(uint32_t range_alignment) {
    return std::max<uint64_t>(kBindingAlignment, range_alignment);
}

uint64_t ArenaPlan::new_block_bytes(uint64_t size_bytes) const {
    if (sizes_.empty()) {
        return std::max(block_bytes_, size_bytes);
    }
    uint64_t end = size_bytes;
    for (size_t i = n_added_ + 1; i < sizes_.size(); ++i) {
        const uint64_t next = base::round_up(end, alignment_) + sizes_[i];
        if (next > block_bytes_) {
            break;
        }
        end = next;
    }
    return end;
}

ArenaPlan::Place ArenaPlan::add(uint64_t size_bytes) {
    CHECK(sizes_.empty() || (n_added_ < sizes_.size() && sizes_[n_added_] == size_bytes),
          "range {} of {} bytes was not planned", n_added_, size_bytes);
    Place place{.offset = base::round_up(used_in_last_, alignment_)};
    if (place.offset > last_block_ || size_bytes > last_block_ - place.offset) {
        place = {.new_block = true, .block_bytes = new_block_bytes(size_bytes)};
        last_block_ = place.block_bytes;
        bytes_ += base::round_up(place.block_bytes, 16);  // as Buffer rounds
    }
    used_in_last_ = place.offset + size_bytes;
    ++n_added_;
    return place;
}

struct Arena::Impl {
    Device& device;
    Memory memory;
    std::string name;
    ArenaPlan plan;
    // Buffers keep their address when the vector grows, because ranges point to them.
    std::vector<std::unique_ptr<Buffer>> blocks;
    uint64_t allocated = 0;
};

Arena::Arena(Device& device, Memory memory, std::string name, uint64_t block_bytes)
    : Arena(device, memory, std::move(name),
            ArenaPlan(std::min(block_bytes, device.info().max_buffer_bytes),
                      arena_alignment(device.info().range_alignment))) {}

Arena::Arena(Device& device, Memory memory, std::string name, ArenaPlan plan)
    : impl_(new Impl{
          .device = device,
          .memory = memory,
          .name = std::move(name),
          .plan = std::move(plan),
          .blocks = {},
      }) {
    CHECK(impl_->plan.bytes() == 0 && impl_->plan.alignment() % device.info().range_alignment == 0,
          "{}: plan of {} bytes, aligned {}", impl_->name, impl_->plan.bytes(),
          impl_->plan.alignment());
}

Arena::~Arena() = default;
Arena::Arena(Arena&&) noexcept = default;
Arena& Arena::operator=(Arena&&) noexcept = default;

Range Arena::allocate(uint64_t size_bytes) {
    Impl& arena = *impl_;
    CHECK(size_bytes > 0 && size_bytes <= arena.device.info().max_range_bytes,
          "range of {} bytes in {}, device allows {}", size_bytes, arena.name,
          arena.device.info().max_range_bytes);
    const ArenaPlan::Place place = arena.plan.add(size_bytes);
    if (place.new_block) {
        arena.blocks.push_back(
            std::make_unique<Buffer>(arena.device, place.block_bytes, arena.memory, arena.name));
    }
    arena.allocated += size_bytes;
    return {.buffer = arena.blocks.back().get(), .offset = place.offset, .size = size_bytes};
}

uint64_t Arena::allocated_bytes() const {
    return impl_->allocated;
}

void upload(Device& device, const Range& dst, std::span<const std::byte> src) {
    CHECK(dst.buffer && src.size() <= dst.size, "upload of {} bytes into {}", src.size(), dst.size);
    if (std::byte* const mapped = dst.buffer->mapped()) {
        std::memcpy(mapped + dst.offset, src.data(), src.size());
    } else {
        device.transfer().upload(dst, src);
    }
}

void download(Device& device, std::span<std::byte> dst, const Range& src) {
    CHECK(src.buffer && dst.size() <= src.size, "download of {} bytes of {}", dst.size(), src.size);
    if (const std::byte* const mapped = src.buffer->mapped()) {
        std::memcpy(dst.data(), mapped + src.offset, dst.size());
    } else {
        device.transfer().download(dst, src);
    }
}

}  // namespace gpu
