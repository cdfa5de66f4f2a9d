// Which kernel multiplies a prompt's tokens on a device: the winner of a short race on one of the
// model's matrices, held once and remembered in a file beside the pipeline cache.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/command_buffer.h"
#include "model/fast_ops.h"
#include "model/model.h"

namespace model {

/// What races on a device, the safest first; never empty. On a CPU device what always lost is left
/// out, though it would run.
std::vector<ops::ProductKind> product_candidates(const gpu::DeviceInfo& device);

/// Seconds that one of them takes; nullopt: it cannot run here after all.
using ProductTime = std::function<std::optional<double>(ops::ProductKind)>;

/// The candidate that `file` remembers for `identity`, else the fastest, which the file remembers
/// from now on. A file that cannot be read or written, or fits another identity, only means another
/// race. A lone candidate wins without one.
ops::ProductKind pick_product(std::span<const ops::ProductKind> candidates,
                              const std::filesystem::path& file, std::string_view identity,
                              const ProductTime& time);

/// What a race needs: a matrix of the model and room for its products.
struct RaceTrack {
    const Matrix& w;
    Tensor x, y;  // f32 [n_tokens, cols of w], [n_tokens, rows of w]; overwritten
    const ops::ProductScratch& scratch;
};

/// pick_product() of the device of `cmd`; matmul_tile, and nothing remembered, where the track is
/// too short to tell. Makes kernels; waits for them.
ops::ProductKind race_products(gpu::CommandBuffer& cmd, const RaceTrack& track);

/// The kernel for products with `w` and its like on this device, with a track of its own: whatever
/// sessions there will be. The same answer for the whole life of `runtime`. Makes kernels. Throws
/// base::Cancelled when stopped.
ops::ProductKind choose_product(Runtime& runtime, const Matrix& w,
                                const std::function<bool()>& stop);

}  // namespace model
