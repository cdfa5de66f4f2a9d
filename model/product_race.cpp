#include "model/product_race.h"

#include <algorithm>
#include <chrono>

#include "gpu/base.h"
#include "gpu/buffer.h"
#include "gpu/build_id.h"
#include "gpu/checked_file.h"
#include "gpu/shader_source.h"
#include "model/session.h"

namespace model {
namespace {

using ops::ProductKind;

constexpr std::string_view kNoun = "winner of the products' race";

/// Most arithmetic of one product of the race: some 10 ms for the slowest devices of each kind.
double race_flops(const gpu::DeviceInfo& device) {
    return device.type == gpu::DeviceType::cpu ? 0.2e9 : 5e9;
}

/// Less shows how long a dispatch takes, not how fast a kernel is.
constexpr double kLeastFlops = 0.1e9;
constexpr uint32_t kLeastTokens = 128;

/// A GPU gets the chunk it will have: with fewer rows it waits more than it computes.
uint32_t race_tokens(const gpu::DeviceInfo& device) {
    return device.type == gpu::DeviceType::cpu ? kLeastTokens : default_chunk(device);
}

constexpr double kRoundSeconds = 2e-3;  // a submit of less tells how long a submit takes
constexpr uint32_t kMostProducts = 16;  // of one submit
constexpr int kRaceRounds = 8;          // the best counts; on a busy machine few are undisturbed

/// The first rows of the matrix, as many as the race has time for.
Matrix shortened(const Matrix& w, double flops, uint32_t n_tokens) {
    Matrix out = w;
    const double rows = flops / (2.0 * n_tokens * w.cols);
    MatrixSlab slab = w.slabs[0];
    slab.n_rows = std::min(slab.n_rows, std::max(uint32_t(rows), 64u) / 64 * 64);
    out.rows = slab.n_rows;
    out.slabs = {slab};
    return out;
}

/// Of one product, n of them in one submit: alone, a short one tells how long a submit takes.
double seconds_of(uint32_t n, gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w,
                  const Tensor& x, const ops::ProductScratch& scratch) {
    const auto begin = std::chrono::steady_clock::now();
    for (uint32_t i = 0; i < n; i++) {
        ops::product(cmd, y, w, ops::product_input(cmd, x, scratch, {w.dtype}));
    }
    cmd.finish();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / n;
}

/// What an answer holds for: kernels have another form for plain numbers, and one of them none for
/// F32; and what wins on a small model's matrices need not win on a large one's.
std::string race_name(const Matrix& w) {
    const bool half = w.dtype == DType::f16 || w.dtype == DType::bf16;
    const char* form = w.dtype == DType::f32 ? "_f32" : half ? "_f16" : "";
    return fmt::format("{}x{}.products{}", w.rows, w.cols, form);
}

/// The device, its driver, this build, and who races: what LAPIDARY_DISABLE hides is no loser.
std::string race_identity(const gpu::KernelCache& kernels,
                          std::span<const ProductKind> candidates) {
    std::string names;
    for (const ProductKind kind : candidates) {
        names += fmt::format(" {}", ops::product_name(kind));
    }
    return fmt::format("products {} {}{}", kernels.identity(), gpu::build_id(), names);
}

}  // namespace

std::vector<ProductKind> product_candidates(const gpu::DeviceInfo& device) {
    // Floats lose to fixed point on every CPU device measured; so they do not race there.
    std::vector<ProductKind> kinds;
    if (device.type != gpu::DeviceType::cpu) {
        kinds.push_back(ProductKind::exact);
    }
    kinds.push_back(ProductKind::fixed);
    // An old glslang builds without the kernel.
    if (ops::coopmat_tile(device) && gpu::find_shader("matmul_coopmat")) {
        kinds.push_back(ProductKind::coopmat);
    }
    return kinds;
}

ProductKind pick_product(std::span<const ProductKind> candidates, const std::filesystem::path& file,
                         std::string_view identity, const ProductTime& time) {
    CHECK(!candidates.empty(), "no candidate");
    if (candidates.size() == 1) {
        return candidates[0];
    }
    if (!file.empty()) {
        const auto remembered = gpu::load_checked(kNoun, file, identity);
        if (remembered && remembered->size() == 1) {
            const auto kind = static_cast<ProductKind>((*remembered)[0]);
            if (std::ranges::count(candidates, kind) > 0) {
                return kind;
            }
        }
    }
    ProductKind best = candidates[0];
    std::optional<double> best_time;
    for (const ProductKind kind : candidates) {
        const std::optional<double> seconds = time(kind);
        base::log(base::LogArea::perf, "products by {}: {}", ops::product_name(kind),
                  seconds ? fmt::format("{:.3f} ms", *seconds * 1e3) : "cannot run");
        if (seconds && (!best_time || *seconds < *best_time)) {
            best = kind;
            best_time = seconds;
        }
    }
    if (!file.empty() && best_time) {
        const std::byte payload[] = {static_cast<std::byte>(best)};
        gpu::save_checked(kNoun, file, identity, payload);
    }
    return best;
}

ProductKind race_products(gpu::CommandBuffer& cmd, const RaceTrack& track) {
    const gpu::DeviceInfo& device = cmd.device().info();
    const uint32_t n = std::min({race_tokens(device), track.x.shape.rows, track.y.shape.rows});
    const Matrix w = shortened(track.w, race_flops(device), std::max(n, 1u));
    if (n < kLeastTokens || 2.0 * n * w.rows * w.cols < kLeastFlops) {
        return ProductKind::fixed;
    }
    const Tensor x = track.x.first_rows(n);
    Tensor y = track.y;  // its memory, for fewer rows of W
    y.shape = {n, w.rows};
    y.range = y.range.slice(0, 4 * uint64_t{n} * w.rows);
    constexpr uint32_t kOne = 0x3f800000;
    const auto time = [&](ProductKind kind) -> std::optional<double> {
        try {
            ops::ProductScratch scratch = track.scratch;
            scratch.kind = kind;
            cmd.fill(x.range, kOne);
            seconds_of(1, cmd, y, w, x, scratch);  // the driver may compile now
            const double once = seconds_of(1, cmd, y, w, x, scratch);
            const auto n_products =
                uint32_t(std::clamp<double>(kRoundSeconds / once, 1, kMostProducts));
            double best = once;
            for (int round = 1; round < kRaceRounds; round++) {
                best = std::min(best, seconds_of(n_products, cmd, y, w, x, scratch));
            }
            return best;
        } catch (const base::Error& error) {
            cmd.abandon();
            if (error.kind() == base::ErrorKind::device_lost) {
                throw;
            }
            base::log(base::LogArea::gpu, "products by {} cannot run: {}", ops::product_name(kind),
                      error.what());
            return std::nullopt;
        } catch (...) {
            cmd.abandon();
            throw;
        }
    };
    const std::vector<ProductKind> candidates = product_candidates(device);
    return pick_product(candidates, cmd.kernels().file_beside(race_name(track.w)),
                        race_identity(cmd.kernels(), candidates), time);
}

ProductKind choose_product(Runtime& runtime, const Matrix& w, const std::function<bool()>& stop) {
    const std::string key = race_name(w);
    if (const auto known = runtime.products.find(key); known != runtime.products.end()) {
        return known->second;
    }
    const uint32_t n = race_tokens(runtime.device.info());
    const Matrix track = shortened(w, race_flops(runtime.device.info()), n);
    const auto buffer = [&](const char* name, uint64_t bytes) {
        return gpu::Buffer(runtime.device, bytes, gpu::Memory::device, name);
    };
    const gpu::Buffer x = buffer("race's tokens", 4 * uint64_t{n} * track.cols);
    const gpu::Buffer y = buffer("race's products", 4 * uint64_t{n} * track.rows);
    const gpu::Buffer codes =
        buffer("race's codes", ops::ProductScratch::codes_bytes(n, track.cols));
    const gpu::Buffer scales =
        buffer("race's scales", ops::ProductScratch::scales_bytes(n, track.cols));
    gpu::CommandBuffer cmd(runtime.device, runtime.kernels);
    cmd.set_stop(stop);
    const ProductKind winner = race_products(cmd, {track,
                                                   {"x", DType::f32, {n, track.cols}, x.range()},
                                                   {"y", DType::f32, {n, track.rows}, y.range()},
                                                   {codes.range(), scales.range()}});
    runtime.products[key] = winner;
    return winner;
}

}  // namespace model
