// The fast path's products of many tokens by any of their kernels, and the host side of one:
// fix_rows and matmul_tile.
#include <algorithm>

#include "gpu/base.h"
#include "model/fast_ops.h"
#include "model/ops.h"
#include "model/ops/dispatch.h"
#include "model/ops/teams.h"
#include "shaders/params.h"

namespace model::ops {
namespace {

struct Tile {
    uint32_t workgroup, lanes, rows, tokens, fixed, whole;
};

Tile tile_of(const gpu::DeviceInfo& device, DType dtype, uint32_t cols) {
    const uint32_t lanes = best_lanes(device.subgroup_size, cols / params::kBlock);
    // Larger tiles decode each weight less often, but spill a CPU's vector registers, which pays
    // only where reads cost little.
    return {.workgroup = device.subgroup_size,
            .lanes = lanes,
            .rows = params::kRowGroup,
            .tokens = device.texel_reads ? 4u : 2u,
            .fixed = uint32_t(!is_plain(dtype)),
            .whole = uint32_t(lanes == device.subgroup_size)};
}

constexpr uint32_t kTilesPerTeam = 16;  // of a dispatch: a workgroup's start costs something, too

void multiply_slab(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w,
                   const MatrixSlab& slab, const ProductInput& in) {
    const Tile t = tile_of(cmd.device().info(), w.dtype, w.cols);
    const gpu::Kernel& kernel = cmd.kernel(
        "matmul_tile",
        {t.workgroup, uint32_t(w.dtype), w.cols, t.lanes, t.rows, t.tokens, t.fixed, t.whole});
    const uint32_t n_tokens = in.x.shape.rows;
    const uint32_t n_tiles = divide_up(slab.n_rows, t.rows);
    const uint32_t tiles_per_group = kTilesPerTeam * (t.workgroup / t.lanes);
    const gpu::Work all{.flops = 2.0 * slab.n_rows * w.cols * n_tokens,
                        .bytes = double(slab.bytes()) + 4.0 * n_tokens * (slab.n_rows + w.cols)};
    // Cut by tokens, so that no submit takes long. Every part binds all of x and y: rows need not
    // begin where a device lets a range begin.
    const bool fixed = t.fixed != 0;
    const uint32_t n_groups = divide_up(n_tokens, t.tokens);
    const uint32_t parts = std::min(cmd.parts(kernel, all), n_groups);
    for (uint32_t part = 0; part < parts; part++) {
        const uint32_t begin = uint32_t(uint64_t{n_groups} * part / parts);
        const uint32_t end = uint32_t(uint64_t{n_groups} * (part + 1) / parts);
        cmd.dispatch(kernel, {.x = divide_up(n_tiles, tiles_per_group), .y = end - begin},
                     params::MatmulTile{.n_rows = slab.n_rows,
                                        .y_begin = slab.row_begin,
                                        .y_stride = w.rows,
                                        .token_begin = begin * t.tokens,
                                        .token_end = std::min(end * t.tokens, n_tokens),
                                        .n_tiles = n_tiles,
                                        .tiles_per_group = tiles_per_group},
                     {slab.quants, slab.highs, slab.scales, fixed ? in.codes : in.x.range,
                      fixed ? in.scales : in.x.range, y.range},
                     {.flops = all.flops / parts, .bytes = all.bytes / parts});
    }
}

void fix_rows(gpu::CommandBuffer& cmd, const ProductInput& in) {
    const auto [rows, cols] = in.x.shape;
    const uint32_t n_subs = rows * (cols / params::kBlock);
    cmd.dispatch(cmd.kernel("fix_rows", {kElementwiseGroup}), elementwise_groups(n_subs),
                 params::Elementwise{.n = n_subs, .value = 0}, {in.x.range, in.codes, in.scales},
                 {.flops = 4.0 * rows * cols, .bytes = 6.0 * rows * cols});
}

/// Whether a product of this kind takes x in another form than floats.
bool converts(ProductKind kind, DType weights) {
    switch (kind) {
        case ProductKind::exact:
            return false;
        case ProductKind::fixed:
            return !is_plain(weights);
        case ProductKind::coopmat:
            return weights != DType::f32;  // they would lose half of their bits as f16
    }
    return false;
}

}  // namespace

const char* product_name(ProductKind kind) {
    switch (kind) {
        case ProductKind::exact:
            return "matmul";
        case ProductKind::fixed:
            return "matmul_tile";
        case ProductKind::coopmat:
            return "matmul_coopmat";
    }
    return "?";
}

ProductInput product_input(gpu::CommandBuffer& cmd, const Tensor& x, const ProductScratch& scratch,
                           std::initializer_list<DType> weights) {
    ProductInput in{x, {}, {}, scratch.kind};
    if (std::ranges::none_of(weights, [&](DType w) { return converts(in.kind, w); })) {
        return in;
    }
    const auto [rows, cols] = x.shape;
    check(x, DType::f32, {rows, cols});
    CHECK(cols % params::kBlock == 0, "{}: {} columns", x.name, cols);
    in.codes = scratch.codes.slice(0, ProductScratch::codes_bytes(rows, cols));
    in.scales = scratch.scales.slice(0, ProductScratch::scales_bytes(rows, cols));
    if (in.kind == ProductKind::fixed) {
        fix_rows(cmd, in);
    } else {
        half_rows(cmd, {in.codes, in.scales}, x);
    }
    return in;
}

void product(gpu::CommandBuffer& cmd, const Tensor& y, const Matrix& w, const ProductInput& in) {
    check(in.x, DType::f32, {in.x.shape.rows, w.cols});
    check(y, DType::f32, {in.x.shape.rows, w.rows});
    if (in.kind == ProductKind::exact) {
        matmul(cmd, y, w, in.x);
        return;
    }
    CHECK(!converts(in.kind, w.dtype) || !in.codes.empty(), "{}: x was converted for other types",
          w.name);
    if (in.kind == ProductKind::coopmat && converts(in.kind, w.dtype)) {
        const std::optional<CoopmatTile> tile = coopmat_tile(cmd.device().info());
        CHECK(tile.has_value(), "{} cannot run matmul_coopmat", cmd.device().info().name);
        matmul_coopmat(cmd, y, w, {in.codes, in.scales}, *tile);
        return;
    }
    for (const MatrixSlab& slab : w.slabs) {
        multiply_slab(cmd, y, w, slab, in);
    }
}

}  // namespace model::ops
