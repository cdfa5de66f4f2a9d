// Does a model fit a device? Heap by heap, before a byte of the weights is read; and what else
// would fit. Works on plain facts, so that made-up devices can be tested.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/engine/messages.h"
#include "app/library/discovery.h"
#include "gpu/device_info.h"
#include "model/session.h"
#include "model/weights.h"

namespace app {

/// Left free on the device for the driver's own, the window and other programs.
inline constexpr uint64_t kFitMargin = uint64_t{256} << 20;
inline constexpr uint32_t kSmallestContext = 512;

/// What a load needs of one heap, margin included, and what is free there.
struct HeapNeed {
    bool local = true;  // the device's own memory
    uint64_t need_bytes = 0, free_bytes = 0;
    bool fits() const { return need_bytes <= free_bytes; }
};

struct FitReport {
    std::string device;                         // its name
    uint64_t weights = 0, kv = 0, scratch = 0;  // bytes on the device at n_ctx
    std::vector<HeapNeed> heaps;                // one, or two where the host's is another
    uint64_t binding = 0,
             max_binding = 0;  // bytes of a layer's keys, and what one binding can hold
    uint32_t n_ctx = 0;
    uint32_t best_n_ctx = 0;  // the largest context that fits; 0: not even the smallest
    bool fits() const;
    /// Bytes of the fullest heap that are missing; 0: it fits.
    uint64_t short_bytes() const;
    /// "needs 16.9 GiB with a context of 4,096 tokens; NVIDIA X has 7.2 GiB free"
    std::string sentence() const;
    /// "weights 15.4, KV cache 0.4, work space 0.8, left free 0.25 GiB"
    std::string parts() const;
};

struct FitQuestion {
    const model::Config& config;
    uint64_t weight_bytes = 0;  // on the device (model::planned_weight_bytes)
    uint32_t n_ctx = 0;         // 0: the usual, at most the model's
    model::DType type_k = model::DType::f16, type_v = model::DType::f16;
};

/// `heaps`: of the device as they are now; empty: as info says. The session that keeps least.
FitReport check_fit(const gpu::DeviceInfo& device, const FitQuestion& question,
                    const std::vector<gpu::Heap>& heaps = {});

struct WhatElse {
    std::string path;                      // of the model that does not fit
    std::string device;                    // selector it was to run on
    std::vector<FoundModel> models;        // described
    std::vector<gpu::DeviceInfo> devices;  // with their heaps as they are now
    size_t device_index = 0;               // of the one that is too small
    std::string shipped;                   // path of the shipped model; empty: none
};

/// Three of them, the nearest to what was wanted first: less context, a smaller type of the same
/// model, another device, a smaller model; a type to look for, other programs to close.
std::vector<Alternative> alternatives(const FitReport& report, const FitQuestion& question,
                                      const WhatElse& what);

/// Report, alternatives and the sentence of a refusal, for one open source on one device; nothing
/// where it fits.
struct Refusal {
    std::string message, hint;
    NoRoom no_room;
};
std::optional<Refusal> refuse_if_too_large(const model::ModelSource& source,
                                           const FitQuestion& question, const WhatElse& what);

/// "15.4 GiB", "312 MiB"
std::string memory_text(uint64_t bytes);

}  // namespace app
