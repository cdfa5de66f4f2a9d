// Host side of half_rows and matmul_coopmat: products of many tokens on a device's matrix units.
#include <algorithm>
#include <span>

#include "gpu/base.h"
#include "model/fast_ops.h"
#include "model/ops.h"
#include "model/ops/dispatch.h"
#include "shaders/params.h"

namespace model::ops {

namespace {

bool fits(const CoopmatTile& t, const gpu::DeviceInfo& device) {
    return coopmat_shared_bytes(t) <= device.max_shared_bytes &&
           uint64_t{device.matrix_subgroup_size} * t.subgroups <= device.max_workgroup_size;
}

}  // namespace

uint64_t coopmat_shared_bytes(const CoopmatTile& t) {
    constexpr uint64_t kUnitBytes = 16;
    const uint64_t rows = uint64_t{t.shape.m} * t.rows * t.row_groups;
    const uint64_t tokens = uint64_t{t.shape.n} * t.tokens * (t.subgroups / t.row_groups);
    const uint64_t stride = t.subs * params::kBlock / 8 + 1;
    const uint64_t sums = uint64_t{t.subgroups} * t.shape.m * t.shape.n;
    return (rows + tokens) * stride * kUnitBytes + sums * sizeof(float);
}

std::optional<CoopmatTile> coopmat_tile(const gpu::DeviceInfo& device) {
    // A barrier between subgroups costs lavapipe more than sharing saves.
    constexpr CoopmatTile kOfCpu[] = {{}, {.rows = 1, .tokens = 1}};
    // Small tiles and many subgroups, which decode while others wait: on an H100 a prompt of 512
    // took half the time of 64 x 128 by four subgroups. Vulkan promises 16 KiB of shared memory; of
    // that these take 26, 17, 13 and 3 for matrices of 16 x 16.
    constexpr CoopmatTile kOfGpu[] = {
        {.subgroups = 8, .row_groups = 4, .rows = 1, .tokens = 2, .subs = 2},
        {.subgroups = 4, .row_groups = 2, .rows = 1, .tokens = 2, .subs = 2},
        {.subgroups = 4, .row_groups = 2, .rows = 1, .tokens = 1, .subs = 2},
        {.rows = 1, .tokens = 1}};
    const std::span<const CoopmatTile> tiles =
        device.type == gpu::DeviceType::cpu ? std::span<const CoopmatTile>(kOfCpu) : kOfGpu;
    for (CoopmatTile t : tiles) {
        for (const gpu::MatrixShape& shape : device.matrix_shapes) {
            t.shape = shape;
            if (fits(t, device)) {
                return t;
            }
        }
    }
    return std::nullopt;
}

void half_rows(gpu::CommandBuffer& cmd, const HalfRows& out, const Tensor& x) {
    const auto [rows, cols] = x.shape;
    check(x, DType::f32, {rows, cols});
    CHECK(cols % 8 == 0, "{}: {} columns", x.name, cols);
    cmd.dispatch(cmd.kernel("half_rows", {cmd.device().info().subgroup_size}), {.x = rows},
                 params::HalfRows{.dim = cols}, {x.range, out.halves, out.scales},
                 {.flops = 2.0 * rows * cols, .bytes = 6.0 * rows * cols});
}

void matmul_coopmat(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w, const HalfRows& x,
                    const CoopmatTile& t) {
    const uint32_t n_tokens = y.shape.rows;
    check(y, DType::f32, {n_tokens, w.rows});
    CHECK(w.cols % params::kBlock == 0, "{}: {} columns", w.name, w.cols);
    const gpu::Kernel& kernel =
        cmd.kernel("matmul_coopmat", {cmd.device().info().matrix_subgroup_size, t.subgroups,
                                      uint32_t(w.dtype), w.cols, t.shape.m, t.shape.n, t.shape.k,
                                      t.rows, t.tokens, t.row_groups, t.subs});
    const uint32_t tile_rows = t.shape.m * t.rows * t.row_groups;
    const uint32_t tile_tokens = t.shape.n * t.tokens * (t.subgroups / t.row_groups);
    const uint32_t n_tiles = divide_up(n_tokens, tile_tokens);
    for (const MatrixSlab& slab : w.slabs) {
        const gpu::Work all{
            .flops = 2.0 * slab.n_rows * w.cols * n_tokens,
            .bytes = double(slab.bytes()) + n_tokens * (4.0 * slab.n_rows + 2.0 * w.cols)};
        // Cut by tokens, so that no submit takes long.
        const uint32_t parts = std::min(cmd.parts(kernel, all), n_tiles);
        for (uint32_t part = 0; part < parts; part++) {
            const uint32_t begin = uint32_t(uint64_t{n_tiles} * part / parts);
            const uint32_t end = uint32_t(uint64_t{n_tiles} * (part + 1) / parts);
            cmd.dispatch(kernel, {.x = divide_up(slab.n_rows, tile_rows), .y = end - begin},
                         params::MatmulCoopmat{.n_rows = slab.n_rows,
                                               .y_begin = slab.row_begin,
                                               .y_stride = w.rows,
                                               .token_begin = begin * tile_tokens,
                                               .token_end = std::min(end * tile_tokens, n_tokens)},
                         {slab.quants, slab.highs, slab.scales, x.halves, x.scales, y.range},
                         {.flops = all.flops / parts, .bytes = all.bytes / parts});
        }
    }
}

}  // namespace model::ops
