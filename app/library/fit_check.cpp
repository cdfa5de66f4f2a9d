#include "app/library/fit_check.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "app/numbers.h"
#include "gpu/transfer.h"
#include "model/activations.h"
#include "model/fit.h"

namespace app {

namespace {

model::SessionOptions least_session(const FitQuestion& q, const gpu::DeviceInfo& device,
                                    uint32_t n_ctx) {
    const bool fast = model::Session::fast_obstacle(device, q.config).empty();
    return {.path = fast ? model::Path::fast : model::Path::plain,
            .n_ctx = n_ctx,
            .n_ubatch = model::default_chunk(device),
            .type_k = q.type_k,
            .type_v = q.type_v};
}

/// What lies in memory that the host reads and writes: logits, and the ring that uploads go through
/// where the device's own memory cannot be seen.
uint64_t host_bytes(const model::Config& config, const gpu::DeviceInfo& device) {
    const uint64_t logits = 4 * uint64_t{model::kHeadRows} * config.embedding_rows;
    return logits + (device.host_visible_local ? 0 : 4 * gpu::Transfer::kChunkBytes);
}

FitReport report_at(const gpu::DeviceInfo& device, const FitQuestion& q,
                    const std::vector<gpu::Heap>& heaps, uint32_t n_ctx) {
    const model::SessionOptions options = least_session(q, device, n_ctx);
    FitReport report;
    report.device = device.name;
    report.n_ctx = n_ctx;
    report.weights = q.weight_bytes;
    report.kv = model::Session::kv_bytes_for(q.config, options);
    report.binding = uint64_t{n_ctx} * q.config.kv_width() * model::block_bytes(q.type_k);
    report.max_binding = device.max_range_bytes;
    report.scratch = model::Session::bytes_for(q.config, options) - report.kv;
    const uint64_t all = report.weights + report.kv + report.scratch;
    const uint64_t host = host_bytes(q.config, device);
    const uint64_t in_host =
        std::min(all, 4 * uint64_t{model::kHeadRows} * q.config.embedding_rows);
    const auto free = [&](uint32_t heap) {
        return heap < heaps.size() ? heaps[heap].free_bytes : device.budget_bytes;
    };
    if (device.device_heap == device.host_heap) {
        report.heaps = {{true, all + host - in_host + kFitMargin, free(device.device_heap)}};
    } else {
        report.heaps = {{true, all - in_host + kFitMargin, free(device.device_heap)},
                        {false, host + kFitMargin, free(device.host_heap)}};
    }
    return report;
}

}  // namespace

std::string memory_text(uint64_t bytes) {
    const double mib = double(bytes) / (1 << 20);
    return mib < 1000 ? fmt::format("{:.0f} MiB", mib) : fmt::format("{:.1f} GiB", mib / 1024);
}

bool FitReport::fits() const {
    return binding <= max_binding &&
           std::ranges::all_of(heaps, [](const HeapNeed& heap) { return heap.fits(); });
}

uint64_t FitReport::short_bytes() const {
    uint64_t most = 0;
    for (const HeapNeed& heap : heaps) {
        most = std::max(most, heap.fits() ? 0 : heap.need_bytes - heap.free_bytes);
    }
    return most;
}

std::string FitReport::sentence() const {
    if (binding > max_binding && short_bytes() == 0) {
        return fmt::format(
            "with a context of {} tokens has {} of keys in one layer; {} binds at "
            "most {}",
            thousands(n_ctx), memory_text(binding), device, memory_text(max_binding));
    }
    const auto fullest = std::ranges::max_element(heaps, {}, [](const HeapNeed& heap) {
        return heap.fits() ? 0 : heap.need_bytes - heap.free_bytes;
    });
    return fmt::format("needs {} with a context of {} tokens; {}{} has {} free",
                       memory_text(fullest->need_bytes), thousands(n_ctx), device,
                       fullest->local ? "" : "'s memory shared with the computer",
                       memory_text(fullest->free_bytes));
}

std::string FitReport::parts() const {
    return fmt::format("weights {}, KV cache {}, work space {}, left free {}", memory_text(weights),
                       memory_text(kv), memory_text(scratch), memory_text(kFitMargin));
}

FitReport check_fit(const gpu::DeviceInfo& device, const FitQuestion& q,
                    const std::vector<gpu::Heap>& heaps_now) {
    const std::vector<gpu::Heap>& heaps = heaps_now.empty() ? device.heaps : heaps_now;
    const uint32_t most = q.config.max_position_embeddings;
    const uint32_t wanted = q.n_ctx != 0 ? q.n_ctx : std::min(model::kDefaultContext, most);
    FitReport report = report_at(device, q, heaps, wanted);
    if (report.fits()) {
        report.best_n_ctx = wanted;
        return report;
    }
    // Need grows with the context: the largest multiple of 256 below.
    constexpr uint32_t kStep = 256;
    // times kStep; low fits, or is 0. No more than the model was made for.
    uint32_t low = 0, high = std::min(wanted, most) / kStep;
    while (low < high) {
        const uint32_t middle = (low + high + 1) / 2;
        if (report_at(device, q, heaps, middle * kStep).fits()) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    const uint32_t best = low * kStep;
    report.best_n_ctx = best >= std::min(kSmallestContext, most) ? best : 0;
    return report;
}

namespace {

/// The same network: only the weights' type may differ.
bool same_model(const model::Config& a, const model::Config& b) {
    return a.architecture == b.architecture && a.num_hidden_layers == b.num_hidden_layers &&
           a.hidden_size == b.hidden_size && a.intermediate_size == b.intermediate_size;
}

/// Of the discovered models that fit: the largest that is the same network, or that is none.
const FoundModel* largest_that_fits(const FitQuestion& q, const WhatElse& what, bool same) {
    const FoundModel* best = nullptr;
    for (const FoundModel& model : what.models) {
        if (!model.config || model.path == what.path ||
            same_model(*model.config, q.config) != same ||
            (best != nullptr && best->weight_bytes >= model.weight_bytes)) {
            continue;
        }
        const FitQuestion other{*model.config, model.weight_bytes, q.n_ctx, q.type_k, q.type_v};
        if (check_fit(what.devices[what.device_index], other).fits()) {
            best = &model;
        }
    }
    return best;
}

/// The best type that would fit, of those that llama-quantize makes.
std::optional<Alternative> type_to_look_for(const FitReport& report, const FitQuestion& q,
                                            const WhatElse& what) {
    // Where the weights leave room for some context, they are not what is in the way of less: a
    // type is worth a download only if the context that was wanted fits then.
    const uint32_t n_ctx = report.best_n_ctx != 0
                               ? report.n_ctx
                               : std::min(kSmallestContext, q.config.max_position_embeddings);
    for (const model::QuantMix mix : model::quant_mixes()) {
        const uint64_t bytes = model::weight_bytes(q.config, mix);
        const FitQuestion other{q.config, bytes, n_ctx, q.type_k, q.type_v};
        const bool less =
            bytes < report.weights && memory_text(bytes) != memory_text(report.weights);
        if (less && check_fit(what.devices[what.device_index], other).fits()) {
            return Alternative{.text = fmt::format("Get it as {}: its weights take {} then",
                                                   model::quant_mix_name(mix), memory_text(bytes))};
        }
    }
    return std::nullopt;
}

std::optional<Alternative> other_device(const FitQuestion& q, const WhatElse& what) {
    for (size_t i = 0; i < what.devices.size(); ++i) {
        const gpu::DeviceInfo& device = what.devices[i];
        if (i != what.device_index && device.missing.empty() && check_fit(device, q).fits()) {
            return Alternative{
                .text = fmt::format("Open it on {}, which has {} free", device.name,
                                    memory_text(device.heaps.empty()
                                                    ? device.budget_bytes
                                                    : device.heaps[device.device_heap].free_bytes)),
                .path = what.path,
                .device = device.uuid,
                .n_ctx = q.n_ctx,
                .can_open = true};
        }
    }
    return std::nullopt;
}

Alternative open_other(const FoundModel& model, const FitQuestion& q, const WhatElse& what) {
    return {
        .text = fmt::format("Open {} ({}, {})", model.name, model.type, memory_text(model.n_bytes)),
        .path = model.path,
        .device = what.device,
        .n_ctx = q.n_ctx,
        .can_open = true};
}

}  // namespace

std::vector<Alternative> alternatives(const FitReport& report, const FitQuestion& q,
                                      const WhatElse& what) {
    constexpr size_t kWanted = 3;
    std::vector<Alternative> list;
    if (report.best_n_ctx != 0 && report.best_n_ctx < report.n_ctx) {
        list.push_back({.text = fmt::format("Open it with a context of {} tokens",
                                            thousands(report.best_n_ctx)),
                        .path = what.path,
                        .device = what.device,
                        .n_ctx = report.best_n_ctx,
                        .can_open = true});
    }
    if (const FoundModel* const same = largest_that_fits(q, what, true)) {
        list.push_back(open_other(*same, q, what));
    }
    if (const auto device = other_device(q, what)) {
        list.push_back(*device);
    }
    if (const FoundModel* const other = largest_that_fits(q, what, false)) {
        list.push_back(open_other(*other, q, what));
    }
    if (const auto type = type_to_look_for(report, q, what)) {
        list.push_back(*type);
    }
    if (!what.shipped.empty() && what.shipped != what.path) {
        list.push_back({.text = "Open the shipped model",
                        .path = what.shipped,
                        .device = what.device,
                        .n_ctx = 0,
                        .can_open = true});
    }
    if (report.short_bytes() > 0) {
        list.push_back({.text = fmt::format("Close other programs: {} more would do",
                                            memory_text(report.short_bytes()))});
    }
    list.push_back({.text = "Put more memory into the computer, or take a smaller model"});
    list.resize(std::min(list.size(), kWanted));
    return list;
}

std::optional<Refusal> refuse_if_too_large(const model::ModelSource& source,
                                           const FitQuestion& question, const WhatElse& what) {
    const gpu::DeviceInfo& device = what.devices[what.device_index];
    const FitReport report = check_fit(device, question);
    // A context that nobody asked for is shortened by whoever loads; one that was, is refused.
    const bool shrinks = question.n_ctx == 0 && report.best_n_ctx != 0;
    if (report.fits() || shrinks) {
        return std::nullopt;
    }
    Refusal refusal;
    refusal.message = fmt::format("{} {}", base::escaped(source.name, 60), report.sentence());
    refusal.no_room = {.path = what.path,
                       .device = what.device,
                       .n_ctx = question.n_ctx,
                       .parts = report.parts(),
                       .alternatives = alternatives(report, question, what)};
    refusal.hint = report.parts() + ".";
    for (const Alternative& other : refusal.no_room.alternatives) {
        refusal.hint += "\n  - " + other.text;
    }
    return refusal;
}

}  // namespace app
