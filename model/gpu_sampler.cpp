#include "model/gpu_sampler.h"

#include "gpu/base.h"
#include "gpu/sizes.h"
#include "model/ops/dispatch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace model {

namespace {

using ops::divide_up;

constexpr uint32_t kListEntries = params::kSampleBest * params::kSampleMaxGroupSize;

/// Workgroup sizes. A CPU pays for every invocation that waits at a barrier; a GPU hides its memory
/// behind many.
struct Sizes {
    uint32_t groups, single, history, mass, mass_copies, mass_parts;
};
Sizes sizes_for(const gpu::DeviceInfo& device) {
    if (device.type == gpu::DeviceType::cpu) {
        return {.groups = 64,
                .single = 16,
                .history = 8,
                .mass = 8,
                .mass_copies = 8,
                .mass_parts = 16};
    }
    const uint32_t most = std::min(256u, std::bit_floor(device.max_workgroup_size));
    return {.groups = 32,
            .single = most,
            .history = 64,
            .mass = most,
            .mass_copies = 1,
            .mass_parts = 64};
}

uint32_t group_size_for(uint32_t vocab_size) {
    uint32_t size = 4;
    while (divide_up(vocab_size, size * params::kSampleLanes) * params::kSampleLanes >
           params::kSampleMaxGroups) {
        size *= 2;
    }
    CHECK(size <= params::kSampleMaxGroupSize, "a vocabulary of {}", vocab_size);
    return size;
}

uint32_t groups_for(uint32_t vocab_size) {
    return divide_up(vocab_size, group_size_for(vocab_size) * params::kSampleLanes) *
           params::kSampleLanes;
}

constexpr uint32_t kMostMassParts = 64;

uint64_t mass_bytes(uint32_t parts) {
    return uint64_t{2} * parts * params::kSampleParts * 16;
}
uint64_t list_bytes(uint32_t vocab_size) {
    return uint64_t{8} * std::max(vocab_size, kListEntries);
}

/// Of one block that holds everything: groups, ranges, counts, counted, history, list, mass, head.
uint64_t arena_bytes(uint32_t vocab_size, uint32_t n_ctx) {
    uint64_t sum = 0;
    for (const uint64_t bytes :
         {uint64_t{16} * groups_for(vocab_size), uint64_t{16} * groups_for(vocab_size),
          uint64_t{4} * vocab_size, uint64_t{8}, uint64_t{4} * n_ctx, list_bytes(vocab_size),
          mass_bytes(kMostMassParts), uint64_t{sizeof(params::SampleHead)}}) {
        sum += base::round_up(bytes, gpu::kRangeAlignment);
    }
    return sum;
}

/// 1 / temperature in two floats. The kernels multiply it by distances of up to 1e6.
std::pair<float, float> scale_of(float temperature) {
    const double scale = std::min(1.0 / double(temperature), 1e30);
    const auto high = float(scale);
    return {high, float(scale - double(high))};
}

params::SampleParams kernel_params(const SamplingParams& from) {
    const bool greedy = !(from.temperature > 0);
    const auto draw = scale_of(greedy ? 1 : from.temperature);
    const auto cut = from.llama_cpp_order ? scale_of(1) : draw;
    const bool top_p_on = stage_active(SamplerStage::top_p, from);
    const auto top_p = top_p_on ? uint64_t(std::ldexp(double(from.top_p), 64)) : 0;
    const bool min_p_on = stage_active(SamplerStage::min_p, from);
    return {
        .greedy = uint32_t(greedy),
        .top_k = uint32_t(std::max(from.top_k, 0)),
        .top_p_on = uint32_t(top_p_on),
        .top_p_lo = uint32_t(top_p),
        .top_p_hi = uint32_t(top_p >> 32),
        .min_p_on = uint32_t(min_p_on),
        .log_min_p = min_p_on ? float(std::log(double(from.min_p))) : 0,
        .seed_lo = uint32_t(from.seed),
        .seed_hi = uint32_t(from.seed >> 32),
        .penalties_on = uint32_t(stage_active(SamplerStage::penalties, from)),
        .last_n = uint32_t(from.repeat_last_n),  // -1: all
        .repeat_penalty = from.repeat_penalty,
        .presence_penalty = from.presence_penalty,
        .frequency_penalty = from.frequency_penalty,
        .cut_scale_hi = cut.first,
        .cut_scale_lo = cut.second,
        .draw_scale_hi = draw.first,
        .draw_scale_lo = draw.second,
        .one_scale = uint32_t(cut == draw),
    };
}

void upload_words(gpu::Device& device, const gpu::Range& range, std::span<const uint32_t> words) {
    gpu::upload(device, range.slice(0, words.size_bytes()), std::as_bytes(words));
}

}  // namespace

SampleForm sample_form(const SamplingParams& params) {
    const bool few = !(params.temperature > 0) ||
                     (params.top_k > 0 && uint32_t(params.top_k) <= params::kSampleBest);
    return few ? SampleForm::few : SampleForm::any;
}

struct GpuSampler::Impl {
    Impl(gpu::Device& on, gpu::KernelCache& kernels, uint32_t vocab_size, uint32_t n_ctx);

    params::Sample push(bool mass_of_draw = false) const;
    void record_groups(gpu::CommandBuffer& cmd, const gpu::Range& logits) const;
    void record_select(gpu::CommandBuffer& cmd, const gpu::Range& logits, const gpu::Range& state,
                       bool few) const;
    void record_mass(gpu::CommandBuffer& cmd, const gpu::Range& logits) const;
    void record_search(gpu::CommandBuffer& cmd, const gpu::Range& logits,
                       const gpu::Range& state) const;

    gpu::Device& device;
    uint32_t vocab, n_ctx;
    uint32_t group_size, n_groups;
    Sizes sizes;
    gpu::Buffer params, results;  // host-visible
    gpu::Arena arena;
    gpu::Range groups, ranges;  // u32 [n_groups, 4]
    gpu::Range counts;          // u32 [vocab]
    gpu::Range counted;         // u32 [2]
    gpu::Range history;         // u32 [n_ctx]
    gpu::Range list;            // u32 [max(vocab, kListEntries), 2]
    gpu::Range mass;            // u32 [2, mass_parts, kSampleParts, 4]
    gpu::Range head;            // SampleHead
};

GpuSampler::Impl::Impl(gpu::Device& on, gpu::KernelCache& kernels, uint32_t vocab_size,
                       uint32_t context)
    : device(on),
      vocab(vocab_size),
      n_ctx(context),
      group_size(group_size_for(vocab_size)),
      n_groups(groups_for(vocab_size)),
      sizes(sizes_for(on.info())),
      params(on, sizeof(params::SampleParams), gpu::Memory::upload, "sampling parameters"),
      results(on, params::kSampleSlots * sizeof(params::SampleRecord), gpu::Memory::readback,
              "drawn tokens"),
      arena(on, gpu::Memory::device, "sampler", arena_bytes(vocab_size, context)) {
    CHECK(vocab > 0 && n_ctx > 0, "vocabulary {}, context {}", vocab, n_ctx);
    groups = arena.allocate(uint64_t{16} * n_groups);
    ranges = arena.allocate(uint64_t{16} * n_groups);
    counts = arena.allocate(uint64_t{4} * vocab);
    counted = arena.allocate(8);
    history = arena.allocate(uint64_t{4} * n_ctx);
    list = arena.allocate(list_bytes(vocab));
    mass = arena.allocate(mass_bytes(sizes.mass_parts));
    head = arena.allocate(sizeof(params::SampleHead));
    kernels.create(GpuSampler::kernels(on.info()));
}

std::vector<gpu::KernelRequest> GpuSampler::kernels(const gpu::DeviceInfo& device) {
    const Sizes sizes = sizes_for(device);
    return {{"sample_history", {sizes.history}},
            {"sample_groups", {sizes.groups}},
            {"sample_select", {sizes.single, 1}},
            {"sample_select", {sizes.single, 0}},
            {"sample_mass", {sizes.mass, sizes.mass_copies}},
            {"sample_search", {sizes.single}}};
}

GpuSampler::GpuSampler(gpu::Device& device, gpu::KernelCache& kernels, uint32_t vocab_size,
                       uint32_t n_ctx)
    : impl_(std::make_unique<Impl>(device, kernels, vocab_size, n_ctx)) {
    set_params({});
    set_history({});
}

GpuSampler::~GpuSampler() = default;

void GpuSampler::set_params(const SamplingParams& params) {
    const params::SampleParams words = kernel_params(params);
    std::memcpy(impl_->params.mapped(), &words, sizeof(words));
}

void GpuSampler::set_history(std::span<const TokenId> history) {
    CHECK(history.size() <= impl_->n_ctx, "{} tokens of at most {}", history.size(), impl_->n_ctx);
    upload_words(impl_->device, impl_->counts, std::vector<uint32_t>(impl_->vocab, 0));
    upload_words(impl_->device, impl_->counted, std::vector<uint32_t>(2, 0));
    if (!history.empty()) {
        gpu::upload(impl_->device, impl_->history.slice(0, history.size_bytes()),
                    std::as_bytes(history));
    }
}

void GpuSampler::record_history(gpu::CommandBuffer& cmd, const gpu::Range& state) {
    const Impl& of = *impl_;
    cmd.dispatch(cmd.kernel("sample_history", {of.sizes.history}), {},
                 params::SampleHistory{.vocab = of.vocab, .n_ctx = of.n_ctx},
                 {state, of.params.range(), of.history, of.counts, of.counted}, {.bytes = 64});
}

void GpuSampler::record(gpu::CommandBuffer& cmd, const gpu::Range& logits, const gpu::Range& state,
                        SampleForm form) {
    CHECK(logits.size == uint64_t{4} * impl_->vocab, "logits of {} bytes, vocabulary {}",
          logits.size, impl_->vocab);
    CHECK(logits.offset % 16 == 0, "logits at {}: they are read four at a time", logits.offset);
    CHECK(state.size == sizeof(params::StepState), "a state of {} bytes", state.size);
    const bool few = form == SampleForm::few;
    impl_->record_groups(cmd, logits);
    impl_->record_select(cmd, logits, state, few);
    if (!few) {
        impl_->record_mass(cmd, logits);
        impl_->record_search(cmd, logits, state);
    }
}

params::Sample GpuSampler::Impl::push(bool mass_of_draw) const {
    return {.vocab = vocab,
            .group_size = group_size,
            .n_groups = n_groups,
            .n_ctx = n_ctx,
            .n_parts = sizes.mass_parts,
            .mass_of_draw = uint32_t(mass_of_draw)};
}

void GpuSampler::Impl::record_groups(gpu::CommandBuffer& cmd, const gpu::Range& logits) const {
    cmd.dispatch(cmd.kernel("sample_groups", {sizes.groups}),
                 {.x = divide_up(n_groups, sizes.groups)}, push(),
                 {logits, params.range(), counts, logits, groups, ranges},
                 {.flops = 40.0 * vocab, .bytes = 4.0 * vocab + 32.0 * n_groups});
}

void GpuSampler::Impl::record_select(gpu::CommandBuffer& cmd, const gpu::Range& logits,
                                     const gpu::Range& state, bool few) const {
    cmd.dispatch(cmd.kernel("sample_select", {sizes.single, uint32_t(few)}), {}, push(),
                 {logits, params.range(), counts, logits, groups, ranges, list, head, state,
                  history, results.range()},
                 {.flops = 4e5, .bytes = 64.0 * n_groups});
}

/// Two dispatches that need not wait for each other. The second ends at once where both
/// temperatures are the same.
void GpuSampler::Impl::record_mass(gpu::CommandBuffer& cmd, const gpu::Range& logits) const {
    const uint64_t half = mass.size / 2;
    for (const bool of_draw : {false, true}) {
        cmd.dispatch(
            cmd.kernel("sample_mass", {sizes.mass, sizes.mass_copies}), {.x = sizes.mass_parts},
            push(of_draw),
            {logits, params.range(), counts, logits, head, mass.slice(of_draw ? half : 0, half)},
            {.flops = 60.0 * vocab, .bytes = 4.0 * vocab + double(half)});
    }
}

void GpuSampler::Impl::record_search(gpu::CommandBuffer& cmd, const gpu::Range& logits,
                                     const gpu::Range& state) const {
    cmd.dispatch(cmd.kernel("sample_search", {sizes.single}), {}, push(),
                 {logits, params.range(), counts, logits, groups, ranges, mass, list, head, state,
                  history, results.range()},
                 {.flops = 1e6, .bytes = double(mass.size) + 8.0 * vocab});
}

GpuDraw GpuSampler::result(uint32_t step) const {
    params::SampleRecord record;
    std::memcpy(&record, impl_->results.mapped() + step % params::kSampleSlots * sizeof(record),
                sizeof(record));
    CHECK(record.step == step, "the record of step {} holds step {}", step, record.step);
    if (record.status != params::kSampleFine) {
        throw_invalid_numbers();
    }
    GpuDraw draw{.step = record.step,
                 .position = record.position,
                 .id = TokenId(record.id),
                 .p_final = record.p_final,
                 .stats = {.logprob = record.logprob,
                           .rank = int32_t(record.rank),
                           .entropy = record.entropy,
                           .log_sum_exp = double(record.log_sum_exp)},
                 .n_top = record.n_top,
                 .top = {}};
    for (uint32_t i = 0; i < record.n_top; ++i) {
        draw.top[i] = {TokenId(record.top_ids[i]), record.top_logprobs[i]};
    }
    return draw;
}

uint64_t GpuSampler::bytes_for(uint32_t vocab_size, uint32_t n_ctx) {
    return arena_bytes(vocab_size, n_ctx) + sizeof(params::SampleParams) +
           params::kSampleSlots * sizeof(params::SampleRecord);
}

}  // namespace model
